"""Algebra on columns against SciPy and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.ik.columns import Columns, Swing, directions, each, power, rounded, turned, unit

ALGEBRA = Columns(torch.zeros(1, dtype=torch.float64))


def columns(*rotations: Rotation) -> torch.Tensor:
    """Rotations of U units and B samples as (4, U, B)."""
    return torch.from_numpy(np.stack([r.as_quat() for r in rotations], 1)).permute(2, 1, 0).contiguous()


def same(found: torch.Tensor, *expected: Rotation) -> None:
    for unit_, rotation in zip(found.permute(1, 2, 0).numpy(), expected, strict=True):
        assert (Rotation.from_quat(unit_).inv() * rotation).magnitude().max() < 1e-7


def test_products_and_matrices_are_scipys():
    p, q, r, s = (Rotation.random(20, random_state=k) for k in range(4))
    same(ALGEBRA.product(columns(p, q), columns(r, s)), p * r, q * s)
    for matrix, inverse in ((ALGEBRA.matrix, False), (ALGEBRA.inverse, True)):
        found = matrix(columns(p, q)).permute(2, 3, 0, 1).numpy()
        for mine, rotation in zip(found, (p, q), strict=True):
            np.testing.assert_allclose(mine, (rotation.inv() if inverse else rotation).as_matrix(), atol=1e-12)


def test_cross_products_and_turns():
    rng = np.random.default_rng(0)
    a, b, m = rng.standard_normal((3, 2, 5)), rng.standard_normal((3, 2, 5)), rng.standard_normal((3, 3, 2, 5))
    np.testing.assert_allclose(ALGEBRA.cross(*map(torch.from_numpy, (a, b))), np.cross(a, b, axis=0), atol=1e-12)
    np.testing.assert_allclose(turned(*map(torch.from_numpy, (m, a))), np.einsum("ijub,jub->iub", m, a), atol=1e-12)


def test_kept_replaces_what_is_not_known():
    q = columns(Rotation.random(3, random_state=0))
    found = ALGEBRA.kept(torch.tensor([[True, False, True]]), q)
    assert torch.equal(found[:, 0, [0, 2]], q[:, 0, [0, 2]])
    assert found[:, 0, 1].tolist() == [0, 0, 0, 1]
    assert ALGEBRA.kept(None, q) is q


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 0.7, 3.0, np.pi - 1e-7])
@pytest.mark.parametrize("length", [1.0, 3.7])
def test_power_takes_a_share_of_the_angle(angle, length):
    axis = np.array([0.6, -0.48, 0.64])
    q = (length * columns(Rotation.from_rotvec([angle * axis]))).requires_grad_()
    shares = torch.tensor([[1 / 3], [0.5], [1.0]], dtype=torch.float64)
    found = power(q, shares)
    same(found.detach(), *(Rotation.from_rotvec([k * angle * axis]) for k in (1 / 3, 0.5, 1.0)))
    (gradient,) = torch.autograd.grad(found.sum(), q)
    assert torch.isfinite(gradient).all()


def test_power_has_the_gradient_of_finite_differences():
    shares = torch.tensor([[1 / 3], [1.0]], dtype=torch.float64)
    q = columns(Rotation.from_rotvec([[0.4, 1.0, -0.3], [0, 0, 1e-3]])).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: power(x, shares), (q,))


def test_each_applies_one_matrix_to_each_unit():
    rng = np.random.default_rng(1)
    blocks, x = rng.standard_normal((4, 2, 3)), rng.standard_normal((3, 4, 7))
    found = each(torch.from_numpy(blocks)) @ torch.from_numpy(x).reshape(12, 7)
    np.testing.assert_allclose(found.view(2, 4, 7), np.einsum("uij,jub->iub", blocks, x), atol=1e-12)


def test_swing_is_the_shortest_arc_and_turns_about_the_normal_at_the_antipode():
    rng = np.random.default_rng(4)
    a, b = (
        v / np.linalg.norm(v, axis=-1, keepdims=True)
        for v in (rng.standard_normal((2, 3)), rng.standard_normal((9, 2, 3)))
    )
    normal = np.cross(a, rng.standard_normal((2, 3)))
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    swing = Swing(torch.from_numpy(a), torch.from_numpy(normal))
    q = unit(swing(torch.from_numpy(b).permute(2, 1, 0))).permute(1, 2, 0).numpy()
    for k in range(2):
        rotation = Rotation.from_quat(q[k])
        np.testing.assert_allclose(rotation.apply(a[k]), b[:, k], atol=1e-12)
        np.testing.assert_allclose(rotation.magnitude(), np.arccos(b[:, k] @ a[k]), atol=1e-9)
    q = unit(swing(torch.from_numpy(-a[None]).permute(2, 1, 0)))[..., 0].T.numpy()
    for k in range(2):
        np.testing.assert_allclose(np.abs(Rotation.from_quat(q[k]).as_rotvec() @ normal[k]), np.pi, atol=1e-9)


def test_directions_fade_where_there_is_no_length():
    v = torch.tensor([[0.3, 1e-3, 0.0]], dtype=torch.float64)[None].repeat(3, 1, 1) * torch.tensor(
        [[[1.0]], [[0.0]], [[0.0]]]
    )
    v.requires_grad_()
    found, scale = directions(v)
    np.testing.assert_allclose(found[0, 0].detach(), [1.0, 0.2, 0.0])
    np.testing.assert_allclose(scale[0].detach(), [1 / 0.3, 200, 200])
    (gradient,) = torch.autograd.grad(found.sum(), v)
    assert torch.isfinite(gradient).all()


def test_rounded_is_the_absolute_value_far_away():
    x = torch.tensor([-3.0, 0.0, 1e3])
    np.testing.assert_allclose(rounded(x, 0.1), np.hypot(x.numpy(), 0.1), rtol=1e-6)
