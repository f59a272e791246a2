"""Rotations between the frames of two skeletons: those that take a direction to another, means, shares of the way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]


def direction(vector: Floats) -> Floats:
    """Vectors of unit length.

    Args:
        vector: (..., 3) of any length; zero stays zero.
    """
    return np.asarray(vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-12))


def swing(start: Floats, end: Floats) -> Floats:
    """The shortest rotation from one direction to another.

    Args:
        start: (3,) of any length.
        end: (3,) of any length.

    Returns:
        (3, 3); for opposite directions, half a turn about x.
    """
    start, end = direction(start), direction(end)
    axis = np.cross(start, end)
    sine, cosine = np.linalg.norm(axis), start @ end
    if sine < 1e-12:
        return np.eye(3) if cosine > 0 else np.diag([1.0, -1.0, -1.0])
    return np.asarray(Rotation.from_rotvec(axis / sine * np.arctan2(sine, cosine)).as_matrix())


def nearest_rotation(matrix: Floats) -> Floats:
    """The rotation that is nearest to a matrix: of a sum of rotations, their mean.

    Args:
        matrix: (3, 3).
    """
    left, _, right = np.linalg.svd(matrix)
    sign = np.sign(np.linalg.det(left @ right))
    return np.asarray(left @ np.diag([1.0, 1.0, sign]) @ right)


def between(stops: Sequence[Floats], share: float) -> Floats:
    """Rotations at a share of the way along a chain of rotations.

    Args:
        stops: (T, 3, 3) each.
        share: From 0, the first stop, to 1, the last.

    Returns:
        (T, 3, 3).
    """
    place = share * (len(stops) - 1)
    before, after = int(np.floor(place + 1e-9)), int(np.ceil(place - 1e-9))
    step = Rotation.from_matrix(stops[before].transpose(0, 2, 1) @ stops[after]).as_rotvec() * (place - before)
    return np.asarray(stops[before] @ Rotation.from_rotvec(step).as_matrix())
