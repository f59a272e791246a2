"""What is seen of the people of a video, gathered before anything is solved."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2m.detect import Detection
from s2m.errors import UserError
from s2m.recover.observing import Observer
from s2m.recover.sightings import Sightings
from s2m.recover.videos import Video, ahead

Progress = Callable[[str, int, int], object]  # what is done, frames done, frames expected (0: not known)

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

    def of(self, people: Sequence[tuple[int, float]], file: Path) -> set[int]:
        """The numbers of the people who are wanted; of too many, of those who are seen largest and longest.

        Args:
            people: Number and size of each.
            file: For messages.

        Raises:
            UserError: There is nobody, or not the one who is wanted.
        """
        if not people:
            raise NobodyError(f"{file}: expected people, found none")
        known = sorted(number for number, _ in people)
        if self.person is not None:
            if self.person not in known:
                raise UserError(
                    f"{file}: --person {self.person}: expected one of the people in it, "
                    f"{', '.join(map(str, known[:20]))}"
                )
            return {self.person}
        ranked = sorted(people, key=lambda entry: -entry[1])
        return {number for number, _ in ranked[: self.most]}


@dataclass(frozen=True)
class Gathered:
    """The people of a video, as they were seen.

    Attributes:
        people: By number; who is wanted and was seen long enough. Their numbers wait on the disk.
        size: Width and height of the pictures.
        times: Seconds of the frames, from the first.
        fps: Frames per second.
    """

    people: list[Sightings]
    size: tuple[int, int]
    times: list[float]
    fps: float


@contextlib.contextmanager
def gathered(
    video: Video, observer: Observer, choice: Choice, folder: Path, progress: Progress = lambda stage, done, total: None
) -> Iterator[Gathered]:
    """What is seen in a video from its first to its last frame; on the disk while the block runs.

    Args:
        video: The video.
        observer: Who finds people in it.
        choice: Whom the user wants.
        folder: Where numbers wait.
        progress: Told how far it is.

    Yields:
        The people.

    Raises:
        UserError: The video cannot be read, or shows nobody.
    """
    with contextlib.ExitStack() as stack:
        seen: dict[int, Sightings] = {}
        times: list[float] = []
        size = (0, 0)
        for time, size, numbers, found in ahead(_observed(video, observer), 1):
            for number, detection in zip(numbers, found, strict=True):
                if not tells_body(detection, size):
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
        wanted = choice.of([(one.person, one.size) for one in lasting], video.file)
        people = sorted((one for one in lasting if one.person in wanted), key=lambda one: one.person)
        yield Gathered(people, size, times, fps)


def tells_body(one: Detection, size: tuple[int, int]) -> bool:
    """Whether a detection tells a body. What is small and half seen is more often a thing than a person.

    Args:
        one: What was seen.
        size: Width and height of the picture.
    """
    seen = int((one.confidence > 0).sum())
    part = min(size), min(max(size), _LONGEST * min(size))
    large = float(np.hypot(*(one.box[2:] - one.box[:2]))) >= _SMALL * float(np.hypot(*part))
    return seen >= _FEWEST_JOINTS and (large or seen >= _MOSTLY * len(one.confidence))


def _observed(video: Video, observer: Observer) -> Iterator[tuple[float, tuple[int, int], list[int], list[Detection]]]:
    """Time and size of a video's frames, and who is in each: numbers, and what was seen of them."""
    for count, frame in enumerate(ahead(video)):
        size = frame.pixels.shape[1], frame.pixels.shape[0]
        yield frame.time, size, *observer(count, f"{count}", frame.pixels)


def _rate(times: list[float], usual: float) -> float:
    """Mean frames per second, which for a variable rate is not what the file says."""
    return (len(times) - 1) / times[-1] if len(times) > 1 and times[-1] > 0 else usual
