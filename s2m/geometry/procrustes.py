"""Procrustes alignment without reflection: a mirrored depth must cost what it costs."""

from __future__ import annotations

import torch
from torch import Tensor


def similarity_align(points: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Best rotation, translation and scale of ``points`` onto ``target`` in the least-squares sense.

    Args:
        points: (B, N, 3), any unit.
        target: (B, N, 3), the same unit.

    Returns:
        The aligned points (B, N, 3) and the rotation (B, 3, 3), which is always proper (determinant +1). A set without
        extent keeps scale 0 and lands on the target's centre.
    """
    import roma  # loads torch's compiler: 70 MB and half a second, not for everybody who scales

    rotation, _, scale = roma.rigid_points_registration(points, target, compute_scaling=True)
    scale = torch.nan_to_num(scale, nan=0.0, posinf=0.0, neginf=0.0)
    centred = points - points.mean(1, keepdim=True)
    aligned = scale[:, None, None] * centred @ rotation.transpose(1, 2) + target.mean(1, keepdim=True)
    return aligned, rotation


def scale_align(points: Tensor, target: Tensor) -> Tensor:
    """Scale root-relative points so that they fit others best; no rotation, no translation.

    The scale is never negative. Used for N-MPJPE: a single view does not tell size.

    Args:
        points: (B, N, 3) relative to the root, any unit.
        target: (B, N, 3) likewise.

    Returns:
        (B, N, 3) the scaled points.
    """
    scale = (points * target).sum((1, 2)) / (points * points).sum((1, 2)).clamp_min(1e-12)
    return scale.clamp_min(0.0)[:, None, None] * points
