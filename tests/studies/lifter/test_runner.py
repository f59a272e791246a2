"""Jobs on real processes: order, resuming, failure."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from studies.lifter.rows import OURS, SUPERVISED, Row, Setting, job, table_rows, variants
from studies.lifter.runner import LOG, MARK, Job, RunFailed, read_mark, run_jobs, settings_hash

ROOT = Path(__file__).parents[3]


def script(folder: Path, name: str, body: str, settings: str = "a") -> Job:
    artifact = folder / name / "made.pt"
    code = f"import pathlib; made = pathlib.Path({str(artifact)!r}); {body}"
    return Job(name, (sys.executable, "-c", code), artifact, settings)


def test_every_job_runs_once_and_again_only_for_other_settings(tmp_path: Path) -> None:
    lines: list[str] = []
    body = "made.write_text(made.read_text() + 'x' if made.exists() else 'x')"
    jobs = [script(tmp_path, name, body) for name in ("one", "two", "three")]
    run_jobs(jobs, 2, lines.append)
    run_jobs(jobs, 2, lines.append)
    assert [job.artifact.read_text() for job in jobs] == ["x"] * 3
    assert lines.count("one: finished before") == 1
    assert any("(3 of 3)" in line for line in lines)
    run_jobs([script(tmp_path, "one", body, "b")], 2, lines.append)
    assert jobs[0].artifact.read_text() == "xx"
    assert not jobs[0].finished
    assert read_mark(tmp_path / "one")["seconds"] > 0


def test_a_failure_names_the_log_and_stops_the_others(tmp_path: Path) -> None:
    slow = script(tmp_path, "slow", "import time; time.sleep(60)")
    bad = script(tmp_path, "bad", "raise SystemExit('error: no such store')")
    with pytest.raises(RunFailed, match=r"bad: exit code 1; .*train.log ends with:\nerror: no such store"):
        run_jobs([slow, bad], 2, lambda line: None)
    assert not slow.finished
    assert not (tmp_path / "bad" / MARK).exists()
    assert "no such store" in (tmp_path / "bad" / LOG).read_text()


def test_success_without_an_artifact_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"empty: no made\.pt was left"):
        run_jobs([script(tmp_path, "empty", "pass")], 1, lambda line: None)


def test_an_unreadable_note_counts_as_unfinished(tmp_path: Path) -> None:
    entry = script(tmp_path, "one", "made.write_text('x')")
    run_jobs([entry], 1, lambda line: None)
    (tmp_path / "one" / MARK).write_text("{")
    assert not entry.finished
    (tmp_path / "one" / MARK).write_text(json.dumps(["settings"]))
    assert not entry.finished


def test_hashes_follow_content(tmp_path: Path) -> None:
    config = tmp_path / "a.yaml"
    config.write_text("one")
    before = settings_hash(["x"], [config], "store")
    assert before == settings_hash(["x"], [config], "store")
    assert len({before, settings_hash(["y"], [config], "store"), settings_hash(["x"], [config], "other")}) == 3
    config.write_text("two")
    assert settings_hash(["x"], [config], "store") != before
    changed = settings_hash(["x"], [config], "store")
    config.write_text("# a comment\ntwo\n")
    assert settings_hash(["x"], [config], "store") == changed


def setting(tmp_path: Path, **changes: object) -> Setting:
    values = {"root": ROOT, "output": tmp_path, "python": "python", "preset": "smoke", "data": "open"}
    return Setting(**{**values, "store": tmp_path / "store", "store_hash": "abc", **changes})


def test_a_row_is_trained_by_the_public_command(tmp_path: Path) -> None:
    lifter, supervised = (job(Row(variant, "s2m27"), 2, setting(tmp_path)) for variant in (OURS, SUPERVISED))
    assert lifter.command[:4] == ("python", "-m", "stages", "lifter")
    assert supervised.command[:4] == ("python", "-m", "stages", "lifter_supervised")
    assert lifter.artifact == tmp_path / "ours-s2m27-s2" / "lifter" / "lifter.pt"
    assert supervised.artifact == tmp_path / "lifter_supervised-s2m27-s2" / "lifter_supervised" / "lifter_supervised.pt"
    text = " ".join(supervised.command)
    assert "--seed_everything 2" in text
    assert "--data.init_args.joint_set s2m27" in text
    # The supervised counterpart's layer comes after all that it shares with `ours`, whose layers come first and
    # unchanged.
    configs = [supervised.command[i + 1] for i, part in enumerate(supervised.command) if part == "--config"]
    shared = [lifter.command[i + 1] for i, part in enumerate(lifter.command) if part == "--config"]
    assert configs == [*shared, "configs/lifter_supervised.yaml"]
    assert dict(supervised.environment)["OMP_NUM_THREADS"] == "1"


def test_another_place_is_the_same_training_another_store_is_not(tmp_path: Path) -> None:
    row = Row(OURS, "h36m17")
    first = job(row, 0, setting(tmp_path))
    assert job(row, 0, setting(tmp_path, store=tmp_path / "moved", output=tmp_path / "b")).settings == first.settings
    for changed in (job(row, 1, setting(tmp_path)), job(row, 0, setting(tmp_path, store_hash="x"))):
        assert changed.settings != first.settings
    assert job(row, 0, setting(tmp_path, extra=("--trainer.max_epochs", "1"))).settings != first.settings


def test_rows_of_the_table() -> None:
    known = variants(ROOT)
    assert known[0] == OURS
    assert known[-1] == SUPERVISED
    rows = table_rows([OURS, "chen", SUPERVISED], ["h36m17", "s2m27"])
    assert [row.name for row in rows] == ["ours", "chen", "lifter_supervised", "ours-s2m27", "lifter_supervised-s2m27"]
