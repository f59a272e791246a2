from __future__ import annotations

import math

import pytest
import torch

from s2m.render import PyTorch3DSilhouette, RaggedSilhouette, hard_silhouette


def brute_force(points: torch.Tensor, faces: torch.Tensor, size: int, sigma: float) -> torch.Tensor:
    """SoftRas by its formula, one face and one pixel after another (no cull, no fill)."""
    reach = math.log(1 / 1e-4 - 1) * sigma
    clear = torch.ones(size, size, dtype=points.dtype)
    for face in faces:
        corners = points[face, :2]
        for row in range(size):
            for column in range(size):
                p = torch.tensor([(2 * column + 1) / size - 1, (2 * row + 1) / size - 1], dtype=points.dtype)
                distances, sides = [], []
                for i in range(3):
                    a, b = corners[i], corners[(i + 1) % 3]
                    t = float(((p - a) @ (b - a)) / ((b - a) @ (b - a)))
                    distances.append(float(((p - a - min(max(t, 0), 1) * (b - a)) ** 2).sum()))
                    sides.append(float((b - a)[0] * (p - a)[1] - (b - a)[1] * (p - a)[0]) > 0)
                inside = all(sides) or not any(sides)
                if inside or min(distances) < reach:
                    signed = -min(distances) if inside else min(distances)
                    clear[row, column] *= 1 - 1 / (1 + math.exp(min(signed / sigma, 700)))
    return 1 - clear


def gradient(renderer, points, faces, size) -> tuple[torch.Tensor, torch.Tensor]:
    leaf = points.clone().requires_grad_()
    alpha = renderer(leaf, faces, size)
    weight = torch.randn(alpha.shape, generator=torch.Generator().manual_seed(0), dtype=alpha.dtype)
    (alpha * weight).sum().backward()
    return alpha.detach(), leaf.grad


@pytest.mark.parametrize(("size", "sigma"), [(32, 1e-4), (48, 3e-5), (32, 3e-4)])
@pytest.mark.parametrize("cull", [False, True])
def test_values_and_gradients_of_pytorch3d_with_many_layers(people, size: int, sigma: float, cull: bool) -> None:
    points, faces = people
    alpha, slope = gradient(RaggedSilhouette(sigma, fill=False, cull=cull), points[:2], faces, size)
    expected, expected_slope = gradient(PyTorch3DSilhouette(sigma, 150, cull=cull), points[:2], faces, size)
    assert alpha.sum() > 50
    torch.testing.assert_close(alpha, expected, atol=1e-4, rtol=0)
    assert torch.cosine_similarity(slope.flatten(), expected_slope.flatten(), 0) >= 0.999
    assert slope.norm().item() == pytest.approx(expected_slope.norm().item(), rel=1e-3)


def test_values_by_the_formula() -> None:
    points = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 0.6
    faces = torch.arange(9).view(3, 3)
    alpha = RaggedSilhouette(2e-3, fill=False, cull=False)(points[None], faces, 13)[0]
    torch.testing.assert_close(alpha, brute_force(points, faces, 13, 2e-3), atol=1e-12, rtol=0)


@pytest.mark.parametrize("cull", [False, True])
def test_finite_differences(people, cull: bool) -> None:
    generator = torch.Generator().manual_seed(2)
    points, faces = people[0][:1].double(), people[1]
    # A wide sigma: the cut at the blur radius is a jump of 1e-4, which must not fall between the two differences often.
    renderer = RaggedSilhouette(1e-3, fill=False, cull=cull)
    weight = torch.rand(1, 16, 16, generator=generator, dtype=torch.float64)
    leaf = points.clone().requires_grad_()
    (renderer(leaf, faces, 16) * weight).sum().backward()
    step = 1e-7
    for _ in range(4):
        direction = torch.randn(points.shape, generator=generator, dtype=torch.float64)
        up, down = ((renderer(points + sign * step * direction, faces, 16) * weight).sum() for sign in (1, -1))
        assert (up - down) / (2 * step) == pytest.approx((leaf.grad * direction).sum().item(), rel=1e-4)
    assert leaf.grad[..., 2].abs().max() == 0


@pytest.mark.parametrize(("fill", "cull"), [(False, False), (True, True)])
def test_chunks_change_nothing(people, fill: bool, cull: bool) -> None:
    points, faces = people
    whole = gradient(RaggedSilhouette(1e-4, fill, cull, max_pairs=10**9), points, faces, 40)
    for max_pairs in (1, 1000):
        parts = gradient(RaggedSilhouette(1e-4, fill, cull, max_pairs=max_pairs), points, faces, 40)
        torch.testing.assert_close(parts[0], whole[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(parts[1], whole[1], atol=1e-3, rtol=1e-4)


def test_fill_closes_exactly_the_pixels_with_a_covered_neighbourhood(people) -> None:
    points, faces = people
    size = 64
    exact, _ = gradient(RaggedSilhouette(1e-4, fill=False), points, faces, size)
    filled, slope = gradient(RaggedSilhouette(1e-4), points, faces, size)
    hard = torch.nn.functional.pad(hard_silhouette(points, faces, size), (1, 1, 1, 1), value=True)
    around = torch.stack([hard[:, i : i + size, j : j + size] for i in range(3) for j in range(3)]).all(0)
    assert around.sum() > 20
    assert bool((filled[around] == 1).all())
    torch.testing.assert_close(filled[~around], exact[~around], atol=1e-6, rtol=0)
    # Closed pixels send no gradient: a loss on them alone has none.
    leaf = points.clone().requires_grad_()
    RaggedSilhouette(1e-4)(leaf, faces, size)[around].sum().backward()
    assert leaf.grad.abs().max() == 0
    assert slope.abs().max() > 0


def test_cull_only_lowers_alpha(people) -> None:
    points, faces = people
    both = RaggedSilhouette(1e-4, fill=False, cull=False)(points, faces, 64)
    front = RaggedSilhouette(1e-4, fill=False, cull=True)(points, faces, 64)
    assert bool((front <= both + 1e-6).all())
    assert (both - front).max() > 0.01
    assert (both > 0.5).float().sub((front > 0.5).float()).abs().mean() < 0.02


def test_a_back_face_is_seen_only_without_cull(triangle) -> None:
    points, face = triangle
    for faces, front in ((face, True), (face.flip(1), False)):
        assert bool(RaggedSilhouette(1e-4)(points, faces, 24).any()) is front
        assert RaggedSilhouette(1e-4, cull=False)(points, faces, 24).any()


@pytest.mark.parametrize("fill", [False, True])
def test_bad_faces_give_neither_values_nor_gradient(triangle, fill: bool) -> None:
    points, face = triangle
    renderer = RaggedSilhouette(1e-4, fill=fill, cull=False)
    expected, expected_slope = gradient(renderer, points, face, 24)
    for bad in (float("nan"), float("inf"), float("-inf")):
        spoilt = torch.cat([points, torch.full((1, 1, 3), bad)], 1)
        faces = torch.cat([face, torch.tensor([[0, 1, 3], [0, 0, 1], [1, 1, 1]])])
        alpha, slope = gradient(renderer, spoilt, faces, 24)
        assert torch.equal(alpha, expected)
        torch.testing.assert_close(slope[:, :3], expected_slope)
        assert slope[:, 3].abs().max() == 0


@pytest.mark.parametrize(("fill", "cull"), [(False, False), (True, True)])
def test_empty_pictures(people, fill: bool, cull: bool) -> None:
    points, faces = people
    renderer = RaggedSilhouette(None, fill, cull)
    for shifted, some in ((points + 5, faces), (points, faces[:0]), (points * 0, faces)):
        alpha, slope = gradient(renderer, shifted, some, 16)
        assert alpha.abs().max() == 0
        assert slope.abs().max() == 0
    assert renderer(points[:0], faces, 16).shape == (0, 16, 16)


def test_a_face_wider_than_the_picture_covers_it() -> None:
    points = torch.tensor([[[-50.0, 60.0, 1.0], [0.0, -70.0, 1.0], [50.0, 60.0, 1.0]]])
    alpha, slope = gradient(RaggedSilhouette(1e-4, cull=False, fill=False), points, torch.tensor([[0, 1, 2]]), 16)
    assert bool((alpha == 1).all())
    assert bool(slope.isfinite().all())


def test_half_precision_is_computed_in_float32(people) -> None:
    points, faces = people
    half = points.bfloat16().requires_grad_()
    alpha = RaggedSilhouette(1e-4)(half, faces, 32)
    alpha.sum().backward()
    assert alpha.dtype == torch.float32
    assert half.grad.dtype == torch.bfloat16
    assert bool(half.grad.isfinite().all())
    torch.testing.assert_close(alpha, RaggedSilhouette(1e-4)(half.detach().float(), faces, 32))


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="sigma"):
        RaggedSilhouette(0.0)
    with pytest.raises(ValueError, match="max_pairs"):
        RaggedSilhouette(max_pairs=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_agrees_with_cpu(people) -> None:
    points, faces = people
    on_cpu = gradient(RaggedSilhouette(1e-4), points, faces, 64)[0]
    on_gpu = RaggedSilhouette(1e-4)(points.cuda(), faces.cuda(), 64).cpu()
    torch.testing.assert_close(on_gpu, on_cpu, atol=1e-5, rtol=0)
