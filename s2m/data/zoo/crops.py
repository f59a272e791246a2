"""Square crops around people, and their silhouettes out of full-image masks. Without torch: workers start at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def square_crops(pixels: NDArray[Any], valid: NDArray[np.bool_], margin: float) -> NDArray[np.float32]:
    """:func:`s2m.geometry.camera.square_crop` (a test holds them equal): (N, 3) centre x, centre y, half side.

    Args:
        pixels: (N, J, 2).
        valid: (N, J) which joints count, at least two per row.
        margin: Factor on the size of the box around the joints.
    """
    low = np.where(valid[..., None], pixels, np.inf).min(1)
    high = np.where(valid[..., None], pixels, -np.inf).max(1)
    half = np.maximum((high - low).max(1, keepdims=True) * margin / 2, 1.0)
    return np.concatenate([(low + high) / 2, half], axis=1).astype(np.float32)


def crop_masks(masks: NDArray[np.bool_], crops: NDArray[Any], size: int) -> NDArray[np.bool_]:
    """Cut square crops out of masks and resample them: (N, size, size).

    A pixel is set when half of its area is covered.

    Args:
        masks: (N, H, W); pixel (column c, row r) covers [c, c+1] x [r, r+1].
        crops: (N, 3) centre x, centre y and half side in pixels; what lies outside the image is empty.
        size: Side of the crops, pixels.
    """
    squares = zip(masks, np.asarray(crops, np.float64).tolist(), strict=True)
    resampled = [_crop(mask, x, y, half, size) for mask, (x, y, half) in squares]
    return np.stack(resampled) if resampled else np.zeros((0, size, size), bool)


def crop_windows(crops: NDArray[Any], image_size: tuple[int, int]) -> NDArray[np.int64]:
    """The pixels that :func:`crop_masks` looks at: (N, 4) x0, y0, x1, y1 inside the image, x1 and y1 not included.

    Args:
        crops: Crops (N, 3): centre x, centre y, half side, pixels.
        image_size: Width and height of the images, pixels.
    """
    size = np.array([*image_size, *image_size])
    windows = [_window(x, y, half) for x, y, half in np.asarray(crops, np.float64).tolist()]
    return np.clip(np.array(windows, np.int64).reshape(-1, 4), 0, size)


def _window(x: float, y: float, half: float) -> tuple[int, int, int, int]:
    return math.floor(x - half), math.floor(y - half), math.ceil(x + half), math.ceil(y + half)


def _crop(mask: NDArray[np.bool_], x: float, y: float, half: float, size: int) -> NDArray[np.bool_]:
    left, top, right, bottom = _window(x, y, half)
    height, width = mask.shape
    canvas = np.zeros((bottom - top, right - left), np.uint8)
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    if rows.start < rows.stop and columns.start < columns.stop:
        inside = canvas[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        # -1 is 255 in a byte; many times faster than a product that changes the type.
        np.negative(mask[rows, columns].view(np.uint8), out=inside)
    box = (x - half - left, y - half - top, x + half - left, y + half - top)
    covered = Image.fromarray(canvas).resize((size, size), Image.Resampling.BOX, box=box)
    return np.asarray(covered) >= 128
