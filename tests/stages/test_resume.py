from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pytorch_lightning.loggers import CSVLogger

from s2m.artifact import load
from stages.cli import resume_point, run
from stages.tracking import continue_csv
from tests.stages.conftest import ROOT, environment, stage_arguments

EPOCHS = ("--trainer.max_epochs", "3", "--trainer.check_val_every_n_epoch", "1", "--trainer.log_every_n_steps", "1")


def kill_after_first_epoch(stage: str, arguments: list[str], checkpoint: Path) -> None:
    """Start a stage as a user does and kill -9 it once an epoch has been saved."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLER, stage, *arguments],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    process.communicate(timeout=600)
    assert process.returncode == -signal.SIGKILL
    assert checkpoint.is_file()
    assert not (checkpoint.parents[1] / f"{stage}.pt").exists()


# The process kills itself in the middle of the second epoch: no clean-up code of ours or Lightning's runs.
KILLER = """
import os, signal, sys
from stages.base import Stage
from stages.cli import run
guard = Stage.guard
def deadly(self, loss, observation):
    if self.trainer.current_epoch == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return guard(self, loss, observation)
Stage.guard = deadly
run(sys.argv[1], sys.argv[2:])
"""


@pytest.mark.parametrize("stage", ["lifter", "regressor", "mesh"])
def test_a_killed_stage_resumes_to_the_same_weights(chain: Path, store: Path, tmp_path: Path, stage: str) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    for folder in (straight, killed):
        folder.mkdir()
        for parent in {"lifter": (), "regressor": ("lifter",), "mesh": ("lifter", "regressor")}[stage]:
            (folder / parent).symlink_to(chain / parent)
    os.environ["WANDB_MODE"] = "disabled"
    run(stage, stage_arguments(stage, store, straight, *EPOCHS))
    arguments = stage_arguments(stage, store, killed, *EPOCHS)
    kill_after_first_epoch(stage, arguments, killed / stage / "checkpoints/last.ckpt")
    run(stage, arguments)
    a, b = (load(folder / stage / f"{stage}.pt", stage) for folder in (straight, killed))
    for name, value in a.state.items():
        assert torch.equal(value, b.state[name]), name
    with (killed / stage / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for column in ("train/loss", "val/n_mpjpe_mm"):
        assert {row["epoch"] for row in rows if row[column]} == {"0", "1", "2"}


def test_a_checkpoint_of_other_settings_is_moved_aside(tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    assert resume_point(checkpoints, "a") is None
    (checkpoints / "last.ckpt").write_text("precious")
    assert resume_point(checkpoints, "a") == checkpoints / "last.ckpt"
    assert resume_point(checkpoints, "b") is None
    assert (tmp_path / "checkpoints-old-0/last.ckpt").read_text() == "precious"


def test_a_new_run_leaves_the_old_log_beside_its_own(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, name="", version="")
    (tmp_path / "metrics.csv").write_text("epoch,step\n0,9\n")
    continue_csv([logger], resuming=False)
    assert not (tmp_path / "metrics.csv").exists()
    assert (tmp_path / "metrics-old-0.csv").read_text() == "epoch,step\n0,9\n"
