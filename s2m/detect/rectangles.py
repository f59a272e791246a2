"""Upright rectangles, as x0, y0, x1, y1, and how much they share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def shared(one: NDArray[Any], other: NDArray[Any]) -> float:
    """How much two rectangles are the same.

    Args:
        one: (4,) x0, y0, x1, y1.
        other: (4,) likewise.

    Returns:
        Intersection over union.
    """
    common = _common(one, other)
    return common / max(_area(one) + _area(other) - common, 1e-9)


def inside(one: NDArray[Any], other: NDArray[Any]) -> float:
    """How much of a rectangle lies in another.

    Args:
        one: (4,) x0, y0, x1, y1.
        other: (4,) likewise.

    Returns:
        Share of the area of ``one``.
    """
    return _common(one, other) / max(_area(one), 1e-9)


def _common(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod())


def _area(one: NDArray[Any]) -> float:
    return float(np.clip(one[2:] - one[:2], 0, None).prod())
