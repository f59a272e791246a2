"""What is known of one person of a photo or a video, as everything that writes or draws takes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from s2m.formats.clips import blocks
from s2m.lifter.tilt import LEVEL, Tilt
from s2m.recover.bodies import Bodies, Poser
from s2m.recover.camera import Camera
from s2m.recover.people import People
from s2m.skeletons import JointSet

ROWS = 512  # frames in memory at a time
_AHEAD = 128  # frames that are read at once


class Person(Protocol):
    """One person over the frames from the first to the last that shows them."""

    @property
    def number(self) -> int:
        """Of the person."""
        ...

    @property
    def first(self) -> int:
        """The first frame that shows the person."""
        ...

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(T,) bool, False where the nearest pose is held, or nothing is known."""
        ...

    @property
    def poser(self) -> Poser:
        """Calibrated to the person's shape."""
        ...

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Bodies:
        """Bodies of some rows.

        Args:
            start: The first row; row 0 is frame ``first``.
            stop: One after the last.
        """
        ...

    def boxes(self, start: int, stop: int) -> NDArray[np.float32]:
        """Boxes and scores, see :meth:`s2m.recover.sightings.Sightings.boxes`.

        Args:
            start: The first row.
            stop: One after the last.
        """
        ...


class Still:
    """One person of a photo.

    Args:
        people: Of the photo.
        row: Which of them.
        poser: Calibrated to the person's shape.
    """

    def __init__(self, people: People, row: int, poser: Poser) -> None:
        self.number, self.first = people.numbers[row], 0
        self._bodies = people.bodies[row : row + 1]
        detection = people.detections[row]
        self._box = np.array([[*detection.box, detection.score]], np.float32)
        self.valid = np.array([bool(torch.isfinite(self._bodies.joints3d).all())])
        self.poser = poser

    def __len__(self) -> int:
        return 1

    def read(self, start: int, stop: int) -> Bodies:
        """See :class:`Person`."""
        return self._bodies[start:stop]

    def boxes(self, start: int, stop: int) -> NDArray[np.float32]:
        """See :class:`Person`."""
        return self._box[start:stop]


@dataclass(frozen=True)
class Result:
    """What was recovered from a photo or a video.

    Attributes:
        name: Of the file.
        camera: Of its pictures.
        fps: Frames per second; of a photo 30, which is as good as any.
        times: (T,) seconds of the frames.
        people: Those who were recovered.
        joint_set: Of their joints.
        video: Whether it is one.
        notes: What to say of it.
        tilt: How the camera is held.
    """

    name: str
    camera: Camera
    fps: float
    times: NDArray[np.float64]
    people: Sequence[Person]
    joint_set: JointSet
    video: bool
    notes: tuple[str, ...] = ()
    tilt: Tilt = LEVEL


def stretches(person: Person) -> Iterator[Bodies]:
    """The bodies of a person, some at a time.

    Args:
        person: The person.

    Yields:
        Up to :data:`ROWS` rows, in order.
    """
    for start, stop in blocks(person, ROWS):
        yield person.read(start, stop)


class RowReader:
    """Reads a person frame after frame, some at a time from the disk.

    Args:
        person: The person.
    """

    def __init__(self, person: Person) -> None:
        self.person = person
        self._start, self._block = 0, person.read(0, 0)
        self._boxes = person.boxes(0, 0)

    def at(self, frame: int) -> tuple[Bodies, NDArray[np.float32]] | None:
        """The person in a frame.

        Args:
            frame: Its number.

        Returns:
            One body, and box and score (5,); ``None`` where the frame does not show the person.
        """
        row = frame - self.person.first
        if not 0 <= row < len(self.person) or not self.person.valid[row]:
            return None
        if not self._start <= row < self._start + len(self._block):
            stop = min(len(self.person), row + _AHEAD)
            self._start, self._block, self._boxes = row, self.person.read(row, stop), self.person.boxes(row, stop)
        at = row - self._start
        return self._block[at : at + 1], self._boxes[at]
