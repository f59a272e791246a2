"""Where a body stands before the camera of the whole picture."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.recover.camera import Camera

_ROUNDS = 4
_OUTLIER = 0.03  # of the person's extent in the picture: joints that are further off count less and less
_NEAREST = 0.2  # metres


def translation(points: Tensor, joints2d: Tensor, weight: Tensor, camera: Camera) -> Tensor:
    """The translation under which points project onto joints: robust, linear least squares.

    A point X at translation t projects to the ray u where X_xy + t_xy = u (X_z + t_z), which is linear in t.

    Args:
        points: (B, J, 3) metres, camera frame without the translation.
        joints2d: (B, J, 2) pixels; anything where the weight is 0.
        weight: (B, J) >= 0; what was not seen has none.
        camera: Of the picture.

    Returns:
        (B, 3) metres; NaN where fewer than two joints have a weight.
    """
    told = weight > 0
    rays = torch.where(told[..., None], camera.rays(joints2d), torch.zeros(())).double()
    points, weight = points.double(), weight.double()
    extent = _extent(rays, told)
    robust, place = weight, torch.zeros_like(points[:, 0])
    for _ in range(_ROUNDS):
        place = _solve(points, rays, robust)
        placed = points + place[:, None]
        off = (placed[..., :2] / placed[..., 2:].clamp_min(_NEAREST) - rays).norm(dim=-1)
        robust = weight / (1 + (off / (_OUTLIER * extent)) ** 2)
    return torch.where(told.sum(1, keepdim=True) > 1, place, torch.nan).float()


def _extent(rays: Tensor, told: Tensor) -> Tensor:
    infinity = torch.tensor(torch.inf, dtype=rays.dtype)
    low = torch.where(told[..., None], rays, infinity).amin(1)
    high = torch.where(told[..., None], rays, -infinity).amax(1)
    return torch.nan_to_num((high - low).norm(dim=-1, keepdim=True), neginf=1.0, posinf=1.0).clamp_min(1e-6)


def _solve(points: Tensor, rays: Tensor, weight: Tensor) -> Tensor:
    zero, one = torch.zeros_like(rays[..., 0]), torch.ones_like(rays[..., 0])
    rows = torch.stack([torch.stack([one, zero, -rays[..., 0]], -1), torch.stack([zero, one, -rays[..., 1]], -1)], 2)
    target = rays * points[..., 2:] - points[..., :2]
    weighted = rows * weight[..., None, None]
    normal = torch.einsum("bjki,bjkl->bil", weighted, rows)
    right = torch.einsum("bjki,bjk->bi", weighted, target)
    # Where nothing was seen there is nothing to solve; a damped system stays finite.
    damping = 1e-9 * torch.eye(3, dtype=points.dtype) * (1 + normal.diagonal(dim1=1, dim2=2).sum(1))[:, None, None]
    place = torch.linalg.solve(normal + damping, right)
    return torch.cat([place[:, :2], place[:, 2:].clamp_min(_NEAREST)], 1)
