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
from torch import Tensor

from s2m.artifact import load
from s2m.batch import Observation
from s2m.errors import UserError
from stages.base import Stage
from stages.checkpoints import resume_point
from stages.cli import run
from stages.tracking import continue_csv
from tests.stages.fixtures import BRIEFLY, ROOT, environment, in_subprocess, stage_arguments

EPOCHS = ("--trainer.max_epochs", "3", "--trainer.check_val_every_n_epoch", "1", "--trainer.log_every_n_steps", "1")
EPOCHS += BRIEFLY


TWO = ("--trainer.devices", "2", "--trainer.strategy", "ddp")
# A checkpoint after every step of four, and a kill before the third of the second epoch.
OFTEN = ("--checkpoint_minutes", "1e-9", "--data.init_args.steps_per_epoch", "4")
MID_EPOCH = 6


def kill(stage: str, arguments: list[str], folder: Path, step: int) -> None:
    """Start a stage as a user does and kill -9 it before a step."""
    killer = folder.parent / "killer.py"
    killer.write_text(KILLER)
    process = subprocess.Popen(
        [sys.executable, str(killer), str(step), stage, *arguments],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output, _ = process.communicate(timeout=600)
    assert process.returncode == -signal.SIGKILL, output
    assert (folder / "checkpoints/last.ckpt").is_file()
    assert not (folder / f"{stage}.pt").exists()


# A process kills itself: no clean-up code of ours or Lightning's runs. A file, so that two processes can run it.
KILLER = """
import os, signal, sys
from stages.base import Stage
from stages.cli import run
guard = Stage.guard
def deadly(self, loss, observation):
    if self.global_step == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    return guard(self, loss, observation)
Stage.guard = deadly
run(sys.argv[2], sys.argv[3:])
"""


def run_folders(chain: Path, parent: Path, stage: str, *names: str) -> list[Path]:
    """Run folders that share with ``chain`` what the stage builds on."""
    folders = [parent / name for name in names]
    for folder in folders:
        folder.mkdir()
        for before in {"lifter": (), "regressor": ("lifter",), "mesh": ("lifter", "regressor")}[stage]:
            (folder / before).symlink_to(chain / before)
    return folders


def assert_same_weights(stage: str, one: Path, two: Path) -> None:
    a, b = (load(folder / stage / f"{stage}.pt", stage) for folder in (one, two))
    for name, value in a.state.items():
        assert torch.equal(value, b.state[name]), name


@pytest.fixture
def frames_seen(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Numbers of the training frames of every step, in this process."""
    seen: list[list[int]] = []
    guard = Stage.guard

    def noting(self: Stage, loss: Tensor, observation: Observation) -> Tensor:
        assert observation.index is not None
        seen.append(observation.index.tolist())
        return guard(self, loss, observation)

    monkeypatch.setattr(Stage, "guard", noting)
    return seen


def test_a_killed_stage_resumes_to_the_same_weights(chain: Path, store: Path, tmp_path: Path) -> None:
    """After an epoch; within one is tested below, this stage in two processes."""
    stage = "lifter"
    straight, killed = run_folders(chain, tmp_path, stage, "straight", "killed")
    os.environ["WANDB_MODE"] = "disabled"
    run(stage, stage_arguments(stage, store, straight, *EPOCHS))
    arguments = stage_arguments(stage, store, killed, *EPOCHS)
    kill(stage, arguments, killed / stage, 2)
    run(stage, arguments)
    assert_same_weights(stage, straight, killed)
    with (killed / stage / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for column in ("train/loss", "val/n_mpjpe_mm"):
        assert {row["epoch"] for row in rows if row[column]} == {"0", "1", "2"}


@pytest.mark.parametrize(
    ("stage", "more"),
    [
        ("regressor", ("--data.init_args.num_workers", "2")),
        ("mesh", ("--trainer.accumulate_grad_batches", "2", "--data.init_args.batch_size", "4")),
    ],
)
def test_a_stage_that_was_killed_in_an_epoch_goes_on_with_the_next_frames(
    chain: Path, store: Path, tmp_path: Path, frames_seen: list[list[int]], stage: str, more: tuple[str, ...]
) -> None:
    straight, killed = run_folders(chain, tmp_path, stage, "straight", "killed")
    os.environ["WANDB_MODE"] = "disabled"
    options = (*EPOCHS, *OFTEN, *more)
    run(stage, stage_arguments(stage, store, straight, *options))
    whole, frames_seen[:] = list(frames_seen), []
    arguments = stage_arguments(stage, store, killed, *options)
    accumulated = 2 if "--trainer.accumulate_grad_batches" in more else 1
    kill(stage, arguments, killed / stage, MID_EPOCH // accumulated)
    run(stage, arguments)
    assert len(whole) == 12
    assert frames_seen == whole[MID_EPOCH:]
    assert_same_weights(stage, straight, killed)


def test_two_processes_that_were_killed_in_an_epoch_resume_to_the_same_weights(
    chain: Path, store: Path, tmp_path: Path
) -> None:
    straight, killed = run_folders(chain, tmp_path, "lifter", "straight", "killed")
    alone = stage_arguments("lifter", store, killed, *EPOCHS, *OFTEN)
    for folder, step in ((straight, None), (killed, MID_EPOCH)):
        arguments = stage_arguments("lifter", store, folder, *EPOCHS, *OFTEN, *TWO)
        if step:
            kill("lifter", arguments, folder / "lifter", step)
            with pytest.raises(UserError, match="expected the random states of 1 processes, found 2"):
                run("lifter", alone)
        result = in_subprocess("lifter", arguments)
        assert result.returncode == 0, result.stderr
    assert "resuming" in result.stdout
    assert_same_weights("lifter", straight, killed)


@pytest.mark.parametrize("minutes", ["0", "-1", "soon"])
def test_a_wrong_time_between_checkpoints_is_refused(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], minutes: str
) -> None:
    with pytest.raises(SystemExit):
        run("lifter", stage_arguments("lifter", store, tmp_path, "--checkpoint_minutes", minutes))
    assert "checkpoint_minutes" in capsys.readouterr().err


def test_a_checkpoint_of_other_settings_is_moved_aside(tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    assert resume_point(checkpoints, "a") is None
    precious = {"state_dict": {}, "loops": {}, "optimizer_states": [], "epoch": 0, "global_step": 0}
    torch.save(precious, checkpoints / "last.ckpt")
    assert resume_point(checkpoints, "a") == checkpoints / "last.ckpt"
    assert resume_point(checkpoints, "b") is None
    assert torch.load(tmp_path / "checkpoints-old-0/last.ckpt", weights_only=True) == precious


def test_a_new_run_leaves_the_old_log_beside_its_own(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, name="", version="")
    (tmp_path / "metrics.csv").write_text("epoch,step\n0,9\n")
    continue_csv([logger], resuming=False)
    assert not (tmp_path / "metrics.csv").exists()
    assert (tmp_path / "metrics-old-0.csv").read_text() == "epoch,step\n0,9\n"
