"""The prior on wrists against angles that are known by construction."""

from __future__ import annotations

import math

import pytest
import torch

from s2m.lifter.objective.wrists import StraightWrists, has_hands
from s2m.skeletons import H36M17, S2M27

from .cycles import make_cycle


def bent(degrees: float, joint_set=S2M27) -> torch.Tensor:
    """Skeletons (1, J, 3) whose wrists are bent by an angle, in a random plane; the knuckles lie beside the axis."""
    generator = torch.Generator().manual_seed(0)
    skeleton = torch.randn(1, len(joint_set), 3, generator=generator)
    for side in ("right", "left"):
        forearm, aside = torch.linalg.qr(torch.randn(3, 3, generator=generator))[0].T[:2]
        elbow, wrist, index, pinky = joint_set.indices([f"{side}_{p}" for p in ("elbow", "wrist", "index", "pinky")])
        angle = math.radians(degrees)
        hand = 0.2 * (math.cos(angle) * forearm + math.sin(angle) * aside)
        spread = 0.07 * torch.linalg.cross(forearm, aside)
        skeleton[:, wrist] = skeleton[:, elbow] + 0.6 * forearm
        skeleton[:, index] = skeleton[:, wrist] + hand + spread
        skeleton[:, pinky] = skeleton[:, wrist] + hand - spread
    return skeleton


@pytest.mark.parametrize("degrees", [0.0, 20.0, 90.0, 180.0])
def test_is_one_minus_the_cosine_of_the_bend(degrees):
    loss = StraightWrists(S2M27)(make_cycle(1, 27, skeleton=bent(degrees)))
    assert float(loss) == pytest.approx(1 - math.cos(math.radians(degrees)), abs=1e-5)


def test_descent_straightens_the_wrists():
    skeleton = bent(60.0).requires_grad_()
    optimiser = torch.optim.Adam([skeleton], 0.02)
    term = StraightWrists(S2M27)
    for _ in range(100):
        optimiser.zero_grad()
        term(make_cycle(1, 27, skeleton=skeleton)).backward()
        optimiser.step()
    assert float(term(make_cycle(1, 27, skeleton=skeleton))) < 0.01


def test_joints_in_one_place_give_finite_gradients():
    skeleton = torch.zeros(2, len(S2M27), 3, requires_grad=True)
    StraightWrists(S2M27)(make_cycle(2, 27, skeleton=skeleton)).backward()
    assert torch.isfinite(skeleton.grad).all()


def test_needs_knuckles():
    assert has_hands(S2M27)
    assert not has_hands(H36M17)
    with pytest.raises(KeyError, match="right_index"):
        StraightWrists(H36M17)
