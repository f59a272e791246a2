"""Writing a frame store so that a half-written one can never be read.

Everything goes into a hidden sibling folder; ``store.json`` is written last, then the folder takes the store's name.
One process writes a store at a time: a lock beside it, which dies with its process, tells a running writer from a
killed one, whose folder is removed.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
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

    A store that was moved aside just before its run was killed is put back. While another process writes the store,
    nothing is touched.

    Args:
        path: Folder of the store.
    """
    path = Path(path)
    if not path.parent.is_dir():
        return []
    try:
        with _store_lock(path):
            return _clean(path)
    except StoreError:
        return []


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
        self._held = contextlib.ExitStack()

    def __enter__(self) -> StoreWriter:
        """Take the lock and make the hidden folder.

        Raises:
            StoreError: Another process writes the store, or the folder cannot be made.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be written: {error.strerror or error}") from error
        with contextlib.ExitStack() as held:
            held.enter_context(_store_lock(self.path))
            _clean(self.path)
            prefix = f".{self.path.name}{_PARTIAL}"
            self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self.path.parent))
            held.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.folder.chmod(0o755)
            self._held = held.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

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


@contextlib.contextmanager
def _store_lock(path: Path) -> Iterator[None]:
    """Be the only process that writes a store, or raise StoreError. The lock's file goes when it is let go."""
    file = path.with_name(f".{path.name}{_LOCK}")
    lock = FileLock(file, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise StoreError(f"{path}: another process is writing this store") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        # While it is held: who waits for the old file sees that it has no name any more, and takes a new one.
        with contextlib.suppress(OSError):
            file.unlink()
        lock.release()


def _clean(path: Path) -> list[Path]:
    """The caller holds the lock."""
    old = path.with_name(f".{path.name}{_OLD}")
    removed = sorted(path.parent.glob(f".{glob.escape(path.name)}{_PARTIAL}*"))
    for partial in removed:
        shutil.rmtree(partial, ignore_errors=True)
    if old.exists():
        if path.exists():
            shutil.rmtree(old)
            removed.append(old)
        else:
            os.replace(old, path)
    return removed


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
