"""Frames without a solution: short gaps are filled from both sides, long ones hold the nearest pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

LONGEST_FILL = 0.5  # seconds


@dataclass(frozen=True)
class Gaps:
    """The rows of missing frames of one rotation, or of the place.

    Attributes:
        start: (G,) first missing frame.
        stop: (G,) one after the last.
        total: Number of frames of the clip.
        limit: The longest gap, in frames, that is filled from both sides.
    """

    start: Ints
    stop: Ints
    total: int
    limit: int

    @property
    def empty(self) -> bool:
        """Whether there is nothing to fill, or nothing to fill it from."""
        return len(self.start) == 0 or (self.stop - self.start).sum() == self.total

    @property
    def filled(self) -> NDArray[np.bool_]:
        """(G,) whether a gap is short and has frames on both sides."""
        short: NDArray[np.bool_] = (self.stop - self.start <= self.limit) & (self.start > 0) & (self.stop < self.total)
        return short

    def around(self, frames: Ints) -> tuple[Ints, Ints, NDArray[np.float64]]:
        """From which two frames, in which mixture, missing frames are made.

        Args:
            frames: (N,) numbers of missing frames.

        Returns:
            Frames before and after, and the share of the latter: between 0 and 1 in short gaps; 0 or 1 in long ones
            and at the ends of the clip, whichever is nearer.
        """
        gap = np.searchsorted(self.start, frames, side="right") - 1
        before, after = self.start[gap] - 1, self.stop[gap]
        share = (frames - before) / (after - before)
        share = np.where(self.filled[gap], share, share > 0.5)
        share = np.where(before < 0, 1.0, np.where(after >= self.total, 0.0, share))
        return np.where(before < 0, after, before), np.where(after >= self.total, before, after), share


def gaps_of(good: NDArray[np.bool_], limit: int) -> Gaps:
    """The gaps of a clip.

    Args:
        good: (T,) bool.
        limit: The longest gap, in frames, that is filled from both sides.

    Returns:
        The gaps, in order.
    """
    edges = np.diff(np.concatenate([[False], ~good, [False]]).astype(np.int8))
    return Gaps(np.flatnonzero(edges > 0), np.flatnonzero(edges < 0), len(good), limit)


def fill_places(places: NDArray[np.float64], limit: int) -> None:
    """Fill missing places of a clip, in place.

    Args:
        places: (T, 3), NaN where missing.
        limit: See :class:`Gaps`.
    """
    missing: NDArray[np.bool_] = np.asarray(~np.isfinite(places).all(1))
    gaps = gaps_of(~missing, limit)
    if gaps.empty:
        return
    frames = np.flatnonzero(missing)
    before, after, share = gaps.around(frames)
    places[frames] = places[before] + (places[after] - places[before]) * share[:, None]


def held_frames(good: NDArray[np.bool_], limit: int) -> NDArray[np.bool_]:
    """(T,) bool: frames of gaps that are too long to be filled, or at the ends of the clip.

    Args:
        good: (T,) bool.
        limit: See :class:`Gaps`.
    """
    gaps = gaps_of(good, limit)
    held = np.zeros(len(good), bool)
    for start, stop in zip(gaps.start[~gaps.filled], gaps.stop[~gaps.filled], strict=True):
        held[start:stop] = True
    return held


def frame_ranges(frames: NDArray[np.bool_], shown: int = 6) -> str:
    """Numbers of frames in words.

    Args:
        frames: (T,) bool.
        shown: How many stretches are named at the most.

    Returns:
        For example ``5 of 38 frames (15-19)``.

    Example:
        >>> frame_ranges(np.array([True, True, False, True]))
        '3 of 4 frames (0-1, 3)'
    """
    gaps = gaps_of(~frames, 0)
    parts = [f"{a}-{b - 1}" if b - a > 1 else f"{a}" for a, b in zip(gaps.start, gaps.stop, strict=True)]
    more = f" and {len(parts) - shown} more stretches" if len(parts) > shown else ""
    return f"{int(frames.sum())} of {len(frames)} frames ({', '.join(parts[:shown])}{more})"
