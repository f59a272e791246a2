"""Clips of joints as a solver reads them: any frames at any time, masked, few of them in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from s2m.formats.tracks import Track
from s2m.missing import Origin, mask_with

Block = tuple[NDArray[np.float64], NDArray[np.float32]]

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
        root: See :func:`s2m.missing.mask_missing`.
    """

    def __init__(self, points: Any, confidence: Any | None = None, root: int | None = None) -> None:
        self._points, self._confidence = points, confidence
        origin = Origin(root)
        for start in range(0, len(points), ROWS):
            near = slice(start, start + ROWS)
            origin.look(points[near], None if confidence is None else confidence[near])
        self._origin = origin.found

    def __len__(self) -> int:
        return len(self._points)

    def read(self, start: int, stop: int) -> Block:
        """See :class:`FrameSource`."""
        sure = None if self._confidence is None else self._confidence[start:stop]
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
