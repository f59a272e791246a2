"""Joints in npy and npz files that are longer than the memory: the rules of the readers, some frames at a time.

What :func:`s2m.formats.joints3d.read_joints` and :func:`s2m.formats.keypoints2d.read_keypoints` refuse, take as missing
or say of an array, they refuse, take and say here as well (``tests/formats/test_large.py`` compares the two).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.formats import bodies3d, humanml
from s2m.formats.arrays import field_name, shaped
from s2m.formats.clips import ROWS, Block, blocks
from s2m.formats.confidences import check_confidence, check_numbers, confidence_field, confidence_notes, unclear_notes
from s2m.formats.joints3d import JOINT_FIELDS
from s2m.formats.keypoints2d import JOINT_FIELDS as JOINT_FIELDS_2D
from s2m.formats.layouts import Layout
from s2m.formats.pixels import PictureSize
from s2m.formats.raw import Header, load
from s2m.formats.recognise import FRAMES
from s2m.formats.rows import FileRows, npy_header, npy_rows, npz_header, npz_rows
from s2m.formats.stored import layout_of, stored_joint_set, stored_labels
from s2m.formats.tracks import Labels, Unseen, low_notes, origin_notes
from s2m.missing import Origin, mask_with
from s2m.skeletons import JointSet

LARGE = 1 << 26  # bytes of an array from which on it is read in pieces


@dataclass(frozen=True)
class Asked:
    """What the user says of a file.

    Attributes:
        dims: 2 or 3 coordinates.
        joint_set: Names of the joints; ``None``: as the readers tell them.
        key: Field of an npz file.
        least: Joints of less confidence are missing.
        size: Width and height of the picture in pixels, of 2D joints.
    """

    dims: int
    joint_set: JointSet | None = None
    key: str | None = None
    least: float = 0.0
    size: tuple[int, int] | None = None


class LargeFrames:
    """A clip in a file that is not loaded, see :class:`s2m.formats.clips.FrameSource`.

    Args:
        rows: Its numbers: (T, K, D), or flat; one more column is a confidence.
        asked: What the user says.
        path: The file, for messages.
        sure: (T, K) confidences that stand in another field.
        sure_field: Its name.
        labels: What the file calls frames and person.
        block: Frames in memory at a time.

    Attributes:
        joint_set: Names of the joints.
        why: What they were told by, for the user.
        notes: Sentences for the user.
        labels: What the file calls frames and person.
        layout: What its other fields say of unit, axes and rate.

    Raises:
        UserError: The readers would refuse it.
    """

    def __init__(
        self,
        rows: FileRows,
        asked: Asked,
        path: Path,
        sure: FileRows | None = None,
        sure_field: str = "",
        labels: Labels | None = None,
        block: int = ROWS,
    ) -> None:
        self._rows, self._sure, self._asked, self._path = rows, sure, asked, path
        some = rows.some(FRAMES).astype(np.float64)
        points, _, chosen = shaped(some, asked.joint_set, asked.dims, path, rows.shape)
        self.joint_set, self.why = chosen.joint_set, chosen.why
        self._count, self._width = points.shape[1], some[0].size // points.shape[1]
        unfit = self._take_confidences(sure_field)
        self.labels = Labels(np.arange(len(self))) if labels is None else labels
        self.layout: Layout | None = None
        self._scale: NDArray[np.float64] | None = None
        self._origin = self._first_look(block)
        self.notes = (*unfit, *self._second_look(block), *origin_notes(self._origin, self.joint_set, asked.dims))

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, start: int, stop: int) -> Block:
        """See :class:`s2m.formats.clips.FrameSource`.

        Args:
            start: The first frame.
            stop: One after the last.

        Returns:
            Points (N, K, D), NaN where missing, and confidences (N, K).
        """
        points, sure = mask_with(*self._raw(start, stop), self._origin)
        low = self._low(sure)
        points[low], sure[low] = np.nan, 0
        return (points if self._scale is None else points * self._scale), sure

    def _raw(self, start: int, stop: int) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        rows = self._rows.read(start, stop).reshape(stop - start, self._count, self._width).astype(np.float64)
        points = rows[..., : self._asked.dims]
        if self._sure is not None:
            return points, self._sure.read(start, stop).reshape(points.shape[:2]).astype(np.float64).clip(None, 1)
        return points, None if self._width == self._asked.dims else rows[..., self._asked.dims]

    def _take_confidences(self, field: str) -> tuple[str, ...]:
        """Leave the confidences out that do not fit, or that the array has itself; what there is to say of it."""
        if self._sure is None or self._width > self._asked.dims:
            self._sure = None
            return ()
        notes = confidence_notes(field, self._sure.shape, (len(self), self._count))
        self._sure = None if notes else self._sure
        return notes

    def _low(self, sure: NDArray[np.float32]) -> NDArray[np.bool_]:
        low: NDArray[np.bool_] = (sure > 0) & (sure < self._asked.least)
        return low

    def _first_look(self, block: int) -> int | None:
        """The joint that coordinates are relative to."""
        origin = Origin(self.joint_set.root_index)
        for start, stop in blocks(self, block):
            points, sure = self._raw(start, stop)
            if sure is not None and self._sure is None:
                check_confidence(sure, self._asked.dims, self._path)
            origin.look(points, sure)
        return origin.found

    def _second_look(self, block: int) -> tuple[str, ...]:
        """What is missing, in words, and what turns coordinates into pixels."""
        unseen, picture = Unseen(self.joint_set), PictureSize(self._asked.size)
        low = np.zeros(self._count, np.int64)
        for start, stop in blocks(self, block):
            raw, told = self._raw(start, stop)
            points, sure = mask_with(raw, told, self._origin)
            unseen.look(raw, told, sure)
            low += self._low(sure).sum(0)
            if self._asked.dims == 2:
                picture.look(points, sure)
        if self._asked.dims == 2:
            self._scale = picture.scale(self._path)
        return (*unseen.notes, *picture.notes, *low_notes(low, len(self), self.joint_set, self._asked.least))


def is_large(path: Path, asked: Asked) -> bool:
    """Whether a file holds an array of joints that :func:`opened` should read, in pieces.

    Args:
        path: Any file.
        asked: What the user says of it.

    Returns:
        False for small files and those of other kinds, which the ordinary readers take.

    Raises:
        UserError: The readers would refuse it.
    """
    kind = path.suffix.lower()
    if not path.is_file() or path.stat().st_size < LARGE // 100:  # packed more tightly it is refused
        return False
    if kind == ".npz":
        return _large_field(path, asked) is not None
    return kind == ".npy" and asked.key is None and _fits(npy_header(path), asked)


def person_of(path: Path, asked: Asked) -> int | str | None:
    """What a large file calls its person, where it does.

    Args:
        path: A file that :func:`is_large`.
        asked: What the user says of it.
    """
    field = _large_field(path, asked) if path.suffix.lower() == ".npz" else None
    labels = None if field is None else stored_labels(load(path), npz_header(path, field).shape[0])
    return None if labels is None else labels.person


@contextlib.contextmanager
def opened(path: Path, asked: Asked, folder: Path) -> Iterator[LargeFrames]:
    """A large array of joints, for as long as the block lasts.

    Args:
        path: A file that :func:`is_large`.
        asked: What the user says of it.
        folder: Where packed numbers are unpacked.

    Yields:
        The clip.

    Raises:
        UserError: The readers would refuse it.
    """
    field = _large_field(path, asked) if path.suffix.lower() == ".npz" else None
    if field is None:
        with npy_rows(path) as rows:
            yield LargeFrames(rows, asked, path)
        return
    content = load(path)
    sure = confidence_field(content)
    if sure is not None:
        check_numbers(sure, npz_header(path, sure).dtype, path)
    with contextlib.ExitStack() as stack:
        rows = stack.enter_context(npz_rows(path, field, folder))
        others = None if sure is None else stack.enter_context(npz_rows(path, sure, folder))
        asked = replace(asked, joint_set=asked.joint_set or stored_joint_set(content))
        clip = LargeFrames(rows, asked, path, others, sure or "", stored_labels(content, len(rows)))
        clip.notes += unclear_notes(content)
        clip.layout = layout_of(content, path)
        yield clip


def _fits(header: Header, asked: Asked) -> bool:
    features = asked.dims == 3 and len(header.shape) == 2 and header.shape[1] in humanml.WIDTHS
    joints = header.dtype.kind in "fiu" and len(header.shape) in (2, 3) and not features
    return joints and header.size >= LARGE


def _large_field(path: Path, asked: Asked) -> str | None:
    """The field of an npz file with a large array of joints; ``None`` where there is none, or people of other kinds."""
    there = list(load(path))
    if asked.dims == 3 and asked.key is None and bodies3d.names_people(there):
        return None
    if asked.dims == 2 and "positions_2d" in there and npz_header(path, "positions_2d").dtype.hasobject:
        return None  # VideoPose3D's videos
    field = field_name(there, asked.key, JOINT_FIELDS if asked.dims == 3 else JOINT_FIELDS_2D, path)
    return field if _fits(npz_header(path, field), asked) else None
