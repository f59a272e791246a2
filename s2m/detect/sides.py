"""Left and right over time: where a network takes one for the other in some frames, the frames before know better.

A person seen from the side, from behind or without a face to go by looks much the same both ways round, and a network
that looks at one frame at a time changes its mind. Between two frames of a video nobody swaps arms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from s2m.arrays import short_repr
from s2m.detect.landmarks import Landmarks
from s2m.skeletons import BLAZEPOSE33

_PARTS = ("hip", "knee", "ankle", "heel", "toe")
_LOWER = np.isin(
    np.arange(len(BLAZEPOSE33)), BLAZEPOSE33.indices(f"{s}_{p}" for s in ("left", "right") for p in _PARTS)
)
_HALVES = (~_LOWER, _LOWER)
_MIRROR = np.array(BLAZEPOSE33.mirror)
_CLEARLY = 0.5  # nearer by this factor the other way round
_MOST = 30  # frames that a habit is worth
# Share of the person's square by which the joints of a half move at the most between two frames, on average. Between
# two minds the network puts left and right into the middle: nothing to compare the next frame with.
_FURTHEST = 0.07
_LONGEST = 5  # frames for which an earlier one stays the one to compare with


@dataclass(frozen=True, eq=False)
class Sides:
    """What is believed of a person's left and right: for the upper and the lower half of the body.

    Attributes:
        joints2d: (33, 2) pixels, of the last frame that went on from the one before.
        votes: By how many frames the network has spoken for what is believed.
        age: Frames since that of ``joints2d``.
    """

    joints2d: NDArray[np.float64]
    votes: tuple[int, ...] = (1,) * len(_HALVES)
    age: tuple[int, ...] = (0,) * len(_HALVES)

    __repr__ = short_repr

    def next(self, found: Landmarks) -> tuple[Landmarks, Sides]:
        """Swap left and right where that goes on from before; not for ever against what the network says.

        Args:
            found: Landmarks of the next frame.

        Returns:
            The landmarks, and what is believed after them.
        """
        order, joints2d = np.arange(len(_MIRROR)), self.joints2d.copy()
        votes, age = list(self.votes), list(self.age)
        for i, half in enumerate(_HALVES):
            as_it_is = self._moved(found.joints2d, half)
            swapped = self._moved(found.joints2d[_MIRROR], half)
            against = swapped < _CLEARLY * as_it_is
            votes[i] = votes[i] - 1 if against else min(votes[i] + 1, _MOST)
            if against and votes[i] > 0:
                order[half] = _MIRROR[half]
            goes_on = min(as_it_is, swapped) < _FURTHEST * found.following.side
            age[i] = 0 if goes_on or votes[i] <= 0 or age[i] >= _LONGEST else age[i] + 1
            if age[i] == 0:
                joints2d[half] = found.joints2d[order][half]
        return _reordered(found, order), Sides(joints2d, tuple(max(count, 1) for count in votes), tuple(age))

    def distance(self, found: Landmarks) -> float:
        """How far a frame is from what went before, either way round.

        Args:
            found: Its landmarks.

        Returns:
            Of the half that moved most, as a share of what goes on; beyond 1 the frame is doubtful.
        """
        ways = ((self._moved(found.joints2d, half), self._moved(found.joints2d[_MIRROR], half)) for half in _HALVES)
        return max(min(way) for way in ways) / (_FURTHEST * found.following.side)

    def _moved(self, joints2d: NDArray[np.float64], half: NDArray[np.bool_]) -> float:
        return float(np.linalg.norm(joints2d[half] - self.joints2d[half], axis=-1).mean())


def _reordered(found: Landmarks, order: NDArray[np.int64]) -> Landmarks:
    return replace(
        found,
        joints2d=found.joints2d[order],
        in_mask=found.in_mask[order],
        visibility=found.visibility[order],
        joints3d=found.joints3d[order],
    )
