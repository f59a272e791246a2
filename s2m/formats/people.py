"""Who is who: the people that a file saw, frame by frame, followed over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from s2m.errors import FormatError, UserError
from s2m.formats.frames import all_frames
from s2m.formats.layouts import Layout
from s2m.formats.tracks import RigMotion, Track, masked
from s2m.missing import mask_with
from s2m.skeletons import JointSet

Floats = NDArray[np.float64]

LARGEST = "largest"
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


@dataclass(frozen=True)
class Crowd:
    """Everybody whom a file tells of.

    Attributes:
        joint_set: Names of the joints.
        sightings: Who was seen, in any order.
        frames: Numbers of all frames that the file names, also those without a person.
        images: Frame -> name of its picture.
        video: Whether the frames are consecutive in time; else they are single pictures.
        notes: What is known already.
        layout: What the file's kind says about unit, axes and rate.
        why: What the joint set was told by.
        rig: (R,) names of the joints of the program's own rig, whose rotations the sightings have.
    """

    joint_set: JointSet
    sightings: Sequence[Sighting]
    frames: Sequence[int]
    images: dict[int, str] = field(default_factory=dict)
    video: bool = True
    notes: tuple[str, ...] = ()
    layout: Layout | None = None
    why: str = "what the file says"
    rig: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """Whom the user wants.

    Attributes:
        person: A person's number, or ``"largest"``; ``None`` for whom is seen in most frames.
        people: How many, one track each; ``None`` for one person.
    """

    person: str | None = None
    people: float | None = None


def tracks_of(crowd: Crowd, choice: Choice, path: Path) -> list[Track]:
    """The people whom the user wants, each over all frames of the file.

    Args:
        crowd: What the file tells.
        choice: Whom the user wants.
        path: The file, for messages.

    Returns:
        One track per person, those seen in most frames first.

    Raises:
        UserError: When nobody is there, or not whom the user wants.
    """
    if not crowd.sightings:
        raise UserError(f"{path}: expected people with keypoints, found none")
    people = _people(crowd, path)
    chosen, notes = _chosen(people, choice, path)
    frames, gaps = all_frames(crowd.frames) if crowd.video else (range(len(set(crowd.frames))), ())
    return [_track(crowd, number, people[number], frames, (*crowd.notes, *gaps, *notes)) for number in chosen]


def _people(crowd: Crowd, path: Path) -> dict[int, list[Sighting]]:
    """Number -> sightings of one person; those seen in most frames (then: the largest) first."""
    if _has_numbers(crowd.sightings):
        people: dict[int, list[Sighting]] = {}
        for sighting in crowd.sightings:
            people.setdefault(int(sighting.person or 0), []).append(sighting)
        for number, seen in people.items():
            frame, count = Counter(s.frame for s in seen).most_common(1)[0]
            if count > 1:
                raise FormatError(
                    f"{path}: expected person {number} once per frame, found {count} times in frame {frame}"
                )
        ranked = sorted(people, key=lambda number: _rank(people[number]))
        return {number: people[number] for number in ranked}
    if not crowd.video:
        return {0: _most_certain(crowd.sightings)}
    return dict(enumerate(sorted(follow(crowd.sightings), key=_rank)))


def _has_numbers(sightings: Sequence[Sighting]) -> bool:
    """Whether the file follows people: detectors without tracking give all one number, or -1, or none."""
    numbers = {sighting.person for sighting in sightings}
    if None in numbers or min(numbers, default=0) < 0:  # type: ignore[type-var, operator]
        return False
    busiest = Counter(sighting.frame for sighting in sightings).most_common(1)[0][1]
    return len(numbers) > 1 or busiest == 1


def _rank(seen: Sequence[Sighting]) -> tuple[int, float]:
    return -len(seen), -_mean_size(seen)


def _most_certain(sightings: Iterable[Sighting]) -> list[Sighting]:
    best: dict[int, Sighting] = {}
    for sighting in sightings:
        if sighting.frame not in best or sighting.score > best[sighting.frame].score:
            best[sighting.frame] = sighting
    return list(best.values())


def _chosen(people: dict[int, list[Sighting]], choice: Choice, path: Path) -> tuple[list[int], tuple[str, ...]]:
    known = ", ".join(f"{number} ({len(seen)} frames)" for number, seen in list(people.items())[:8])
    known += f" and {len(people) - 8} more" if len(people) > 8 else ""
    if choice.people is not None:
        taken = list(people)[: int(min(choice.people, len(people)))]
        fewer = choice.people > len(people) and choice.people != float("inf")
        return taken, ((f"expected {choice.people:g} people, found {len(people)}: {known}",) if fewer else ())
    if choice.person == LARGEST:
        return [max(people, key=lambda number: _mean_size(people[number]))], ()
    if choice.person is not None:
        wanted = int(choice.person)
        if wanted not in people:
            raise UserError(f"{path}: --person {wanted}: expected one of the people in the file: {known}")
        return [wanted], ()
    first = next(iter(people))
    if len(people) == 1:
        return [first], ()
    more = "--person NUMBER takes another, --people all writes everyone"
    note = f"{len(people)} people, numbered {known}: {first} was taken; {more}"
    return [first], (note,)


def _track(crowd: Crowd, number: int, seen: Sequence[Sighting], frames: range, notes: tuple[str, ...]) -> Track:
    place = {frame: row for row, frame in enumerate(frames)}
    dimensions = seen[0].points.shape[1]
    points = np.full((len(frames), len(crowd.joint_set), dimensions), np.nan)
    confidence = np.zeros(points.shape[:2])
    for sighting in seen:
        points[place[sighting.frame]] = sighting.points
        confidence[place[sighting.frame]] = sighting.confidence
    images = tuple(crowd.images.get(frame, "") for frame in frames) if crowd.images else ()
    track = masked(
        points,
        confidence,
        crowd.joint_set,
        images=images,
        frames=np.array(frames),
        person=number,
        notes=notes,
        why=crowd.why,
        layout=crowd.layout,
    )
    return replace(track, rig=_rig(crowd.rig, seen, place)) if crowd.rig else track


def _rig(joints: tuple[str, ...], seen: Sequence[Sighting], place: dict[int, int]) -> RigMotion | None:
    """How a person's rig moves over the frames; ``None`` where no frame has it."""
    poses = np.full((len(place), len(joints), 3, 4), np.nan, np.float32)
    for sighting in seen:
        if sighting.rig is not None:
            poses[place[sighting.frame]] = sighting.rig
    return RigMotion(joints, poses[..., :3], poses[..., 3]) if np.isfinite(poses).any() else None


# Following by place and size


class _Person:
    """Where a person was last, and how they move."""

    def __init__(self, sighting: Sighting, points: Floats):
        self.seen = [sighting]
        self.points, self.size = points, _size(points)
        self.velocity = np.zeros(points.shape[1])

    def expected(self, frame: int) -> Floats:
        ahead = min(frame - self.seen[-1].frame, 5)
        return self.points + self.velocity * ahead

    def add(self, sighting: Sighting, points: Floats) -> None:
        steps = max(sighting.frame - self.seen[-1].frame, 1)
        moved = _shift(self.points, points) / steps
        self.velocity = 0.5 * self.velocity + 0.5 * moved
        self.points = np.where(np.isfinite(points), points, self.points + moved * steps)
        self.size = 0.8 * self.size + 0.2 * _size(points)
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
        new = [(sighting, _seen(sighting)) for sighting in frames[frame]]
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
    size = max(person.size, _size(points), 1e-9)
    gap = frame - person.seen[-1].frame
    distance = _distance(person.expected(frame), points) / size
    if distance > min(_REACH + _REACH_PER_FRAME * gap, _FARTHEST):
        return _NEVER
    ratio = abs(float(np.log(max(person.size, 1e-9) / max(_size(points), 1e-9))))
    return distance + 0.3 * min(ratio, 2.0)


def _seen(sighting: Sighting) -> Floats:
    """Points with NaN where nothing was seen."""
    return mask_with(sighting.points, sighting.confidence, None)[0]


def _size(points: Floats) -> float:
    seen = points[np.isfinite(points).all(-1)]
    return float(np.linalg.norm(np.ptp(seen, axis=0))) if len(seen) else 0.0


def _mean_size(sightings: Sequence[Sighting]) -> float:
    return float(np.mean([_size(_seen(sighting)) for sighting in sightings]))


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
