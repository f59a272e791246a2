"""``s2m report``, ``s2m compare`` and ``python -m stages`` on damaged runs and settings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from stages.__main__ import main as stages_main
from tests.compare.conftest import _logged_out
from tests.fuzz.asking import Place, tried
from tests.fuzz.samples_runs import checks_sample, compare_sample, record, report_sample, stage_sample

__all__ = ["_logged_out"]


def test_checks(place: Place) -> None:
    wrong = tried(checks_sample(), place, 180)
    assert not wrong, "\n".join(wrong)


def test_report(place: Place) -> None:
    wrong = tried(report_sample(), place, 8)
    assert not wrong, "\n".join(wrong)


def test_compare(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    wrong = tried(compare_sample(record(tmp_path_factory.mktemp("recorded"))), place, 20)
    assert not wrong, "\n".join(wrong)


def test_stages(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def command(words: Sequence[str]) -> None:
        monkeypatch.setattr(sys, "argv", ["stages", *words])
        stages_main()

    wrong = tried(stage_sample(), place, 25, command=command)
    assert not wrong, "\n".join(wrong)


def test_a_name_of_a_run_is_text(place: Place) -> None:
    """Folders may be called anything: an escape sequence in a name does not reach the terminal."""
    from tests.fuzz.asking import run

    place.make()
    folder = place.inputs / "\x1b[2Jrun\nerror: made up"
    folder.mkdir()
    code, said, raised = run(["report", str(folder)], place)
    assert raised is None
    assert (code, said.count("\n")) == (2, 1)
    assert "\x1b" not in said
    assert Path(folder).is_dir()
