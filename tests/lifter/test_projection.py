from __future__ import annotations

import torch

from s2m.lifter.projection import NEAREST, back_project, project


def test_back_projection_matches_the_pinhole_equation():
    generator = torch.Generator().manual_seed(0)
    points, depth = torch.randn(4, 5, 2, generator=generator), torch.randn(4, 5, generator=generator)
    skeleton = back_project(points, depth, root=2, distance=10.0)
    for b in range(4):
        for j in range(5):
            z = 10.0 + float(depth[b, j] - depth[b, 2])
            expected = torch.tensor([z / 10 * points[b, j, 0], z / 10 * points[b, j, 1], z])
            expected = expected - torch.tensor([points[b, 2, 0], points[b, 2, 1], 10.0])
            torch.testing.assert_close(skeleton[b, j], expected, atol=1e-5, rtol=1e-5)


def test_projection_undoes_back_projection():
    generator = torch.Generator().manual_seed(1)
    points, depth = torch.randn(8, 17, 2, generator=generator), 2 * torch.randn(8, 17, generator=generator)
    points[:, 0] = 0  # the root is on the optical axis
    torch.testing.assert_close(project(back_project(points, depth, 0, 10.0), 10.0), points, atol=1e-5, rtol=1e-5)


def test_nothing_comes_closer_than_the_nearest_plane():
    depth = torch.tensor([[0.0, -50.0]])
    skeleton = back_project(torch.ones(1, 2, 2), depth, 0, 10.0)
    assert float(skeleton[0, 1, 2]) == NEAREST - 10.0
    assert torch.isfinite(project(skeleton - torch.tensor([0.0, 0.0, 50.0]), 10.0)).all()
