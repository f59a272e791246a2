"""Left and right that are exchanged for a few frames: found from frame to frame, undone where the neighbours agree.

A detector that loses a person from view may come back with the labels of left and right swapped, of all limbs or of
the arms or the legs alone. Nobody turns round between two frames: where the exchanged labels continue the frame before
far better than the labels as they are, they were exchanged. In pictures legs do change places, as they walk past each
other: there the exchanged labels have to continue the motion before as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s2m.arrays import Column
from s2m.skeletons import JointSet

_ARMS = ("shoulder", "elbow", "wrist")
_LEGS = ("hip", "knee", "ankle")
_CONTRAST = 0.5  # exchanged, the joints continue the frame before by this factor better
_WIDTH = 0.5  # of the distance between left and right: jumps below are noise
_MEMORY = 0.5  # seconds for which the last seen frame is worth comparing with
_LONGEST = 1.0  # seconds of exchange that are undone
_MAJORITY = 2.0  # what is right lasts longer than what is exchanged, by this factor

_SAME, _TURNED, _LOST = 0, 1, 2

Flags = NDArray[np.int8]


@dataclass(frozen=True)
class Swaps:
    """Where left and right are exchanged.

    Attributes:
        groups: (T, G) bool, whether the joints of a group are to be taken from their mirror partners.
        members: (G, J) bool, which joints a group has.
        doubtful: Numbers of the frames at which labels are exchanged and no side of the clip is clearly right.
    """

    groups: NDArray[np.bool_]
    members: NDArray[np.bool_]
    doubtful: tuple[int, ...]

    @property
    def frames(self) -> NDArray[np.bool_]:
        """(T,) bool, frames in which something is undone."""
        found: NDArray[np.bool_] = np.asarray(self.groups.any(1))
        return found

    def undone(self, frames: slice | NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which joints to take from their mirror partner; of some frames alone, since a clip may be long.

        Args:
            frames: Which frames.

        Returns:
            (N, J) bool.
        """
        found: NDArray[np.bool_] = np.asarray((self.groups[frames][..., None] & self.members).any(1))
        return found


class SwapFinder:
    """Compares every frame of a clip with the last one that was seen, block after block.

    Args:
        joint_set: Names of the joints.
        fps: Frames per second.
        dims: Number of coordinates.
    """

    def __init__(self, joint_set: JointSet, fps: float, dims: int = 3) -> None:
        self._joints = len(joint_set)
        self._groups = [group for names in (_ARMS, _LEGS) if (group := _pairs(joint_set, names))]
        self._members = [_side_members(joint_set, names) for names in (_ARMS, _LEGS) if _pairs(joint_set, names)]
        self._fps = fps
        self._flat = dims == 2
        self._last = [_Past() for _ in self._groups]
        self._flags = [Column(np.int8) for _ in self._groups]
        self._count = 0

    def look(self, points: NDArray[np.float64]) -> None:
        """Take in the next frames.

        Args:
            points: (N, J, D) any unit, NaN where missing.
        """
        for group, pairs in enumerate(self._groups):
            self._flags[group].append(self._compare(group, points[:, pairs]))
        self._count += len(points)

    def found(self) -> Swaps:
        """What was found in all frames up to here.

        Returns:
            The frames and joints that are exchanged.
        """
        groups = np.zeros((self._count, len(self._groups)), bool)
        members = np.zeros((len(self._groups), self._joints), bool)
        doubtful: list[int] = []
        for number, (flags, joints) in enumerate(zip(self._flags, self._members, strict=True)):
            frames, unsure = _decide(flags.array(), self._fps)
            groups[frames, number], members[number, joints] = True, True
            doubtful += unsure
        return Swaps(groups, members, tuple(sorted(set(doubtful))))

    def _compare(self, group: int, sides: NDArray[np.float64]) -> Flags:
        """sides: (N, P, 2, D), pairs of left and right joints."""
        flags = np.zeros(len(sides), np.int8)
        seen = np.flatnonzero(np.isfinite(sides).all((2, 3)).sum(1) >= 2)
        if not len(seen):
            return flags
        here, frames = sides[seen], seen + self._count
        past = self._last[group]
        sides, times = past.before(here, frames)
        turned = may_be = _turned(sides[1:-1], here)
        if self._flat:
            # A frame that may be exchanged continues the one before it as its mirror image.
            mirrored = np.concatenate([[past.turned], may_be[:-1]])
            turned = may_be & _against_the_motion(sides, times, mirrored)
        flags[seen] = turned * _TURNED
        flags[seen[np.diff(times[1:]) > max(1.0, _MEMORY * self._fps)]] = _LOST
        if not past.frames:
            flags[seen[0]] = _LOST
        past.keep(sides, times, bool(may_be[-1]))
        return flags


class _Past:
    """The last two frames that were seen, of a group of joints."""

    def __init__(self) -> None:
        self.sides: NDArray[np.float64] | None = None
        self.frames: list[int] = []
        self.turned = False

    def before(
        self, here: NDArray[np.float64], frames: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Two frames of the past, and ``here``; where there are none, the first of ``here`` again."""
        if self.sides is None:
            return np.concatenate([here[:1], here[:1], here]), np.concatenate([frames[:1], frames[:1], frames])
        return np.concatenate([self.sides, here]), np.concatenate([self.frames, frames])

    def keep(self, sides: NDArray[np.float64], frames: NDArray[np.int64], turned: bool) -> None:
        self.sides, self.frames, self.turned = sides[-2:].copy(), frames[-2:].tolist(), turned


def undo(
    points: NDArray[np.float64], confidence: NDArray[np.float32], joint_set: JointSet, which: NDArray[np.bool_]
) -> None:
    """Exchange joints with their mirror partners, in place.

    Args:
        points: (N, J, D).
        confidence: (N, J).
        joint_set: Names of the joints.
        which: (N, J) bool, joints that are taken from their partner.
    """
    if not which.any():
        return
    mirror = list(joint_set.mirror)
    points[:] = np.where(which[..., None], points[:, mirror], points)
    confidence[:] = np.where(which, confidence[:, mirror], confidence)


def _turned(before: NDArray[np.float64], here: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) whether the labels continue better when they are exchanged; (N, P, 2, D) each."""
    both: NDArray[np.bool_] = np.asarray(np.isfinite(before).all((2, 3)) & np.isfinite(here).all((2, 3)))
    count = both.sum(1)
    weight = both[..., None, None] / np.maximum(count, 1)[:, None, None, None]
    first, second = (np.nan_to_num(sides) for sides in (before, here))
    first = first - (first * weight).sum((1, 2), keepdims=True) / 2
    second = second - (second * weight).sum((1, 2), keepdims=True) / 2
    distance = [
        (np.linalg.norm(second[:, :, order] - first, axis=-1).sum(2) * weight[..., 0, 0]).sum(1)
        for order in ([0, 1], [1, 0])
    ]
    width = (np.linalg.norm(first[:, :, 0] - first[:, :, 1], axis=-1) * weight[..., 0, 0]).sum(1)
    turned: NDArray[np.bool_] = (
        (count >= 2) & (distance[1] < _CONTRAST * distance[0]) & (distance[0] > 2 * _WIDTH * width)
    )
    return turned


def _against_the_motion(
    sides: NDArray[np.float64], times: NDArray[np.int64], mirrored: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(N,) whether exchanged labels continue the motion of the two frames before better, too; (N + 2, P, 2, D)."""
    first, before, here = sides[:-2], sides[1:-1], sides[2:]
    first = np.where(mirrored[:, None, None, None], first[:, :, ::-1], first)
    steps = (np.diff(times[1:]) / np.maximum(np.diff(times[:-1]), 1))[:, None, None, None]
    expected = before + np.nan_to_num(before - first) * steps
    distance = [np.nansum(np.linalg.norm(here[:, :, order] - expected, axis=-1), (1, 2)) for order in ([0, 1], [1, 0])]
    better: NDArray[np.bool_] = distance[1] < _CONTRAST * distance[0]
    return better


def _decide(flags: Flags, fps: float) -> tuple[NDArray[np.int64], list[int]]:
    """Frames to exchange, and frames at which an exchange begins that cannot be told from its opposite."""
    exchange: list[NDArray[np.int64]] = []
    doubtful: list[int] = []
    starts = np.flatnonzero(flags == _LOST)
    stops = [*starts[1:], len(flags)] if len(starts) else []  # a clip in which nobody is seen has no run
    for start, stop in zip(starts, stops, strict=True):
        turns = start + np.flatnonzero(flags[start:stop] == _TURNED)
        if not len(turns):
            continue
        edges = np.array([start, *turns, stop])
        lengths = np.diff(edges)
        kinds = np.arange(len(lengths)) % 2
        total = np.array([lengths[kinds == kind].sum() for kind in (0, 1)])
        wrong = int(total.argmin())
        segments = np.flatnonzero(kinds == wrong)
        clear = total[1 - wrong] >= _MAJORITY * total[wrong] and lengths[segments].max() <= max(1.0, _LONGEST * fps)
        if clear:
            exchange += [np.arange(edges[s], edges[s + 1]) for s in segments]
        else:
            doubtful += turns.tolist()
    return (np.concatenate(exchange) if exchange else np.zeros(0, np.int64)), doubtful


def _pairs(joint_set: JointSet, names: tuple[str, ...]) -> list[list[int]]:
    both = [(f"left_{name}", f"right_{name}") for name in names]
    pairs = [list(joint_set.indices(pair)) for pair in both if all(joint in joint_set for joint in pair)]
    return pairs if len(pairs) >= 2 else []


def _side_members(joint_set: JointSet, names: tuple[str, ...]) -> list[int]:
    """The joints that go with a group: hands with arms, feet with legs, the face with the arms."""
    legs = (*_LEGS, "foot", "toe", "small_toe", "heel", "big_toe", "foot_index")
    found = []
    for number, joint in enumerate(joint_set.joints):
        if not joint.startswith(("left_", "right_")):
            continue
        part = joint.split("_", 1)[1]
        if (part in legs) == (names is _LEGS):
            found.append(number)
    return found
