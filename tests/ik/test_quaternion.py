from __future__ import annotations

import numpy as np
import pytest
import roma
import torch
from scipy.spatial.transform import Rotation

from s2m.ik import quaternion as quat


def random_rotations(count: int, seed: int) -> Rotation:
    return Rotation.random(count, random_state=seed)


def as_tensor(rotation: Rotation) -> torch.Tensor:
    return torch.from_numpy(rotation.as_quat())


def same(found: torch.Tensor, expected: Rotation) -> None:
    assert (Rotation.from_quat(found.numpy()).inv() * expected).magnitude().max() < 1e-7


def test_product_and_conjugate_are_scipys():
    p, q = random_rotations(50, 1), random_rotations(50, 2)
    same(quat.product(as_tensor(p), as_tensor(q)), p * q)
    same(quat.conjugate(as_tensor(p)), p.inv())


def test_swing_is_the_shortest_arc():
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((2, 100, 3))
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    b[np.sum(a * b, 1) < -0.9] *= -1  # the antipode has its own test
    normal = np.cross(a, rng.standard_normal((100, 3)))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    found = Rotation.from_quat(quat.swing(*map(torch.from_numpy, (a, b, normal))).numpy())
    np.testing.assert_allclose(found.apply(a), b, atol=1e-12)
    np.testing.assert_allclose(found.magnitude(), np.arccos(np.sum(a * b, 1)), atol=1e-7)


def test_swing_to_the_antipode_turns_about_the_normal():
    a = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    normal = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    same(quat.swing(a, -a, normal)[None], Rotation.from_rotvec([[0, 0, np.pi]]))


def test_direction_falls_back_smoothly():
    fallback = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    zero = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    found = quat.direction(zero, fallback)
    torch.testing.assert_close(found, fallback, atol=1e-9, rtol=0)
    (gradient,) = torch.autograd.grad(found[0], zero)
    assert torch.isfinite(gradient).all()
    long = torch.tensor([0.3, 0.0, 0.4], dtype=torch.float64)
    torch.testing.assert_close(quat.direction(long, fallback), long / 0.5, atol=1e-12, rtol=0)


def test_conversions_are_romas():
    q = as_tensor(random_rotations(200, 6))
    matrix = roma.unitquat_to_rotmat(q)
    torch.testing.assert_close(quat.to_matrix(q), matrix, atol=1e-12, rtol=0)
    same(quat.from_matrix(matrix), Rotation.from_quat(roma.rotmat_to_unitquat(matrix).numpy()))


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, -0.8, 0)])
def test_half_turns_have_quaternions(axis):
    turn = Rotation.from_rotvec(np.pi * np.array(axis))
    same(quat.from_matrix(torch.from_numpy(turn.as_matrix())[None]), turn)
