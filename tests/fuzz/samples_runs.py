"""Small valid inputs of ``s2m report``, ``s2m compare`` and ``python -m stages``: folders of runs, and settings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from s2m.cli import main
from s2m.compare.cache import Cache
from s2m.config_files import FOLDER
from s2m.files import sha256
from s2m.report import save_examples
from tests.compare.conftest import record_run
from tests.fuzz.asking import Sample
from tests.report.conftest import fabricate_curves, fabricate_examples, fabricate_metrics


def _run(to: Path) -> None:
    for stage in ("lifter", "regressor", "mesh"):
        folder = to / "run" / stage
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(fabricate_metrics(stage)))
        (folder / "metrics.csv").write_text(fabricate_curves())
    save_examples(to / "run" / "mesh" / "examples.npz", fabricate_examples())
    config = {"data": {"class_path": "s2m.data.OpenData", "init_args": {"store": "data/open", "test_splits": ["test"]}}}
    (to / "run" / "mesh" / "config.yaml").write_text(json.dumps(config))


def checks_sample() -> Sample:
    """The checks of a run: everything is read but its pictures, and nothing is written."""
    return Sample("report-checks", _run, lambda given, out: ["report", str(given / "run"), "--checks-only", "-q"])


def report_sample() -> Sample:
    """The whole report."""
    return Sample(
        "report", _run, lambda given, out: ["report", str(given / "run"), "-q"], "examples.npz", own=("report",)
    )


def compare_sample(recorded: Path) -> Sample:
    """The files that W&B wrote, and what was kept of them when they were read before.

    recorded: a ``.wandb`` file.
    """

    def write(to: Path) -> None:
        folder = to / "runs" / "full" / "mesh" / "wandb" / "offline-run-1"
        folder.mkdir(parents=True)
        shutil.copy(recorded, folder / "run-1.wandb")
        other = folder.with_name("offline-run-2")
        shutil.copytree(folder, other)
        with (other / "run-1.wandb").open("ab") as file:
            file.write(bytes(7))
        # What is kept of the second file is what was read from it; the first one is read anew.
        assert main(["compare", str(to / "runs"), "--source", "local", "-q", "-o", str(to / "page")]) == 0
        shutil.rmtree(to / "page")
        Cache(to / "runs" / ".compare-cache").path(sha256(folder / "run-1.wandb")).unlink()

    def words(given: Path, out: Path) -> Sequence[str]:
        return ["compare", str(given / "runs"), "--source", "local", "-q", "-o", str(out / "page")]

    return Sample("compare", write, words, own=(".compare-cache",), kept=(".compare-cache",), skips=True)


def record(folder: Path) -> Path:
    """Record one short run; returns its file."""
    return record_run(folder, "full", 0, 100.0)


def stage_sample() -> Sample:
    """Settings of a stage, which ends at a store that is missing: nothing is trained."""

    def write(to: Path) -> None:
        shutil.copy(FOLDER / "lifter.yaml", to / "lifter.yaml")
        shutil.copy(FOLDER / "data" / "open.yaml", to / "data.yaml")

    def words(given: Path, out: Path) -> Sequence[str]:
        files = [f"--config={path}" for path in sorted(given.iterdir(), reverse=True)]
        return ["lifter", "--output", str(out / "lifter"), *files, "--data.init_args.store", str(out / "none")]

    return Sample("stages", write, words, ends=2, kept=("lifter",))
