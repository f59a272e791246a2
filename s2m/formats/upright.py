"""Which axis points up, where a file's kind does not tell: people mostly stand, their heads above their feet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.formats.tracks import Track

# Axis and sign of what people call up.
_AXES = {"y": (1, 1.0), "z": (2, 1.0), "y-down": (1, -1.0), "z-down": (2, -1.0)}
_CLEAR = 0.7  # cosine of the mean direction with the axis
_LOW = ("ankle", "knee", "heel", "toe")
_HIGH = ("shoulder", "ear", "eye")


def told_up(points: NDArray[np.float64], low: list[int], high: list[int]) -> str | None:
    """The axis along which a person mostly stands.

    Args:
        points: (T, K, 3) in any unit; NaN where missing.
        low: Joints of the legs.
        high: Joints of the shoulders and the head.

    Returns:
        ``y``, ``z``, ``y-down`` or ``z-down``; ``None`` where no axis is clear.
    """
    with np.errstate(invalid="ignore"):
        trunk = _middle(points[:, high]) - _middle(points[:, low])
    trunk = trunk[np.isfinite(trunk).all(-1)]
    return axis_along(trunk)


def axis_along(directions: NDArray[np.float64]) -> str | None:
    """The axis along which directions mostly point.

    Args:
        directions: (T, 3) from the feet of a person towards the head, of any length.

    Returns:
        ``y``, ``z``, ``y-down`` or ``z-down``; ``None`` where no axis is clear.
    """
    if not len(directions):
        return None
    mean = (directions / np.maximum(np.linalg.norm(directions, axis=-1, keepdims=True), 1e-9)).mean(0)
    best = max(_AXES, key=lambda name: _AXES[name][1] * mean[_AXES[name][0]])
    axis, sign = _AXES[best]
    return best if sign * mean[axis] > _CLEAR else None


def axis_of_roots(vectors: NDArray[Any]) -> str | None:
    """The axis along which bodies mostly stand.

    Args:
        vectors: (T, 3) axis-angle of the roots, from SMPL's body frame.

    Returns:
        See :func:`axis_along`.
    """
    return axis_along(Rotation.from_rotvec(vectors).apply([0.0, 1.0, 0.0]))


def _middle(points: NDArray[np.float64]) -> NDArray[np.float64]:
    there = np.isfinite(points).all(-1, keepdims=True)
    total = np.where(there, points, 0).sum(1)
    count = there.sum(1)
    found: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return found


def upright(track: Track) -> Track:
    """The same track; where its layout says nothing about the up axis, what the person's posture tells.

    Args:
        track: Joints of a person.
    """
    if track.layout is None or track.layout.up is not None:
        return track
    joints = track.joint_set.joints
    low, high = ([i for i, joint in enumerate(joints) if joint.endswith(parts)] for parts in (_LOW, _HIGH))
    up = told_up(track.points, low, high) if low and high else None
    if up is None:
        return track
    why = f"{track.why}; {up} is up because the person stands along it"
    return replace(track, layout=replace(track.layout, up=up), why=why)
