from __future__ import annotations

import numpy as np
import pytest
import torch

from s2m.data.zoo.crops import crop_masks, square_crops
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
