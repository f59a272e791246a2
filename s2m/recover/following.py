"""Who is who from frame to frame: people keep their numbers by box, pose, size and silhouette."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from s2m.detect import Detection

Floats = NDArray[np.float64]

_REACH, _REACH_PER_SECOND, _FARTHEST = 0.25, 1.0, 1.0  # how far people get, in sizes of the person
_SAME = 0.5  # overlap over union of the boxes of people who stay
_FORGOTTEN = 2.0  # seconds after which whoever comes is somebody else
_NEVER = 1e6
_SIZE, _BOX, _MASK = 0.3, 0.4, 0.2  # weights beside the distance of the joints
_STEP = 8  # silhouettes are compared in pixels this large


@dataclass
class _Person:
    number: int
    frame: int
    joints: Floats
    velocity: Floats
    box: Floats
    mask: NDArray[np.bool_] | None


class Follower:
    """Gives the people of each frame their numbers: 0 for the first one seen, 1 for the next.

    Args:
        fps: Frames per second.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._people: list[_Person] = []
        self._count = 0
        self._frame = -1

    def __call__(self, detections: Sequence[Detection]) -> list[int]:
        """Take the next frame.

        Args:
            detections: Who was seen.

        Returns:
            The number of each.
        """
        self._frame += 1
        self._people = [person for person in self._people if self._gone(person) <= _FORGOTTEN]
        masks = [_small(detection.mask) for detection in detections]
        matched = self._match(detections, masks)
        numbers = []
        for row, detection in enumerate(detections):
            person = matched.get(row) or self._new(detection)
            self._update(person, detection, masks[row])
            numbers.append(person.number)
        return numbers

    def _gone(self, person: _Person) -> float:
        """Seconds since the person was seen."""
        return (self._frame - person.frame) / self._fps

    def _new(self, detection: Detection) -> _Person:
        zero = np.zeros(2)
        person = _Person(self._count, self._frame, detection.joints2d, zero, detection.box, None)
        self._people.append(person)
        self._count += 1
        return person

    def _match(self, detections: Sequence[Detection], masks: list[NDArray[np.bool_] | None]) -> dict[int, _Person]:
        if not self._people or not detections:
            return {}
        cost = np.array(
            [
                [self._cost(person, detection, mask) for detection, mask in zip(detections, masks, strict=True)]
                for person in self._people
            ]
        )
        rows, columns = linear_sum_assignment(cost)
        return {int(c): self._people[r] for r, c in zip(rows, columns, strict=True) if cost[r, c] < _NEVER}

    def _cost(self, person: _Person, detection: Detection, mask: NDArray[np.bool_] | None) -> float:
        ahead = self._frame - person.frame
        shift = person.velocity * min(ahead, self._fps / 4)
        sizes = _size(person.box), _size(detection.box)
        distance = _distance(person.joints + shift, detection.joints2d)
        if not np.isfinite(distance):
            distance = float(np.linalg.norm(_middle(person.box) + shift - _middle(detection.box)))
        distance /= max(sizes)
        overlap = _overlap(person.box + np.tile(shift, 2), detection.box)
        # Joints may be mixed up with those of whoever stands behind: who fills the same box has not gone far.
        if distance > min(_REACH + _REACH_PER_SECOND * self._gone(person), _FARTHEST) and overlap < _SAME:
            return _NEVER
        cost = distance + _SIZE * min(abs(float(np.log(sizes[0] / sizes[1]))), 2.0)
        cost += _BOX * (1 - overlap)
        if mask is not None and person.mask is not None and mask.shape == person.mask.shape:
            cost += _MASK * (1 - (mask & person.mask).sum() / max(1, (mask | person.mask).sum()))
        return cost

    def _update(self, person: _Person, detection: Detection, mask: NDArray[np.bool_] | None) -> None:
        frames = self._frame - person.frame
        if frames > 0:
            moved = (_middle(detection.box) - _middle(person.box)) / frames
            person.velocity = 0.5 * person.velocity + 0.5 * moved
        known = np.isfinite(detection.joints2d).all(-1, keepdims=True)
        person.joints = np.where(known, detection.joints2d, person.joints + person.velocity * frames)
        person.box, person.mask, person.frame = detection.box, mask, self._frame


def _size(box: Floats) -> float:
    return max(float(np.hypot(box[2] - box[0], box[3] - box[1])), 1e-6)


def _middle(box: Floats) -> Floats:
    middle: Floats = (box[:2] + box[2:]) / 2
    return middle


def _distance(first: Floats, second: Floats) -> float:
    """Mean over the joints that both have; infinite where these are few."""
    both = np.isfinite(first).all(-1) & np.isfinite(second).all(-1)
    return float(np.linalg.norm(first[both] - second[both], axis=-1).mean()) if both.sum() >= 3 else np.inf


def _overlap(first: Floats, second: Floats) -> float:
    shared = np.clip(np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2]), 0, None).prod()
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return float(shared / max(sum(areas) - shared, 1e-9))


def _small(mask: NDArray[np.uint8] | None) -> NDArray[np.bool_] | None:
    return None if mask is None else mask[_STEP // 2 :: _STEP, _STEP // 2 :: _STEP] > 0
