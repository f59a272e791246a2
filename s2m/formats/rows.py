"""Arrays that stay in their npy or npz file: rows are read when they are asked for."""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.files import WriteError
from s2m.formats.raw import Header, member, read_header, readable
from s2m.formats.spool import unnamed_file

_LOCAL = 30  # bytes of an entry's own header in a zip file, before its name and extra field
_LENGTHS = slice(26, 30)  # of which these say how long the two are
_BLOCK = 1 << 20  # bytes


class FileRows:
    """An array in a file.

    Args:
        stream: The file, or one that holds the array unpacked.
        start: Where its numbers begin, bytes.
        header: What it says of itself.
        path: The file, for messages.
    """

    def __init__(self, stream: IO[bytes], start: int, header: Header, path: Path) -> None:
        self._stream, self._start, self._header, self._path = stream, start, header, path

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole array."""
        return self._header.shape

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Rows from ``start`` to before ``stop``.

        Args:
            start: First row.
            stop: One after the last.

        Returns:
            (stop - start, ...) of the file's type.

        Raises:
            UserError: The file has changed meanwhile.
        """
        wide = math.prod(self.shape[1:])
        if not self._header.fortran:
            return self._numbers(start * wide, (stop - start) * wide).reshape(-1, *self.shape[1:])
        columns = [self._numbers(column * len(self) + start, stop - start) for column in range(wide)]
        return np.stack(columns, 1).reshape(-1, *self.shape[1:], order="F")

    def some(self, count: int) -> NDArray[Any]:
        """Rows that lie evenly over the array.

        Args:
            count: How many at the most.

        Returns:
            (N, ...) of them.
        """
        chosen = np.unique(np.linspace(0, len(self) - 1, min(len(self), count)).astype(np.int64)).tolist()
        return np.concatenate([self.read(row, row + 1) for row in chosen])

    def _numbers(self, first: int, count: int) -> NDArray[Any]:
        # Not a memory map: the pages of one that were touched stay in memory.
        size = self._header.dtype.itemsize
        self._stream.seek(self._start + first * size)
        content = self._stream.read(count * size)
        if len(content) != count * size:
            raise UserError(f"{self._path}: cannot be read: expected {count * size} bytes, found {len(content)}")
        return np.frombuffer(content, self._header.dtype)


def npy_header(path: Path) -> Header:
    """What an npy file says of its array.

    Args:
        path: The file.

    Raises:
        UserError: It cannot be read, or has less numbers than it says.
    """

    def read() -> Header:
        with path.open("rb") as stream:
            return read_header(stream, path.stat().st_size)

    return readable(path, read)


def npz_header(path: Path, field: str) -> Header:
    """What a field of an npz file says of its array.

    Args:
        path: The file.
        field: Its name, without ``.npy``.

    Raises:
        UserError: It cannot be read, or has less numbers than it says.
    """

    def read() -> Header:
        with zipfile.ZipFile(path) as archive:
            info = member(archive, f"{field}.npy")
            with archive.open(info) as stream:
                return read_header(stream, info.file_size)

    return readable(path, read)


@contextlib.contextmanager
def npy_rows(path: Path) -> Iterator[FileRows]:
    """The array of an npy file, for as long as the block lasts.

    Args:
        path: The file.

    Yields:
        Its rows.

    Raises:
        UserError: It cannot be read, or is cut short.
    """
    header = npy_header(path)
    with path.open("rb") as stream:
        read_header(stream, path.stat().st_size)
        start = stream.tell()
        missing = start + header.size - path.stat().st_size
        if missing > 0:
            raise UserError(f"{path}: cannot be read: it is {missing} bytes short of its {header.shape} numbers")
        yield FileRows(stream, start, header, path)


@contextlib.contextmanager
def npz_rows(path: Path, field: str, folder: Path) -> Iterator[FileRows]:
    """The array of a field of an npz file, for as long as the block lasts.

    What is not packed is read where it stands; what is packed is unpacked first, into a file without a name that is
    gone with the block.

    Args:
        path: The file.
        field: Its name, without ``.npy``.
        folder: Where that file is made.

    Yields:
        Its rows.

    Raises:
        UserError: It cannot be read, or is damaged.
        WriteError: There is no room to unpack it.
    """
    header = npz_header(path, field)
    with path.open("rb") as stored, unnamed_file(folder) as unpacked:
        packed = readable(path, lambda: _unpacked(path, field, unpacked))
        begins = 0 if packed is None else packed
        stream = unpacked if packed is None else stored
        stream.seek(begins)
        readable(path, lambda: read_header(stream, header.size))
        yield FileRows(stream, stream.tell(), header, path)


def _unpacked(path: Path, field: str, target: IO[bytes]) -> int | None:
    """Where an array begins that is not packed; ``None``, and its bytes in ``target``, for one that is."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{field}.npy")
        with archive.open(info) as stream:
            if info.compress_type != zipfile.ZIP_STORED:
                _copy(stream, target, path)
                return None
            while stream.read(_BLOCK):  # to the end, which checks the sum of its bytes
                pass
    with path.open("rb") as file:
        file.seek(info.header_offset)
        lengths = np.frombuffer(file.read(_LOCAL)[_LENGTHS], "<u2")
        return info.header_offset + _LOCAL + int(lengths.sum())


def _copy(stream: IO[bytes], target: IO[bytes], path: Path) -> None:
    while block := stream.read(_BLOCK):
        try:
            target.write(block)
        except OSError as error:
            raise WriteError(f"{path}: no room to unpack it beside the output: {error.strerror or error}") from error
    target.flush()
