"""What corrupted joints and masks have in common, be they corrupted while training or once in the open data.

How much is drawn, and how, is the callers': :mod:`s2m.data.augment` works on batches of tensors with a stream of random
numbers for each frame, :mod:`s2m.data.open.noise` on arrays with one stream. Sizes, shapes and limits are one.
"""

from __future__ import annotations

from typing import Any

KEPT_JOINTS = 8  # no corruption leaves fewer joints
OCCLUDER_SIDES = (0.08, 0.25)  # of a rectangle, as shares of the picture's side
HOLE_RADII = (0.02, 0.05)  # of a disc, likewise


def disc(x: Any, y: Any, column: Any, row: Any, radius: Any) -> Any:
    """Pixels inside a disc.

    Args:
        x: Columns of the pixels; an array or a tensor, as all arguments, that can be broadcast with the others.
        y: Rows of the pixels.
        column: Column of the centre, pixels.
        row: Row of the centre, pixels.
        radius: Pixels.

    Returns:
        True inside.
    """
    return (x - column) ** 2 + (y - row) ** 2 < radius**2


def rectangle(x: Any, y: Any, column: Any, row: Any, half_width: Any, half_height: Any) -> Any:
    """Pixels inside a rectangle along the axes.

    Args:
        x: Columns of the pixels; as in :func:`disc`.
        y: Rows of the pixels.
        column: Column of the centre, pixels.
        row: Row of the centre, pixels.
        half_width: Pixels.
        half_height: Pixels.

    Returns:
        True inside.
    """
    return (abs(x - column) < half_width) & (abs(y - row) < half_height)


def enough_left(corrupted: Any, masks: Any) -> Any:
    """Whether masks kept at least a third of their area; those that did not are to stay as they were.

    Args:
        corrupted: (N, S, S) masks, arrays or tensors.
        masks: (N, S, S) the same before.

    Returns:
        (N,) bool.
    """
    return corrupted.sum((1, 2)) * 3 >= masks.sum((1, 2))
