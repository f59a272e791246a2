"""The promise: training never sees the truth."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from s2m.artifact import load
from s2m.batch import FrameBatch, Observation, Truth
from stages.base import training_observation
from stages.cli import run
from tests.stages.fixtures import BRIEFLY, stage_arguments


@pytest.mark.parametrize("stage", ["lifter", "regressor", "mesh"])
def test_weights_are_bit_identical_without_truth(chain: Path, store: Path, tmp_path: Path, stage: str) -> None:
    blind = tmp_path / "store"
    shutil.copytree(store, blind)
    for truth in blind.glob("*/truth"):
        shutil.rmtree(truth)
    for parent in {"lifter": (), "regressor": ("lifter",), "mesh": ("lifter", "regressor")}[stage]:
        (tmp_path / parent).symlink_to(chain / parent)
    run(stage, stage_arguments(stage, blind, tmp_path, *BRIEFLY))
    with_truth, without = (load(folder / stage / f"{stage}.pt", stage) for folder in (chain, tmp_path))
    assert with_truth.state.keys() == without.state.keys()
    for name, value in with_truth.state.items():
        assert torch.equal(value, without.state[name]), name


def test_a_training_batch_with_truth_is_refused() -> None:
    frame = FrameBatch(Observation(torch.zeros(1, 17, 2), torch.ones(1, 17)), Truth(torch.zeros(1, 17, 3)))
    with pytest.raises(ValueError, match="training must be unsupervised"):
        training_observation(frame)
