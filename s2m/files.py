"""Files that appear whole or not at all, and their hashes.

Everything the suite writes goes through :func:`replacing`: into a temporary file beside the target, which takes the
target's name when it is complete. A crash, a full disk or Ctrl-C leaves what stood there before.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import secrets
import stat
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from platform import node
from typing import Any

from s2m.errors import UserError

_NAME_LENGTH = 40  # characters of the target's name in the temporary one, which file systems limit to 255 bytes
_FOREIGN_AGE = 24 * 3600.0  # seconds after which the temporary file of a process we cannot ask about is given up
_LEFTOVER = re.compile(r"\..+\.(?P<host>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}\.partial")


class WriteError(UserError, OSError):
    """A file cannot be written; the message names it and says why. What stood there before is unchanged."""


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write a file so that it is complete or as it was before.

    The temporary file is flushed to the disk before it takes the target's name, and removed when the block raises. Its
    name ends in ``.partial``, so that no search for files of a kind finds it: tell writers that go by the suffix which
    format they write. Where the target is a link, the file that it points to is replaced; the permissions are those of
    the old file, or those any new file gets.

    Args:
        path: The file to write. Its folder has to exist.

    Yields:
        The temporary file, empty, in the same folder.

    Raises:
        WriteError: The folder is missing or cannot be written, the disk is full, or ``path`` is no regular file.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "poses.txt"
        >>> with replacing(target) as temporary:
        ...     _ = temporary.write_text("complete")
        >>> target.read_text()
        'complete'
    """
    path = Path(path)
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise WriteError(f"{path}: expected a file to write, found a {'folder' if target.is_dir() else 'device'}")
    temporary = _temporary(target)
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        _sync(temporary)
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)
    except OSError as error:
        _remove(temporary)
        if isinstance(error, UserError) or not _ours(error, temporary, target):
            raise
        raise WriteError(
            f"{path}: expected a place that can be written, found: {error.strerror or error}; what was there before "
            "is unchanged"
        ) from error
    except BaseException:
        _remove(temporary)
        raise


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write bytes whole or not at all.

    Args:
        path: The file to write.
        content: What it is to hold.

    Raises:
        WriteError: See :func:`replacing`.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write text whole or not at all: UTF-8, line ends as they are, on every system.

    Args:
        path: The file to write.
        text: What it is to hold.

    Raises:
        WriteError: See :func:`replacing`.
    """
    write_bytes(path, text.encode("utf-8"))


def write_npz(path: str | Path, arrays: Mapping[str, Any], *, compressed: bool = True) -> None:
    """Write NumPy arrays as an npz without pickles, whole or not at all.

    Args:
        path: The file to write, under exactly this name.
        arrays: The arrays by field name.
        compressed: Whether to compress them.

    Raises:
        WriteError: See :func:`replacing`.
        ValueError: An array holds Python objects.
    """
    import numpy as np

    write = np.savez_compressed if compressed else np.savez
    with replacing(path) as temporary, temporary.open("wb") as file:
        write(file, allow_pickle=False, **arrays)


def write_png(path: str | Path, picture: Any) -> None:
    """Write a picture as PNG, whole or not at all.

    Args:
        path: The file to write.
        picture: (H, W, 3) uint8.

    Raises:
        WriteError: See :func:`replacing`.
    """
    from PIL import Image

    with replacing(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG", optimize=True)


def write_torch(path: str | Path, content: object) -> None:
    """Write what ``torch.save`` can write, whole or not at all.

    Args:
        path: The file to write.
        content: Tensors, and containers of them.

    Raises:
        WriteError: See :func:`replacing`.
    """
    import torch

    # Through memory: torch's own writer reports a full disk as a RuntimeError without the reason.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(buffer.getbuffer())


def clean_leftovers(folder: str | Path) -> list[Path]:
    """Remove the temporary files that killed processes left in a folder (not in folders below it).

    Files of processes that still run stay. Of a process of another machine, or on Windows, that cannot be asked: there
    files stay for a day.

    Args:
        folder: Where to look; it may be missing.

    Returns:
        The files that were removed.
    """
    removed = []
    with contextlib.suppress(OSError):
        for path in sorted(Path(folder).iterdir()):
            match = _LEFTOVER.fullmatch(path.name)
            if match and _abandoned(path, match["host"], int(match["process"])) and _remove(path):
                removed.append(path)
    return removed


def sha256(path: str | Path) -> str:
    """Hash a file.

    Args:
        path: The file to read.

    Returns:
        SHA-256 of its content, 64 hexadecimal digits.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _temporary(target: Path) -> Path:
    owner = f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
    return target.with_name(f".{target.name[:_NAME_LENGTH]}.{owner}.partial")


def _host() -> str:
    return f"{zlib.crc32(node().encode()):08x}"


def _sync(path: Path) -> None:
    with path.open("r+b") as file:  # Windows syncs only what is open for writing
        os.fsync(file.fileno())


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _ours(error: OSError, temporary: Path, target: Path) -> bool:
    """Whether an error is about the file being written: others, of files that were read meanwhile, name their own."""
    return error.filename is None or Path(os.fsdecode(error.filename)) in (temporary, target)


def _abandoned(path: Path, host: str, process: int) -> bool:
    if host != _host() or os.name == "nt":
        return time.time() - path.stat().st_mtime > _FOREIGN_AGE
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
