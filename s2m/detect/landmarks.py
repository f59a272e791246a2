"""BlazePose's second network: landmarks and a mask of the person in a square."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.detect.heatmaps import refined
from s2m.detect.interface import Picture
from s2m.detect.models import Network, sigmoid
from s2m.detect.region import Region
from s2m.skeletons import BLAZEPOSE33

_SIDE = 256
_HEAT = 64  # side of the heatmaps
_JOINTS = len(BLAZEPOSE33)
_POINTS = _JOINTS + 6  # after the joints: the middle of the hips, a point of the circle, and four of the hands
_HIPS, _TOP = _JOINTS, _JOINTS + 1
_NUMBERS = 5  # of a point: x, y, z in pixels of the square, logits of visibility and presence


@dataclass(frozen=True)
class Landmarks:
    """What the network sees in one square.

    Attributes:
        region: The square.
        joints2d: (33, 2) pixels of the picture.
        in_mask: (33, 2) the same in pixels of the mask.
        visibility: (33,) in [0, 1]: there and not hidden.
        joints3d: (33, 3) metres about the middle of the hips, camera axes of the picture.
        mask: (256, 256) uint8 of the square, 0 to 255.
        score: That it is a person, in [0, 1].
        following: The square in which the same person would be looked for next.
    """

    region: Region
    joints2d: NDArray[np.float64]
    in_mask: NDArray[np.float64]
    visibility: NDArray[np.float64]
    joints3d: NDArray[np.float64]
    mask: NDArray[np.uint8]
    score: float
    following: Region


class LandmarkNetwork:
    """Finds the landmarks of the one person in a square.

    Args:
        path: ``pose_landmark_full.tflite``, or another of its family.
        copies: How many looks go on at the same time.
        exponent: Of its visibilities, to make them mean what those of ``pose_landmark_full.tflite`` do.
    """

    def __init__(self, path: Path, copies: int = 1, exponent: float = 1.0) -> None:
        sizes = (_POINTS * _NUMBERS, 1, _SIDE * _SIDE, _HEAT * _HEAT * _POINTS, _POINTS * 3)
        self._network, self._exponent = Network(path, _SIDE, sizes, copies), exponent

    def try_out(self, path: Path) -> None:
        """See :meth:`s2m.detect.models.Network.try_out`.

        Args:
            path: The file that it was read from, for messages.

        Raises:
            UserError: The file is damaged.
        """
        self._network.try_out(path)

    def __call__(self, picture: Picture, region: Region) -> Landmarks:
        """Look into a square of a picture.

        Args:
            picture: (H, W, 3) uint8, RGB.
            region: The square of a person.

        Returns:
            What is there.
        """
        numbers, score, logits, heat, world = self._network(region.sample(picture, _SIDE) / np.float32(255))
        points = numbers.reshape(_POINTS, _NUMBERS).astype(np.float64)
        plain = points[:, :2] / _SIDE
        places = refined(plain, heat.reshape(_HEAT, _HEAT, _POINTS))[:_JOINTS]
        # Of the points that tell the next square, the heat says no more than the numbers (docs/detect.md).
        hips, top = region.to_picture(plain[[_HIPS, _TOP]])
        certain = sigmoid(points[:_JOINTS, 3:])
        return Landmarks(
            region=region,
            joints2d=region.to_picture(places),
            in_mask=places * _SIDE,
            visibility=(certain[:, 0] * certain[:, 1]) ** self._exponent,
            joints3d=region.turned(world.reshape(_POINTS, 3)[:_JOINTS]),
            mask=(sigmoid(logits) * 255).astype(np.uint8).reshape(_SIDE, _SIDE),
            score=float(score[0]),
            following=Region.around(hips, top),
        )


class BetterOfTwo:
    """Two networks look at the same square, and each joint is taken from the one that sees it better.

    Args:
        first: What is no joint comes from it: the mask, the score, the next square.
        second: The other.
    """

    def __init__(self, first: LandmarkNetwork, second: LandmarkNetwork) -> None:
        self._first, self._second = first, second

    def __call__(self, picture: Picture, region: Region) -> Landmarks:
        """See :meth:`LandmarkNetwork.__call__`."""
        first, second = self._first(picture, region), self._second(picture, region)
        better = second.visibility > first.visibility
        return replace(
            first,
            joints2d=np.where(better[:, None], second.joints2d, first.joints2d),
            in_mask=np.where(better[:, None], second.in_mask, first.in_mask),
            visibility=np.maximum(first.visibility, second.visibility),
        )
