from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from s2m.cli import main
from s2m.compare import commands
from tests.compare.test_online import FakeApi, FakeRun

ROOT = Path(__file__).parents[2]


def test_recorded_runs_are_compared(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["compare", str(recorded), "--baseline", "full", "--output", str(out)]) == 0
    text = capsys.readouterr().out
    assert "2 configurations, 3 runs of stage mesh" in text
    assert "+5.0" in text
    assert "pose=UnrefinedPose" in text
    assert {path.name for path in out.iterdir()} == {
        "compare.md", "configurations.csv", "runs.csv", "curves.png", "index.html",
    }  # fmt: skip
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_alone_writes_nothing(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name for path in recorded.iterdir()}
    assert main(["compare", str(recorded), "--table-only", "--ablation", "no_pr"]) == 0
    assert "1 configuration, 1 run" in capsys.readouterr().out
    assert {path.name for path in recorded.iterdir()} <= before | {".compare-cache"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sort", "test/pve"], "nearest: test/pve_mm"),
        (["--baseline", "nothing"], "--baseline nothing"),
        (["--stage", "lifter"], "found 3 of mesh"),
        (["--source", "wandb"], "`wandb login` logs in"),
        (["--upload-report"], "found local ones"),
    ],
)
def test_bad_wishes_are_one_line(
    recorded: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["compare", str(recorded), "--table-only", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_an_empty_folder_says_what_makes_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path)]) == 2
    assert "`make train RUN=name` makes one" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_who_is_logged_in_compares_the_projects_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys: list[str] = []

    def api(key: str) -> Any:
        keys.append(key)
        return FakeApi([FakeRun("full-s0", 0), FakeRun("full-s1", 1)])

    monkeypatch.setenv("WANDB_API_KEY", "secret")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(commands, "_api", api)
    assert main(["compare", str(tmp_path), "--project", "p", "--output", str(tmp_path / "out")]) == 0
    assert "W&B project me/p" in capsys.readouterr().out
    assert keys == ["secret"]
    # Local runs remain at hand.
    assert main(["compare", str(tmp_path), "--source", "local"]) == 2
    assert keys == ["secret"]


def test_works_without_network_home_and_login(recorded: Path, tmp_path: Path) -> None:
    """A network namespace of its own has no way out; the home folder cannot be written."""
    unshare = ["unshare", "--net"] if subprocess.run(["unshare", "--net", "true"], check=False).returncode == 0 else []
    env = {**os.environ, "HOME": "/nonexistent/home", "PYTHONPATH": str(ROOT), "MPLCONFIGDIR": str(tmp_path)}
    command = [*unshare, sys.executable, "-m", "s2m.cli", "compare", str(recorded), "--output", str(tmp_path / "out")]
    result = subprocess.run(command, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert result.returncode == 0, result.stderr
    assert "3 runs of stage mesh" in result.stdout
    assert result.stderr == ""


def test_make_compare_passes_its_arguments() -> None:
    command = ["make", "-n", "compare", "ARGS=--baseline full", f"INSTALLED={ROOT / 'setup.cfg'}"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "s2m.cli compare --baseline full" in printed


def test_a_report_goes_to_the_project_that_was_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = pytest.importorskip("wandb_workspaces.reports.v2")
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(commands, "_api", lambda key: FakeApi([FakeRun("full-s0", 0)]))
    monkeypatch.setattr(reports.Report, "save", lambda self: self)
    monkeypatch.setattr(reports.Report, "url", property(lambda self: f"https://wandb.ai/{self.entity}/{self.project}"))
    assert main(["compare", str(tmp_path), "--project", "p", "--table-only", "--upload-report"]) == 0
    assert "report: https://wandb.ai/me/p" in capsys.readouterr().out
