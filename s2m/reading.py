"""Parsing files of users: whatever a parser stumbles over becomes one line that names the file.

Parsers raise nearly anything on a damaged file: zlib.error, struct.error, RecursionError, KeyError, ... Their calls,
and nothing else, stand in :func:`reading`, so that mistakes of this package are not taken for those of a file.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from s2m.errors import FormatError, UserError, one_line

# No recording of anybody gets this much smaller when it is packed; below the size it does no harm.
_BOMB, _HARMLESS = 300, 64 * 10**6


@contextlib.contextmanager
def reading(path: str | Path, expected: str, error: type[UserError] = FormatError) -> Iterator[None]:
    """Call a parser of a user's file.

    Args:
        path: The file, for the message.
        expected: What it should hold, in words.
        error: What is raised.

    Raises:
        UserError: Of the type ``error``, for anything that the parser raises; a UserError goes on as it is.

    Example:
        >>> import json
        >>> with reading("joints.json", "JSON"):
        ...     json.loads("[" * 100_000)
        Traceback (most recent call last):
        s2m.errors.FormatError: joints.json: expected JSON, found something nested too deeply
    """
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as cause:
        raise error(f"{path}: expected {expected}, found no such file") from cause
    except RecursionError as cause:
        raise error(f"{path}: expected {expected}, found something nested too deeply") from cause
    except MemoryError as cause:
        raise error(f"{path}: expected {expected}, found something too large for the memory") from cause
    except Exception as cause:
        text = one_line(cause, 300) or type(cause).__name__
        raise error(f"{path}: expected {expected}, found something else ({text})") from cause


def check_archive(path: str | Path) -> None:
    """Refuse a zip archive, such as an npz, that unpacks to far more than anybody would have packed into it.

    Args:
        path: The archive.

    Raises:
        ValueError: It is a bomb; or one of what :mod:`zipfile` raises for what is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.file_size > _HARMLESS and info.file_size > _BOMB * max(info.compress_size, 1):
                raise ValueError(f"{info.filename[:60]}: {info.file_size} bytes packed into {info.compress_size}")
