from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from s2m.geometry.procrustes import scale_align, similarity_align


def best_proper_error(source: np.ndarray, target: np.ndarray) -> float:
    """Scipy's proper rotation (Kabsch without reflection), then the optimal scale."""
    a, b = source - source.mean(0), target - target.mean(0)
    rotated = Rotation.align_vectors(b, a)[0].apply(a)
    scale = (rotated * b).sum() / (a * a).sum()
    return float(np.linalg.norm(scale * rotated - b, axis=1).mean())


def test_alignment_reaches_scipys_error(generator: torch.Generator) -> None:
    source = torch.randn(4, 17, 3, generator=generator, dtype=torch.float64)
    target = torch.randn(4, 17, 3, generator=generator, dtype=torch.float64)
    aligned, rotation = similarity_align(source, target)
    for i in range(4):
        error = (aligned[i] - target[i]).norm(dim=-1).mean().item()
        np.testing.assert_allclose(error, best_proper_error(source[i].numpy(), target[i].numpy()), rtol=1e-6)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(4, dtype=torch.float64))


def test_a_mirror_image_is_not_aligned_away(generator: torch.Generator) -> None:
    target = torch.randn(2, 17, 3, generator=generator)
    mirrored = target * torch.tensor([1.0, 1.0, -1.0])
    aligned, rotation = similarity_align(mirrored, target)
    assert (aligned - target).norm(dim=-1).mean() > 0.3
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(2))


def test_points_without_extent_stay_finite() -> None:
    aligned, _ = similarity_align(torch.zeros(1, 5, 3), torch.ones(1, 5, 3))
    torch.testing.assert_close(aligned, torch.ones(1, 5, 3))


def test_scale_alignment_is_the_minimum(generator: torch.Generator) -> None:
    points, target = torch.randn(1, 9, 3, generator=generator), torch.randn(1, 9, 3, generator=generator)
    scaled = scale_align(points, points * 1.7 + 0.1 * target)
    error = ((scaled - points * 1.7 - 0.1 * target) ** 2).sum()
    for scale in np.linspace(0.1, 3, 200):
        assert ((points * scale - points * 1.7 - 0.1 * target) ** 2).sum() >= error - 1e-5
    assert (scale_align(points, -points) == 0).all()
