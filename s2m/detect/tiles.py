"""Overlapping squares that cover a picture at several scales, so that small people are large in one of them."""

from __future__ import annotations

import math

import numpy as np

from s2m.detect.region import Region

_LEAST = 128  # pixels: nobody is looked for in smaller squares because a picture is narrow
_OVERLAP = 0.5  # of a square's side: whoever is at most that large is whole in one of them


def tiles(width: int, height: int, scales: int) -> list[Region]:
    """The squares, the largest first.

    Args:
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        scales: How many; the first is one square around the whole picture, the sides of each further are half as large.
            Of panoramas there are more, until squares are less than twice as large as the shorter side.

    Returns:
        Squares; of each scale, all together cover the picture.
    """
    longest = max(width, height)
    scales = max(scales, 1 + int(math.log2(max(1.0, longest / max(min(width, height), _LEAST)))))
    return [
        Region(x, y, longest / 2**scale)
        for scale in range(scales)
        for y in _centres(height, longest / 2**scale)
        for x in _centres(width, longest / 2**scale)
    ]


def parts(tile: Region) -> list[Region]:
    """The squares of half its side that overlap in a square.

    Args:
        tile: The square, upright.

    Returns:
        Nine.
    """
    places = _centres(tile.side, tile.side / 2)
    left, top = tile.x - tile.side / 2, tile.y - tile.side / 2
    return [Region(left + x, top + y, tile.side / 2) for y in places for x in places]


def _centres(length: float, side: float) -> list[float]:
    """Where the squares stand along one axis, from edge to edge; one in the middle where one is enough."""
    if side >= length:
        return [length / 2]
    count = 1 + math.ceil((length - side) / (side * (1 - _OVERLAP)) - 1e-6)
    return [float(centre) for centre in np.linspace(side / 2, length - side / 2, count)]
