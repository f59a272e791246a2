"""BlazePose's first network: where people are, roughly, in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.detect.interface import Picture
from s2m.detect.models import Network, sigmoid
from s2m.detect.region import Region

_SIDE = 224
# Side of each grid of anchors, and how many anchors stand in each of its cells.
_GRIDS = ((28, 2), (14, 2), (7, 6))
_COUNT = sum(side * side * anchors for side, anchors in _GRIDS)
_NUMBERS = 12  # of an anchor: a box (centre, size), then four points
_HIPS, _TOP = slice(4, 6), slice(6, 8)  # the points that tell a person's square
_SURE = 0.4  # MediaPipe: 0.5; the second network decides about the uncertain
_SAME = 0.3  # overlap over union of the boxes around two squares of the same person
_CUT = 0.15  # share of a person's circle that may stick out of a tile over more of the picture


@dataclass(frozen=True)
class Candidate:
    """Someone who may be there.

    Attributes:
        region: The person's square.
        score: In [0, 1].
    """

    region: Region
    score: float


class PeopleNetwork:
    """Finds people who are neither small nor large in a square.

    Args:
        path: ``pose_detection.tflite``.
        copies: How many looks go on at the same time.
    """

    def __init__(self, path: Path, copies: int = 1) -> None:
        self._network = Network(path, _SIDE, (_COUNT * _NUMBERS, _COUNT), copies)
        self._anchors = _anchors()

    def __call__(self, picture: Picture, tile: Region) -> list[Candidate]:
        """Look into a square of a picture.

        Args:
            picture: (H, W, 3) uint8, RGB.
            tile: The square.

        Returns:
            Who is whole in it, as far as the picture shows them: the best first, each person once.
        """
        size = (picture.shape[1], picture.shape[0])
        return [one for one in self._look(picture, tile) if not _cut_off(one.region, tile, size)]

    def _look(self, picture: Picture, tile: Region) -> list[Candidate]:
        numbers, logits = self._network(tile.sample(picture, _SIDE) / np.float32(127.5) - 1)
        scores = sigmoid(logits)
        sure = np.flatnonzero(scores > _SURE)
        values = numbers.reshape(_COUNT, _NUMBERS)[sure] / _SIDE
        hips = tile.to_picture(self._anchors[sure] + values[:, _HIPS])
        tops = tile.to_picture(self._anchors[sure] + values[:, _TOP])
        found = [
            Candidate(Region.around(hip, top), float(score))
            for hip, top, score in zip(hips, tops, scores[sure], strict=True)
        ]
        return once(found)


def once(found: Sequence[Candidate]) -> list[Candidate]:
    """Leave one candidate of each person.

    Args:
        found: Candidates.

    Returns:
        The best of those that lie over each other, the best first.
    """
    kept: list[Candidate] = []
    for candidate in sorted(found, key=lambda c: -c.score):
        if all(overlap(candidate.region, other.region) < _SAME for other in kept):
            kept.append(candidate)
    return kept


def overlap(one: Region, other: Region) -> float:
    """How much two squares are the same.

    Args:
        one: A square.
        other: Another.

    Returns:
        Intersection over union, as if they were not turned.
    """
    across = min(one.x + one.side / 2, other.x + other.side / 2) - max(one.x - one.side / 2, other.x - other.side / 2)
    down = min(one.y + one.side / 2, other.y + other.side / 2) - max(one.y - one.side / 2, other.y - other.side / 2)
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (one.side**2 + other.side**2 - shared)


def _cut_off(person: Region, tile: Region, size: tuple[int, int]) -> bool:
    """Whether a tile shows but a part of a person of whom the picture shows more: another tile has her whole."""
    centre, reach = np.array([person.x, person.y]), person.side / 2 * (1 - 2 * _CUT)
    middle, half = np.array([tile.x, tile.y]), tile.side / 2
    low, high = middle - half, middle + half
    beyond = ((centre - reach < low) & (low > 0.5)) | ((centre + reach > high) & (high < np.array(size) - 0.5))
    return bool(beyond.any())


def _anchors() -> NDArray[Any]:
    """(anchors, 2) shares of the square: the centres of the cells, grid after grid."""
    grids = []
    for side, anchors in _GRIDS:
        ticks = (np.arange(side) + 0.5) / side
        centres = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
        grids.append(centres.repeat(anchors, 0))
    return np.concatenate(grids)
