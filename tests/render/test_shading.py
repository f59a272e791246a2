from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from s2m.render import hard_silhouette
from s2m.render.shading import Patch, shaded, vertex_normals


@pytest.fixture(scope="module")
def ball() -> tuple[torch.Tensor, torch.Tensor]:
    """Radius 30 about pixel (50, 40)."""
    mesh = trimesh.creation.icosphere(3, 30)
    return torch.tensor(mesh.vertices).float() + torch.tensor([50.0, 40.0, 100.0]), torch.tensor(mesh.faces).long()


def laid(patch: Patch | None, width: int, height: int) -> np.ndarray:
    picture = np.full((height, width, 3), (10, 200, 30), np.uint8)
    assert patch is not None
    patch.lay(picture)
    return picture


def test_normals_of_a_ball_point_outward(ball: tuple[torch.Tensor, torch.Tensor]) -> None:
    points, faces = ball
    outward = (points - points.mean(0)) / 30
    torch.testing.assert_close(vertex_normals(points, faces), outward, atol=0.02, rtol=0)


def test_light_on_a_ball_is_that_of_its_normals(ball: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Wrapped diffuse light of three lamps, pixel by pixel from the closed form of the ball."""
    picture = laid(shaded(*ball, 100, 80, (255, 255, 255)), 100, 80)
    y, x = np.mgrid[:80, :100] + 0.5
    across, down = (x - 50) / 30, (y - 40) / 30
    inside = across**2 + down**2 < 0.8
    normal = np.stack([across, down, -np.sqrt(np.where(inside, 1 - across**2 - down**2, 0))], -1)
    light = 0.12
    for towards, strength in (((-0.6, -0.8, -0.75), 0.78), ((0.9, -0.1, -0.5), 0.2), ((0.0, -1.0, 0.3), 0.14)):
        light = light + strength * np.clip((normal @ (towards / np.linalg.norm(towards)) + 0.12) / 1.12, 0, None)
    expected = 255 * np.clip(light * 1.15, 0, 1) ** (1 / 2.2)
    assert np.abs(picture[..., 0] - expected)[inside].max() < 6
    assert np.abs(picture[..., 0] - expected)[inside].mean() < 1


def test_the_edge_fades_by_coverage(ball: tuple[torch.Tensor, torch.Tensor]) -> None:
    points, faces = ball
    patch = shaded(points, faces, 100, 80, (255, 0, 0), opacity=0.5, supersampling=3)
    assert patch is not None
    opacity = np.zeros((80, 100))
    alpha = np.asarray(patch.image)[..., 3]
    opacity[patch.top : patch.top + alpha.shape[0], patch.left : patch.left + alpha.shape[1]] = alpha
    crop = torch.cat([points[:, :2] / 50 - 1, points[:, 2:]], 1)
    fine = hard_silhouette(crop[None], faces, 300)[0].numpy()[:240]
    np.testing.assert_allclose(opacity, fine.reshape(80, 3, 100, 3).mean((1, 3)) * 127.5, atol=1.01)


def test_a_patch_is_laid_like_light_through_glass() -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (7, 9, 4)).astype(np.uint8)
    picture = random.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    before = picture.copy()
    Patch(4, 5, Image.fromarray(pixels, "RGBA")).lay(picture)
    part, share = before[5:12, 4:13].astype(float), pixels[..., 3:] / 255
    expected = before.astype(float)
    expected[5:12, 4:13] = pixels[..., :3] * share + part * (1 - share)
    np.testing.assert_allclose(picture, expected, atol=1)


def test_what_lies_outside_is_cut(ball: tuple[torch.Tensor, torch.Tensor]) -> None:
    points, faces = ball
    whole = laid(shaded(points, faces, 100, 80, (200, 60, 60)), 100, 80)
    moved = points - torch.tensor([40.0, 25.0, 0.0])
    np.testing.assert_array_equal(laid(shaded(moved, faces, 30, 20, (200, 60, 60)), 30, 20), whole[25:45, 40:70])
    assert shaded(points + torch.tensor([60.0, 0.0, 0.0]), faces, 80, 80, (200, 60, 60)) is None


def test_corners_that_are_no_numbers_take_their_faces_along(ball: tuple[torch.Tensor, torch.Tensor]) -> None:
    points, faces = ball[0].clone(), ball[1]
    lost = int(points[:, 2].argmin())  # the middle of what is seen
    points[lost] = torch.nan
    found, whole = (laid(shaded(p, faces, 100, 80, (200, 60, 60)), 100, 80) for p in (points, ball[0]))
    assert found[40, 50].tolist() == [10, 200, 30]
    changed = (found != whole).any(-1)
    assert 0 < changed.sum() < 0.05 * (whole != (10, 200, 30)).any(-1).sum()
    assert shaded(points * torch.nan, faces, 100, 80, (200, 60, 60)) is None
