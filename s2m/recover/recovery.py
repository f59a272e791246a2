"""A photo or a video from its file to what is known of its people."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2m.detect import Detection, Picture
from s2m.errors import UserError
from s2m.lifter.tilt import Tilt
from s2m.recover.camera import Camera
from s2m.recover.clip import PersonClip
from s2m.recover.observing import Observer
from s2m.recover.options import RecoverOptions
from s2m.recover.people import PictureRecovery
from s2m.recover.pictures import read_photo
from s2m.recover.result import Person, Result, Still
from s2m.recover.sightings import Sightings
from s2m.recover.standing import tilt_of
from s2m.recover.videos import Video, ahead
from s2m.skeletons import JointSet, get_joint_set

Progress = Callable[[str, int, int], object]  # what is done, frames done, frames expected (0: not known)

_STILL_FPS = 30.0
_SHORTEST = 0.2  # seconds: who is seen for less is nobody
_FEWEST_JOINTS = 6
_SMALL = 0.15  # of the picture's diagonal
_LONGEST = 2  # sides: of longer panoramas the diagonal of a part
_MOSTLY = 0.7  # of the joints


class NobodyError(UserError):
    """Nobody was found in a picture or video; the message names it."""


@dataclass(frozen=True)
class Choice:
    """Whom the user wants.

    Attributes:
        most: How many people at most, those seen best; ``None`` for all.
        person: The number of the only one; ``None`` for all.
    """

    most: int | None = None
    person: int | None = None


def recover_photo(
    file: Path, observer: Observer, options: RecoverOptions, choice: Choice, focal: float | None = None
) -> tuple[Result, Picture]:
    """The people of a photo.

    Args:
        file: The photo.
        observer: Who finds them.
        options: How bodies are recovered.
        choice: Whom the user wants.
        focal: Of the camera, pixels; ``None`` where it is not known.

    Returns:
        What was recovered, and the photo (H, W, 3).

    Raises:
        UserError: The photo cannot be read, or shows nobody.
    """
    photo = read_photo(file)
    size = photo.pixels.shape[1], photo.pixels.shape[0]
    camera = Camera.of(size, focal, photo.focal_35mm)
    numbers, found = observer(0, file.stem, photo.pixels)
    enough = [row for row, one in enumerate(found) if _enough(one, size)]
    rows = _chosen([(numbers[row], _area(found[row].box)) for row in enough], choice, file)
    picture = PictureRecovery(get_joint_set(observer.joint_set), camera, options)
    kept = [row for row in enough if numbers[row] in rows]
    people = picture([found[row] for row in kept], [numbers[row] for row in kept])
    persons = []
    for row in range(len(kept)):
        still = Still(people, row, picture.poser)
        if still.valid.any():
            persons.append(still)
    if not persons:
        raise NobodyError(f"{file}: expected people, found none of whom enough was seen")
    joint_set = picture.poser.joint_set
    tilt = _tilt(options, persons, joint_set)
    notes = (f"{file.name}: the first of its {photo.count} pictures is taken",) if photo.count > 1 else ()
    result = Result(file.name, camera, _STILL_FPS, np.zeros(1), persons, joint_set, video=False, notes=notes, tilt=tilt)
    return result, photo.pixels


@contextlib.contextmanager
def recover_video(
    file: Path,
    observe: Callable[[Video], Observer],
    options: RecoverOptions,
    choice: Choice,
    folder: Path,
    focal: float | None = None,
    progress: Progress = lambda stage, done, expected: None,
) -> Iterator[Result]:
    """The people of a video, whose numbers wait on the disk while the block runs.

    Args:
        file: The video.
        observe: Makes who finds them, in this video.
        options: How bodies are recovered.
        choice: Whom the user wants.
        folder: Where numbers wait.
        focal: Of the camera, pixels; ``None`` where it is not known.
        progress: Told how far it is.

    Yields:
        What was recovered.

    Raises:
        UserError: The video cannot be read, or shows nobody.
    """
    video = Video(file)
    observer = observe(video)
    with contextlib.ExitStack() as stack:
        seen: dict[int, Sightings] = {}
        times: list[float] = []
        size = (0, 0)
        for time, size, numbers, found in ahead(_observed(video, observer), 1):
            for number, detection in zip(numbers, found, strict=True):
                if not _enough(detection, size):
                    continue
                if number not in seen:
                    seen[number] = Sightings(folder, number)
                    stack.callback(seen[number].close)
                seen[number].add(len(times), detection)
            times.append(time)
            progress("seen", len(times), video.expected)
        fps = _rate(times, video.fps)
        lasting = [one for one in seen.values() if one.seen >= min(_SHORTEST * fps, len(times) / 2)]
        lasting = [one for one in lasting if not one.steadiness.is_thing(float(np.hypot(*size)))]
        wanted = _chosen([(one.person, one.size) for one in lasting], choice, file)
        camera, joint_set = Camera.of(size, focal), get_joint_set(observer.joint_set)
        clips, done = [], 0
        for one in sorted(lasting, key=lambda sightings: sightings.person):
            if one.person in wanted:
                clip = PersonClip(one, joint_set, camera, fps, options, folder)
                stack.callback(clip.close)
                clips += [clip] if clip.valid.any() else []
                done += 1
                progress("solved", done, len(wanted))
        if not clips:
            raise NobodyError(f"{file}: expected people, found none of whom enough was seen")
        notes = tuple(f"{file.name}: {note}" for note in (video.stretched, video.cut) if note)
        joint_set = clips[0].joint_set
        tilt = _tilt(options, clips, joint_set, fps)
        yield Result(file.name, camera, fps, np.array(times), clips, joint_set, video=True, notes=notes, tilt=tilt)


def _tilt(options: RecoverOptions, people: Sequence[Person], joint_set: JointSet, fps: float | None = None) -> Tilt:
    """How the camera is held, as given or as people tell; fps: of a video."""
    return tilt_of(people, joint_set, fps).given(options.pitch, options.roll)


def _observed(video: Video, observer: Observer) -> Iterator[tuple[float, tuple[int, int], list[int], list[Detection]]]:
    """Time and size of a video's frames, and who is in each: numbers, and what was seen of them."""
    for count, frame in enumerate(ahead(video)):
        size = frame.pixels.shape[1], frame.pixels.shape[0]
        yield frame.time, size, *observer(count, f"{count}", frame.pixels)


def _enough(one: Detection, size: tuple[int, int]) -> bool:
    """Whether a detection tells a body. What is small and half seen is more often a thing than a person."""
    seen = int((one.confidence > 0).sum())
    part = min(size), min(max(size), _LONGEST * min(size))
    large = float(np.hypot(*(one.box[2:] - one.box[:2]))) >= _SMALL * float(np.hypot(*part))
    return seen >= _FEWEST_JOINTS and (large or seen >= _MOSTLY * len(one.confidence))


def _rate(times: list[float], usual: float) -> float:
    """Mean frames per second, which for a variable rate is not what the file says."""
    return (len(times) - 1) / times[-1] if len(times) > 1 and times[-1] > 0 else usual


def _area(box: np.ndarray) -> float:
    return float(np.prod(box[2:] - box[:2]))


def _chosen(people: list[tuple[int, float]], choice: Choice, file: Path) -> set[int]:
    """Numbers of the people whom the user wants; of too many, those who are seen largest and longest."""
    if not people:
        raise NobodyError(f"{file}: expected people, found none")
    known = sorted(number for number, _ in people)
    if choice.person is not None:
        if choice.person not in known:
            raise UserError(
                f"{file}: --person {choice.person}: expected one of the people in it, {', '.join(map(str, known[:20]))}"
            )
        return {choice.person}
    ranked = sorted(people, key=lambda entry: -entry[1])
    return {number for number, _ in ranked[: choice.most]}
