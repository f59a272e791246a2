from __future__ import annotations

import numpy as np
import pytest
import torch

from s2m.data.zoo.crops import crop_masks, crop_windows, square_crops
from s2m.geometry.camera import square_crop


def test_crops_equal_those_of_the_geometry_package() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, 500, (50, 17, 2)).astype("f4")
    valid = rng.random((50, 17)) < 0.6
    valid[:, :2] = True
    pixels[~valid] = np.nan
    expected = square_crop(torch.from_numpy(pixels), torch.from_numpy(valid), 1.4)
    np.testing.assert_allclose(square_crops(pixels, valid, 1.4), expected, rtol=1e-6)


@pytest.mark.parametrize("size", [12, 40])
@pytest.mark.parametrize("crop", [(30.3, 20.7, 9.1), (5.0, 4.0, 12.0), (58.0, 38.0, 10.0), (32.0, 20.0, 60.0)])
def test_a_pixel_is_set_when_half_of_it_is_covered(size: int, crop: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(1)
    mask = rng.random((40, 64)) < 0.5
    mask[10:30, 10:50] |= rng.random((20, 40)) < 0.6
    found = crop_masks(mask[None], np.array([crop]), size)[0]
    share = covered_shares(mask, crop, size)
    # Pillow weighs whole source pixels by their centres when it shrinks and takes the nearest when it enlarges.
    source = 2 * crop[2] / size
    clear = np.abs(share - 0.5) > (0.25 if source > 1 else 0.49)
    np.testing.assert_array_equal(found[clear], share[clear] > 0.5)
    assert clear.mean() > 0.2


def covered_shares(mask: np.ndarray, crop: tuple[float, float, float], size: int, fine: int = 24) -> np.ndarray:
    """Area of each target pixel that is covered, by dense sampling."""
    x, y, half = crop
    steps = (np.arange(size * fine) + 0.5) / (size * fine) * 2 - 1
    columns, rows = np.floor(x + steps * half).astype(int), np.floor(y + steps * half).astype(int)
    padded = np.pad(mask, 200)
    sampled = padded[np.ix_(rows + 200, columns + 200)]
    return sampled.reshape(size, fine, size, fine).mean((1, 3))


def test_crops_outside_the_image_are_empty() -> None:
    mask = np.ones((1, 20, 30), bool)
    assert not crop_masks(mask, np.array([[100.0, 100.0, 5.0]]), 8).any()
    assert crop_masks(mask, np.array([[15.0, 10.0, 5.0]]), 8).all()
    assert crop_masks(np.zeros((0, 20, 30), bool), np.zeros((0, 3)), 8).shape == (0, 8, 8)


def test_nothing_outside_the_windows_is_looked_at() -> None:
    rng = np.random.default_rng(2)
    masks = rng.random((40, 30, 50)) < 0.7
    crops = np.column_stack([rng.uniform(-30, 80, 40), rng.uniform(-30, 60, 40), rng.uniform(1, 40, 40)])
    windows = crop_windows(crops, (50, 30))
    assert (windows[:, :2] >= 0).all()
    assert (windows[:, 2:] <= (50, 30)).all()
    seen = np.zeros_like(masks)
    for part, whole, (x0, y0, x1, y1) in zip(seen, masks, windows, strict=True):
        part[y0:y1, x0:x1] = whole[y0:y1, x0:x1]
    assert not seen[np.flatnonzero(windows[:, 2] <= windows[:, 0])].any()
    assert (seen != masks).any((1, 2)).mean() > 0.8
    np.testing.assert_array_equal(crop_masks(seen, crops, 12), crop_masks(masks, crops, 12))
    assert crop_windows(np.zeros((0, 3)), (50, 30)).shape == (0, 4)


def test_masks_may_lie_on_their_sides_in_memory() -> None:
    masks = np.random.default_rng(3).random((2, 40, 30)) < 0.5
    crops = np.array([[15.0, 20.0, 12.5], [3.0, 4.0, 9.0]])
    sideways = np.ascontiguousarray(masks.transpose(0, 2, 1)).transpose(0, 2, 1)
    np.testing.assert_array_equal(crop_masks(sideways, crops, 8), crop_masks(masks, crops, 8))
