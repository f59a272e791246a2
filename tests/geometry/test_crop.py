from __future__ import annotations

import numpy as np
import torch

from s2m.geometry.camera import crop_to_pixels, perspective, weak_perspective
from s2m.geometry.crop import crop_translation


def draw(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    count = 6
    scale = 0.6 + torch.rand(count, 1, generator=generator, dtype=torch.float64)
    camera = torch.cat([scale, torch.randn(count, 2, generator=generator, dtype=torch.float64) * 0.2], dim=1)
    crop = torch.rand(count, 3, generator=generator, dtype=torch.float64) * 300 + 100
    intrinsics = torch.tensor([[1100.0, 1100.0, 500.0, 480.0]], dtype=torch.float64).repeat(count, 1)
    return camera, crop, intrinsics


def test_points_in_the_plane_of_the_origin_project_exactly(generator: torch.Generator) -> None:
    camera, crop, intrinsics = draw(generator)
    points = torch.randn(6, 9, 3, generator=generator, dtype=torch.float64)
    points[..., 2] = 0
    seen = crop_to_pixels(weak_perspective(points, camera), crop)
    moved = points + crop_translation(camera, crop, intrinsics)[:, None]
    torch.testing.assert_close(perspective(moved, intrinsics), seen)


def test_a_long_lens_makes_it_exact_for_all_points(generator: torch.Generator) -> None:
    camera, crop, intrinsics = draw(generator)
    points = torch.randn(6, 9, 3, generator=generator, dtype=torch.float64) * 0.3
    seen = crop_to_pixels(weak_perspective(points, camera), crop)
    errors = []
    for longer in (1, 10, 100):
        long = intrinsics * torch.tensor([longer, longer, 1, 1])
        moved = points + crop_translation(camera, crop, long)[:, None]
        errors.append(float((perspective(moved, long) - seen).abs().max()))
    assert errors[1] < errors[0] / 5
    assert errors[2] < errors[0] / 50


def test_it_undoes_a_known_scene() -> None:
    # a body 4 m away, 1 m right and 0.5 m below the axis of a 1000-pixel lens, in a crop of 300 pixels about her pelvis
    place, focal = np.array([1.0, 0.5, 4.0]), 1000.0
    centre = focal * place[:2] / place[2] + [640, 360]
    camera = torch.tensor([[focal / place[2] / 150, 0.0, 0.0]])
    crop = torch.tensor([[*centre, 150.0]], dtype=torch.float32)
    found = crop_translation(camera, crop, torch.tensor([[focal, focal, 640.0, 360.0]]))
    np.testing.assert_allclose(found[0], place, rtol=1e-5)


def test_gradients_reach_the_camera(generator: torch.Generator) -> None:
    camera, crop, intrinsics = draw(generator)
    assert torch.autograd.gradcheck(crop_translation, (camera.requires_grad_(), crop, intrinsics))
