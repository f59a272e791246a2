"""Truth without labels: joints triangulated from what a 2D detector sees in several calibrated views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, filtfilt

from s2m.errors import UserError
from studies.real.cameras import Camera

_OUTLYING = 40.0  # pixels: a view that is off by so much counts a quarter
_ROUNDS = 30
_CUTOFF = 6.0  # Hz, as is usual for human motion


def triangulated(joints2d: NDArray[Any], confidence: NDArray[Any], cameras: Sequence[Camera]) -> NDArray[np.float64]:
    """Points that several cameras see, by iteratively reweighted least squares (Geman-McClure's weights).

    Args:
        joints2d: (C, N, 2) pixels in each of C views; NaN in views that do not see it.
        confidence: (C, N) in [0, 1]; enters squared.
        cameras: Of the views.

    Returns:
        (N, 3) metres, world.

    Raises:
        UserError: A point is seen by fewer than two cameras.
    """
    seen = np.isfinite(joints2d).all(-1) & (confidence > 0)
    if (lacking := int((seen.sum(0) < 2).sum())) > 0:
        raise UserError(f"triangulation: expected every joint in two views or more, found {lacking} in fewer")
    joints2d, confidence = np.where(seen[..., None], joints2d, 0.0), np.where(seen, confidence, 0.0)
    matrices = np.stack([camera.matrix() for camera in cameras])
    rows = joints2d[..., None] * matrices[:, None, None, 2] - matrices[:, None, :2]  # (C, N, 2, 4)
    weights = confidence**2
    for _ in range(_ROUNDS):
        points = _least_squares(rows, weights)
        depth = np.stack([camera.seen(points)[..., 2] for camera in cameras])
        apart = reprojection(points, joints2d, cameras)
        weights = confidence**2 / (depth * (1 + (apart / _OUTLYING) ** 2)) ** 2
    return points


def _least_squares(rows: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    normal = np.einsum("cn,cnki,cnkj->nij", weights / weights.max(), rows, rows)
    solution: NDArray[np.float64] = np.linalg.solve(normal[:, :3, :3], -normal[:, :3, 3:])
    return solution[..., 0]


def reprojection(points: NDArray[Any], joints2d: NDArray[Any], cameras: Sequence[Camera]) -> NDArray[np.float64]:
    """How far points are from where the detector saw them.

    Args:
        points: (..., 3) metres, world.
        joints2d: (C, ..., 2) pixels.
        cameras: Of the C views.

    Returns:
        (C, ...) pixels.
    """
    return np.stack(
        [np.linalg.norm(camera.project(points) - seen, axis=-1) for camera, seen in zip(cameras, joints2d, strict=True)]
    )


def smooth(points: NDArray[Any], fps: float) -> NDArray[np.float64]:
    """Take the trembling out of a motion: a Butterworth filter of fourth order at 6 Hz, forwards and backwards.

    Args:
        points: (T, ...) over time.
        fps: Frames per second.

    Returns:
        The same shape.
    """
    b, a = butter(4, _CUTOFF, fs=fps)
    smoothed: NDArray[np.float64] = filtfilt(b, a, points, axis=0)
    return smoothed
