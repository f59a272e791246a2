"""Writing a frame store so that a half-written one can never be read.

Everything goes into a hidden sibling folder; ``store.json`` is written last, then the folder takes the store's name.
A lock that dies with its process tells the folder of a killed run from that of a running one.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from s2m.data.store import HEADER, SCHEMA_VERSION, Array, Field, StoreError, describe_split, file_hash

_PARTIAL, _OLD, _LOCK = ".partial-", ".old", ".lock"
_BLOCK = 1 << 24


def clean_leftovers(path: str | Path) -> list[Path]:
    """Remove what killed runs left beside the store at ``path``; returns the removed folders.

    A store that was moved aside just before its run was killed is put back.

    Args:
        path: Folder of the store.
    """
    path = Path(path)
    old = path.with_name(f".{path.name}{_OLD}")
    removed = []
    for partial in sorted(path.parent.glob(f".{path.name}{_PARTIAL}*")):
        if not _locked(partial):
            shutil.rmtree(partial, ignore_errors=True)
            removed.append(partial)
    if old.exists():
        if path.exists():
            shutil.rmtree(old)
            removed.append(old)
        else:
            os.replace(old, path)
    return removed


class StoreWriter:
    """Context manager that writes one store.

    ``create`` lays out the arrays of a split (any process may fill them through :func:`open_for_writing`), ``commit``
    makes the store readable under its name. Leaving without a commit removes everything again.

    Args:
        path: Folder of the store.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.folder = Path()
        self._splits: dict[str, tuple[int, list[Field]]] = {}
        self._lock: FileLock | None = None

    def __enter__(self) -> StoreWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        clean_leftovers(self.path)
        prefix = f".{self.path.name}{_PARTIAL}"
        self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self.path.parent))
        self.folder.chmod(0o755)
        self._lock = FileLock(self.folder / _LOCK, blocking=False)
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create(self, split: str, rows: int, fields: list[Field]) -> None:
        """Lay out the arrays of a split, filled with zeros.

        Args:
            split: Name of the split.
            rows: Number of frames.
            fields: The arrays of a row.

        Raises:
            OSError: When the disk is too small.
        """
        self._splits[split] = (rows, fields)
        for field in fields:
            file = field.path(self.folder, split)
            file.parent.mkdir(parents=True, exist_ok=True)
            np.lib.format.open_memmap(file, mode="w+", dtype=np.dtype(field.dtype), shape=(rows, *field.shape))
            _reserve(file)

    def commit(self, header: dict[str, Any]) -> None:
        """Hash the arrays, write the header and give the folder the store's name, in place of an older store.

        Args:
            header: What the store says of itself, beside splits and hashes.
        """
        files = {f.path(Path(), split).as_posix(): f.path(self.folder, split)
                 for split, (_, fields) in self._splits.items() for f in fields}  # fmt: skip
        header = {
            "schema_version": SCHEMA_VERSION,
            **header,
            "splits": {split: describe_split(rows, fields) for split, (rows, fields) in self._splits.items()},
            "sha256": {relative: file_hash(file) for relative, file in files.items()},
        }
        for file in files.values():
            _sync(file)
        (self.folder / HEADER).write_text(json.dumps(header, indent=1) + "\n")
        _sync(self.folder / HEADER)
        (self.folder / _LOCK).unlink()
        self._replace()

    def _replace(self) -> None:
        old = self.path.with_name(f".{self.path.name}{_OLD}")
        if self.path.exists():
            os.replace(self.path, old)
        os.replace(self.folder, self.path)
        shutil.rmtree(old, ignore_errors=True)


def open_for_writing(folder: Path, split: str, field: Field) -> Array:
    """Map one array of a store that is being written.

    Args:
        folder: Folder that is being written.
        split: Name of the split.
        field: The array.
    """
    file = field.path(folder, split)
    try:
        array: Array = np.load(file, mmap_mode="r+", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise StoreError(f"{file}: cannot be written: {error}") from error
    return array


def _locked(partial: Path) -> bool:
    try:
        with FileLock(partial / _LOCK, blocking=False):
            return False
    except Timeout:
        return True


def _reserve(file: Path) -> None:
    """Claim the disk space now: writing to a map on a full disk would end the process without a message."""
    size = file.stat().st_size
    with file.open("r+b") as stream:
        if sys.platform == "linux":
            os.posix_fallocate(stream.fileno(), 0, size)
        else:  # macOS and Windows have no such call: write what is there once more, which is zeros
            for start in range(0, size, _BLOCK):
                block = stream.read(min(_BLOCK, size - start))
                stream.seek(start)
                stream.write(block)
                stream.flush()


def _sync(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
