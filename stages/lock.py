"""One training at a time in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from s2m.errors import UserError

NAME = ".lock"


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Keep other processes from writing to ``folder`` in the same way; a process that ends, however, lets go.

    Loader processes that outlive a killed training do not hold the lock: filelock takes it from forked children.

    Args:
        folder: where the lock file lies, which stays; while it is held, it names the process.

    Raises:
        UserError: another process holds the lock.
    """
    lock = FileLock(folder / NAME, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"{folder}: another training writes here (process {_owner(folder)}); expected to be alone; "
            "wait for it, or take another folder (make: RUN=name)"
        ) from None
    try:
        with suppress(OSError):  # Windows lets nobody write to, or read, a file that is locked
            (folder / NAME).write_text(str(os.getpid()))
        yield
    finally:
        lock.release()


def _owner(folder: Path) -> str:
    with suppress(OSError):
        return (folder / NAME).read_text() or "unknown"
    return "unknown"
