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
    for age, name in enumerate((".settings", *CHAIN), start=1):
        os.utime(tmp_path / name, (newest + age / 100, newest + age / 100))
    return tmp_path


def test_a_finished_run_is_left_alone(finished: Path) -> None:
    assert make(finished) == []


@pytest.mark.parametrize("stage", range(5))
def test_a_missing_file_remakes_what_depends_on_it(finished: Path, stage: int) -> None:
    (finished / CHAIN[stage]).unlink()
    assert names(make(finished)) == list(COMMANDS[stage:])


@pytest.mark.parametrize(("stage", "config"), [(1, "lifter"), (2, "regressor"), (3, "mesh")])
def test_a_newer_config_retrains_the_stage_and_what_depends_on_it(finished: Path, stage: int, config: str) -> None:
    assert names(make(finished, "-W", f"configs/{config}.yaml")) == list(COMMANDS[stage:])


@pytest.mark.parametrize("change", ["ARGS=--trainer.devices 2", "JOINTS=s2m27", "MESH_ARGS=--model.render_faces 900"])
def test_other_settings_retrain(finished: Path, change: str) -> None:
    commands = make(finished, change)
    assert names(commands) == list(COMMANDS[1:])
    assert any(change.partition("=")[2] in line for line in commands)
    assert make(finished, change) == []
