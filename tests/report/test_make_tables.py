"""``make table3``: what is missing is made, what is there is not, and nothing is made before the check."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Stands for the interpreter: notes the command, leaves the file that the real one would leave, fails where told to.
STAND_IN = """
import pathlib, sys
line = " ".join(sys.argv[1:])
with open("commands.txt", "a") as log:
    print(line, file=log)
if "--check" in line and pathlib.Path("missing").exists():
    sys.exit(2)
made = {}
for i, word in enumerate(sys.argv):
    if word == "--output":
        made = pathlib.Path(sys.argv[i + 1]) / "store.json"
    if word == "--output" and "stages" in line:
        folder = pathlib.Path(sys.argv[i + 1])
        made = folder / (folder.name + ".pt")
if sys.argv[1:4] == ["-m", "s2m.cli", "report"]:
    made = pathlib.Path(sys.argv[4]) / "report/index.html"
if made:
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text("")
"""


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    for name in ("Makefile", "configs", "setup.cfg", "constraints.txt", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    (tmp_path / "installed").write_text("")
    return tmp_path


def make(workplace: Path, *arguments: str) -> tuple[int, list[str]]:
    """The exit code of make, and the commands that it gave."""
    settings = [f"PY={sys.executable} stand_in.py", "INSTALLED=installed"]
    done = subprocess.run(["make", *settings, *arguments], cwd=workplace, capture_output=True, text=True, check=False)
    log = workplace / "commands.txt"
    commands = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return done.returncode, commands


def short(commands: list[str]) -> list[str]:
    """Which part each command is."""
    parts = (
        "--check",
        "s2m.cli data",
        "stages lifter",
        "stages regressor",
        "stages mesh",
        "paper_tables",
        "s2m.cli report",
    )
    return [next(part for part in parts if part in line) for line in commands]


@pytest.mark.parametrize(
    ("table", "dataset"), [("table2", "human36m"), ("table3", "mpi_inf_3dhp"), ("table4", "surreal")]
)
def test_everything_is_made_once(workplace: Path, table: str, dataset: str) -> None:
    code, commands = make(workplace, table, "DATA_ROOT=/official", "DATA_ARGS=--masks /masks")
    assert code == 0
    stages = ["stages lifter", "stages regressor", "stages mesh"]
    assert short(commands) == ["--check", "s2m.cli data", "--check", *stages, "paper_tables"]
    assert f"paper_tables {table} --run runs/{dataset}-full" in commands[0]
    assert "--data-root /official" in commands[0]
    assert commands[1].endswith(f"data {dataset} --root /official/{dataset} --output data/{dataset} --masks /masks")
    assert f"--config configs/data/{dataset}.yaml" in commands[3]
    assert f"--output runs/{dataset}-full/mesh" in commands[5]
    code, again = make(workplace, table)
    assert (code, short(again)) == (0, ["--check", "--check", "paper_tables"])


def test_a_named_run_is_measured_as_it_is(workplace: Path) -> None:
    for file in ("runs/mine/mesh/mesh.pt", "data/mpi_inf_3dhp/store.json"):
        (workplace / file).parent.mkdir(parents=True)
        (workplace / file).write_text("")
    code, commands = make(
        workplace, "table3", "RUN=mine", "H36M_RUN=other", "ARGS=--unlike before", "TABLE_ARGS=--body B"
    )
    assert (code, short(commands)) == (0, ["--check", "--check", "paper_tables"])
    assert commands[-1].endswith("table3 --run runs/mine --h36m-run runs/other --body B")


def test_nothing_is_made_when_something_is_missing(workplace: Path) -> None:
    (workplace / "missing").write_text("")
    code, commands = make(workplace, "table3", "DATA_ROOT=/official")
    assert code != 0
    assert short(commands) == ["--check"]


def test_human36m_is_converted_with_a_validation_subject(workplace: Path) -> None:
    _, commands = make(workplace, "table2", "DATA_ROOT=/official")
    assert commands[1].endswith("--root /official/human36m --output data/human36m --every 5 --val-subjects S8")


def test_training_on_a_dataset_ends_with_the_report(workplace: Path) -> None:
    code, commands = make(workplace, "train", "DATA=mpi_inf_3dhp", "PRESET=full", "DATA_ROOT=/official")
    stages = ["stages lifter", "stages regressor", "stages mesh"]
    assert (code, short(commands)) == (0, ["s2m.cli data", *stages, "s2m.cli report"])
    assert "--output data/mpi_inf_3dhp" in commands[0]
    assert make(workplace, "train", "DATA=mpi_inf_3dhp", "PRESET=full") == (0, [])
