from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from s2m.cli import main
from tests.formats.fabricated import joints


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "data" in text
    assert "report" in text


def test_bad_input_is_one_line_and_exit_code_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "nothing")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert str(tmp_path / "nothing") in error
    assert error.count("\n") == 1


def test_a_reader_who_leaves_is_no_fault(tmp_path: Path) -> None:
    """As ``head`` does after its first line."""
    np.save(tmp_path / "a.npy", joints("h36m17"))
    words = ["ik", str(tmp_path / "a.npy"), "--joint-set", "h36m17", "-o", str(tmp_path / "b.npz")]
    command = [sys.executable, "-m", "s2m.cli", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 141
    assert "Traceback" not in said
    assert "Broken pipe" not in said
