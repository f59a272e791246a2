"""What a detector of people is, and what it says about one person in one picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from s2m.arrays import short_repr

Picture: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Detection:
    """One person in one picture.

    Pixel (column c, row r) covers [c, c+1] x [r, r+1]: its centre is at +0.5, and a picture spans [0, W] x [0, H].

    Attributes:
        joints2d: (J, 2) pixels of the picture; NaN where a joint was not seen.
        confidence: (J,) in [0, 1]; 0 where a joint was not seen: outside the picture, or hardly visible.
        joint_set: Name in ``s2m.skeletons``, such as ``blazepose33``.
        box: (4,) x0, y0, x1, y1 in pixels.
        score: Of the person, in [0, 1].
        mask: (H, W) uint8 of the whole picture, 1 on the person and 0 elsewhere; of several people in a picture no two
            own a pixel. ``None`` where the detector has none.
        joints3d: (J, 3) metres about the middle of the hips, camera axes (+x right, +y down, +z forward): what a
            detector with 3D supervision says. To compare with; nothing here trains on it or computes with it.
    """

    joints2d: NDArray[np.float64]
    confidence: NDArray[np.float64]
    joint_set: str
    box: NDArray[np.float64]
    score: float
    mask: NDArray[np.uint8] | None = None
    joints3d: NDArray[np.float64] | None = None

    __repr__ = short_repr


class Detector(ABC):
    """Finds people in pictures. To bring your own, implement ``joint_set`` and ``__call__``: docs/detect.md.

    Attributes:
        joint_set: Name in ``s2m.skeletons`` of the joints of every detection.
        least_confidence: Joints of less are rarely where it says; `s2m recover` takes them for missing.
    """

    joint_set: str
    least_confidence: float = 0.0

    @abstractmethod
    def __call__(self, picture: Picture) -> list[Detection]:
        """Find the people in a picture.

        Args:
            picture: (H, W, 3) uint8, RGB, upright.

        Returns:
            One entry per person, the best first; empty where nobody was found.
        """

    def track(self, picture: Picture, previous: Sequence[Detection]) -> list[Detection]:
        """Find the people in a frame of a video; a detector may start where they were in the frame before.

        The order is that of a picture: entries of two frames do not correspond.

        Args:
            picture: (H, W, 3) uint8, RGB, upright.
            previous: What was found in the frame before; empty at the start.

        Returns:
            See :meth:`__call__`.
        """
        return self(picture)


def not_seen(
    joints2d: NDArray[Any], confidence: NDArray[Any], size: tuple[int, int], lowest: float, margin: float = 0.0
) -> NDArray[np.bool_]:
    """Joints that count as missing: outside the picture, hardly visible, or no number.

    Args:
        joints2d: (..., J, 2) pixels.
        confidence: (..., J).
        size: Width and height of the picture, pixels.
        lowest: Confidence below which a joint is missing.
        margin: Pixels along the picture's edges that count as outside, too, for a detector that puts there what the
            edge hides.

    Returns:
        (..., J).
    """
    with np.errstate(invalid="ignore"):
        inside = ((joints2d >= margin) & (joints2d <= np.array(size) - margin)).all(-1)
        seen: NDArray[np.bool_] = inside & (confidence >= lowest)
    return ~seen
