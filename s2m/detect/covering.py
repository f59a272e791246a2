"""Heads of others, painted over: the landmark network then sees whom it is meant to see.

In a square with several people it takes whoever it sees best. Without a head nobody is seen well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from s2m.detect.interface import Picture
from s2m.detect.rectangles import inside

_REACH = 1.0  # from the middle of a face, in sizes of it
_OWN = 0.6  # share of a head that lies in one's own: then it is one's own


def covered(picture: Picture, heads: Sequence[NDArray[np.float64]], own: NDArray[np.float64] | None = None) -> Picture:
    """Paint heads black, as everything is that lies outside of a picture.

    Args:
        picture: (H, W, 3) uint8.
        heads: (4,) each, x0, y0, x1, y1 in pixels.
        own: (4,) the head that has to stay.

    Returns:
        A picture of the same size; the same one where there is nothing to paint.
    """
    others = [head for head in heads if own is None or max(inside(head, own), inside(own, head)) < _OWN]
    if not others:
        return picture
    painted = picture.copy()
    for head in others:
        painted[_window(head, picture)] = 0
    if own is not None:
        painted[_window(own, picture)] = picture[_window(own, picture)]
    return painted


def head_around(face: NDArray[np.float64]) -> NDArray[np.float64]:
    """The box of a head.

    Args:
        face: (K, 2) points of its face, pixels.

    Returns:
        (4,) x0, y0, x1, y1 in pixels.
    """
    low, high = face.min(0), face.max(0)
    middle, reach = (low + high) / 2, _REACH * float((high - low).max())
    return np.concatenate([middle - reach, middle + reach])


def _window(box: NDArray[np.float64], picture: Picture) -> tuple[slice, slice]:
    height, width = picture.shape[:2]
    left, right = np.clip(np.round(box[[0, 2]]), 0, width).astype(int)
    top, bottom = np.clip(np.round(box[[1, 3]]), 0, height).astype(int)
    return slice(int(top), int(bottom)), slice(int(left), int(right))
