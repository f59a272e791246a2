"""MoveNet MultiPose: everybody in a part of a picture at once, as 17 joints each.

It sees backs, legs, and people over each other, whom a network that looks for faces passes over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s2m.detect.interface import Picture
from s2m.detect.models import Network
from s2m.detect.rectangles import shared
from s2m.detect.region import Region
from s2m.detect.tiles import parts
from s2m.skeletons import COCO17

_SIDE = 256
_PEOPLE, _NUMBERS = 6, 56  # of a person: y, x, score of each joint, a box (y0, x0, y1, x1), a score
_JOINTS = len(COCO17)
_LEAST = 0.2  # of a person's score
_SURE = 0.2  # of a joint's
_SAME = 0.12  # mean distance of the joints of one and the same person, as a share of her size
_SAME_BOXES = 0.6  # overlap over union
_AT_EDGE = 0.02  # share of a tile's side
# A body's reach from the middle of the hips, in lengths of the trunk: to the crown, and to the soles.
_WHOLE = 1.9
_BEYOND = 1.15  # crown, hands and soles lie beyond the joints
_SHOULDERS, _HIPS = (COCO17.indices((f"left_{part}", f"right_{part}")) for part in ("shoulder", "hip"))


@dataclass(frozen=True, eq=False)
class Pose:
    """Someone who may be there.

    Attributes:
        joints2d: (17, 2) pixels of the picture, COCO's joints; guesses where they are not seen.
        confidence: (17,) in [0, 1].
        box: (4,) x0, y0, x1, y1 in pixels.
        score: In [0, 1]; of somebody who is seen well about one half.
    """

    joints2d: NDArray[np.float64]
    confidence: NDArray[np.float64]
    box: NDArray[np.float64]
    score: float

    @property
    def sure(self) -> NDArray[np.bool_]:
        """(17,) which joints were seen."""
        found: NDArray[np.bool_] = self.confidence >= _SURE
        return found

    @property
    def reach(self) -> float:
        """How far the whole person reaches from the middle of the hips, pixels."""
        hips = self.joints2d[_HIPS].mean(0)
        furthest = np.linalg.norm(self.joints2d[self.sure] - hips, axis=-1).max(initial=0.0)
        return max(_WHOLE * float(np.linalg.norm(self._up)), _BEYOND * float(furthest), 1.0)

    @property
    def square(self) -> Region:
        """The square in which landmarks are looked for: around the whole person, who stands upright in it."""
        hips, up = self.joints2d[_HIPS].mean(0), self._up
        return Region.around(hips, hips + up * (self.reach / max(float(np.linalg.norm(up)), 1e-6)))

    @property
    def _up(self) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self.joints2d[_SHOULDERS].mean(0) - self.joints2d[_HIPS].mean(0)
        return found


class PoseNetwork:
    """Finds everybody in parts of a picture, at most six people in each.

    Args:
        path: ``movenet_multipose.tflite``.
        copies: How many looks go on at the same time.
    """

    def __init__(self, path: Path, copies: int = 1) -> None:
        self._network = Network(path, _SIDE, (_PEOPLE * _NUMBERS,), copies)

    def __call__(self, picture: Picture, tile: Region) -> list[Pose]:
        """Look into the part of a picture that a square lies on.

        Args:
            picture: (H, W, 3) uint8, RGB.
            tile: The square, upright.

        Returns:
            Who is whole in it, as far as the picture shows them: the surest first, each once.
        """
        found, full = self._look(picture, tile)
        # A crowd: who else is there is seen in parts of it. The parts of the whole picture are tiles themselves.
        if full and tile.side < max(picture.shape[:2]):
            found += [one for part in parts(tile) for one in self._look(picture, part)[0]]
        return once(found)

    def _look(self, picture: Picture, tile: Region) -> tuple[list[Pose], bool]:
        """The people whom a square shows whole, and whether there may be more than the network can tell."""
        size = np.array([picture.shape[1], picture.shape[0]])
        middle, half = np.array([tile.x, tile.y]), tile.side / 2
        low, high = np.clip(np.round(middle - half), 0, size), np.clip(np.round(middle + half), 0, size)
        left, top, right, bottom = (int(value) for value in (*low, *high))
        if right <= left or bottom <= top:
            return [], False
        scale = max(right - left, bottom - top) / _SIDE
        small = [max(1, round(length / scale)) for length in (right - left, bottom - top)]
        part = Image.fromarray(picture[top:bottom, left:right]).resize((small[0], small[1]), Image.Resampling.BILINEAR)
        canvas = np.zeros((_SIDE, _SIDE, 3), np.int32)
        canvas[: small[1], : small[0]] = np.asarray(part)
        (numbers,) = self._network(canvas)
        people = numbers.reshape(_PEOPLE, _NUMBERS).astype(np.float64)
        found = [_pose(person, low, _SIDE * scale) for person in people if person[-1] >= _LEAST]
        reach = _AT_EDGE * (high - low)
        inner = np.concatenate([low > 0, high < size])  # edges beyond which the picture goes on
        cut = [np.concatenate([one.box[:2] < low + reach, one.box[2:] > high - reach]) & inner for one in found]
        return [one for one, edges in zip(found, cut, strict=True) if not edges.any()], len(found) == _PEOPLE


def _pose(numbers: NDArray[np.float64], origin: NDArray[np.float64], side: float) -> Pose:
    joints = numbers[: 3 * _JOINTS].reshape(_JOINTS, 3)
    box = numbers[3 * _JOINTS : -1][[1, 0, 3, 2]] * side + np.tile(origin, 2)
    return Pose(joints[:, [1, 0]] * side + origin, joints[:, 2], box, float(numbers[-1]))


def once(found: Sequence[Pose]) -> list[Pose]:
    """Leave each person once.

    Args:
        found: Poses, some of them of one and the same person.

    Returns:
        The surest of each, the surest first.
    """
    kept: list[Pose] = []
    for pose in sorted(found, key=lambda one: -one.score):
        if not any(_same(pose, other) for other in kept):
            kept.append(pose)
    return kept


def _same(one: Pose, other: Pose) -> bool:
    both = one.sure & other.sure
    if both.sum() < 3:
        return shared(one.box, other.box) >= _SAME_BOXES
    size = max(float(np.max(pose.box[2:] - pose.box[:2])) for pose in (one, other))
    apart = np.linalg.norm(one.joints2d[both] - other.joints2d[both], axis=-1).mean()
    return bool(apart < _SAME * size) or shared(one.box, other.box) >= _SAME_BOXES
