"""Perspective projection at the lifter's canonical camera distance (lifter units, see ``normalise``)."""

from __future__ import annotations

import torch
from torch import Tensor

# A joint never comes closer to the camera than this (Chen et al.: Z = max(1, d + c)).
NEAREST = 1.0


def back_project(joints2d: Tensor, depth: Tensor, root: int, distance: float) -> Tensor:
    """Root-relative skeleton of 2D joints and depth offsets.

    ``Z = max(1, distance + d - d_root)``, ``X = Z x / distance``: a joint at the root's depth keeps its 2D place.

    Args:
        joints2d: (B, J, 2) lifter units, relative to the root.
        depth: (B, J) depth offsets d, lifter units.
        root: Position of the root joint.
        distance: Of the root from the camera, lifter units.

    Returns:
        (B, J, 3) lifter units.
    """
    z = (distance + depth - depth[:, root : root + 1]).clamp_min(NEAREST)[..., None]
    points = torch.cat([joints2d * z / distance, z], dim=-1)
    return points - points[:, root : root + 1]


def project(skeleton: Tensor, distance: float) -> Tensor:
    """2D joints, relative to the root, of a root-relative skeleton: the inverse of :func:`back_project`.

    The root is put on the optical axis at ``distance``, as if the camera looked at it.

    Args:
        skeleton: (B, J, 3) lifter units.
        distance: Of the root from the camera, lifter units.

    Returns:
        (B, J, 2) lifter units.
    """
    z = (skeleton[..., 2:] + distance).clamp_min(NEAREST)
    return skeleton[..., :2] * distance / z
