"""Bodies that are elsewhere for a frame or two: jumps of the middle or the size of a person, back again soon after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s2m.formats.clips import blocks
from s2m.missing import every

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Flags = NDArray[np.bool_]

_FASTEST = 20.0  # metres per second, of a whole body
_NEAREST = 0.5  # metres: below, a jump is noise
_SEEN_IN_PARTS = 1.0  # the same where joints come and go, with which the middle of the others moves
_RESIZED = 0.6  # logarithm of how much larger or smaller somebody is from one frame to the next
_LONGEST = 5  # frames that are away; more are no bad frames
_MOST = 0.2  # share of the frames that may be bad
_CONTRAST = 8.0  # a jump is larger than the ordinary step by this factor
_TINY = 1e-6


@dataclass(frozen=True)
class Jumps:
    """Where a person is elsewhere.

    Attributes:
        frames: (T,) bool, frames in which the person is away, or of another size, and back soon after.
        farthest: Metres between such a frame and the one before.
        lasting: Frames at which the person jumps and stays.
        farthest_lasting: Metres of the largest of these jumps.
    """

    frames: Flags
    farthest: float = 0.0
    lasting: tuple[int, ...] = ()
    farthest_lasting: float = 0.0


class JumpFinder:
    """Follows the middle and the size of a person through a clip, block after block.

    Args:
        fps: Frames per second.
        count: Of the clip's frames.
    """

    def __init__(self, fps: float, count: int) -> None:
        self._fps, self._done = fps, 0
        # Of long clips all frames are kept: few bytes of each, relative to the first so that few are enough.
        self._places, self._sizes = np.full((count, 3), np.nan, np.float32), np.full(count, np.nan, np.float32)
        self._origin: Floats | None = None
        self._whole = True

    def look(self, points: Floats, sizes: Floats) -> None:
        """Take in the next frames.

        Args:
            points: (N, J, 3) metres, NaN where missing.
            sizes: (N,) how large the person is, in any unit; NaN where nothing tells.
        """
        found, part = middles(points), slice(self._done, self._done + len(points))
        seen = np.isfinite(found).all(1)
        if self._origin is None and seen.any():
            self._origin = found[seen][0]
        self._places[part] = found if self._origin is None else found - self._origin
        self._sizes[part] = np.log(np.maximum(sizes, _TINY))
        self._done += len(points)
        self._whole &= bool(np.isfinite(points).all())

    def found(self) -> Jumps:
        """What was found in all frames up to here."""
        away: Flags = np.zeros(len(self._places), bool)
        seen = np.flatnonzero(np.isfinite(self._places).all(1) & np.isfinite(self._sizes))
        if len(seen) < 3:
            return Jumps(away)
        track = _Track(seen, self._places, self._sizes, self._fps, self._whole)
        rows, lasting = track.away()
        if len(rows) + len(lasting) > _MOST * len(seen):
            return Jumps(away)
        away[seen[rows]] = True
        far = [float(track.steps[max(row - 1, 0)]) for row in rows]
        stays = [float(track.steps[row - 1]) for row in lasting]
        return Jumps(away, max(far, default=0.0), tuple(seen[lasting].tolist()), max(stays, default=0.0))


class _Track:
    """Frames in which a person was seen: their numbers (N,), and of all frames middles (T, 3) and logarithms of sizes
    (T,); a row is one of the former."""

    def __init__(self, frames: NDArray[np.int64], places: Singles, sizes: Singles, fps: float, whole: bool) -> None:
        self._frames, self._places, self._sizes = frames, places, sizes
        self.steps: Singles = np.empty(len(frames) - 1, np.float32)
        for start, stop in blocks(self.steps):
            near = places[frames[start : stop + 1]]
            self.steps[start:stop] = np.linalg.norm(np.diff(near, axis=0), axis=-1)
        size = float(np.exp(np.median(sizes[frames])))
        least = (_NEAREST if whole else _SEEN_IN_PARTS) * size
        self._least = max(least, _CONTRAST * float(np.median(self.steps)))
        self._speed = _FASTEST * size / fps

    def away(self) -> tuple[list[int], list[int]]:
        """Rows that are away, and rows at which a jump begins that stays."""
        breaks = self._breaks()
        rows: list[int] = []
        lasting: list[int] = []
        number = 0
        while number < len(breaks):
            row = breaks[number]
            back = next((b for b in breaks[number + 1 : number + 1 + _LONGEST] if self._continues(row - 1, b)), None)
            if back is not None and back - row <= _LONGEST:
                rows += range(row, back)
                number = breaks.index(back, number) + 1
                continue
            number += 1
            if row <= _LONGEST and row < len(self._frames) - row:  # the clip begins elsewhere
                rows += range(row)
            elif len(self._frames) - row <= _LONGEST and not lasting:  # or ends there
                rows += range(row, len(self._frames))
                break
            else:
                lasting.append(row)
        return sorted(set(rows)), lasting

    def _breaks(self) -> list[int]:
        """Rows that do not continue the row before."""
        found: list[int] = []
        for start, stop in blocks(self.steps):
            frames = self._frames[start : stop + 1]
            allowed = np.maximum(self._least, self._speed * np.diff(frames))
            resized = np.abs(np.diff(self._sizes[frames])) > _RESIZED
            found += (start + 1 + np.flatnonzero((self.steps[start:stop] > allowed) | resized)).tolist()
        return found

    def _continues(self, row: int, other: int) -> bool:
        """Whether a person can be at two rows."""
        first, second = self._frames[row], self._frames[other]
        gap = float(second - first)
        near = float(np.linalg.norm(self._places[second] - self._places[first])) <= max(self._least, self._speed * gap)
        return near and bool(abs(self._sizes[second] - self._sizes[first]) <= _RESIZED)


def middles(points: Floats) -> Floats:
    """Where people are: the mean of what was seen.

    Args:
        points: (T, J, 3), NaN where missing.

    Returns:
        (T, 3), NaN where nothing was seen.
    """
    finite = np.isfinite(points)
    if finite.all():
        return np.asarray(np.full(points.shape[1], 1 / points.shape[1]) @ points)
    seen = every(finite)
    count = seen.sum(1)
    total = np.where(seen[..., None], points, 0.0).sum(1)
    mean: Floats = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], np.nan)
    return mean
