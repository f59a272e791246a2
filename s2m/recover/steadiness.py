"""Whether somebody who was followed over a video is a thing: its joints shake on the spot, those of people do not.

A network that sees a person in a coil of cable sees another pose in it with every frame. Seen on two videos of
docs/results/real.md: joints of people accelerate by 0.007 to 0.012 of their size per squared frame at 60 frames per
second, those of three things by 0.03 to 0.06, which is 1.6 times as much as they move in a frame: noise, of which it is
the square root of three times as much.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from s2m.detect import Detection

_SMALL = 0.15  # of the picture's diagonal: things that look like large people are not known
_SHAKES = 0.035  # acceleration of the joints, in sizes per squared frame
_SHAKES_PIXELS = 5.0  # what detectors shake by, of whomever
_AT_RANDOM = 1.45  # acceleration over movement: more than that of anybody who moves on purpose
_ON_THE_SPOT = 0.1  # standard deviation of the middle, in sizes
_FEWEST = 3


class Steadiness:
    """How somebody moves, frame after frame."""

    def __init__(self) -> None:
        self._last: list[tuple[int, NDArray[np.float64]]] = []
        self._accelerations, self._movements, self._sizes = array("f"), array("f"), array("f")
        self._middles = (array("f"), array("f"))

    def add(self, frame: int, detection: Detection) -> None:
        """Take in the next sighting.

        Args:
            frame: Its number, larger than those before.
            detection: What was seen.
        """
        low, high = detection.box[:2], detection.box[2:]
        self._sizes.append(float(np.hypot(*(high - low))))
        for values, middle in zip(self._middles, (low + high) / 2, strict=True):
            values.append(float(middle))
        self._last = [*self._last, (frame, detection.joints2d)][-3:]
        if [number - frame for number, _ in self._last] == [-2, -1, 0]:
            before, now, after = (joints for _, joints in self._last)
            pushed = np.linalg.norm(before - 2 * now + after, axis=-1)
            moved = np.linalg.norm(after - now, axis=-1)
            if np.isfinite(pushed).any():
                self._accelerations.append(float(np.nanmean(pushed)))
                self._movements.append(float(np.nanmean(moved)))

    def is_thing(self, diagonal: float) -> bool:
        """Whether all that was seen is a thing rather than a person.

        Args:
            diagonal: Of the picture, pixels.
        """
        if len(self._accelerations) < _FEWEST:
            return False
        size = float(np.mean(self._sizes))
        stays = max(float(np.std(values)) for values in self._middles) < _ON_THE_SPOT * size
        pushed, moved = float(np.median(self._accelerations)), float(np.median(self._movements))
        shakes = pushed > max(_SHAKES * size, _SHAKES_PIXELS) and pushed > _AT_RANDOM * moved
        return stays and shakes and size < _SMALL * diagonal
