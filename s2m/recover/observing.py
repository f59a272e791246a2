"""Who detects: a network, or files that another program wrote."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.mask_people import people
from s2m.data.zoo.mask_values import MaskError
from s2m.data.zoo.picture_files import opened, upright
from s2m.detect import Detection, Detector, Picture
from s2m.errors import UserError
from s2m.formats.frames import number_frames
from s2m.formats.keypoints2d import read_all_keypoints
from s2m.formats.pixels import PictureSize
from s2m.formats.tracks import Track
from s2m.options import warn
from s2m.recover.following import Follower

_MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff")
_OPENPOSE = "_keypoints"  # what OpenPose adds to a picture's name
_OUTSIDE = 0.5  # share of a file's joints that may lie outside of the picture


class Observer(Protocol):
    """Tells who is in each frame, in order."""

    joint_set: str

    def __call__(self, frame: int, name: str, picture: Picture) -> tuple[list[int], list[Detection]]:
        """The people of a frame.

        Args:
            frame: Its number.
            name: Of the picture, without a suffix.
            picture: (H, W, 3) uint8.

        Returns:
            Numbers of the people, and what was seen of each.
        """
        ...


class Detecting:
    """A detector, and who is who from frame to frame.

    Args:
        detector: The detector.
        fps: Frames per second of a video; ``None`` for pictures that have nothing to do with each other.
        lowest: Joints of less confidence are missing; what the detector says by default.
    """

    def __init__(self, detector: Detector, fps: float | None, lowest: float | None = None) -> None:
        self.joint_set, self._detector = detector.joint_set, detector
        self._lowest = detector.least_confidence if lowest is None else lowest
        self._follower = None if fps is None else Follower(fps)
        self._previous: list[Detection] = []

    def __call__(self, frame: int, name: str, picture: Picture) -> tuple[list[int], list[Detection]]:
        """See :class:`Observer`."""
        if self._follower is None:
            found = self._sure(self._detector(picture))
            return list(range(len(found))), found
        self._previous = self._detector.track(picture, self._previous)
        found = self._sure(self._previous)
        return self._follower(found), found

    def _sure(self, found: Sequence[Detection]) -> list[Detection]:
        return [above(one, self._lowest) for one in found]


def above(detection: Detection, lowest: float) -> Detection:
    """A detection without the joints of which the detector is less sure.

    Args:
        detection: What was seen.
        lowest: The least confidence that counts.
    """
    unsure = ~(detection.confidence >= lowest)
    return replace(
        detection,
        joints2d=np.where(unsure[:, None], np.nan, detection.joints2d),
        confidence=np.where(unsure, 0.0, detection.confidence),
    )


def first_number(lowest: int, highest: int, count: int) -> int:
    """What a file that numbers the frames of a video calls the first of them.

    Args:
        lowest: Its smallest number.
        highest: Its largest.
        count: How many frames the video has; 0 where nobody knows.

    Returns:
        0 or 1, as programs count; the smallest number of a file of which a piece is left that is as long as the video.
    """
    if lowest <= 1:
        return lowest
    if highest < count:
        return 0
    return 1 if highest == count else lowest


class FromKeypoints:
    """People whose joints another program found.

    Args:
        file: What :func:`s2m.formats.keypoints2d.read_all_keypoints` reads.
        lowest: Joints of less confidence are missing.

    Raises:
        UserError: The file cannot be read; the message names it.
    """

    def __init__(self, file: Path, lowest: float) -> None:
        self._file, self._tracks = file, read_all_keypoints(file, min_confidence=lowest, keep_shares=True)
        coordinates = PictureSize(None)
        for track in self._tracks:
            coordinates.look(track.points, track.confidence)
        self._shares = coordinates.shares
        self.joint_set = self._tracks[0].joint_set.name
        self._first: int | None = None
        self._checked = False

    def of_video(self, count: int) -> tuple[FromKeypoints, tuple[str, ...]]:
        """The same for the frames of a video, by their numbers instead of names of pictures.

        Args:
            count: How many frames the video has; 0 where nobody knows.

        Returns:
            Who finds the people, and what to say of it.
        """
        numbers = self._tracks[0].frames
        found = copy(self)
        found._first, found._checked = 0, False
        if numbers is None or not len(numbers):
            return found, ()
        found._first = first_number(int(numbers[0]), int(numbers[-1]), count)
        if found._first <= 1:
            return found, ()
        note = f"{self._file}: frames begin with number {found._first}, which is taken for the video's first frame"
        return found, (note,)

    def __call__(self, frame: int, name: str, picture: Picture) -> tuple[list[int], list[Detection]]:
        """See :class:`Observer`."""
        size = picture.shape[1], picture.shape[0]
        if not self._checked:
            self._check(*size)
        numbers, found = [], []
        for place, track in enumerate(self._tracks):
            row = self._of_picture(track, frame, name) if self._first is None else self._of_number(track, frame)
            if row is None or not (track.confidence[row] > 0).any():
                continue
            numbers.append(track.person if isinstance(track.person, int) else place)
            found.append(self._detection(track, row, size))
        return numbers, found

    def _of_picture(self, track: Track, frame: int, name: str) -> int | None:
        """The row of a picture: by its name where the file names pictures, else by its place."""
        if any(track.images):
            stems = [Path(image).stem.removesuffix(_OPENPOSE) for image in track.images]
            return stems.index(name) if name in stems else (frame if len(stems) > frame and not stems[frame] else None)
        return frame if frame < len(track.points) else None

    def _of_number(self, track: Track, frame: int) -> int | None:
        """The row of a video's frame."""
        if track.frames is None:
            return frame if frame < len(track.points) else None
        wanted = frame + (self._first or 0)
        row = int(np.searchsorted(track.frames, wanted))
        return row if row < len(track.frames) and track.frames[row] == wanted else None

    def _detection(self, track: Track, row: int, size: tuple[int, int]) -> Detection:
        points, sure = track.points[row] * (size if self._shares else 1.0), track.confidence[row].astype(np.float64)
        box = np.concatenate([np.nanmin(points, 0), np.nanmax(points, 0)])
        return Detection(points, sure, self.joint_set, box, float(sure[sure > 0].mean()))

    def _check(self, width: int, height: int) -> None:
        self._checked = True
        if self._shares:
            return
        seen = np.concatenate([track.points[track.confidence > 0] for track in self._tracks])
        outside = ((seen < 0) | (seen > (width, height))).any(-1)
        if len(seen) and outside.mean() > _OUTSIDE:
            reach = seen.max(0)
            raise UserError(
                f"{self._file}: expected joints of pictures of {width} x {height} pixels, found some as far as "
                f"{reach[0]:.0f} x {reach[1]:.0f}: keypoints of another size than the picture?"
            )


class WithMasks:
    """An observer whose people get silhouettes from a folder: NAME.png for the picture NAME, or the number of a video's
    frame, with or without text around it.

    Masks are read as :func:`s2m.data.zoo.mask_people.people` says: of several people each has a value, or a colour, of
    its own, in any order.

    Args:
        observer: Who finds the people.
        folder: Of the masks.
        count: How many frames a video has, 0 where nobody knows; ``None`` for pictures.

    Raises:
        UserError: There is no such folder, or no mask in it.
    """

    def __init__(self, observer: Observer, folder: Path, count: int | None = None) -> None:
        self.joint_set, self._observer, self._folder = observer.joint_set, observer, folder
        if not folder.is_dir():
            raise UserError(f"--masks {folder}: expected a folder, found {'a file' if folder.exists() else 'nothing'}")
        files = [file for file in sorted(folder.iterdir()) if file.suffix.lower() in _MASK_SUFFIXES]
        if not files:
            raise UserError(f"--masks {folder}: expected masks ({', '.join(_MASK_SUFFIXES)}), found none")
        self._by_name = {file.stem: file for file in files} if count is None else {}
        self._by_frame = {} if count is None else _numbered(files, folder, count)
        if count and len(self._by_frame) < count:
            warn(f"--masks {folder}: masks of {len(self._by_frame)} of {count} frames; no silhouettes in the others")

    def __call__(self, frame: int, name: str, picture: Picture) -> tuple[list[int], list[Detection]]:
        """See :class:`Observer`."""
        numbers, found = self._observer(frame, name, picture)
        file = self._by_name.get(name) or self._by_frame.get(frame)
        if file is None:
            if self._by_name and found:
                warn(f"--masks {self._folder}: no mask for {name}, whose people get no silhouettes")
            return numbers, [replace(one, mask=None) for one in found]
        values = self._read(file, (picture.shape[1], picture.shape[0]))
        return numbers, [replace(one, mask=_of(values, one)) for one in found]

    def _read(self, file: Path, size: tuple[int, int]) -> NDArray[np.int64]:
        with opened(file) as image:
            picture = upright(image)
            if picture.size != size:
                raise UserError(
                    f"{file}: expected a mask of {size[0]} x {size[1]} pixels like the picture, found "
                    f"{picture.size[0]} x {picture.size[1]}"
                )
            try:
                return people(picture)
            except MaskError as error:
                raise UserError(f"{file}: mask: {error}") from error


def _numbered(files: Sequence[Path], folder: Path, count: int) -> dict[int, Path]:
    """Masks by the frames of a video, from 0; numbers may have the same text around them."""
    numbers = number_frames([file.name for file in files], str(folder)).of
    first = first_number(min(numbers.values()), max(numbers.values()), count)
    return {numbers[file.name] - first: file for file in files}


def _of(values: NDArray[np.int64], person: Detection) -> NDArray[np.uint8] | None:
    """The silhouette on which most of the person's joints lie."""
    points = person.joints2d[person.confidence > 0]
    height, width = values.shape
    columns, rows = np.floor(points).astype(np.int64).T
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    under = values[rows[inside], columns[inside]]
    under = under[under != 0]
    if not len(under):
        return None
    found, counts = np.unique(under, return_counts=True)
    mask: NDArray[np.uint8] = (values == found[counts.argmax()]).astype(np.uint8)
    return mask
