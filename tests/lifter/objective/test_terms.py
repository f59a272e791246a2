from __future__ import annotations

import numpy as np
import pytest
import torch

from s2m.lifter.objective import Cycle2D, Cycle3D, Denoising

from .cycles import make_cycle


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("term", "field"), [(Cycle2D(), "returned"), (Denoising(), "denoised")])
def test_2d_terms_are_confidence_weighted_mean_distances(term, field):
    target, value, weight = random(3, 17, 2), random(3, 17, 2, seed=1), random(3, 17, seed=2).abs()
    cycle = make_cycle(target=target, weight=weight, **{field: value})
    distance = np.linalg.norm(value.numpy() - target.numpy(), axis=-1)
    assert float(term(cycle)) == pytest.approx(np.average(distance, weights=weight.numpy()), rel=1e-5)


@pytest.mark.parametrize(("term", "field"), [(Cycle2D(), "returned"), (Denoising(), "denoised")])
def test_joints_of_confidence_zero_do_not_count(term, field):
    target, weight = random(3, 17, 2), torch.ones(3, 17)
    weight[:, 4] = 0
    spoilt = target.clone()
    spoilt[:, 4] += 100
    spoilt.requires_grad_(True)
    loss = term(make_cycle(target=target, weight=weight, **{field: spoilt}))
    loss.backward()
    assert float(loss) < 1e-5
    assert torch.equal(spoilt.grad[:, 4], torch.zeros(3, 2))


def test_cycle_3d_is_a_mean_distance():
    one, two = random(3, 17, 3), random(3, 17, 3, seed=1)
    expected = np.linalg.norm(one.numpy() - two.numpy(), axis=-1).mean()
    assert float(Cycle3D()(make_cycle(rotated=one, relifted=two))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("term", [Cycle2D(), Cycle3D(), Denoising()])
def test_perfect_cycle_costs_nothing_and_has_a_finite_gradient(term):
    fields = ("returned", "denoised", "relifted")
    leaves = {name: torch.zeros(3, 17, 3 if name == "relifted" else 2, requires_grad=True) for name in fields}
    loss = term(make_cycle(**leaves))
    loss.backward()
    assert float(loss) < 1e-5
    assert all(leaf.grad is None or torch.isfinite(leaf.grad).all() for leaf in leaves.values())


def test_batch_without_any_joint_costs_nothing():
    cycle = make_cycle(weight=torch.zeros(3, 17), returned=torch.ones(3, 17, 2))
    assert float(Cycle2D()(cycle)) == 0.0
