"""The doubt stage: its loss against quantiles, what it shows the lifter, and a run as a user makes it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from s2m.artifact import load
from s2m.batch import Observation
from s2m.errors import UserError
from s2m.files import sha256
from s2m.lifter import read_lifter
from s2m.lifter.doubt import load_doubt
from s2m.lifter.objective import DetectionNoise
from s2m.skeletons import H36M17
from stages.cli import run
from stages.doubt import disturbed, exchanged, pinball
from tests.stages.fixtures import ROOT


def arguments(store: Path, lifter: Path, output: Path, *extra: str) -> list[str]:
    return [
        *("--output", str(output), "--config", str(ROOT / "configs/doubt.yaml"), "--model.lifter", str(lifter)),
        *("--data.init_args.store", str(store), "--trainer.accelerator", "cpu", "--trainer.max_epochs", "1"),
        *("--data.init_args.steps_per_epoch", "3", "--data.init_args.batch_size", "16", "--model.width", "8"),
        *("--data.init_args.test_splits", "[test]", "--trainer.check_val_every_n_epoch", "1", *extra),
    ]


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_pinball_loss_is_smallest_at_the_quantile(share: float) -> None:
    """Also of logarithms: the quantile of a logarithm is the logarithm of the quantile."""
    values = torch.from_numpy(np.random.default_rng(0).gamma(2.0, size=4001))
    guesses = torch.linspace(0.1, 8, 2000, dtype=torch.float64)
    for change in (torch.log, torch.Tensor.double):
        losses = torch.stack([pinball(change(values) - change(guess), share).mean() for guess in guesses])
        assert float(guesses[losses.argmin()]) == pytest.approx(np.quantile(values, share), abs=0.01)


def observation(count: int = 200) -> Observation:
    points = torch.rand(count, 17, 2, generator=torch.Generator().manual_seed(0))
    return Observation(points, torch.ones(count, 17))


def test_some_frames_stay_as_they_are_and_the_others_stay_where_they_were() -> None:
    seen, noise = observation(), DetectionNoise(H36M17, 0.05)
    torch.manual_seed(0)
    found = disturbed(seen, noise, 0.3)
    same = (found.joints2d == seen.joints2d).all((1, 2))
    assert 0.2 < float(same.float().mean()) < 0.4
    shown = (found.confidence > 0)[..., None]
    assert float(((found.joints2d - seen.joints2d) * shown).abs().max()) < 0.15
    assert torch.equal(disturbed(seen, noise, 1.0).joints2d, seen.joints2d)


def test_sides_are_exchanged_by_name() -> None:
    seen = observation(2)
    found = exchanged(seen, torch.tensor([True, False]), H36M17)
    left, right = H36M17.index("left_knee"), H36M17.index("right_knee")
    assert torch.equal(found.joints2d[0, left], seen.joints2d[0, right])
    assert torch.equal(found.joints2d[1], seen.joints2d[1])


def test_a_head_is_trained_beside_its_lifter(store: Path, chain: Path, tmp_path: Path) -> None:
    lifter, before = chain / "lifter/lifter.pt", sha256(chain / "lifter/lifter.pt")
    os.environ["WANDB_MODE"] = "disabled"
    run("doubt", arguments(store, lifter, tmp_path / "doubt"))
    artifact = load(tmp_path / "doubt/doubt.pt", "doubt", joint_set="h36m17")
    assert artifact.parents == {"lifter": before} == {"lifter": sha256(lifter)}
    assert not any("frozen" in name for name in artifact.state)
    head = load_doubt(tmp_path / "doubt/doubt.pt", read_lifter(lifter), lifter)
    assert head.rest_bone_length == read_lifter(lifter).rest_bone_length
    metrics = json.loads((tmp_path / "doubt/metrics.json").read_text())
    text = json.dumps(metrics)
    assert all(f"test/{name}" in text for name in ("coverage90_least", "no_camera/coverage90_most"))


def test_training_frames_without_truth_and_odd_shares_are_refused(store: Path, chain: Path, tmp_path: Path) -> None:
    lifter = chain / "lifter/lifter.pt"
    os.environ["WANDB_MODE"] = "disabled"
    blind = ("--data.class_path", "s2m.data.OpenData")
    with pytest.raises(UserError, match="stage doubt: expected training frames with their truth"):
        run("doubt", arguments(store, lifter, tmp_path / "a", *blind))
    with pytest.raises(UserError, match=r"model\.exchanged: expected a share from 0 to 1, found 1\.5"):
        run("doubt", arguments(store, lifter, tmp_path / "b", "--model.exchanged", "1.5"))
