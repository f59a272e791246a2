"""One training at a time in a folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from s2m.errors import UserError

NAME = ".lock"


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Keep other processes from writing to ``folder`` in the same way; a process that ends, however, lets go.

    The lock is the process's own (POSIX), so loader processes that outlive a killed training do not hold it.

    Args:
        folder: Folder that is written.

    Raises:
        UserError: Where another process does.
    """
    with (folder / NAME).open("a+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            raise UserError(
                f"{folder}: another training writes here (process {file.read() or 'unknown'}); expected to be alone; "
                "wait for it, or take another folder (make: RUN=name)"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
