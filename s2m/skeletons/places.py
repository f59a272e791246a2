"""Where detectors and Human3.6M put what both call hips and shoulders.

Seen on the same people, a detector's hips lie closer together than Human3.6M's and 5 cm lower, its shoulders further
apart. Both are points of the trunk, which is stiff: each of the four is a fixed sum of the other definition's four, in
space and therefore in pictures. The numbers are those between BlazePose's joints, triangulated over four calibrated
views of a person (docs/results/real.md), and the bone ratios of Human3.6M's skeleton.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TRUNK = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
# Human3.6M's hips from a detector's: so much further from their middle, and by so much of the trunk towards the
# shoulders; its shoulders from a detector's: closer to their middle.
_HIPS_APART, _HIPS_UP, _SHOULDERS_APART = 1.40, 0.10, 0.83


def to_human36m() -> NDArray[np.float64]:
    """Human3.6M's hips and shoulders as sums of a detector's.

    Returns:
        (4, 4) weights, rows and columns in the order of :data:`TRUNK`.
    """
    one, middle = np.eye(4), np.zeros((4, 4))
    middle[:2, :2], middle[2:, 2:] = 0.5, 0.5
    apart = np.diag([_HIPS_APART, _HIPS_APART, _SHOULDERS_APART, _SHOULDERS_APART])
    up = np.zeros((4, 4))
    up[:2] = _HIPS_UP * (middle[2] - middle[0])
    matrix: NDArray[np.float64] = middle + apart @ (one - middle) + up
    return matrix


def to_detector() -> NDArray[np.float64]:
    """A detector's hips and shoulders as sums of Human3.6M's: the inverse of :func:`to_human36m`.

    Returns:
        (4, 4) weights, rows and columns in the order of :data:`TRUNK`.
    """
    return np.asarray(np.linalg.inv(to_human36m()), np.float64)


def moved(
    points: NDArray[np.float64],
    confidence: NDArray[np.floating],
    joints: Sequence[str],
    matrix: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Hips and shoulders at the places of another definition; the others as they are.

    Shoulders move where both are seen, hips where all four are: how far up they lie is told by the shoulders, too.

    Args:
        points: (T, K, D) in any unit.
        confidence: (T, K); above 0: seen.
        joints: Names of the K joints.
        matrix: (4, 4), :func:`to_human36m` or :func:`to_detector`.

    Returns:
        (T, K, D).
    """
    if not set(TRUNK) <= set(joints):
        return points
    columns = [joints.index(joint) for joint in TRUNK]
    seen = np.asarray(confidence[:, columns] > 0)
    moves = np.stack([seen.all(1)] * 2 + [seen[:, 2:].all(1)] * 2, 1)
    trunk = np.einsum("ij,tjc->tic", matrix, np.where(seen[..., None], points[:, columns], 0))
    found = points.copy()
    found[:, columns] = np.where(moves[..., None], trunk, points[:, columns])
    return found
