"""Calibrated cameras: what Qualisys' calibration file says, in this project's frames and units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

_SUBPIXELS = 64  # Qualisys counts pixels in 64ths
_FLIP = np.diag([1.0, -1.0, -1.0])  # its cameras look along -z, with y up


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera.

    The lens' distortion is left out: with the coefficients that the file gives, it moves nothing by more than two
    pixels here, and the reprojection error is the same with and without.

    Attributes:
        name: Of the camera.
        intrinsics: (3, 3) pixels.
        rotation: (3, 3) world to camera axes (+x right, +y down, +z forward).
        translation: (3,) metres; a point is at ``rotation @ point + translation``.
        size: Width and height of its pictures, pixels.
    """

    name: str
    intrinsics: NDArray[np.float64]
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    size: tuple[int, int]

    def seen(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Points in the camera's axes.

        Args:
            points: (..., 3) metres, world.

        Returns:
            (..., 3) metres.
        """
        return np.asarray(points, np.float64) @ self.rotation.T + self.translation

    def project(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Where points are in the picture.

        Args:
            points: (..., 3) metres, world.

        Returns:
            (..., 2) pixels.
        """
        found = self.seen(points) @ self.intrinsics.T
        return found[..., :2] / found[..., 2:]

    def matrix(self) -> NDArray[np.float64]:
        """World to pixels, homogeneous: (3, 4)."""
        return self.intrinsics @ np.concatenate([self.rotation, self.translation[:, None]], 1)

    def letterboxed(self, size: tuple[int, int]) -> Camera:
        """The same camera, of a video whose pictures were made narrower and got black bars above and below.

        Args:
            size: Width and height of the video, pixels; as high as the camera's own pictures.

        Returns:
            The camera of the video's pixels.
        """
        scale = size[0] / self.size[0]
        fit = np.array([[scale, 0, 0], [0, scale, (size[1] - scale * self.size[1]) / 2], [0, 0, 1]])
        return replace(self, intrinsics=fit @ self.intrinsics, size=size)


def read_calibration(text: str) -> list[Camera]:
    """The cameras of a calibration file of Qualisys.

    Args:
        text: Its content.

    Returns:
        One after the other.
    """
    return [_camera(element) for element in ElementTree.fromstring(text).iter("camera")]


def _camera(element: ElementTree.Element) -> Camera:
    view, lens, place = (_numbers(element, name) for name in ("fov_video", "intrinsic", "transform"))
    intrinsics = np.array(
        [
            [lens["focalLengthU"], 0, lens["centerPointU"]],
            [0, lens["focalLengthV"], lens["centerPointV"]],
            [0, 0, _SUBPIXELS],
        ]
    )
    printed = np.array([[place[f"r{row}{column}"] for column in (1, 2, 3)] for row in (1, 2, 3)])
    rotation = _FLIP @ printed
    centre = np.array([place[axis] for axis in "xyz"]) / 1000
    size = (int(view["right"] - view["left"]) + 1, int(view["bottom"] - view["top"]) + 1)
    return Camera(element.attrib["serial"], intrinsics / _SUBPIXELS, rotation, -rotation @ centre, size)


def _numbers(element: ElementTree.Element, name: str) -> dict[str, float]:
    found = element.find(name)
    attributes = {} if found is None else found.attrib
    return {key: float(value) for key, value in attributes.items()}
