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

# Names that Windows keeps for devices, with any suffix.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{name}{i}" for name in ("com", "lpt") for i in range(10))}
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]')
_LONGEST_PART = 120
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


def path_part(name: object, where: str) -> str:
    """Check that a name which a file gives can be one part of a path, on every system, and leads nowhere else.

    Every reader sends the names that it takes out of a file's content through here, before they become part of a path
    or of a recording's name.

    Args:
        name: What the file says.
        where: File and field, for the message.

    Returns:
        The name as it is.

    Raises:
        UserError: No text, or empty, ".", "..", with a separator, a drive, a control character or another that Windows
            forbids, with a space or dot at its ends, a device's name, or longer than 120 bytes.

    Example:
        >>> path_part("Walking 1", "poses.npz: positions_3d")
        'Walking 1'
    """
    fine = (
        isinstance(name, str)
        and name == name.strip(" .")
        and not _FORBIDDEN.search(name)
        and 0 < len(name.encode()) <= _LONGEST_PART
        and name.partition(".")[0].rstrip().lower() not in _DEVICES
    )
    if not fine:
        shown = repr(name) if isinstance(name, str) else type(name).__name__
        found = shown if len(shown) <= _NAME_LENGTH else f"{shown[:_NAME_LENGTH]}..."
        raise UserError(f"{where}: expected a name without slashes that can be a file's, found {found}")
    return str(name)


def hidden_name(*parts: str) -> str:
    """A file's name that stands for any texts, for files that nobody looks at.

    Names that differ in their case alone stay apart on every file system.

    Args:
        parts: The texts.

    Returns:
        24 hexadecimal digits.
    """
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]


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


def intact(folder: Path, record: Mapping[str, Any]) -> Path:
    """A file that belongs to the package, as it was shipped.

    Args:
        folder: Where it lies.
        record: What is known of it: ``file``, its name, and its ``sha256``.

    Returns:
        Its path.

    Raises:
        UserError: It is missing, or is not the one that was shipped.
    """
    path: Path = folder / record["file"]
    if not path.is_file():
        raise UserError(f"{path}: this file belongs to the package and is missing; install the package again")
    if (found := sha256(path)) != record["sha256"]:
        raise UserError(
            f"{path}: damaged: expected sha256 {record['sha256'][:16]}..., found {found[:16]}...; "
            "install the package again"
        )
    return path


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
