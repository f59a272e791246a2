"""``make table2|table3|table4`` on tiny datasets in their official layouts: conversion, training, table, report.

make's commands are noted first and then carried out in this process, one after the other: each of them would import
torch again.
"""

from __future__ import annotations

import csv
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from s2m.cli import main as s2m
from stages.cli import run as run_stage
from studies.paper import paper_tables
from tests.data.zoo.fabricate import human36m, mpi_inf_3dhp, surreal
from tests.data.zoo.fabricate.people import write_models
from tests.report.dataset_runs import ACTIVITY, VALID, write_masks

ROOT = Path(__file__).parents[2]
# Stands for the interpreter: notes the command, leaves the file that make waits for.
STAND_IN = """
import json, pathlib, sys
arguments = sys.argv[1:]
with open("commands.jsonl", "a") as log:
    print(json.dumps(arguments), file=log)
made = None
if "--output" in arguments:
    made = pathlib.Path(arguments[arguments.index("--output") + 1]) / "store.json"
elif "stages" in arguments:
    folder = pathlib.Path(arguments[arguments.index("--output") + 1])
    made = folder / (folder.name + ".pt")
if made:
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text("")
"""


def link(folder: Path) -> None:
    """What make needs of the repository."""
    for name in ("Makefile", "configs", "setup.cfg", "constraints.txt", "scripts"):
        (folder / name).symlink_to(ROOT / name)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Makefile and its configurations, and official/<dataset>."""
    root = tmp_path_factory.mktemp("make")
    link(root)
    official = root / "official"
    human36m.write_metadata(official / "human36m")
    frontal = human36m.CAMERAS[3]
    for subject, action, take in (("S1", "Walking", 0), ("S8", "Eating", 4), ("S9", "Photo 1", 2)):
        human36m.write_take(official / "human36m", subject, action, take, frontal, frames=3)
    mpi_inf_3dhp.write_training(official / "mpi_inf_3dhp", "S1/Seq1", frames=4)
    mpi_inf_3dhp.write_training(official / "mpi_inf_3dhp", "S8/Seq1", frames=3)
    mpi_inf_3dhp.write_test(official / "mpi_inf_3dhp", "TS1", valid=VALID, activity=ACTIVITY)
    write_masks(root / "masks", ("TS1",))
    models = write_models(root / "models")
    for split, gender in (("train", "female"), ("val", "male"), ("test", "female")):
        clip = {"frames": 4, "gender": gender, "model": models[gender]}
        surreal.write_clip(official / "surreal/cmu", split=split, **clip)
    return root


def make(dry: Path, *arguments: str) -> list[list[str]]:
    """The commands that make gives where nothing is there yet."""
    dry.mkdir()
    link(dry)
    (dry / "stand_in.py").write_text(STAND_IN)
    (dry / "installed").write_text("")
    settings = [f"PY={sys.executable} stand_in.py", "INSTALLED=installed", "PRESET=smoke", "DATA_ROOT=official"]
    done = subprocess.run(["make", *settings, *arguments], cwd=dry, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (dry / "commands.jsonl").read_text().splitlines()]


def carry_out(command: list[str]) -> None:
    """What the interpreter would do."""
    assert command[0] == "-m"
    module, arguments = command[1], command[2:]
    if module == "s2m.cli":
        assert s2m(arguments) == 0, shlex.join(command)
    elif module == "studies.paper.paper_tables":
        assert paper_tables.main(arguments) == 0, shlex.join(command)
    else:
        assert module == "stages", shlex.join(command)
        run_stage(arguments[0], [*arguments[1:], "--trainer.accelerator", "cpu", "--trainer.logger", "false"])


def measured(place: Path, table: str) -> dict[str, dict[str, str]]:
    """Measured rows by their first cell."""
    with (place / f"docs/results/{table}.csv").open(newline="") as file:
        return {row["algorithm"]: row for row in csv.DictReader(file) if row["kind"] == "measured"}


def test_the_tables_are_made_from_official_files(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    torch.set_num_threads(1)
    models = "--female models/female.npz --male models/male.npz"
    small = "--mask-size 32 --workers 1"
    steps = {
        "table2": (f"DATA_ARGS={small} --val-subjects S8 --cameras all",),
        "table3": (f"DATA_ARGS={small} --masks masks --cameras 0",),
        "table4": (
            f"DATA_ARGS={small} {models} --joint-set h36m17",
            "ARGS=--model.body models/male.npz",  # stands for SMPL's neutral model: not the open body
            f"TABLE_ARGS=--body models/male.npz {models}",
        ),
    }
    printed = {}
    for table, arguments in steps.items():
        for command in make(tmp_path / table, table, *arguments):
            carry_out(command)
        printed[table] = capsys.readouterr().out
    said = {table: " ".join(text.split()) for table, text in printed.items()}  # however the lines are wrapped
    # Table 2: one camera, the frontal one, so that there is no figure for all cameras.
    rows = measured(place, "table2")
    assert set(rows) == {"human36m-smoke: 14 joints, frontal camera, mean of frames"}
    assert "cameras 60457274" in said["table2"]
    # Table 3: the run on Human3.6M and the run on the dataset itself, by three protocols each.
    rows = measured(place, "table3")
    assert [row["training set"] for row in rows.values()] == ["H3.6M"] * 3 + ["3DHP"] * 3
    label = "17 joints, AUC over 31 thresholds"
    assert rows[f"human36m-smoke: {label}"]["PMPJPE"] != rows[f"mpi_inf_3dhp-smoke: {label}"]["PMPJPE"]
    assert "7 frames of mpi_inf_3dhp (test); the whole test set has 2929" in said["table3"]
    # Table 4: errors of vertices against the gendered bodies.
    rows = measured(place, "table4")
    assert float(rows["surreal-smoke: 17 joints, mean of frames"]["PVE"]) > 0
    assert "4 frames of surreal (val)" in said["table4"]
    for table, text in printed.items():
        for row in measured(place, table).values():
            assert "joints (" in row["protocol"]
            assert "mean of frames" in row["protocol"]
            assert row["algorithm"] in text
        assert max(map(len, text.partition(f"Table {table[-1]}. ")[2].splitlines())) <= 120
    # The report says the same.
    assert s2m(["report", "runs/surreal-smoke"]) != 0
    assert "(--body FILE)" in capsys.readouterr().err
    assert s2m(["report", "runs/surreal-smoke", "--body", "models/male.npz", *shlex.split(models)]) == 0
    capsys.readouterr()
    report = (place / "runs/surreal-smoke/report/report.md").read_text()
    pve = rows["surreal-smoke: 17 joints, mean of frames"]["PVE"]
    assert f"| PVE | {pve} |" in report
    assert "SURREAL, split val" in report
    assert "SURREAL, split test" in report
