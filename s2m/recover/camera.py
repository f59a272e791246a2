"""The camera of a whole picture: a pinhole in the middle, whose focal length is given, read or guessed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from s2m.errors import UserError

_FULL_FRAME = math.hypot(36, 24)  # millimetres: the diagonal that "35 mm equivalent" refers to
_LONGEST = 50.0  # focal lengths over the diagonal: a telescope


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: +x right, +y down, +z forward; the principal point is the middle of the picture.

    Attributes:
        focal: Pixels.
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        source: Where the focal length comes from, in words.
    """

    focal: float
    width: int
    height: int
    source: str = "given"

    @staticmethod
    def of(size: tuple[int, int], focal: float | None = None, focal_35mm: float | None = None) -> Camera:
        """The camera of a picture.

        Without a focal length the diagonal of the picture stands for it, a view of 53 degrees from corner to corner
        (CLIFF, Li et al., ECCV 2022, and others guess the same).

        Args:
            size: Width and height in pixels.
            focal: Pixels, where the user knows it.
            focal_35mm: Millimetres of a full-frame camera with the same view, where the file says it.

        Returns:
            The camera; ``source`` says which of the three it is.

        Raises:
            UserError: For a focal length that no camera has.

        Example:
            >>> Camera.of((400, 300)).focal, Camera.of((400, 300)).source
            (500.0, 'guessed from the size of the picture')
        """
        diagonal = math.hypot(*size)
        if focal is not None:
            if not diagonal / _LONGEST < focal < diagonal * _LONGEST:
                raise UserError(
                    f"--focal: expected pixels, {diagonal / _LONGEST:.0f} to {diagonal * _LONGEST:.0f} for a picture "
                    f"of {size[0]} x {size[1]}, found {focal:g}"
                )
            return Camera(float(focal), *size)
        if focal_35mm is not None and 1 / _LONGEST < focal_35mm / _FULL_FRAME < _LONGEST:
            return Camera(diagonal * focal_35mm / _FULL_FRAME, *size, "read from the file (EXIF)")
        return Camera(diagonal, *size, "guessed from the size of the picture")

    @property
    def centre(self) -> tuple[float, float]:
        """Principal point, pixels."""
        return self.width / 2, self.height / 2

    @property
    def intrinsics(self) -> Tensor:
        """(4,) fx, fy, cx, cy in pixels."""
        return torch.tensor([self.focal, self.focal, *self.centre])

    def resized(self, width: int, height: int) -> Camera:
        """The camera of the same picture in another size.

        Args:
            width: Pixels.
            height: Pixels.
        """
        return Camera(self.focal * width / self.width, width, height, self.source)

    def rays(self, pixels: Tensor) -> Tensor:
        """Where pixels look: x / z and y / z of their lines of sight.

        Args:
            pixels: (..., 2).

        Returns:
            (..., 2) tangents.
        """
        return (pixels - pixels.new_tensor(self.centre)) / self.focal

    def pixels(self, points: Tensor) -> Tensor:
        """Project points.

        Args:
            points: (..., 3) metres, camera frame; z above 0.

        Returns:
            (..., 2) pixels.
        """
        return points[..., :2] / points[..., 2:].clamp_min(1e-3) * self.focal + points.new_tensor(self.centre)
