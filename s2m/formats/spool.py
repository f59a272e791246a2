"""Arrays that are longer than the memory: rows go to the disk as they come, and from there into an npz."""

from __future__ import annotations

import contextlib
import math
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from s2m.files import WriteError, replacing

_BLOCK = 1 << 20  # bytes


def unnamed_file(folder: str | Path) -> IO[bytes]:
    """A new file without a name, which is gone with the process.

    Args:
        folder: Where it takes room.

    Returns:
        The file, open for reading and writing.

    Raises:
        WriteError: The folder cannot be written.
    """
    try:
        return tempfile.TemporaryFile(dir=folder)  # type: ignore[return-value] # on Windows a wrapper
    except OSError as error:
        raise WriteError(
            f"{folder}: expected a folder that can be written, found: {error.strerror or error}"
        ) from error


class Spool:
    """Rows of an array on the disk, in a file without a name that is gone with the process.

    Args:
        folder: Where the file is made: beside what is written in the end, so that a full disk is told early.

    Raises:
        WriteError: The folder cannot be written.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._file = unnamed_file(folder)
        self._shape: tuple[int, ...] = ()
        self._dtype = np.dtype(np.float32)
        self._rows, self._size = 0, self._dtype.itemsize  # of them; bytes of each

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._rows

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return self._dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole array."""
        return (self._rows, *self._shape)

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows.

        Args:
            rows: (N, ...) of the shape and type of those before.

        Raises:
            WriteError: The disk is full.
            ValueError: Rows of another shape or type.
        """
        if not self._rows:
            self._shape, self._dtype = rows.shape[1:], rows.dtype
            self._size = math.prod(self._shape) * self._dtype.itemsize
        if rows.shape[1:] != self._shape or rows.dtype != self._dtype:
            raise ValueError(f"rows: expected {self._shape} {self._dtype}, found {rows.shape[1:]} {rows.dtype}")
        with self._writing():
            self._file.seek(0, 2)
            self._file.write(np.ascontiguousarray(rows).data)
        self._rows += len(rows)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Rows from ``start`` to before ``stop``.

        Args:
            start: First row.
            stop: One after the last.

        Returns:
            (stop - start, ...) a new array.

        Raises:
            WriteError: The disk is full.
        """
        with self._writing():  # what was added last
            self._file.seek(start * self._size)
        content = self._file.read(max(0, stop - start) * self._size)
        return np.frombuffer(bytearray(content), self._dtype).reshape(-1, *self._shape)

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Some rows, in any order.

        Args:
            rows: (N,) their numbers.

        Returns:
            (N, ...) a new array.

        Raises:
            WriteError: The disk is full.
        """
        content = bytearray()
        with self._writing():
            for row in rows.tolist():
                self._file.seek(row * self._size)
                content += self._file.read(self._size)
        return np.frombuffer(content, self._dtype).reshape(-1, *self._shape)

    def close(self) -> None:
        """Give the disk space back."""
        # Whatever a full disk does not take any more is not wanted.
        with contextlib.suppress(OSError):
            self._file.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WriteError(f"{self._folder}: cannot be written: {error.strerror or error}") from error


def write_npz_of(path: str | Path, fields: Mapping[str, Spool | NDArray[Any]], *, compressed: bool) -> None:
    """Write arrays, those on the disk as well, as an npz: whole or not at all, in little memory.

    Args:
        path: The file to write.
        fields: Name -> array.
        compressed: Whether to compress them.

    Raises:
        WriteError: It cannot be written; what was there before is unchanged.
    """
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", kind, allowZip64=True) as archive:
        for name, array in fields.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                if not isinstance(array, Spool):
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
                    continue
                header = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
                np.lib.format.write_array_header_1_0(member, header)
                rows = max(1, _BLOCK // max(1, array.read(0, 1).nbytes))
                for start in range(0, len(array), rows):
                    member.write(array.read(start, min(len(array), start + rows)).data)
