"""2D joints that are far from their body for a frame or two, and back: no limb is that long, whatever it does.

Detectors' errors have long tails, and a wrist that is taken for the other one, or for a chair, lies about where a body
may be: that stays. What is missing here is farther from where the joint was, and is again, than any body reaches.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from s2m.arrays import Column
from s2m.formats.clips import Block, FrameSource, blocks
from s2m.ik.gaps import frame_ranges
from s2m.missing import names_and_counts
from s2m.skeletons import JointSet

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Times the reach of the person, some 0.8 m: from frame to frame and back, genuine motion stays within 2.5 from all
# sides, and a detector's errors hardly leave 3 (`python -m studies.ik.strays`).
_FAR = 3.0
_LONGEST = 2  # frames
_MEMORY = 3  # frames: where a joint was, or is again
_MOST = 0.2  # share of the frames that may be bad
_FEWEST, _BEYOND = 6, 2  # joints that tell a reach; the farthest ones, which may be strays, do not
_SOMEBODY_ELSE = 1 / 3  # of the joints: more are no single joints
MARGIN = _LONGEST + _MEMORY


def stray_joints(points: Floats) -> Flags:
    """Which joints are strays.

    Args:
        points: (T, J, 2) any unit, consecutive frames, NaN where missing. The first and last ``MARGIN`` frames of a
            stretch are told as well as those of a whole clip are: what comes before and after is not known.

    Returns:
        (T, J) bool.
    """
    found: Flags = np.zeros(points.shape[:2], bool)
    places, reach = _relative(points)
    if not np.isfinite(reach).any():
        return found
    seen = np.isfinite(places).all(-1)
    before, after, usual = _nearest(places, 1), _nearest(places, -1), _around(reach)
    for length in range(1, min(_LONGEST, len(points)) + 1):
        count = len(points) - length + 1
        rows = np.arange(count)
        start, back = before[:count], after[length - 1 :]
        with np.errstate(invalid="ignore"):
            limit = _FAR * np.fmax(usual[:count], usual[length - 1 :])[:, None]
            away = np.linalg.norm(start - back, axis=-1) <= limit / 2
            for step in range(length):
                here = places[rows + step]
                away &= np.linalg.norm(here - start, axis=-1) > limit
                away &= np.linalg.norm(here - back, axis=-1) > limit
        for step in range(length):
            found[step : step + count] |= away
    found[found.sum(1) > _SOMEBODY_ELSE * seen.sum(1)] = False
    return found


def _relative(points: Floats) -> tuple[Floats, Floats]:
    """Joints from the middle of each frame's person, and how far that person reaches (T,), NaN where few are seen."""
    seen = np.isfinite(points).all(-1)
    told = seen.sum(1) >= _FEWEST
    places = np.full(points.shape, np.nan)
    if told.any():
        places[told] = points[told] - np.nanmedian(points[told], axis=1, keepdims=True)
    distance = np.sort(np.where(seen & told[:, None], np.linalg.norm(places, axis=-1), -1.0), axis=1)
    return places, np.where(told, distance[:, -1 - _BEYOND], np.nan)


def _nearest(places: Floats, step: int) -> Floats:
    """(T, J, 2) where a joint was last, ``step`` 1, or is next, -1; NaN where it is not seen for some frames."""
    found = np.full(places.shape, np.nan)
    for shift in range(_MEMORY, 0, -1):
        moved = np.full(places.shape, np.nan)
        if len(places) > shift:
            moved[shift:] = places[:-shift] if step > 0 else moved[shift:]
            moved[:-shift] = moved[:-shift] if step > 0 else places[shift:]
        found = np.where(np.isfinite(moved), moved, found)
    return found


def _around(reach: Floats) -> Floats:
    """(T,) the median of the frames around, so that strays of a frame do not tell it."""
    padded = np.pad(reach, _MEMORY, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _MEMORY + 1)
    some = np.isfinite(windows).any(1)
    found = np.full(len(reach), np.nan)
    if some.any():
        found[some] = np.nanmedian(windows[some], axis=1)
    return found


class WithoutStrays:
    """A clip of which strays are missing.

    Args:
        source: 2D joints of one video; read once to find them.
        joint_set: Their names.
    """

    def __init__(self, source: FrameSource, joint_set: JointSet) -> None:
        self._source, self._joint_set = source, joint_set
        self._counts, frames = np.zeros(len(joint_set), np.int64), Column(bool)
        for start, stop in blocks(source):
            strays = self._found(start, stop)
            self._counts += strays.sum(0)
            frames.append(np.asarray(strays.any(1)))
        self._frames: Flags = frames.array()
        self._few = bool(self._frames.sum() <= _MOST * len(self._frames))

    def __len__(self) -> int:
        return len(self._source)

    def read(self, start: int, stop: int) -> Block:
        """See :class:`s2m.formats.clips.FrameSource`.

        Args:
            start: The first frame.
            stop: One after the last.

        Returns:
            Points (N, J, 2), NaN where missing, and confidences (N, J).
        """
        points, confidence = self._source.read(start, stop)
        if self._few and self._frames[start:stop].any():
            strays = self._found(start, stop)
            points, confidence = points.copy(), confidence.copy()
            points[strays], confidence[strays] = np.nan, 0
        return points, confidence

    def _found(self, start: int, stop: int) -> Flags:
        first = max(0, start - MARGIN)
        points, _ = self._source.read(first, min(len(self), stop + MARGIN))
        return stray_joints(points)[start - first :][: stop - start]

    @property
    def messages(self) -> list[str]:
        """What was found, in words."""
        if not self._frames.any():
            return []
        names = names_and_counts(self._counts.tolist(), self._joint_set.joints, len(self))
        few, many = "taken as missing", "that is too often for bad frames, so they stay: is it another joint set?"
        where = frame_ranges(self._frames)
        return [f"joints far from their body in {where}: {names}; {few if self._few else many}"]
