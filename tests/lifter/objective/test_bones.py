from __future__ import annotations

import pytest
import torch

from s2m.lifter.objective import BoneRatios, rigid_pairs
from s2m.skeletons import H36M17, S2M27

from ..people import person
from .cycles import make_cycle

CHAIN = [(0, 1), (1, 2)]


def chain(first: float, second: float) -> torch.Tensor:
    """One skeleton of three joints with two bones of given length."""
    return torch.tensor([[[0.0, 0.0, 0.0], [first, 0.0, 0.0], [first, second, 0.0]]])


def test_closed_form():
    # Lengths 1 and 3 have the ratios 0.5 and 1.5, the template 1 and 1.
    cost = BoneRatios(CHAIN, [0.2, 0.2])(make_cycle(1, 3, skeleton=chain(1.0, 3.0)))
    assert float(cost.detach()) == pytest.approx(0.25, rel=1e-5)


def test_ratios_are_learned_from_what_all_skeletons_share():
    term = BoneRatios(CHAIN, [0.2, 0.2])
    skeletons = torch.cat([chain(1.0, 1.5), chain(0.9, 1.6), chain(1.1, 1.5)])
    optimiser = torch.optim.Adam(term.parameters(), 0.02)
    for _ in range(200):
        optimiser.zero_grad()
        term(make_cycle(3, 3, skeleton=skeletons)).backward()
        optimiser.step()
    lengths = torch.tensor([[1.0, 1.5], [0.9, 1.6], [1.1, 1.5]])
    torch.testing.assert_close(
        term.ratios.detach(), (lengths / lengths.mean(1, keepdim=True)).mean(0), atol=2e-3, rtol=0
    )


def test_ratios_beyond_reach_of_the_template_cost():
    term = BoneRatios(CHAIN, [0.2, 0.2], reach=0.1)
    with torch.no_grad():
        term.ratios.copy_(torch.tensor([0.5, 1.5]))
    # The skeleton agrees with the ratios, which are 0.5 from the template's 1, 0.4 beyond its reach.
    assert float(term(make_cycle(1, 3, skeleton=chain(1.0, 3.0)))) == pytest.approx(0.4**2, rel=1e-5)


@pytest.mark.parametrize("joint_set", [H36M17, S2M27])
def test_size_and_pose_of_the_template_are_free(joint_set):
    pairs = rigid_pairs(joint_set)
    template = person(joint_set)
    lengths = [float(torch.dist(template[a], template[b])) for a, b in pairs]
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    cycle = make_cycle(1, len(joint_set), skeleton=(7.0 * template @ turn.T + 1.0)[None])
    assert float(BoneRatios(pairs, lengths)(cycle)) == pytest.approx(0.0, abs=1e-8)


def test_feet_hands_and_head_are_closed_triangles():
    named = {frozenset((S2M27.joints[a], S2M27.joints[b])) for a, b in rigid_pairs(S2M27)}
    for triangle in (
        ("left_ankle", "left_heel", "left_toe"),
        ("right_wrist", "right_index", "right_pinky"),
        ("neck_nose", "left_ear", "head"),
    ):
        assert all(frozenset((a, b)) in named for a in triangle for b in triangle if a != b)
    assert frozenset(("left_ear", "right_ear")) in named
    assert len(named) == len(S2M27.bones) + 7
    assert rigid_pairs(H36M17) == list(H36M17.bones)


def test_collapsed_skeleton_has_a_finite_gradient():
    skeleton = torch.zeros(1, 3, 3, requires_grad=True)
    BoneRatios(CHAIN, [1.0, 2.0])(make_cycle(1, 3, skeleton=skeleton)).backward()
    assert torch.isfinite(skeleton.grad).all()


@pytest.mark.parametrize("lengths", [[1.0], [1.0, 0.0]])
def test_bad_template_is_refused(lengths):
    with pytest.raises(ValueError, match="positive lengths"):
        BoneRatios(CHAIN, lengths)


def test_negative_reach_is_refused():
    with pytest.raises(ValueError, match="reach >= 0"):
        BoneRatios(CHAIN, [1.0, 1.0], reach=-0.1)
