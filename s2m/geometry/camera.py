"""Cameras, crops and axes. This is the one place where axes are flipped.

SMPL's body frame is +x left, +y up, +z front; the camera frame is +x right, +y down, +z forward. A person who
stands upright and faces the camera therefore has the ``global_orient`` that :data:`FACING_CAMERA` gives.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Half a turn about x: body up (+y) becomes image up (-y), body front (+z) looks back into the camera (-z).
FACING_CAMERA = torch.tensor([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]])


def perspective(points: Tensor, intrinsics: Tensor) -> Tensor:
    """Project camera-frame points with a pinhole camera.

    Args:
        points: (B, N, 3) metres, z > 0.
        intrinsics: (B, 4) fx, fy, cx, cy in pixels.

    Returns:
        (B, N, 2) pixels, +y down.
    """
    focal, centre = intrinsics[:, None, :2], intrinsics[:, None, 2:]
    return points[..., :2] / points[..., 2:] * focal + centre


def weak_perspective(points: Tensor, camera: Tensor) -> Tensor:
    """Scaled orthographic projection P of the paper (section 3.1).

    Args:
        points: (B, N, 3) camera frame, metres.
        camera: (B, 3) scale (crop units per metre) and translation tx, ty (metres).

    Returns:
        (B, N, 2) crop units, +y down: ``scale * (xy + t)``.
    """
    return camera[:, None, :1] * (points[..., :2] + camera[:, None, 1:])


def fit_weak_perspective(points: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """The weak-perspective camera that best projects 3D points onto 2D ones, in closed form.

    Minimises ``sum_n w_n |s (x_n + t) - y_n|^2``. The scale is kept positive: a set without extent, or one that only a
    mirror image would fit, gets a tiny scale instead of a NaN.

    Args:
        points: (B, N, 3) metres.
        target: (B, N, 2) crop units.
        weight: (B, N) >= 0.

    Returns:
        (B, 3) scale (crop units per metre) and translation (metres), as in :func:`weak_perspective`.

    Example:
        >>> points = torch.tensor([[[0.0, -1.0, 0.2], [0.0, 1.0, 0.4], [0.5, 0.0, 0.0]]])
        >>> seen = weak_perspective(points, torch.tensor([[0.5, 0.1, 0.0]]))
        >>> camera = fit_weak_perspective(points, seen, torch.ones(1, 3))
        >>> [round(x, 4) for x in camera[0].tolist()]
        [0.5, 0.1, 0.0]
    """
    w = weight[..., None]
    total = w.sum(1).clamp_min(1e-6)
    mean_x = (w * points[..., :2]).sum(1) / total
    mean_y = (w * target).sum(1) / total
    dx, dy = points[..., :2] - mean_x[:, None], target - mean_y[:, None]
    scale = (w * dx * dy).sum((1, 2)) / (w * dx * dx).sum((1, 2)).clamp_min(1e-8)
    scale = scale.clamp_min(1e-3)[:, None]
    return torch.cat([scale, mean_y / scale - mean_x], dim=1)


def pixels_to_crop(pixels: Tensor, crop: Tensor) -> Tensor:
    """Full-image pixels to crop units.

    Args:
        pixels: (B, N, 2) pixels of the full image, +y down.
        crop: (B, 3) centre x, centre y and half side of the crop, pixels.

    Returns:
        (B, N, 2) crop units.
    """
    return (pixels - crop[:, None, :2]) / crop[:, None, 2:]


def crop_to_pixels(points: Tensor, crop: Tensor) -> Tensor:
    """Inverse of :func:`pixels_to_crop`.

    Args:
        points: (B, N, 2) crop units.
        crop: (B, 3) centre x, centre y and half side of the crop, pixels.

    Returns:
        (B, N, 2) pixels of the full image.
    """
    return points * crop[:, None, 2:] + crop[:, None, :2]


def square_crop(pixels: Tensor, valid: Tensor, margin: float) -> Tensor:
    """The square crop around 2D joints.

    Args:
        pixels: (B, J, 2) pixels of the full image.
        valid: (B, J) bool, which joints count.
        margin: Side of the crop over the longer side of the joints' box (1.5 keeps nearly every silhouette whole; 1.3
            cuts a fifth of them).

    Returns:
        (B, 3) centre x, centre y and half side, pixels.

    Raises:
        ValueError: When a row has fewer than two valid joints.
    """
    if bool((valid.sum(1) < 2).any()):
        rows = (valid.sum(1) < 2).nonzero()[:, 0].tolist()
        raise ValueError(f"a crop needs at least two valid joints; rows {rows[:8]} have fewer")
    infinity = torch.tensor(float("inf"), dtype=pixels.dtype, device=pixels.device)
    low = torch.where(valid[..., None], pixels, infinity).amin(1)
    high = torch.where(valid[..., None], pixels, -infinity).amax(1)
    half = (high - low).amax(1, keepdim=True) * margin / 2
    return torch.cat([(low + high) / 2, half.clamp_min(1.0)], dim=1)
