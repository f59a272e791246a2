"""A report is written whole or not at all, on full disks, too."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from s2m.files import WriteError
from s2m.report import build


def test_a_full_disk_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = build._replace_folder(tmp_path / "report", {"index.html": b"old"})

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(WriteError, match=r"report: expected a place .* found: No space left on device"):
            build._replace_folder(report, {"index.html": b"new"})
    assert (report / "index.html").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["report"]


def test_a_folder_that_cannot_take_the_name_leaves_the_old_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = build._replace_folder(tmp_path / "report", {"index.html": b"old"})
    real = os.replace

    def failing(source: Path, target: Path) -> None:
        if source.name == "new":
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(WriteError):
        build._replace_folder(report, {"index.html": b"new"})
    assert (report / "index.html").read_bytes() == b"old"


def test_what_killed_reports_left_is_cleaned(tmp_path: Path) -> None:
    gone = 2**22 + 1  # above the largest process number
    for name in (".report-k3j2h1", f".report-{gone}-abc", f".report-{os.getpid()}-abc"):
        (tmp_path / name / "old").mkdir(parents=True)
        (tmp_path / name / "old/index.html").write_bytes(b"set aside")
    build._clean(tmp_path / "report")
    assert (tmp_path / "report/index.html").read_bytes() == b"set aside"
    assert sorted(os.listdir(tmp_path)) == [f".report-{os.getpid()}-abc", "report"]
