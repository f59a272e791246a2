"""The runs that W&B recorded in files below a folder, offline or online."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from s2m.compare.cache import Cache
from s2m.compare.reader import DamagedError, read_records, reader_command, run_of_records
from s2m.compare.resumed import join_resumed
from s2m.compare.runs import CompareError, Found, Run
from s2m.files import sha256
from s2m.reading import reading

CACHE = ".compare-cache"
_READERS = min(8, os.cpu_count() or 1)


class LocalRuns:
    """Runs from ``FOLDER/**/wandb/*run-*/run-*.wandb``. What was read is kept in ``FOLDER/.compare-cache``.

    Args:
        folder: With the runs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self) -> Found:
        """All finished runs.

        Raises:
            CompareError: When there is no such folder.
        """
        if not self.folder.is_dir():
            raise CompareError(
                f"{self.folder}: expected a folder of runs, found none; `make train` makes runs in runs/"
            )
        paths = sorted(run_files(self.folder))
        if not paths:
            return Found([], [], f"{self.folder}/**/wandb")
        cache, command = Cache(self.folder / CACHE), reader_command()
        with ThreadPoolExecutor(_READERS) as pool:
            read = list(pool.map(lambda path: _read(path, cache, command), paths))
        cache.prune()
        warnings = [text for text in read if isinstance(text, str)]
        runs, unfinished = join_resumed([run for run in read if isinstance(run, Run)])
        warnings += [f"{run.source}: skipped ({run.name}, {run.stage}): {run.state}" for run in unfinished]
        return Found(runs, warnings, f"{self.folder}/**/wandb")

    def with_curves(self, runs: list[Run], metrics: list[str]) -> list[Run]:
        """The files hold the curves, so they are there already.

        Args:
            runs: Any runs of a source.
            metrics: Names of metrics.
        """
        return runs


def run_files(folder: Path) -> Iterator[Path]:
    """The ``.wandb`` files below a folder; hidden folders and links are not entered.

    Args:
        folder: Where to look.
    """
    for name, folders, _ in os.walk(folder):
        path = Path(name)
        if path.name == "wandb":
            yield from (file for kind in ("offline-run-*", "run-*") for file in path.glob(f"{kind}/run-*.wandb"))
            folders.clear()
        else:
            folders[:] = [child for child in folders if not child.startswith(".")]


def _read(path: Path, cache: Cache, command: list[str]) -> Run | str:
    """A run, or why there is none."""
    try:
        digest = sha256(path)
        known = cache.get(digest, str(path))
        if known is not None:
            return known
        with reading(path, "the records of a W&B run", DamagedError):
            run = run_of_records(read_records(path, command), str(path))
    except (DamagedError, OSError) as error:
        return f"{path}: skipped: damaged or unreadable: {error}"
    cache.put(digest, run)
    return run
