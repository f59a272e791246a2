"""People off the middle of a picture are seen obliquely; a lifter takes everybody to stand in the middle of one.

A virtual camera at the same place looks straight at the person. What it would see is lifted, and the skeleton is turned
back.
"""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.recover.camera import Camera


def looking_at(camera: Camera, joints2d: Tensor, seen: Tensor) -> Tensor:
    """Turns the camera so that it looks at the middle of the seen joints, without rolling.

    Args:
        camera: Of the picture.
        joints2d: (B, J, 2) pixels.
        seen: (B, J) bool.

    Returns:
        (B, 3, 3) from the camera's frame to that of the virtual one; the identity where nothing was seen.
    """
    rays = camera.rays(joints2d).double()
    infinity = torch.tensor(torch.inf, dtype=rays.dtype)
    low = torch.where(seen[..., None], rays, infinity).amin(1)
    high = torch.where(seen[..., None], rays, -infinity).amax(1)
    middle = torch.where(seen.any(1, keepdim=True), (low + high) / 2, torch.zeros_like(low))
    forward = torch.nn.functional.normalize(torch.cat([middle, torch.ones_like(middle[:, :1])], 1), dim=1)
    down = forward.new_tensor([0.0, 1.0, 0.0]).expand_as(forward)
    right = torch.nn.functional.normalize(torch.linalg.cross(down, forward), dim=1)
    return torch.stack([right, torch.linalg.cross(forward, right), forward], 1).float()


def seen_from(camera: Camera, joints2d: Tensor, turn: Tensor) -> Tensor:
    """Joints as the virtual camera sees them.

    Args:
        camera: Of the picture.
        joints2d: (B, J, 2) pixels; NaN stays NaN.
        turn: (B, 3, 3) of :func:`looking_at`.

    Returns:
        (B, J, 2) pixels of a picture whose middle is at the origin.
    """
    rays = camera.rays(joints2d)
    directions = torch.cat([rays, torch.ones_like(rays[..., :1])], -1) @ turn.transpose(1, 2)
    return directions[..., :2] / directions[..., 2:].clamp_min(0.05) * camera.focal
