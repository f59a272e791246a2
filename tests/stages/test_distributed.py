from __future__ import annotations

import json
from pathlib import Path

import pytest

from s2m.artifact import load
from tests.stages.fixtures import Train, in_subprocess, stage_arguments

TWO = ("--trainer.devices", "2", "--trainer.strategy", "ddp")


def test_two_processes_evaluate_to_the_same_metrics(train: Train, chain: Path, store: Path, tmp_path: Path) -> None:
    """Of stage 3, which has all metrics of the others; that two processes train what one trains: test_mesh_scale.py,
    and test_resume.py for the lifter.
    """
    stage = "mesh"
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        for parent in ("lifter", "regressor"):
            (folder / parent).symlink_to(chain / parent)
    # Untrained weights are a function of the seed, so both runs evaluate the same model.
    untrained = ("--trainer.max_epochs", "0", "--trainer.limit_test_batches", "1.0")
    untrained += ("--data.init_args.test_splits", "[test_noisy]")
    train(stage, one, *untrained)
    result = in_subprocess(stage, stage_arguments(stage, store, two, *untrained, *TWO))
    assert result.returncode == 0, result.stderr
    expected, found = (json.loads((f / stage / "metrics.json").read_text()) for f in (one, two))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        if name.startswith("test"):
            assert found[name] == pytest.approx(value, rel=1e-4, abs=1e-5), name
    assert load(two / stage / f"{stage}.pt", stage).stage == stage
