from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from studies.command import about, study_parser
from tests.stages.fixtures import ROOT, environment

# A study of one training, which tells its number and then waits for ever.
STUDY = """
import argparse, sys
from pathlib import Path
from studies.lifter.runner import Job, run_jobs
from studies.command import run_study
training = "import os, signal, sys; open(sys.argv[1], 'w').write(str(os.getpid())); signal.pause()"
folder = Path(sys.argv[1])
job = Job("sleeper", (sys.executable, "-c", training, str(folder / "pipe")), folder / "run/lifter.pt", "")
run_study(lambda options: run_jobs([job], 1, print), argparse.Namespace())
"""


def test_a_study_that_is_terminated_stops_its_trainings(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    study = subprocess.Popen(
        [sys.executable, "-c", STUDY, str(tmp_path)], cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True
    )
    training = int((tmp_path / "pipe").read_text())
    study.terminate()
    _, errors = study.communicate(timeout=60)
    assert study.returncode == 1
    assert "interrupted; the same command goes on from here" in errors
    with pytest.raises(ProcessLookupError):
        os.kill(training, 0)


@pytest.mark.parametrize("place", ["data/open", "{folder}/open"])
def test_the_command_that_a_page_names_is_one_that_runs_here_and_names_no_folder_of_this_machine(
    tmp_path: Path, place: str
) -> None:
    store = place.format(folder=tmp_path)
    parser = study_parser("stages.study", "A study.")
    options = parser.parse_args(["--store", store, "--seeds", "2"])
    words = about("stages.study", options, SimpleNamespace(header={}))["command"].split()  # type: ignore[arg-type]
    assert words[:3] == ["python", "-m", "stages.study"]
    again = parser.parse_args(words[3:])
    assert (again.seeds, again.preset, again.data) == (2, options.preset, options.data)
    assert str(again.store) == (store if store == "data/open" else "open")
