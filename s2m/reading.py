"""Parsing files of users: whatever a parser stumbles over becomes one line that names the file.

Parsers raise nearly anything on a damaged file: zlib.error, struct.error, RecursionError, KeyError, ... Their calls,
and nothing else, stand in :func:`reading`, so that mistakes of this package are not taken for those of a file.
"""

from __future__ import annotations

import contextlib
import itertools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from s2m.errors import FormatError, UserError, one_line

# No recording of anybody gets this much smaller when it is packed; below the size it does no harm.
_BOMB, _HARMLESS = 100, 64 * 10**6
# Of settings and lists of names.
_LONGEST_YAML = 1 << 18
_MOST_VALUES, _DEEPEST = 20_000, 50


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


def read_yaml(path: str | Path, error: type[UserError] = FormatError) -> Any:
    """The content of a user's yaml file, small enough to be shown in a message.

    A few hundred bytes can stand for as many values as there are atoms, by anchors that name each other.

    Args:
        path: The file.
        error: What is raised.

    Returns:
        Dictionaries, lists, text and numbers.

    Raises:
        UserError: Of the type ``error``; the message names the file.
    """
    import yaml  # only users' own files need it

    with reading(path, "yaml", error):
        with Path(path).open("rb") as file:
            text = file.read(_LONGEST_YAML + 1)
        if len(text) > _LONGEST_YAML:
            raise error(f"{path}: expected at most {_LONGEST_YAML} bytes, found more")
        # Not the loader in C, which overflows the stack on deep files.
        content = yaml.load(text.decode("utf-8-sig"), yaml.SafeLoader)
    if not _is_small(content):
        raise error(f"{path}: expected at most {_MOST_VALUES} values, {_DEEPEST} levels deep, found more")
    return content


def _is_small(content: Any) -> bool:
    left, level = [content], 0
    seen = 0
    while left:
        seen, level = seen + len(left), level + 1
        if seen > _MOST_VALUES or level > _DEEPEST:
            return False
        inner = [node.values() if isinstance(node, dict) else node for node in left if isinstance(node, dict | list)]
        left = list(itertools.islice(itertools.chain.from_iterable(inner), _MOST_VALUES + 1))
    return True
