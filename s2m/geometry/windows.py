"""Windows that are cut out of crops, upright or turned."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def sample_windows(
    images: Tensor, origins: Tensor, down: Tensor, right: Tensor, rows: Tensor, columns: Tensor
) -> Tensor:
    """Windows of images: bilinear, zero outside the image.

    Pixel (r, k) of a window is what the image has at ``origin + rows[r] * down + columns[k] * right``.

    Args:
        images: (B, C, S, S).
        origins: (B, N, 2) crop units.
        down: (B, N, 2) crop units, from one row to the next where ``rows`` differ by 1.
        right: (B, N, 2) crop units, from one column to the next where ``columns`` differ by 1.
        rows: (R,).
        columns: (K,).

    Returns:
        (B, N, C, R, K).
    """
    steps_down = rows.to(images)[:, None, None] * down[:, :, None, None]
    steps_right = columns.to(images)[:, None] * right[:, :, None, None]
    grid = origins[:, :, None, None] + steps_down + steps_right
    windows = F.grid_sample(images, grid.flatten(1, 2).to(images), align_corners=False)
    return windows.unflatten(2, grid.shape[1:3]).transpose(1, 2)


def cut_windows(images: Tensor, centres: Tensor, size: int, reach: float) -> Tensor:
    """Upright square windows of images.

    Args:
        images: (B, C, S, S).
        centres: (B, N, 2) crop units.
        size: Pixels of a window's side.
        reach: Half a window's side, crop units.

    Returns:
        (B, N, C, size, size).
    """
    steps = reach * pixel_centres(size)
    down, right = (centres.new_tensor(axis).expand_as(centres) for axis in ((0.0, 1.0), (1.0, 0.0)))
    return sample_windows(images, centres, down, right, steps, steps)


def pixel_centres(count: int) -> Tensor:
    """Middles (count,) of equal parts of [-1, 1].

    Args:
        count: Number of parts.
    """
    return (torch.arange(count) + 0.5) * (2 / count) - 1
