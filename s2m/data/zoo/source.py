"""What a dataset gives to the converter: recordings, one sequence seen by one camera each.

A source knows one official file layout and nothing of stores, crops or workers; :mod:`s2m.data.zoo.convert` knows
nothing of layouts. Sources travel to worker processes, so they hold paths and plain settings only.
"""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[Any]
SPLITS = ("train", "val", "test")


class SourceError(FormatError):
    """A dataset's file cannot be used; the message names the file, the field, what was expected and what was found."""


class PictureReader(Protocol):
    """Pictures of one recording, for people to look at; see :mod:`s2m.data.zoo.pictures`."""

    def read(self, frame: int) -> Image | None:
        """The RGB picture of a frame (a number of ``Recording.frame``) at any resolution, ``None`` where there is none.

        Args:
            frame: A number of ``Recording.frame``.

        Raises:
            SourceError: The message names a file that is damaged.
        """


class MaskReader(Protocol):
    """Silhouettes of one recording, read when they are needed. Must be picklable: keep paths, not open files."""

    def read(self, rows: NDArray[np.int64], windows: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """Masks of some rows of the recording's arrays (increasing), (n, H, W) at the image's resolution.

        A frame without a mask is all False.

        Args:
            rows: Increasing rows of the recording's arrays.
            windows: (n, 4) pixels x0, y0, x1, y1 inside the image, x1 and y1 not included: nothing else of a row's mask
                is needed, so a reader that can read parts of pictures may leave the rest False.

        Raises:
            SourceError: The message names the file.
        """


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with an optional lens; lengths in pixels of the full image.

    Args:
        fx: Focal length in x.
        fy: Focal length in y.
        cx: Optical axis, x.
        cy: Optical axis, y.
        distortion: (k1, k2, p1, p2, k3) in OpenCV's order and meaning; ``None`` for a perfect lens.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, float, float, float, float] | None = None

    @property
    def intrinsics(self) -> tuple[float, float, float, float]:
        """fx, fy, cx, cy."""
        return self.fx, self.fy, self.cx, self.cy

    def project(self, points: Array) -> Array:
        """Camera-frame points (..., 3), metres, to pixels (..., 2), +y down, in float64.

        Points with z <= 0 become NaN: nothing behind the camera is in the image.

        Args:
            points: Points (..., 3), metres, camera frame.
        """
        points = np.asarray(points, np.float64)
        depth = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
        plane = self._distort(points[..., :2] / depth)
        projected: Array = plane * np.array([self.fx, self.fy]) + np.array([self.cx, self.cy])
        return projected

    def _distort(self, plane: Array) -> Array:
        """Brown's lens, https://docs.opencv.org/4.x/d9/d0c/group__calib3d.html."""
        if self.distortion is None:
            return plane
        k1, k2, p1, p2, k3 = self.distortion
        x, y = plane[..., 0], plane[..., 1]
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        bent_y = y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)
        return np.stack([bent_x, bent_y], axis=-1)


@dataclass(frozen=True)
class BodyTruth:
    """A body in SMPL format, by frame.

    Args:
        poses: (T, 72) axis-angle, radians; the first three rotate the body frame into the CAMERA frame.
        betas: (10,) or (T, 10).
        transl: (T, 3) metres, camera frame, SMPL's ``transl`` (added after posing).
        gender: "neutral", "female" or "male": which of the three models the parameters belong to.
    """

    poses: Array
    betas: Array
    transl: Array
    gender: str = "neutral"


@dataclass(frozen=True)
class RecordingRef:
    """One recording to read; ``payload`` is what the source needs to find it again (plain data, picklable).

    key: unique among a source's recordings also when the same recording is in two splits.

    Args:
        name: Name of the recording.
        split: Split that it belongs to.
        payload: What the source needs to find it again: plain data that can be pickled.
    """

    name: str
    split: str
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Split and name."""
        return f"{self.split}/{self.name}"


@dataclass(frozen=True)
class Recording:
    """One sequence seen by one camera; arrays by frame (T of them), joints in the order of ``joint_set``.

    Pixel (column c, row r) covers [c, c+1] x [r, r+1] of the image's coordinates.

    Rows that cannot be used may be left in: the converter drops them with a reason. Rows that the protocol leaves out
    (every n-th frame, invalid frames) should be left out by the source and counted in ``left_out``: reason -> frames.

    Args:
        name: E.g. "S9/Directions.54138969".
        split: "train", "val" or "test".
        joint_set: Name of a set of :mod:`s2m.skeletons`.
        joints2d: (T, J, 2) pixels of the full image as it is stored (distorted if the lens distorts), +y down.
        confidence: (T, J), 0 = missing.
        frame: (T,) number of the frame in the video or annotation.
        image_size: Width, height.
        camera: ``None`` where it is unknown; the projection check needs it.
        joints3d: (T, J, 3) metres, camera frame (+x right, +y down, +z forward); a frame with a NaN is dropped.
            ``None``: no 3D truth at all.
        body: Only with ``joints3d``.
        masks: ``None``: no silhouettes; a row that is known to be without one reads as all False.
        pictures: For the contact sheet alone.
        activity: What the person does, for results by activity.
        detected: The 2D joints come from a detector, so that their distance from the projected truth is the detector's
            error.
        source_files: For messages and to notice that a file changed since an interrupted conversion.
        left_out: Number of frames that the source left out, by reason.
    """

    name: str
    split: str
    joint_set: str
    joints2d: Array
    confidence: Array
    frame: Array
    image_size: tuple[int, int]
    camera: Camera | None = None
    joints3d: Array | None = None
    body: BodyTruth | None = None
    masks: MaskReader | None = None
    pictures: PictureReader | None = None
    activity: str = ""
    detected: bool = False
    source_files: tuple[Path, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.joints2d)


class Source(ABC):
    """A dataset in its official files. Subclasses are constructed with ``root`` and their own options, and pickle."""

    name: ClassVar[str]
    """What ``s2m data NAME`` calls it."""
    description: ClassVar[str] = ""
    """One paragraph for ``s2m data NAME --help``: which files, from where."""
    reprojection_limit_px: ClassVar[float] = 5.0
    """Largest median distance between projected 3D truth and 2D joints, in pixels of a 1000-pixel image."""
    brings_2d: ClassVar[bool] = False
    """Whether ``--keypoints`` and ``--masks`` are options of the source's own."""
    mask_files: ClassVar[str] = ""
    """Which of the dataset's files hold silhouettes, for those who lack them."""

    @abstractmethod
    def recordings(self) -> list[RecordingRef]:
        """All recordings, sorted, cheaply (folder listings, not contents).

        Raises:
            SourceError: When there are none.
        """

    @abstractmethod
    def read(self, ref: RecordingRef) -> Recording:
        """One recording.

        Args:
            ref: The recording to read.

        Raises:
            SourceError: Or StoreError; the message names file, field, expected and found.
        """

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Options that change the result, as plain data: part of the store's identity. No paths."""

    def prepare(self, folder: Path) -> None:  # noqa: B027
        """Called once, in the parent process, before anything is read; ``folder`` is private and kept for a resume.

        For layouts with all recordings in one file: unpack it here once instead of in every worker.

        Args:
            folder: A private folder, kept for a resume.
        """

    @property
    def notes(self) -> list[str]:
        """Remarks for the report, e.g. recordings that the dataset is known to lack."""
        return []

    @classmethod  # noqa: B027
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add options beyond --root, --output and the converter's own.

        Args:
            parser: The dataset's command.
        """

    @classmethod
    @abstractmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Source:
        """Build from parsed options.

        Args:
            arguments: Parsed options, those of :meth:`add_arguments` among them; ``root`` is a Path.

        Returns:
            The source.

        Raises:
            SourceError: When the root is no such dataset.
        """
