"""Who is who: the people that a file saw, frame by frame, followed over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from s2m.errors import FormatError, UserError
from s2m.formats.following import Sighting, follow, mean_size
from s2m.formats.frames import all_frames
from s2m.formats.layouts import Layout
from s2m.formats.renumbered import Numbered, questioned
from s2m.formats.tracks import RigMotion, Track, masked
from s2m.skeletons import JointSet

__all__ = ["LARGEST", "Choice", "Crowd", "Sighting", "tracks_of"]

LARGEST = "largest"
_RATE = 30.0  # frames per second, where a file does not say


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
    found = _people(crowd, path)
    people = found.people
    chosen, notes = _chosen(found, choice, path)
    frames, gaps = all_frames(crowd.frames) if crowd.video else (range(len(set(crowd.frames))), ())
    notes = (*crowd.notes, *gaps, *found.notes, *notes)
    return [_track(crowd, number, people[number], frames, notes) for number in chosen]


def _people(crowd: Crowd, path: Path) -> Numbered:
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
        rate = (crowd.layout.fps if crowd.layout else None) or _RATE
        found = questioned(people, rate) if crowd.video else Numbered(people)
        ranked = sorted(found.people, key=lambda number: _rank(found.people[number]))
        return replace(found, people={number: found.people[number] for number in ranked})
    if not crowd.video:
        return Numbered({0: _most_certain(crowd.sightings)})
    return Numbered(dict(enumerate(sorted(follow(crowd.sightings), key=_rank))))


def _has_numbers(sightings: Sequence[Sighting]) -> bool:
    """Whether the file follows people: detectors without tracking give all one number, or -1, or none."""
    numbers = {sighting.person for sighting in sightings}
    if None in numbers or min(numbers, default=0) < 0:  # type: ignore[type-var, operator]
        return False
    busiest = Counter(sighting.frame for sighting in sightings).most_common(1)[0][1]
    return len(numbers) > 1 or busiest == 1


def _rank(seen: Sequence[Sighting]) -> tuple[int, float]:
    return -len(seen), -mean_size(seen)


def _most_certain(sightings: Iterable[Sighting]) -> list[Sighting]:
    best: dict[int, Sighting] = {}
    for sighting in sightings:
        if sighting.frame not in best or sighting.score > best[sighting.frame].score:
            best[sighting.frame] = sighting
    return list(best.values())


def _chosen(found: Numbered, choice: Choice, path: Path) -> tuple[list[int], tuple[str, ...]]:
    people = found.people
    known = ", ".join(f"{number} ({len(seen)} frames)" for number, seen in list(people.items())[:8])
    known += f" and {len(people) - 8} more" if len(people) > 8 else ""
    if choice.people is not None:
        taken = list(people)[: int(min(choice.people, len(people)))]
        fewer = choice.people > len(people) and choice.people != float("inf")
        return taken, ((f"expected {choice.people:g} people, found {len(people)}: {known}",) if fewer else ())
    if choice.person == LARGEST:
        return [max(people, key=lambda number: mean_size(people[number]))], ()
    if choice.person is not None:
        wanted = found.also.get(int(choice.person), int(choice.person))
        if wanted not in people:
            raise UserError(f"{path}: --person {choice.person}: expected one of the people in the file: {known}")
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
