"""Against the scan-line pass of the hard silhouettes, and against a depth buffer face by face in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh

from s2m.render import hard_silhouette
from s2m.render.painting import strokes


def painted(points: np.ndarray, values: np.ndarray, faces: np.ndarray, size: int) -> np.ndarray:
    """(size, size) what is painted of points in crop units; NaN beside."""
    pixels = np.concatenate([(points[:, :2] + 1) * (size / 2) - 0.5, points[:, 2:]], 1).astype(np.float32)
    pixel, value = strokes(pixels[faces], values.astype(np.float32)[faces], size, size).pixels()
    image = np.full(size * size, np.nan, np.float32)
    image[pixel] = value
    return image.reshape(size, size)


def nearest(points: np.ndarray, values: np.ndarray, faces: np.ndarray, size: int) -> np.ndarray:
    """The same by barycentric coordinates of every pixel in every face's box, and the smallest depth."""
    centres = (np.arange(size) + 0.5) * 2 / size - 1
    depth, image = np.full((size, size), np.inf), np.full((size, size), np.nan)
    for a, b, c in faces:
        corners = points[[a, b, c]]
        edges = corners[1:, :2] - corners[0, :2]
        if np.linalg.det(edges) >= 0:
            continue
        (left, top), (right, bottom) = (np.searchsorted(centres, m(corners[:, :2], 0)) for m in (np.min, np.max))
        x, y = np.meshgrid(centres[left:right], centres[top:bottom])
        at_b, at_c = np.linalg.inv(edges.T) @ (np.stack([x.ravel(), y.ravel()]) - corners[0, :2, None])
        weights = np.stack([1 - at_b - at_c, at_b, at_c])
        z = np.where((weights >= 0).all(0), corners[:, 2] @ weights, np.inf).reshape(x.shape)
        part = np.s_[top:bottom, left:right]
        image[part] = np.where(z < depth[part], (values[[a, b, c]] @ weights).reshape(x.shape), image[part])
        depth[part] = np.minimum(depth[part], z)
    return image


@pytest.mark.parametrize("size", [17, 64, 200])
def test_every_covered_pixel_is_painted(people: tuple[torch.Tensor, torch.Tensor], size: int) -> None:
    points, faces = people
    for body in points:
        image = painted(body.numpy(), body[:, 2].numpy(), faces.numpy(), size)
        np.testing.assert_array_equal(np.isfinite(image), hard_silhouette(body[None], faces, size)[0].numpy())


def test_what_is_near_hides_what_is_far(people: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Coarse faces, whose arms lie on their trunks: nearly everywhere the depth is that of a depth buffer."""
    points, faces = people
    for body in points.double().numpy():
        found, expected = (draw(body, body[:, 2], faces.numpy(), 96) for draw in (painted, nearest))
        both = np.isfinite(found) & np.isfinite(expected)
        assert both.sum() > 500
        assert (np.abs(found - expected)[both] > 0.005).mean() < 0.005


def test_a_ball_before_a_ball_is_exact() -> None:
    mesh = trimesh.creation.icosphere(3, 0.6)
    far, near = np.array(mesh.vertices), np.array(mesh.vertices) * 0.5 - [0.1, 0.0, 2.0]
    points, faces = np.concatenate([far, near]), np.concatenate([mesh.faces, mesh.faces + len(far)])
    for values in (points[:, 0], points[:, 1] ** 2):
        found, expected = (draw(points, values, faces, 150) for draw in (painted, nearest))
        both = np.isfinite(found) & np.isfinite(expected)
        np.testing.assert_allclose(found[both], expected[both], atol=1e-3)


def test_faces_beyond_the_edge_and_from_behind() -> None:
    corners = np.array([[[-50, -60, 1], [-50, 200, 1], [90, -60, 1]]], np.float32)
    found = strokes(corners, np.ones((1, 3), np.float32), 8, 5)
    pixel, value = found.pixels()
    assert sorted(pixel) == list(range(40))
    np.testing.assert_allclose(value, 1, atol=1e-6)
    assert len(strokes(corners[:, ::-1], np.ones((1, 3), np.float32), 8, 5).pixels()[0]) == 0
    assert len(strokes(corners[:0], np.ones((0, 3), np.float32), 8, 5).pixels()[0]) == 0
