"""Make's targets are the artifacts: what is there and newer than its inputs is not made again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHAIN = ("store.json", "lifter/lifter.pt", "regressor/regressor.pt", "mesh/mesh.pt", "report/index.html")
COMMANDS = ("data open", "stages lifter", "stages regressor", "stages mesh", "s2m.cli report")

# Stands for the interpreter: notes the command and leaves the file that the real one would leave.
STAND_IN = """
import pathlib, sys
run, line = pathlib.Path(sys.argv[1]), " ".join(sys.argv[2:])
with (run / "commands.txt").open("a") as log:
    print(line, file=log)
made = {"data open": "store.json", "stages lifter": "lifter/lifter.pt", "stages regressor": "regressor/regressor.pt",
        "stages mesh": "mesh/mesh.pt", "s2m.cli report": "report/index.html"}
path = run / next(file for command, file in made.items() if command in line)
path.parent.mkdir(exist_ok=True)
path.write_text("made again")
"""


def make(run_dir: Path, *arguments: str) -> list[str]:
    """Run ``make train`` with a stand-in for Python; returns the commands that it gave."""
    stand_in = run_dir / "stand_in.py"
    stand_in.write_text(STAND_IN)
    log = run_dir / "commands.txt"
    log.unlink(missing_ok=True)
    settings = [f"RUN_DIR={run_dir}", f"STORE={run_dir}", f"PY={sys.executable} {stand_in} {run_dir}"]
    settings.append(f"INSTALLED={ROOT / 'setup.cfg'}")  # where the environment is says nothing about the run
    subprocess.run(["make", "train", *settings, *arguments], cwd=ROOT, check=True, capture_output=True)
    return log.read_text().splitlines() if log.exists() else []


def names(commands: list[str]) -> list[str]:
    return [name for line in commands for name in COMMANDS if name in line]


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A run whose files are a little newer than the configs, each newer than the one before."""
    assert names(make(tmp_path)) == list(COMMANDS)
    newest = max(path.stat().st_mtime for path in (ROOT / "configs").rglob("*"))
    for age, name in enumerate((".store", ".settings", ".settings-mesh", *CHAIN), start=1):
        os.utime(tmp_path / name, (newest + age / 100, newest + age / 100))
    return tmp_path


def test_a_finished_run_is_left_alone(finished: Path) -> None:
    assert make(finished) == []


def test_a_store_dated_in_the_future_does_not_retrain_for_ever(finished: Path) -> None:
    store = finished / "store.json"
    future = store.stat().st_mtime + 1e6
    os.utime(store, (future, future))
    assert make(finished) == []  # the same store
    store.write_text("another one")
    os.utime(store, (future, future))
    assert names(make(finished)) == list(COMMANDS[1:])
    assert make(finished) == []


@pytest.mark.parametrize("stage", range(5))
def test_a_missing_file_remakes_what_depends_on_it(finished: Path, stage: int) -> None:
    (finished / CHAIN[stage]).unlink()
    # A store that is made again and is the same retrains nothing.
    assert names(make(finished)) == list(COMMANDS[stage:] if stage else COMMANDS[:1])


@pytest.mark.parametrize(("stage", "config"), [(1, "lifter"), (2, "regressor"), (3, "mesh")])
def test_a_newer_config_retrains_the_stage_and_what_depends_on_it(finished: Path, stage: int, config: str) -> None:
    assert names(make(finished, "-W", f"configs/{config}.yaml")) == list(COMMANDS[stage:])


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ("ARGS=--trainer.devices 2", 1),
        ("JOINTS=s2m27", 1),
        ("VARIANT=chen", 1),
        ("MESH_ARGS=--model.render_faces 900", 3),
        ("ABLATION=no_pr", 3),
    ],
)
def test_other_settings_retrain_what_they_change(finished: Path, change: str, first: int) -> None:
    commands = make(finished, change)
    assert names(commands) == list(COMMANDS[first:])
    assert any(change.partition("=")[2] in line for line in commands)
    assert make(finished, change) == []


@pytest.mark.parametrize(
    ("choice", "overlay", "first"),
    [("VARIANT=chen", "lifter/chen", 1), ("ABLATION=no_pr", "ablation/no_pr", 3)],
)
def test_a_newer_overlay_retrains_what_it_changes(finished: Path, choice: str, overlay: str, first: int) -> None:
    make(finished, choice)
    assert names(make(finished, choice, "-W", f"configs/{overlay}.yaml")) == list(COMMANDS[first:])
    assert make(finished, choice) == []


def test_overlays_are_laid_over_each_other_in_order(tmp_path: Path) -> None:
    mesh = next(line for line in make(tmp_path, "ABLATION=no_sr augmented") if "stages mesh" in line).split()
    configs = [mesh[i + 1] for i, part in enumerate(mesh) if part == "--config"]
    assert configs[-2:] == ["configs/ablation/no_sr.yaml", "configs/ablation/augmented.yaml"]
    assert mesh[mesh.index("--tags") + 1 :][:4] == ["quick", "open", "no_sr", "augmented"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("ABLATION=no_pr no_hands", "ABLATION: expected some of augmented clean_frames"),
        ("VARIANT=chens", "VARIANT: expected some of chen flow"),
        ("PRESET=fast", "PRESET: expected one of full quick smoke; found fast"),
        ("PRESET=quick full", "PRESET: expected one of full quick smoke; found quick full"),
        ("DATA=", "DATA: expected one of 3dpw human36m"),
    ],
)
def test_what_names_no_config_is_said_before_anything_is_made(tmp_path: Path, choice: str, expected: str) -> None:
    command = [
        "make",
        "train",
        choice,
        f"RUN_DIR={tmp_path / 'run'}",
        f"INSTALLED={tmp_path / 'installed'}",
        "PY=false",
    ]
    # The tests themselves run under make, whose variables make a make in it talk of folders.
    outside = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    result = subprocess.run(command, cwd=ROOT, env=outside, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_what_reads_no_setting_does_not_mind_a_wrong_one() -> None:
    printed = subprocess.run(["make", "help", "DATA=x", "ABLATION=y"], cwd=ROOT, capture_output=True, check=True).stdout
    assert b"make train" in printed
