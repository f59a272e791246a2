"""From a crop's camera back to the camera of the whole image."""

from __future__ import annotations

import torch
from torch import Tensor


def crop_translation(camera: Tensor, crop: Tensor, intrinsics: Tensor) -> Tensor:
    """Where a body stands before the full image's pinhole camera, from its weak-perspective camera in a crop.

    A point at z = 0 then projects exactly where the crop's camera puts it (along x; along y too where fx = fy), a
    point dz behind it smaller by Z / (Z + dz): that is the perspective which a weak-perspective camera leaves out.
    A person off the image's centre is seen obliquely; her orientation is not changed by this, so that a root estimated
    in the crop stays relative to the line of sight.

    Args:
        camera: (B, 3) scale (crop units per metre, > 0) and translation (metres), as in
            :func:`s2m.geometry.camera.weak_perspective`.
        crop: (B, 3) centre x, centre y and half side in pixels of the full image.
        intrinsics: (B, 4) fx, fy, cx, cy in pixels.

    Returns:
        (B, 3) metres, camera frame: add it to the points that the crop's camera projected.
    """
    focal, centre = intrinsics[:, :2], intrinsics[:, 2:]
    pixels_per_metre = camera[:, :1] * crop[:, 2:]
    depth = focal[:, :1] / pixels_per_metre
    beside = (crop[:, :2] - centre) / focal * depth + camera[:, 1:]
    return torch.cat([beside, depth], dim=1)
