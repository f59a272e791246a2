"""Runs that were read before, by the hash of their file."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict, fields
from pathlib import Path

from s2m.compare.runs import Run, whole_number
from s2m.files import clean_leftovers, write_text

# Raise it when what is read from a file changes.
_VERSION = 2
_FIELDS = {field.name for field in fields(Run)}
_TEXTS = ("identifier", "name", "stage", "state", "started")


class Cache:
    """A folder of JSON files. It never fails: what cannot be read or written is as if it were not there.

    Args:
        folder: Made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._used: set[Path] = set()

    def path(self, digest: str) -> Path:
        """The entry of a file with this SHA-256.

        Args:
            digest: The file's SHA-256, in hexadecimal.
        """
        return self.folder / f"{digest}.{_VERSION}.json"

    def get(self, digest: str, source: str) -> Run | None:
        """The run that was read from an equal file, or None.

        Args:
            digest: The file's SHA-256, in hexadecimal.
            source: The file, as the run's source.
        """
        path = self.path(digest)
        self._used.add(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"), parse_int=whole_number)
            values = content["run"]
            if content["sha256"] != _mark(values):  # changed since it was written
                return None
            if set(values) != _FIELDS:
                return None
            values["curves"] = {name: [(float(x), float(y)) for x, y in c] for name, c in values["curves"].items()}
            values["summary"] = {name: float(value) for name, value in values["summary"].items()}
            values["config"] = dict(values["config"])
            if not all(isinstance(values[name], str) for name in _TEXTS):
                return None
            return Run(**{**values, "source": source})
        except (OSError, ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError):
            return None

    def put(self, digest: str, run: Run) -> None:
        """Keep a run.

        Args:
            digest: SHA-256 of the file it was read from.
            run: One stage of one run.
        """
        path = self.path(digest)
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            values = asdict(run)
            write_text(path, json.dumps({"sha256": _mark(values), "run": values}))

    def prune(self) -> None:
        """Delete the entries that were not asked for: their files are gone or have changed."""
        clean_leftovers(self.folder)
        with contextlib.suppress(OSError):
            for path in self.folder.glob("*.json"):
                if path not in self._used:
                    path.unlink(missing_ok=True)


def _mark(values: object) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
