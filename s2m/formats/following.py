"""Who is who where a file does not say: people followed by place, size and motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from s2m.missing import mask_with

Floats = NDArray[np.float64]

_REACH, _REACH_PER_FRAME, _FARTHEST = 0.4, 0.15, 1.5  # in sizes of the person
_NEVER = 1e6


@dataclass(frozen=True)
class Sighting:
    """One person in one frame.

    Attributes:
        frame: Its number.
        points: (K, D) as the file has them.
        confidence: (K,).
        score: The detector's trust in the person.
        person: The person's number, where the file has one.
        image: Name of the picture.
        rig: (R, 3, 4) rotations and places of the joints of the program's own rig, where the file has them.
    """

    frame: int
    points: Floats
    confidence: Floats
    score: float = 1.0
    person: int | None = None
    image: str = ""
    rig: Floats | None = None


class _Person:
    """Where a person was last, and how they move."""

    def __init__(self, sighting: Sighting, points: Floats):
        self.seen = [sighting]
        self.points, self.size = points, size_of(points)
        self.velocity = np.zeros(points.shape[1])

    def expected(self, frame: int) -> Floats:
        ahead = min(frame - self.seen[-1].frame, 5)
        return self.points + self.velocity * ahead

    def add(self, sighting: Sighting, points: Floats) -> None:
        steps = max(sighting.frame - self.seen[-1].frame, 1)
        moved = _shift(self.points, points) / steps
        self.velocity = 0.5 * self.velocity + 0.5 * moved
        self.points = np.where(np.isfinite(points), points, self.points + moved * steps)
        self.size = 0.8 * self.size + 0.2 * size_of(points)
        self.seen.append(sighting)


def follow(sightings: Sequence[Sighting]) -> list[list[Sighting]]:
    """Sightings of each person, by place, size and motion: what fits best, frame by frame.

    Args:
        sightings: Who was seen, in any order.

    Returns:
        One list per person, in the order of time.
    """
    frames: dict[int, list[Sighting]] = {}
    for sighting in sightings:
        frames.setdefault(sighting.frame, []).append(sighting)
    people: list[_Person] = []
    for frame in sorted(frames):
        new = [(sighting, seen_points(sighting)) for sighting in frames[frame]]
        new = [(sighting, points) for sighting, points in new if np.isfinite(points).all(-1).any()]
        taken = _match(people, new, frame)
        for place, (sighting, points) in enumerate(new):
            if place in taken:
                taken[place].add(sighting, points)
            else:
                people.append(_Person(sighting, points))
    return [person.seen for person in people] or [[s] for s in sightings[:1]]


def _match(people: list[_Person], new: list[tuple[Sighting, Floats]], frame: int) -> dict[int, _Person]:
    if not people or not new:
        return {}
    cost = np.array([[_cost(person, points, frame) for _, points in new] for person in people])
    rows, columns = linear_sum_assignment(cost)
    return {int(c): people[r] for r, c in zip(rows, columns, strict=True) if cost[r, c] < _NEVER}


def _cost(person: _Person, points: Floats, frame: int) -> float:
    size = max(person.size, size_of(points), 1e-9)
    gap = frame - person.seen[-1].frame
    distance = _distance(person.expected(frame), points) / size
    if distance > min(_REACH + _REACH_PER_FRAME * gap, _FARTHEST):
        return _NEVER
    ratio = abs(float(np.log(max(person.size, 1e-9) / max(size_of(points), 1e-9))))
    return distance + 0.3 * min(ratio, 2.0)


def seen_points(sighting: Sighting) -> Floats:
    """Its points with NaN where nothing was seen.

    Args:
        sighting: Anybody.

    Returns:
        (K, D).
    """
    return mask_with(sighting.points, sighting.confidence, None)[0]


def size_of(points: Floats) -> float:
    """How large somebody is.

    Args:
        points: (K, D), NaN where nothing was seen.

    Returns:
        The diagonal of what was seen; 0 where nothing was.
    """
    seen = points[np.isfinite(points).all(-1)]
    return float(np.linalg.norm(np.ptp(seen, axis=0))) if len(seen) else 0.0


def mean_size(sightings: Sequence[Sighting]) -> float:
    """How large somebody is on average.

    Args:
        sightings: Of one person.

    Returns:
        In the file's unit, see :func:`size_of`.
    """
    return float(np.mean([size_of(seen_points(sighting)) for sighting in sightings]))


def _centre(points: Floats) -> Any:
    return np.median(points[np.isfinite(points).all(-1)], axis=0)


def _distance(first: Floats, second: Floats) -> float:
    """Mean over the joints that both have; between the middles where these are few."""
    both = np.isfinite(first).all(-1) & np.isfinite(second).all(-1)
    if both.sum() >= 3:
        return float(np.linalg.norm(first[both] - second[both], axis=-1).mean())
    return float(np.linalg.norm(_centre(first) - _centre(second)))


def _shift(first: Floats, second: Floats) -> Any:
    both = np.isfinite(first).all(-1) & np.isfinite(second).all(-1)
    return np.median(second[both] - first[both], axis=0) if both.any() else _centre(second) - _centre(first)
