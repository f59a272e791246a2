"""Arrays of npz files whose headers and sizes are checked before anything is unpacked."""

from __future__ import annotations

import contextlib
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError, UserError
from s2m.formats.raw import Header

LARGEST_ARRAY = 1 << 29  # bytes
LARGEST_PICKLE = 1 << 31
# Measured motion and pictures' names shrink to a tenth; a file made to fill the memory shrinks to a thousandth.
_BLOCK = 1 << 20
_SUSPICIOUS, _LARGEST_RATIO = 1 << 26, 100
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    SyntaxError,
    tokenize.TokenError,  # of NumPy's reader of headers
    MemoryError,
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
)


class MissingArrayError(FormatError):
    """The file is an npz file without this array."""


@dataclass(frozen=True)
class Entry:
    """One array of an npz file, read up to the end of its header.

    Args:
        stream: What follows the header.
        shape: The array's shape.
        fortran: Whether its first index runs fastest.
        dtype: The type of its entries.
    """

    stream: IO[bytes]
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]


def array_names(path: Path) -> list[str]:
    """Names of the arrays in an npz file.

    Args:
        path: The npz file.

    Raises:
        FormatError: It is none.
    """
    with _readable(path), zipfile.ZipFile(path) as archive:
        return [entry.removesuffix(".npy") for entry in archive.namelist()]


@contextlib.contextmanager
def open_array(path: Path, name: str, largest: int = LARGEST_ARRAY) -> Iterator[Entry]:
    """Open one array; nothing but its header is read yet.

    Args:
        path: The npz file.
        name: Name of the array.
        largest: Bytes that are read at the most; of an array that is read in pieces there may be many.

    Yields:
        The array's header and what follows.

    Raises:
        MissingArrayError: There is no such array.
        FormatError: The file is damaged, or the array is larger than anything that is read.
    """
    with _readable(path, name), zipfile.ZipFile(path) as archive:
        try:
            info = archive.getinfo(f"{name}.npy")
        except KeyError:
            found = ", ".join(array_names(path)[:20]) or "nothing"
            raise MissingArrayError(f"{path}: {name}: missing; the file has {found}") from None
        with archive.open(info) as stream:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(stream)
            _require_size(path, name, info, Header(shape, fortran, dtype), largest)
            yield Entry(stream, shape, fortran, dtype)


def read_array(path: Path, name: str) -> NDArray[Any]:
    """One array of an npz file that holds no Python objects.

    Args:
        path: The npz file.
        name: Name of the array.

    Raises:
        MissingArrayError: There is no such array.
        FormatError: It is damaged, too large, or an array of objects.
    """
    with open_array(path, name) as entry:
        if entry.dtype.hasobject:
            raise FormatError(f"{path}: {name}: expected an array of numbers or text, found Python objects (a pickle)")
        return values_of(entry)


def values_of(entry: Entry) -> NDArray[Any]:
    """The values of an open array without objects.

    Args:
        entry: The open array.
    """
    size = math.prod(entry.shape) * entry.dtype.itemsize
    content, there = bytearray(size), 0
    while block := entry.stream.read(min(_BLOCK, size - there)):
        content[there : there + len(block)] = block
        there += len(block)
    if there < size:
        raise EOFError(f"{size} bytes announced, {there} there")
    return np.frombuffer(content, entry.dtype).reshape(entry.shape, order="F" if entry.fortran else "C")


def _require_size(path: Path, name: str, info: zipfile.ZipInfo, header: Header, largest: int) -> None:
    objects = header.dtype.hasobject
    size, largest = (info.file_size, LARGEST_PICKLE) if objects else (header.size, largest)
    if not 0 <= size <= largest or any(length < 0 for length in header.shape):
        found = f"{size >> 20} MB, shape {header.shape[:8]}"
        raise FormatError(f"{path}: {name}: expected at most {largest >> 20} MB, found {found}")
    if size > _SUSPICIOUS and size > _LARGEST_RATIO * max(info.compress_size, 1):
        found = f"{size >> 20} MB packed into {info.compress_size} bytes"
        raise FormatError(f"{path}: {name}: expected measured values, found {found}")


@contextlib.contextmanager
def _readable(path: Path, name: str = "") -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except _UNREADABLE as error:
        where = f"{path}: {name}" if name else f"{path}"
        raise FormatError(f"{where}: not a readable npz file ({type(error).__name__}: {str(error)[:200]})") from error
