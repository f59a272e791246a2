"""Where compiled code is kept: a folder that only its user can write, files that are what was compiled.

Loading a library runs it. So a file is loaded only when it and its folder belong to this user, nobody else can write
them, and its content is what was noted when it was compiled. Whatever else lies there is compiled anew.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from s2m.errors import UserError
from s2m.files import clean_leftovers, write_bytes, write_text

_SUFFIX = ".so"


class UnusableLibrary(RuntimeError):
    """What was compiled cannot be loaded; the message says why."""


def cached(key: str, compiled: Callable[[Path], Path]) -> ctypes.CDLL:
    """Load what was compiled before under this key, or compile it now.

    Where no folder can be trusted or written, the code is compiled into a temporary folder, which is removed.

    Args:
        key: Stands for all that the code depends on; part of a file's name.
        compiled: Compiles into the folder that it is given, and returns the library's file.

    Returns:
        The library.

    Raises:
        UnusableLibrary: It cannot be loaded, or there is no room for it.
        OSError: No temporary folder can be made.
    """
    folder = private_folder()
    kept = None if folder is None else folder / f"kernel_{key}{_SUFFIX}"
    if kept is not None and is_ours(kept):
        with contextlib.suppress(UnusableLibrary):
            return _loaded(kept)
    with tempfile.TemporaryDirectory(prefix="s2m-", ignore_cleanup_errors=True) as temporary:
        made = compiled(Path(temporary))
        if kept is not None:
            with contextlib.suppress(OSError, UserError, UnusableLibrary):  # a full disk, a folder that runs no code
                _keep(kept, made.read_bytes())
                return _loaded(kept)
        return _loaded(made)  # a loaded library needs its file no more


def private_folder() -> Path | None:
    """The folder of compiled code; None where it is, or could be, another's, or cannot be made."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        folder = Path(base).expanduser().absolute() / "s2m" / "kernels"
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
        if not (_only_ours(folder.parent, stat.S_ISDIR) and _only_ours(folder, stat.S_ISDIR)):
            return None
        clean_leftovers(folder)
    except (OSError, RuntimeError, ValueError):  # RuntimeError: there is no home folder
        return None
    return folder


def is_ours(library: Path) -> bool:
    """Whether a file is what was kept under its name, by this user.

    Args:
        library: The library; beside it lies its hash.
    """
    note = library.with_suffix(".sha256")
    try:
        if not (_only_ours(library, stat.S_ISREG) and _only_ours(note, stat.S_ISREG)):
            return False
        return hashlib.sha256(library.read_bytes()).hexdigest() == note.read_text().strip()
    except (OSError, ValueError):
        return False


def _keep(library: Path, content: bytes) -> None:
    for path in (library, library.with_suffix(".sha256")):  # a link would be followed, a file of another kept its mode
        path.unlink(missing_ok=True)
    write_bytes(library, content)
    library.chmod(0o700)
    write_text(library.with_suffix(".sha256"), hashlib.sha256(content).hexdigest() + "\n")
    library.with_suffix(".sha256").chmod(0o600)


def _loaded(library: Path) -> ctypes.CDLL:
    try:
        loaded = ctypes.CDLL(str(library))
        _ = loaded.run
    except (OSError, AttributeError) as error:
        raise UnusableLibrary(f"what was compiled cannot be loaded ({error})") from error
    return loaded


def _only_ours(path: Path, kind: Callable[[int], bool]) -> bool:
    """Whether a path, no link, is of a kind, belongs to this user and can be written by nobody else."""
    found = path.lstat()
    if os.name == "nt":
        return kind(found.st_mode)
    return kind(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
