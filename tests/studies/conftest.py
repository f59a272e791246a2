from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stages.cli import run
from studies.lifter import runner


class _Ended:
    """A process that has done its work."""

    returncode = 0

    def poll(self) -> int:
        return 0


@pytest.fixture
def trained_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A study's trainings run in this process; each of its own would import torch again. test_runner.py has real ones.

    One after the other, as they are started.
    """

    def begin(command: Sequence[str], cwd: Path, env: Mapping[str, str], **_: Any) -> _Ended:
        assert list(command[1:3]) == ["-m", "stages"]
        monkeypatch.chdir(cwd)
        run(command[3], list(command[4:]))
        return _Ended()

    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setattr(runner, "subprocess", SimpleNamespace(Popen=begin, STDOUT=subprocess.STDOUT))
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0)
