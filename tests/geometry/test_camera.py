from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares

from s2m.geometry.camera import (
    FACING_CAMERA,
    crop_to_pixels,
    fit_weak_perspective,
    perspective,
    pixels_to_crop,
    square_crop,
    weak_perspective,
)


def test_perspective_equals_the_matrix_form(generator: torch.Generator) -> None:
    points = torch.rand(2, 5, 3, generator=generator) + torch.tensor([0.0, 0.0, 3.0])
    intrinsics = torch.tensor([[1100.0, 1000.0, 500.0, 480.0]]).repeat(2, 1)
    k = np.array([[1100.0, 0, 500], [0, 1000, 480], [0, 0, 1]])
    homogeneous = points.numpy() @ k.T
    np.testing.assert_allclose(
        perspective(points, intrinsics).numpy(), homogeneous[..., :2] / homogeneous[..., 2:], rtol=1e-5
    )


def test_fit_is_the_weighted_least_squares_optimum(generator: torch.Generator) -> None:
    points = torch.randn(1, 9, 3, generator=generator, dtype=torch.float64)
    target = weak_perspective(points, torch.tensor([[0.8, 0.1, -0.3]], dtype=torch.float64))
    target = target + 0.1 * torch.randn(1, 9, 2, generator=generator, dtype=torch.float64)
    weight = torch.rand(1, 9, generator=generator, dtype=torch.float64)

    def residual(camera: np.ndarray) -> np.ndarray:
        difference = weak_perspective(points, torch.tensor(camera)[None]) - target
        return (weight.sqrt()[..., None] * difference).flatten().numpy()

    expected = least_squares(residual, np.array([1.0, 0.0, 0.0]), xtol=1e-14, ftol=1e-14).x
    np.testing.assert_allclose(fit_weak_perspective(points, target, weight)[0].numpy(), expected, atol=1e-6)


def test_fit_ignores_joints_of_confidence_zero(generator: torch.Generator) -> None:
    points, camera = torch.randn(1, 6, 3, generator=generator), torch.tensor([[0.7, 0.2, 0.1]])
    target, weight = weak_perspective(points, camera), torch.ones(1, 6)
    target[0, 2], weight[0, 2] = 50.0, 0.0
    torch.testing.assert_close(fit_weak_perspective(points, target, weight), camera)


@pytest.mark.parametrize("points", [torch.zeros(1, 4, 3), torch.ones(1, 4, 3)])
def test_fit_of_a_collapsed_skeleton_is_finite(points: torch.Tensor) -> None:
    points.requires_grad_()
    camera = fit_weak_perspective(points, torch.rand(1, 4, 2), torch.ones(1, 4))
    camera.sum().backward()
    assert torch.isfinite(camera).all()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()


def test_crops_contain_the_valid_joints_and_round_trip(generator: torch.Generator) -> None:
    pixels = 100 + 50 * torch.rand(3, 8, 2, generator=generator)
    valid = torch.ones(3, 8, dtype=torch.bool)
    pixels[0, 0], valid[0, 0] = 1e4, False
    crop = square_crop(pixels, valid, margin=1.5)
    units = pixels_to_crop(pixels, crop)
    longest = units[1].amax(0) - units[1].amin(0)
    torch.testing.assert_close(longest.max(), torch.tensor(2 / 1.5))
    assert units[valid].abs().max() <= 1 / 1.5 + 1e-5
    torch.testing.assert_close(crop_to_pixels(units, crop), pixels)


def test_a_crop_without_joints_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rows \[1\]"):
        square_crop(torch.rand(2, 3, 2), torch.tensor([[True] * 3, [True, False, False]]), 1.5)


def test_facing_camera_turns_up_to_image_up_and_front_to_the_camera() -> None:
    up, front = torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])
    assert (FACING_CAMERA @ up)[1] == -1
    assert (FACING_CAMERA @ front)[2] == -1
    assert torch.linalg.det(FACING_CAMERA) == 1
