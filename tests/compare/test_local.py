"""W&B's files, read with W&B's reader; the oracle is what was logged, and the public command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from s2m.compare import cache, local, reader
from s2m.compare.local import CACHE, LocalRuns, run_files
from s2m.compare.reader import read_records, reader_command
from s2m.compare.runs import CompareError, flatten
from tests.compare.conftest import STEPS, config, record_run


@pytest.fixture
def folder(recorded: Path, tmp_path: Path) -> Path:
    """A copy that a test may break, without a cache."""
    shutil.copytree(recorded, tmp_path / "runs", ignore=shutil.ignore_patterns(CACHE, ".cache"), symlinks=True)
    return tmp_path / "runs"


def file_of(folder: Path, name: str) -> Path:
    return next((folder / name).glob("wandb/offline-run-*/run-*.wandb"))


def test_a_run_is_read_as_it_was_logged(folder: Path) -> None:
    found = LocalRuns(folder).load()
    assert found.warnings == []
    assert sorted(run.name for run in found.runs) == ["full-s0", "full-s1", "no_pr-s0"]
    run = next(run for run in found.runs if run.name == "full-s1")
    assert (run.stage, run.state) == ("mesh", "finished")
    assert run.identifier in run.source
    logged = flatten(config(1, "full-s1"))
    assert {key: run.config[key] for key in logged} == logged
    assert run.config["lineage.data"] == "5fa32f2c53d2"
    assert run.summary["test/pve_mm"] == 104.0
    assert "epoch" not in run.summary
    assert run.curves["val/pve_mm"] == [(step, 134.0 - step) for step in STEPS]
    # A point that is no number is no point.
    assert run.curves["train/loss"] == [(step, 1 / (step + 1)) for step in STEPS if step != 10]
    assert set(run.curves) == {"val/pve_mm", "train/loss"}


def test_the_reader_gives_what_the_public_command_gives(folder: Path) -> None:
    file = file_of(folder, "full-s0")
    command = [str(Path(sys.executable).with_name("wandb")), "leet", "inspect", "--json", str(file)]
    env = {**os.environ, "WANDB_MODE": "offline"}
    printed = subprocess.run(command, capture_output=True, text=True, env=env, check=True).stdout
    assert read_records(file, reader_command()) == [json.loads(line) for line in printed.splitlines()]


def _cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def _hole(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(64) + data[middle + 64 :]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_cut, "unfinished"),
        (_hole, "damaged"),
        (lambda data: b"no wandb file at all" * 50, "damaged"),
        (lambda data: b"", "damaged"),
        (lambda data: data[:150], "damaged"),
    ],
    ids=["cut", "hole", "foreign", "empty", "header only"],
)
def test_a_damaged_or_unfinished_file_is_named_and_skipped(folder: Path, damage, said: str) -> None:  # type: ignore[no-untyped-def]
    file = file_of(folder, "full-s1")
    file.write_bytes(damage(file.read_bytes()))
    found = LocalRuns(folder).load()
    assert sorted(run.name for run in found.runs) == ["full-s0", "no_pr-s0"]
    assert len(found.warnings) == 1
    assert str(file) in found.warnings[0]
    assert said in found.warnings[0]


def test_a_failed_run_is_named_and_skipped(tmp_path: Path) -> None:
    file = record_run(tmp_path, "failed", 0, 100.0, exit_code=3)
    found = LocalRuns(tmp_path).load()
    assert found.runs == []
    assert str(file) in found.warnings[0]
    assert "exit code 3" in found.warnings[0]


def test_a_file_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = LocalRuns(folder).load()

    again: list[Path] = []

    def note(path: Path, command: list[str]) -> list[dict[str, object]]:
        again.append(path)
        return []

    monkeypatch.setattr(local, "read_records", note)
    assert LocalRuns(folder).load() == first
    assert again == []
    file = file_of(folder, "full-s0")
    file.write_bytes(file.read_bytes()[:-1])
    LocalRuns(folder).load()
    assert again == [file]


@pytest.mark.parametrize("content", ["", "[1]", '{"name": 1}', "{", "null"])
def test_a_corrupted_cache_is_ignored_and_mended(folder: Path, content: str) -> None:
    first = LocalRuns(folder).load()
    entries = {path: path.read_text() for path in (folder / CACHE).glob("*.json")}
    assert len(entries) == 3
    for path in entries:
        path.write_text(content)
    assert LocalRuns(folder).load() == first
    assert {path: path.read_text() for path in (folder / CACHE).iterdir()} == entries


_MALFORMED = {"curves": {"val/pve_mm": [[1]]}, "summary": 3}


@pytest.mark.parametrize(
    ("changes", "marked"), [(_MALFORMED, False), (_MALFORMED, True), ({"summary": {"val/iou": 0.5}}, False)]
)
def test_a_cache_with_a_changed_field_is_ignored(folder: Path, changes: dict[str, Any], marked: bool) -> None:
    """Whether somebody changed it, or an older version wrote it otherwise."""
    first = LocalRuns(folder).load()
    for path in (folder / CACHE).glob("*.json"):
        content = json.loads(path.read_text())
        values = {**content["run"], **changes}
        if marked:
            content["sha256"] = cache._mark(values)
        path.write_text(json.dumps({**content, "run": values}))
    assert LocalRuns(folder).load() == first


def test_a_cache_that_cannot_be_written_is_no_error(folder: Path) -> None:
    (folder / CACHE).write_text("a file is in the way")
    assert len(LocalRuns(folder).load().runs) == 3


def test_the_cache_forgets_files_that_are_gone(folder: Path) -> None:
    LocalRuns(folder).load()
    shutil.rmtree(folder / "full-s0")
    LocalRuns(folder).load()
    assert len(list((folder / CACHE).glob("*.json"))) == 2


def test_links_and_hidden_folders_are_not_entered(folder: Path) -> None:
    before = sorted(run_files(folder))
    shutil.copytree(folder / "full-s0", folder / ".trash" / "full-s0", symlinks=True)
    (folder / "link").symlink_to(folder / "full-s0")
    assert sorted(run_files(folder)) == before
    assert len(before) == 3
    assert list(run_files(folder / "full-s0")) == list(run_files(folder / "full-s0" / "wandb"))


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CompareError, match=r"nothing: expected a folder of runs, found none; `make train`"):
        LocalRuns(tmp_path / "nothing").load()


def test_a_missing_reader_is_an_error(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    import wandb.util
    from wandb.errors import WandbCoreNotAvailableError

    def missing() -> str:
        raise WandbCoreNotAvailableError("File not found: wandb-core")

    monkeypatch.setattr(wandb.util, "get_core_path", missing)
    with pytest.raises(CompareError, match="wandb-core"):
        LocalRuns(folder).load()


def test_a_later_config_record_replaces_what_was_there() -> None:
    records = [
        {"type": "run", "run": {"run_id": "i", "config": {"update": {"model": {"a": 1, "b": {"c": 2}}, "x": 1}}}},
        {"type": "config", "config": {"update": {"model": {"a": 3}}}},
        {"type": "config", "config": {"update": {"_wandb": {"t": 1}}}},
        {"type": "exit", "exit": {}},
    ]
    run = reader.run_of_records(records, "file")
    assert run.config == {"model.a": 3, "x": 1}
    assert (run.name, run.state) == ("i", "finished")
