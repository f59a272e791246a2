"""Squares in a picture, turned so that a person stands upright in them: what the networks look at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s2m.detect.interface import Picture

# How much larger than the circle around a person the square is that the landmarks are looked for in (MediaPipe's).
_MARGIN = 1.25
_SMALLEST = 2.0  # pixels
# Bilinear reading skips pixels where the picture is finer than the result. The networks were trained so, and see better
# with it than with smoothed pictures (docs/detect.md); far beyond what they were trained with, it would be noise.
_COARSEST = 6.0
_BLOCKS = 2  # along one of the mask's pixels


@dataclass(frozen=True)
class Region:
    """A square in a picture; its own units are shares of its side, from its own top left corner.

    Attributes:
        x: Centre, pixels.
        y: Centre, pixels.
        side: Pixels.
        turn: Angle by which the square is turned clockwise in the picture, radians.
    """

    x: float
    y: float
    side: float
    turn: float = 0.0

    @classmethod
    def around(cls, hips: NDArray[Any], top: NDArray[Any]) -> Region:
        """The square of a person, by the two points that BlazePose's networks tell it with.

        Args:
            hips: (2,) the middle of the hips, pixels.
            top: (2,) a point of the circle around the whole person, above the hips along the body, pixels.

        Returns:
            The square, in which the person stands upright.
        """
        dx, dy = float(top[0] - hips[0]), float(top[1] - hips[1])
        side = max(2 * _MARGIN * math.hypot(dx, dy), _SMALLEST)
        return cls(float(hips[0]), float(hips[1]), side, math.atan2(dx, -dy))

    def to_picture(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Own units to pixels.

        Args:
            points: (..., 2) own units.

        Returns:
            (..., 2) pixels of the picture.
        """
        matrix, origin = self._matrix()
        return np.asarray(points, np.float64) @ matrix.T + origin

    def turned(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Turn points of 3D that were seen in this square as the picture shows them.

        Args:
            points: (..., 3) camera axes of the square: x along its upper side.

        Returns:
            (..., 3) camera axes of the picture.
        """
        turned = np.array(points, np.float64)
        turned[..., :2] = turned[..., :2] @ (self._matrix()[0].T / self.side)
        return turned

    def sample(self, picture: Picture, size: int) -> NDArray[np.float32]:
        """The picture in this square, black where there is none.

        Args:
            picture: (H, W, 3) uint8.
            size: Side of the result, pixels.

        Returns:
            (size, size, 3), 0 to 255.
        """
        left, top, right, bottom = self._window(picture.shape[1], picture.shape[0])
        if left >= right or top >= bottom:
            return np.zeros((size, size, 3), np.float32)
        shrink = max(int(self.side / size / _COARSEST), 1)
        part = Image.fromarray(picture[top:bottom, left:right])
        part = part.reduce(shrink) if shrink > 1 else part
        matrix, origin = self._matrix()
        matrix, origin = matrix / (size * shrink), (origin - [left, top]) / shrink
        values = (*matrix[0], origin[0], *matrix[1], origin[1])
        crop = part.transform((size, size), Image.Transform.AFFINE, values, Image.Resampling.BILINEAR)
        return np.asarray(crop, np.float32)

    def paste(self, mask: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
        """A mask of this square, laid into the picture.

        Args:
            mask: (size, size), 0 to 255: how sure a pixel is the person's.
            shape: Height and width of the picture, pixels.

        Returns:
            (H, W), 1 where it is more likely than not and 0 elsewhere.
        """
        whole = np.zeros(shape, np.uint8)
        left, top, right, bottom = self._window(shape[1], shape[0], _filled(mask))
        if left >= right or top >= bottom:
            return whole
        # Blocks of pixels at a time, where several of them lie on one of the mask's: the edge is known no better.
        block = max(int(self.side / (mask.shape[0] * _BLOCKS)), 1)
        matrix, origin = self._matrix()
        back = np.linalg.inv(matrix) * mask.shape[0]
        start = back @ ([left, top] - origin)
        values = (*back[0] * block, start[0], *back[1] * block, start[1])
        width, height = right - left, bottom - top
        window = (-(-width // block), -(-height // block))
        laid = Image.fromarray(mask).transform(window, Image.Transform.AFFINE, values, Image.Resampling.BILINEAR)
        blocks = (np.asarray(laid) >= 128).view(np.uint8)
        whole[top:bottom, left:right] = blocks.repeat(block, 0)[:height].repeat(block, 1)[:, :width]
        return whole

    def _matrix(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Own units to pixels: (2, 2) and (2,)."""
        cos, sin = self.side * math.cos(self.turn), self.side * math.sin(self.turn)
        matrix = np.array([[cos, -sin], [sin, cos]])
        return matrix, np.array([self.x, self.y]) - matrix @ [0.5, 0.5]

    def _window(
        self, width: int, height: int, part: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    ) -> tuple[int, int, int, int]:
        """The pixels that a part of the square (own units: x0, y0, x1, y1) lies on: left, top, right, bottom."""
        x0, y0, x1, y1 = part
        corners = self.to_picture(np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]]))
        low, high = np.floor(corners.min(0)) - 1, np.ceil(corners.max(0)) + 1
        left, top = np.clip(low, 0, [width, height])
        right, bottom = np.clip(high, 0, [width, height])
        return int(left), int(top), int(right), int(bottom)


def _filled(mask: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """The box around what is set in a mask, with a pixel's margin, in shares of its side."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    size = mask.shape[0]
    return (columns[0] - 1) / size, (rows[0] - 1) / size, (columns[-1] + 2) / size, (rows[-1] + 2) / size
