"""Clips of joints as a solver reads them: any frames at any time, masked, few of them in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.formats.tracks import Track
from s2m.missing import Origin, mask_missing, mask_with

Block = tuple[NDArray[np.float64], NDArray[np.float32]]

LARGE = 1 << 26  # bytes of an .npy from which on it is read in pieces
ROWS = 4096  # frames in memory at a time


class FrameSource(Protocol):
    """Joints of a clip: ``len()`` frames, of which any stretch can be read."""

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Block:
        """Some frames.

        Args:
            start: The first frame.
            stop: One after the last.

        Returns:
            Points (N, K, D) float64, NaN where missing, and confidences (N, K) float32, 0 there.
        """
        ...


class ArrayFrames:
    """A clip in memory.

    Args:
        points: (T, K, D) in any unit.
        confidence: (T, K), or ``None``.
        least: Joints of less confidence are missing.
        root: See :func:`s2m.missing.mask_missing`.
    """

    def __init__(self, points: Any, confidence: Any | None = None, least: float = 0.0, root: int | None = None) -> None:
        self._points, self._confidence = points, confidence
        self._least = least
        origin = Origin(root)
        for start in range(0, len(points), ROWS):
            near = slice(start, start + ROWS)
            origin.look(points[near], None if confidence is None else above(confidence[near], least))
        self._origin = origin.found

    def __len__(self) -> int:
        return len(self._points)

    def read(self, start: int, stop: int) -> Block:
        """See :class:`FrameSource`."""
        sure = None if self._confidence is None else above(self._confidence[start:stop], self._least)
        return mask_with(self._points[start:stop], sure, self._origin)


class TrackFrames:
    """A clip that a reader gave, in which what was not seen is missing already.

    Args:
        track: The joints of one person.
    """

    def __init__(self, track: Track) -> None:
        self._track = track

    def __len__(self) -> int:
        return len(self._track.points)

    def read(self, start: int, stop: int) -> Block:
        """See :class:`FrameSource`."""
        return self._track.points[start:stop].astype(np.float64), self._track.confidence[start:stop].copy()


class NpyFrames:
    """A clip in an ``.npy`` file that is not loaded.

    Args:
        path: The file.
        count: Number of joints K.
        dims: 2 or 3 coordinates; one more column is a confidence.
        least: Joints of less confidence are missing.
        root: See :func:`s2m.missing.mask_missing`.

    Raises:
        UserError: The file has another shape, is cut short, or has confidences above 1.
    """

    def __init__(
        self, path: Path, count: int, dims: int, least: float = 0.0, root: int | None = None, rows: int = ROWS
    ) -> None:
        self._path, self._dims, self._least = path, dims, least
        shape, self._dtype, self._start = _header(path)
        self._width = shape[-1] if len(shape) == 3 else shape[-1] // count if shape[-1] % count == 0 else 0
        if len(shape) not in (2, 3) or (len(shape) == 3 and shape[1] != count) or self._width not in (dims, dims + 1):
            raise UserError(f"{path}: expected (frames, {count}, {dims}), found {shape}")
        self._rows, self._count = shape[0], count
        missing = self._start + self._rows * self._stride - path.stat().st_size
        if missing > 0:
            raise UserError(f"{path}: cannot be read: it is {missing} bytes short of its {shape} numbers")
        origin = Origin(root)
        for start in range(0, self._rows, rows):
            origin.look(*self._raw(start, min(self._rows, start + rows)))
        self._origin = origin.found

    def __len__(self) -> int:
        return self._rows

    @property
    def _stride(self) -> int:
        return self._count * self._width * self._dtype.itemsize

    def read(self, start: int, stop: int) -> Block:
        """See :class:`FrameSource`."""
        points, sure = self._raw(start, stop)
        return mask_with(points, sure, self._origin)

    def _raw(self, start: int, stop: int) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
        # Not a memory map: the pages of one that were touched stay in memory.
        count = (stop - start) * self._count * self._width
        flat = np.fromfile(self._path, self._dtype, count, offset=self._start + start * self._stride)
        rows = flat.reshape(stop - start, self._count, self._width).astype(np.float64)
        if self._width == self._dims:
            return rows, None
        sure = rows[..., self._dims].astype(np.float32)
        if (sure > 1).any():
            raise UserError(
                f"{self._path}: confidence (the last column): expected values in [0, 1], found {sure.max()}"
            )
        return rows[..., : self._dims], above(sure, self._least)


def is_large(path: Path) -> bool:
    """Whether a file is an ``.npy`` that :class:`NpyFrames` should read.

    Args:
        path: The file.

    Returns:
        False as well for what cannot be read; the ordinary reader then says why.
    """
    try:
        if path.suffix.lower() != ".npy" or path.stat().st_size < LARGE:
            return False
        shape, _, _ = _header(path)
    except (OSError, ValueError, UserError):
        return False
    return len(shape) in (2, 3)


def blocks(source: Sized, rows: int = ROWS) -> Iterator[tuple[int, int]]:
    """(first, one after the last) of the stretches that make up a clip.

    Args:
        source: The clip; its length alone counts.
        rows: Frames of a stretch at most.

    Yields:
        The stretches in order; none of an empty clip.
    """
    for start in range(0, len(source), rows):
        yield start, min(len(source), start + rows)


def above(confidence: Any, least: float) -> NDArray[np.float32]:
    """Confidences with 0 where they are below ``least``.

    Args:
        confidence: Numbers of any shape.
        least: The least confidence that stays.

    Returns:
        float32, of the same shape.
    """
    sure = np.asarray(confidence, np.float32)
    return np.where(sure < least, np.float32(0), sure)


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        if fortran or dtype.kind not in "fiu":
            raise UserError(f"{path}: expected numbers in C order")
        return shape, dtype, file.tell()


__all__ = ["ArrayFrames", "Block", "FrameSource", "NpyFrames", "blocks", "is_large", "mask_missing"]
