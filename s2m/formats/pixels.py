"""Whether 2D coordinates are pixels, or shares of a picture's width and height."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.formats.tracks import Track

_SHARES = 0.9  # of the points lie in the picture when coordinates are shares of its size
_FRACTION = 2.0  # coordinates that all lie below were made of pixels by some rule
_OUTSIDE = 0.95  # of them beside it: it is another picture's size


def in_pixels(track: Track, size: tuple[int, int] | None, path: Path) -> Track:
    """2D joints in pixels, or in another unit in which both axes have one scale.

    Args:
        track: 2D joints.
        size: Width and height of the picture, pixels, where the user gave them.
        path: The file, for messages.

    Returns:
        The track with shares turned into pixels.

    Raises:
        UserError: See :meth:`PictureSize.scale`.
    """
    found = PictureSize(size)
    found.look(track.points, track.confidence)
    scale = found.scale(path)
    track = replace(track, notes=(*track.notes, *found.notes))
    return track if scale is None else replace(track, points=track.points * scale)


class PictureSize:
    """Tells coordinates that are shares of a picture's width and height from pixels, block after block.

    Args:
        size: Width and height of the picture, pixels, where the user gave them.
    """

    def __init__(self, size: tuple[int, int] | None) -> None:
        self._size = size
        self._seen = self._inside = 0
        self._low, self._high = np.full(2, np.inf), np.full(2, -np.inf)
        self._before, self._beyond = np.zeros((2, 2), np.int64)

    def look(self, points: NDArray[np.float64], confidence: NDArray[np.float32]) -> None:
        """Take in the next frames.

        Args:
            points: (N, K, 2) as the file has them.
            confidence: (N, K); 0 where a joint is missing.
        """
        seen = points[confidence > 0]
        if not len(seen):
            return
        self._seen += len(seen)
        self._inside += int(((seen >= 0) & (seen <= 1)).all(-1).sum())
        self._low, self._high = np.minimum(self._low, seen.min(0)), np.maximum(self._high, seen.max(0))
        self._before += (seen < 0).sum(0)
        if self._size is not None:
            self._beyond += (seen > self._size).sum(0)

    @property
    def shares(self) -> bool:
        """Whether the coordinates are shares of a picture's width and height."""
        many = self._inside >= _SHARES * self._seen > 0
        return bool(many and (self._low > -1).all() and (self._high < 2).all())

    @property
    def notes(self) -> tuple[str, ...]:
        """What to say of coordinates that are neither pixels nor shares."""
        if self._size is not None or not self._seen or self._low.min() < -_FRACTION or self._high.max() > _FRACTION:
            return ()
        return (
            f"coordinates from {self._low.min():.2g} to {self._high.max():.2g}, no pixels: read as if both axes had "
            "one scale, as VideoPose3D's; where x was divided by the width and y by the height, the person is squeezed",
        )

    def scale(self, path: Path) -> NDArray[np.float64] | None:
        """What turns the coordinates into pixels.

        Args:
            path: The file, for messages.

        Returns:
            (2,) factors; ``None`` where they are pixels, or in another unit in which both axes have one scale.

        Raises:
            UserError: For joints that are shares of the picture's width and height without a size, which would squeeze
                the person, and for a size of another picture than that of the joints.
        """
        if self._size is None:
            if self.shares:
                raise UserError(
                    f"{path}: expected pixels, found coordinates from 0 to 1: shares of the picture's width and "
                    "height, as MediaPipe gives them? Give the picture's size: --image-size WIDTHxHEIGHT"
                )
            return None
        if self.shares:
            return np.array(self._size, np.float64)
        if self._seen and self._low.min() >= -_FRACTION and self._high.max() <= _FRACTION:
            raise UserError(
                f"{path}: --image-size: expected pixels, or shares of the picture from 0 to 1, found coordinates from "
                f"{self._low.min():.3g} to {self._high.max():.3g}"
            )
        if self._seen and max(self._before.max(), self._beyond.max()) > _OUTSIDE * self._seen:
            raise UserError(
                f"{path}: --image-size: expected joints in a picture of {self._size[0]}x{self._size[1]} pixels, found "
                f"most of them outside, between {self._low.round().tolist()} and {self._high.round().tolist()}"
            )
        return None
