"""The recordings in a user's files: 2D joints, or videos whose people a detector looks at first."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from s2m.adaptation.recordings import Pinhole, Recording
from s2m.clip_options import how_many, image_size
from s2m.errors import UserError
from s2m.formats.keypoints2d import read_all_keypoints
from s2m.formats.own import own_fields
from s2m.formats.picture_names import VIDEOS
from s2m.formats.tracks import Track
from s2m.lifter.keypoints import best_lifter_set
from s2m.lifter.settings import pinhole
from s2m.lifter.shipped_lifters import shipped_records
from s2m.lifter.untangled import Untangled
from s2m.options import chosen_joint_set, warn
from s2m.recover.camera import Camera
from s2m.recover.detectors import OneAtATime
from s2m.recover.gathering import Choice, gathered
from s2m.recover.observing import Detecting
from s2m.recover.sightings import Sightings
from s2m.recover.videos import Video
from s2m.skeletons import JointSet, get_joint_set

Progress = Callable[[Path], Callable[[str, int, int], object]]  # for a file: what is told how far it is


class Reading:
    """Reads files and videos as recordings for a lifter.

    Args:
        arguments: Parsed options of ``s2m adapt``.
        progress: Makes what is told how far a video is.
    """

    def __init__(self, arguments: argparse.Namespace, progress: Progress) -> None:
        self._arguments, self._progress = arguments, progress
        self._given = None if arguments.joint_set is None else chosen_joint_set(arguments.joint_set)
        self._detectors = OneAtATime(arguments)

    def best_set(self, file: Path) -> str:
        """The joint set of the shipped lifter that suits a file best.

        Args:
            file: 2D joints or a video.

        Raises:
            UserError: It cannot be read.
        """
        watched = is_video(file)
        found = get_joint_set(self._detectors(False).joint_set) if watched else self._tracks(file)[0].joint_set
        return best_lifter_set(found, list(shipped_records()))

    def recordings(self, files: Sequence[Path], wanted: JointSet) -> list[Recording]:
        """All people of some files.

        Args:
            files: 2D joints and videos.
            wanted: Joint set of the lifter.

        Raises:
            UserError: One of them cannot be read, or shows nobody.
        """
        found = []
        for file in files:
            found += self._watched(file, wanted) if is_video(file) else self._read(file, wanted)
        return found

    def _read(self, file: Path, wanted: JointSet) -> list[Recording]:
        camera = pinhole(self._arguments.focal, image_size(self._arguments.image_size))
        return [Recording.of_track(_name(file, track.person), track, wanted, camera) for track in self._tracks(file)]

    def _tracks(self, file: Path) -> list[Track]:
        arguments, name = self._arguments, own_fields(file).joint_set
        return read_all_keypoints(
            file,
            self._given if self._given is not None or name is None else chosen_joint_set(name),
            arguments.key,
            people=how_many(arguments) or 1,
            min_confidence=arguments.min_confidence,
            image_size=image_size(arguments.image_size),
        )

    def _watched(self, file: Path, wanted: JointSet) -> list[Recording]:
        """The people of a video, those seen largest and longest, as `s2m recover` sees them."""
        video, people = Video(file), how_many(self._arguments) or 1
        observer = Detecting(self._detectors(False), video.fps, self._arguments.min_confidence or None)
        choice = Choice(None if math.isinf(people) else int(people))
        with (
            TemporaryDirectory() as folder,
            gathered(video, observer, choice, Path(folder), self._progress(file)) as seen,
        ):
            self._check_size(file, seen.size)
            for note in filter(None, (video.stretched, video.cut)):
                warn(f"{file.name}: {note}")
            camera = Camera.of(seen.size, self._arguments.focal)
            known = camera.focal, camera.focal, camera.width / 2, camera.height / 2
            joints = get_joint_set(observer.joint_set)
            several = len(seen.people) > 1
            return [
                _recording(_name(file, one.person if several else None), one, joints, seen.fps, wanted, known)
                for one in seen.people
            ]

    def _check_size(self, file: Path, size: tuple[int, int]) -> None:
        told = image_size(self._arguments.image_size)
        if told is not None and told != size:
            found = f"{size[0]}x{size[1]}"
            raise UserError(f"{file}: expected pictures of --image-size {self._arguments.image_size}, found {found}")


def is_video(file: Path) -> bool:
    """Whether a file is a video, by its suffix.

    Args:
        file: The file.
    """
    return file.suffix.lower() in VIDEOS


def _recording(
    name: str, seen: Sightings, joint_set: JointSet, fps: float, wanted: JointSet, camera: Pinhole
) -> Recording:
    points, confidence = Untangled(seen, joint_set, fps).read(0, len(seen))
    return Recording.of_track(name, Track(points, confidence, joint_set), wanted, camera)


def _name(file: Path, person: int | str | None) -> str:
    return file.name if person is None else f"{file.name}, person {person}"
