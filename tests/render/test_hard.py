from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.path import Path

from s2m.render.hard import hard_silhouette
from studies.render.bench import posed_bodies


def centres(size: int) -> np.ndarray:
    axis = (2 * np.arange(size) + 1) / size - 1
    x, y = np.meshgrid(axis, axis)
    return np.stack([x.ravel(), y.ravel()], 1)


def oracle(points: torch.Tensor, faces: torch.Tensor, size: int) -> np.ndarray:
    """Union of point-in-polygon tests by matplotlib, face by face."""
    pixels, covered = centres(size), np.zeros(size * size, dtype=bool)
    xy = points[:, :2].double().numpy()
    for face in faces.numpy():
        covered |= Path(xy[face]).contains_points(pixels)
    return covered.reshape(size, size)


@pytest.mark.parametrize("cull", [True, False])
def test_bodies_agree_with_matplotlib(people, cull: bool) -> None:
    points, faces = people
    masks = hard_silhouette(points, faces, 48, cull)
    assert masks.dtype == torch.bool
    assert masks.shape == (3, 48, 48)
    for mask, body in zip(masks, points, strict=True):
        assert mask.sum() > 100
        assert np.array_equal(mask.numpy(), oracle(body, faces, 48))


def test_random_triangles_partly_outside_agree_with_matplotlib() -> None:
    generator = torch.Generator().manual_seed(3)
    points = torch.randn(1, 60, 3, generator=generator) * 1.2
    faces = torch.arange(60).view(20, 3)
    for size in (7, 32):
        for face in faces:
            found = hard_silhouette(points, face[None], size, cull=False)[0].numpy()
            assert np.array_equal(found, oracle(points[0], face[None], size))


def test_culling_changes_nothing_on_the_full_closed_mesh() -> None:
    points, faces = posed_bodies(4, 10**6, seed=5)
    assert torch.equal(hard_silhouette(points, faces, 112), hard_silhouette(points, faces, 112, cull=False))


def test_no_cracks_and_orientation() -> None:
    """A fan over the whole picture leaves no pixel out; a face at the top right lands there."""
    angle = torch.arange(40) * (2 * torch.pi / 40)
    rim = torch.stack([3 * angle.cos(), 3 * angle.sin(), 0 * angle], 1)
    points = torch.cat([torch.tensor([[0.013, -0.021, 0.0]]), rim])[None]
    i = torch.arange(40)
    faces = torch.stack([torch.zeros(40).long(), (i + 1) % 40 + 1, i + 1], 1)
    assert bool(hard_silhouette(points, faces, 101).all())
    assert not bool(hard_silhouette(points, faces.flip(1), 101).any())  # the same faces seen from behind
    corner = torch.tensor([[[0.2, -0.9, 0.0], [0.9, -0.9, 0.0], [0.9, -0.2, 0.0]]])
    row, column = hard_silhouette(corner, torch.tensor([[0, 1, 2]]), 20, cull=False)[0].nonzero().unbind(1)
    assert row.max() < 10 <= column.min()


def test_nothing_to_draw() -> None:
    points = torch.zeros(2, 3, 3)
    faces = torch.tensor([[0, 1, 2]])
    assert not hard_silhouette(points, faces, 16).any()  # degenerate
    assert hard_silhouette(points, faces[:0], 16).shape == (2, 16, 16)
    assert hard_silhouette(points[:0], faces, 16).shape == (0, 16, 16)
    assert not hard_silhouette(torch.randn(1, 3, 3) + 9, faces, 16, cull=False).any()  # outside


def test_faces_that_are_not_finite_are_left_out(triangle) -> None:
    points, face = triangle
    expected = hard_silhouette(points, face, 24)
    assert expected.any()
    for bad in (float("nan"), float("inf"), float("-inf")):
        spoilt = torch.cat([points, torch.full((1, 1, 3), bad)], 1)
        faces = torch.cat([face, torch.tensor([[0, 1, 3], [1, 0, 3]])])
        assert torch.equal(hard_silhouette(spoilt, faces, 24), expected)
    with pytest.raises(ValueError, match="faces"):
        hard_silhouette(points, face.float(), 24)
