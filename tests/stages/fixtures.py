"""A small store and trained runs, for all tests of stages and studies."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
Train = Callable[..., Path]
# For trainings whose figures nobody compares: one test split, few frames of it. It is most of a smoke run's time.
BRIEFLY = ("--data.init_args.test_splits", "[test]", "--data.init_args.eval_batch_size", "4")


def stage_arguments(stage: str, store: Path, run_dir: Path, *extra: str) -> list[str]:
    """What the Makefile passes to a stage, with the smoke preset."""
    layers = (f"configs/{stage}.yaml", "configs/data/open.yaml", f"configs/preset/smoke/{stage}.yaml")
    arguments = ["--output", str(run_dir / stage), *(a for layer in layers for a in ("--config", str(ROOT / layer)))]
    arguments += ["--data.init_args.store", str(store), "--trainer.accelerator", "cpu"]
    if stage != "lifter":
        arguments += ["--model.lifter", str(run_dir / "lifter/lifter.pt")]
    if stage == "mesh":
        arguments += ["--model.pretrained_regressor", str(run_dir / "regressor/regressor.pt")]
    return [*arguments, *extra]


def environment(**changes: str) -> dict[str, str]:
    """A subprocess environment that measures coverage like the parent and never meets W&B's server."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline", "PYTHONPATH": str(ROOT), **changes}


def in_subprocess(
    stage: str, arguments: Sequence[str], env: dict[str, str] | None = None, prefix: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """``python -m stages STAGE ...`` as a user calls it."""
    command = [*prefix, sys.executable, "-m", "stages", stage, *arguments]
    return subprocess.run(
        command, env=env or environment(), cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from s2m.cli import main

    path = tmp_path_factory.mktemp("data") / "open"
    assert main(["data", "open", "--output", str(path), "--config", str(ROOT / "configs/preset/smoke/data.yaml")]) == 0
    return path


@pytest.fixture(scope="session")
def train(store: Path) -> Train:
    """Run a stage in this process, as ``python -m stages`` does; returns the artifact."""
    from stages.cli import run  # not at the top: the tests of the core run without Lightning

    torch.set_num_threads(1)

    def call(stage: str, run_dir: Path, *extra: str) -> Path:
        os.environ["WANDB_MODE"] = "disabled"
        run(stage, stage_arguments(stage, store, run_dir, *extra))
        return run_dir / stage / f"{stage}.pt"

    return call


@pytest.fixture(scope="session")
def chain(train: Train, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with all three stages done."""
    run_dir = tmp_path_factory.mktemp("runs") / "smoke"
    for stage in ("lifter", "regressor", "mesh"):
        train(stage, run_dir)
    return run_dir
