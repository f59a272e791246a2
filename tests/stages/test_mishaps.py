"""What killed processes, full disks, servers and other people's files do to a training."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wandb
import yaml
from pytorch_lightning.loggers import CSVLogger
from torch.utils.data import Dataset

from s2m.data import FrameDataModule
from s2m.data.module import FrameLoader, WorkerError, _make_loader
from s2m.data.store import FrameStore, StoreError
from s2m.errors import UserError
from stages import tracking
from stages.__main__ import main
from stages.checkpoints import WholeCheckpoints, resume_point, unusable
from stages.cli import run
from stages.ranges import check_ranges
from tests.stages.fixtures import BRIEFLY, ROOT, Train, environment, stage_arguments

CHECKPOINT: dict[str, Any] = {
    "state_dict": {"w": torch.ones(2000)}, "loops": {}, "optimizer_states": [], "epoch": 0, "global_step": 1,
}  # fmt: skip


def saved(folder: Path, *steps: int) -> Path:
    """Checkpoints of some steps, one after the other; returns the last."""
    for step in steps:
        WholeCheckpoints().save_checkpoint({**CHECKPOINT, "global_step": step}, folder / "last.ckpt")
    return folder / "last.ckpt"


def step_of(path: Path) -> int:
    return int(torch.load(path, weights_only=True)["global_step"])


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoints"
    assert resume_point(folder, "same") is None
    saved(folder, 1, 2, 3)
    return folder


def test_the_checkpoint_before_the_last_stays(checkpoints: Path) -> None:
    assert (step_of(checkpoints / "previous.ckpt"), step_of(checkpoints / "last.ckpt")) == (2, 3)
    assert resume_point(checkpoints, "same") == checkpoints / "last.ckpt"


@pytest.mark.parametrize("damage", ["half", "empty", "flipped", "another file", "text"])
def test_a_damaged_checkpoint_is_moved_aside_and_the_one_before_taken(
    checkpoints: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    last = checkpoints / "last.ckpt"
    content = last.read_bytes()
    if damage == "another file":
        torch.save({"a": 1}, last)
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
        last.write_bytes({"half": content[:middle], "empty": b"", "flipped": flipped, "text": b"hello"}[damage])
    assert resume_point(checkpoints, "same") == checkpoints / "previous.ckpt"
    (said,) = capsys.readouterr().out.splitlines()
    assert f"{last} cannot be read (" in said
    assert said.endswith("moved to last-old-0.ckpt, going on from previous.ckpt")
    assert (checkpoints / "last-old-0.ckpt").is_file()
    assert not last.exists()


def test_without_a_whole_checkpoint_training_starts_afresh(
    checkpoints: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("last.ckpt", "previous.ckpt"):
        (checkpoints / name).write_bytes(b"")
    assert resume_point(checkpoints, "same") is None
    assert capsys.readouterr().out.splitlines()[-1].endswith("starting afresh")
    assert saved(checkpoints, 1).is_file()


def test_a_process_that_is_not_the_first_moves_nothing(checkpoints: Path) -> None:
    (checkpoints / "last.ckpt").write_bytes(b"")
    before = sorted(os.listdir(checkpoints))
    assert resume_point(checkpoints, "same", may_write=False) == checkpoints / "previous.ckpt"
    assert resume_point(checkpoints, "other", may_write=False) is None
    assert sorted(os.listdir(checkpoints)) == before


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_disk_that_is_full_at_any_step_leaves_a_whole_checkpoint(
    checkpoints: Path, monkeypatch: pytest.MonkeyPatch, call: str, at: int
) -> None:
    calls, real = [0], getattr(os, call)

    def failing(*args: Any) -> Any:
        calls[0] += 1
        if calls[0] == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with contextlib.suppress(OSError):  # where the failing call is not reached, nothing is raised
            saved(checkpoints, 4)
    found = resume_point(checkpoints, "same")
    assert found is not None
    assert unusable(found) == ""
    assert step_of(found) in (3, 4)
    assert not list(checkpoints.glob(".*"))


MARKER = "from pathlib import Path\nPath({marker!r}).touch()\nclass Anything:\n    def __init__(self, **_): pass\n"


@pytest.mark.parametrize(
    "section",
    [
        {"trainer": {"callbacks": [{"class_path": "evil_module.Anything"}]}},
        {"trainer": {"logger": {"class_path": "evil_module.Anything"}}},
        {"trainer": {"plugins": [{"class_path": "evil_module.Anything"}]}},
        {"model": {"flow": {"class_path": "evil_module.Anything"}}},
        {"model": {"flow": "evil_module.Anything"}},
        {"model": {"flow": {"class_path": "os.system"}}},
        {"model": {"flow": "os.system"}},
        {"model": {"flow": "stages.cli.os.system"}},
        {"model": {"turn": {"class_path": "subprocess.Popen", "init_args": {"args": "true"}}}},
        {"model": {"turn": {"class_path": "torch.hub.load", "init_args": {"repo_or_dir": "x"}}}},
        {"data": {"class_path": "evil_module.Anything"}},
        {"name": "evil_module.Anything", "model": {"flow": {"class_path": "${name}"}}},
    ],
)
def test_nothing_that_a_configuration_names_is_imported_unless_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], section: dict[str, Any]
) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "evil_module.py").write_text(MARKER.format(marker=str(marker)))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(os, "system", lambda *_: marker.touch())
    (tmp_path / "evil.yaml").write_text(yaml.safe_dump(section))
    with pytest.raises((SystemExit, UserError)) as end:
        run("lifter", [*stage_arguments("lifter", tmp_path / "store", tmp_path), "--config", f"{tmp_path}/evil.yaml"])
    assert not marker.exists()
    assert "evil_module" not in sys.modules
    if isinstance(end.value, SystemExit):
        assert end.value.code == 2
        assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "lifter").exists()


def test_a_package_of_ones_own_is_made_known_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "own_module.py").write_text(MARKER.format(marker=str(marker)))
    monkeypatch.syspath_prepend(str(tmp_path))
    arguments = stage_arguments("lifter", tmp_path / "store", tmp_path, "--data", "own_module.Anything")
    with pytest.raises(SystemExit):
        run("lifter", arguments)
    assert "`--allow PACKAGE`" in capsys.readouterr().err
    assert not marker.exists()
    with pytest.raises((SystemExit, UserError)):  # known now, and no FrameDataModule
        run("lifter", [*arguments, "--allow", "own_module"])
    assert marker.exists()


@pytest.mark.parametrize("name", ["a+b", "lr=0.1", "x" * 120, "ä b/c".replace("/", ":"), "a" * 127 + "+", "ok-1.2_3"])
def test_every_name_of_a_run_makes_an_artifact(name: str) -> None:
    for stage in ("lifter", "regressor", "mesh_supervised"):
        made = tracking.artifact_name(Path("runs") / name / stage / f"{stage}.pt")
        wandb.Artifact(made, type=stage)  # raises for a name that W&B does not take
        assert made.endswith(f"-{stage}")
    others = {tracking.artifact_name(Path(f"runs/{other}/mesh/mesh.pt")) for other in ("a+b", "a=b", "a-b")}
    assert len(others) == 3


def test_a_record_that_fails_is_said_and_nothing_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(tracking.WandbLogger):
        def __init__(self) -> None: ...

        @property
        def experiment(self) -> Any:
            raise ValueError("the server says no\nat length")

    tracking.record_lineage([Broken()], tmp_path / "mesh.pt", {"stage": "mesh", "sha256": "0"}, [])
    assert capsys.readouterr().out == f"W&B: {tmp_path / 'mesh.pt'} is not recorded: the server says no\n"


def test_figures_that_cannot_be_written_do_not_end_a_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = tracking.SteadyCSVLogger(tmp_path, name="", version="", flush_logs_every_n_steps=1)
    logger.log_metrics({"a": 1.0}, 1)
    (tmp_path / "metrics.csv").unlink()
    (tmp_path / "metrics.csv").mkdir()
    for step in (2, 3):
        logger.log_metrics({"a": 1.0}, step)
    assert capsys.readouterr().out.count("the training goes on") == 1


@pytest.mark.parametrize("torn", ["1,", "1,2,3,4\n", "\0\0\0\n", "", "1,0.5,5"])
def test_a_torn_log_is_continued(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,train/loss,epoch\n0,1.5,0\n" + torn)
    logger = tracking.SteadyCSVLogger(tmp_path, name="", version="", flush_logs_every_n_steps=1)
    tracking.continue_csv([logger], resuming=True)
    logger.log_metrics({"val/iou": 0.5}, 1)  # a new column: the writer reads the whole log
    lines = path.read_text().split()
    assert len(lines) == 3
    assert "0,1.5" in lines[1] or "1.5" in lines[1].split(",")
    assert isinstance(logger, CSVLogger)


def test_a_project_that_wandb_refuses_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="^project: expected 1 to 128 characters"):
        tracking.make_loggers(tmp_path / "run/mesh", "mesh", {"project": "a/b", "tags": [], "seed_everything": 0})


def spoilt(store: Path, folder: Path, file: str) -> Path:
    """A copy of the store of which the first rows of a file are no numbers."""
    shutil.copytree(store, folder)
    values = np.load(folder / file, mmap_mode="r+")
    values[:2] = np.nan
    values.flush()
    return folder


def test_a_broken_test_split_is_found_before_the_training(store: Path, tmp_path: Path) -> None:
    broken = spoilt(store, tmp_path / "store", "test/observation/joints2d.npy")
    with pytest.raises(StoreError, match="test.*joints2d: not finite"):
        run("lifter", stage_arguments("lifter", broken, tmp_path))
    assert not (tmp_path / "lifter/checkpoints").exists()
    assert not (tmp_path / "lifter/metrics.csv").exists()


def test_checkpoints_depend_on_the_frames_that_train_alone(store: Path) -> None:
    one, other = FrameStore(store), FrameStore(store)
    for name in other.header["sha256"]:
        if name.startswith("test"):
            other.header["sha256"][name] = "mended"
    assert one.hash != other.hash
    assert one.split_hash("train") == other.split_hash("train")
    other.header["sha256"]["train/observation/joints2d.npy"] = "changed"
    assert one.split_hash("train") != other.split_hash("train")


def test_no_usable_training_frame(store: Path, tmp_path: Path) -> None:
    broken = tmp_path / "store"
    shutil.copytree(store, broken)
    confidence = np.load(broken / "train/observation/confidence.npy", mmap_mode="r+")
    confidence[:] = 0
    confidence.flush()
    with pytest.raises(StoreError, match="expected frames to train on, found none that is usable .fewer|confidence"):
        FrameDataModule(str(broken)).check_splits()


@pytest.mark.parametrize(
    ("section", "option", "value"),
    [
        ("model", "learning_rate", -1.0),
        ("model", "learning_rate", float("nan")),
        ("model", "width", 10**7),
        ("model", "missing", 1.5),
        ("model", "camera_distance", 1.0),
        ("data", "batch_size", 0),
        ("data", "num_workers", -1),
        ("trainer", "max_epochs", -5),
    ],
)
def test_numbers_out_of_range_are_refused(section: str, option: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"^{section}\.{option}: expected .*, found "):
        check_ranges({section: {option: value}})


@pytest.mark.parametrize("joint_set", ["coco17", "smpl24", "lsp14", "kinect32", "unheard-of"])
def test_a_joint_set_that_a_stage_cannot_train(store: Path, tmp_path: Path, joint_set: str) -> None:
    with pytest.raises(UserError, match="joint"):
        run("lifter", stage_arguments("lifter", store, tmp_path, "--data.init_args.joint_set", joint_set))


def test_a_folder_that_cannot_be_made_is_named_in_a_line(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setattr(sys, "argv", ["stages", "lifter", *stage_arguments("lifter", store, tmp_path / "file")])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert str(tmp_path / "file") in error


class _Stuck(Dataset[Any]):
    def __len__(self) -> int:
        return 1

    def fetch(self, _: object) -> Any:
        threading.Event().wait()

    def finish(self, packed: Any) -> Any:
        return packed


def test_loader_processes_that_hand_out_nothing_are_given_up() -> None:
    loader = _make_loader(FrameLoader, _Stuck(), [[0]], num_workers=1, timeout=1)  # type: ignore[arg-type]
    with pytest.raises(WorkerError, match="/dev/shm may be too small"):
        next(iter(loader))


# A first process that leaves another one behind.
PARENT = """
import os, subprocess, sys
from stages.ranks import bound_to_first
with bound_to_first():
    child = "from stages.ranks import bound_to_first\\nwith bound_to_first(): __import__('threading').Event().wait()"
    subprocess.Popen([sys.executable, "-c", child], env={**os.environ, "LOCAL_RANK": "1"})
    os.kill(os.getpid(), 9)
"""


def test_a_process_ends_when_the_first_one_is_gone() -> None:
    env = {key: value for key, value in environment().items() if key != "LOCAL_RANK"}
    # The pipe ends when both have ended.
    done = subprocess.run(
        [sys.executable, "-c", PARENT], cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == -9
    assert "the first of this training, has ended; so does this one" in done.stderr


def test_a_stage_whose_checkpoint_was_cut_gets_to_its_end(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In double precision, which resumes like any other, and under a name that W&B would refuse."""
    options = ("--trainer.precision", "64-true", *BRIEFLY)
    artifact = train("lifter", tmp_path / "lr=0.1", *options)
    checkpoints = artifact.parent / "checkpoints"
    assert not (checkpoints / "previous.ckpt").exists()
    finished = (checkpoints / "finished.ckpt").read_bytes()
    (checkpoints / "last.ckpt").write_bytes(finished[: len(finished) // 2])
    artifact.unlink()
    capsys.readouterr()
    assert train("lifter", tmp_path / "lr=0.1", *options).is_file()
    said = capsys.readouterr().out
    assert "last.ckpt cannot be read" in said
    assert "starting afresh" in said
