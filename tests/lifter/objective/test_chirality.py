from __future__ import annotations

import math

import pytest
import torch

from s2m.lifter.objective import Chirality
from s2m.skeletons import H36M17, S2M27

from ..people import person, seen_from
from .cycles import make_cycle

MIRRORED = torch.tensor([1.0, 1.0, -1.0])
AZIMUTHS = torch.linspace(0, 2 * math.pi, 9)[:-1]
SETS = [H36M17, S2M27]


@pytest.mark.parametrize("joint_set", SETS)
def test_facing_points_out_of_the_chest(joint_set):
    facing = Chirality(joint_set).facing(seen_from(person(joint_set), torch.tensor([0.0, math.pi / 2])))
    torch.testing.assert_close(facing[0], torch.tensor([0.0, 0.0, -1.0]), atol=0.1, rtol=0)  # towards the camera
    torch.testing.assert_close(facing[1], torch.tensor([1.0, 0.0, 0.0]), atol=0.1, rtol=0)


@pytest.mark.parametrize("joint_set", SETS)
def test_person_costs_nothing_and_the_mirror_image_does_from_every_side(joint_set):
    term = Chirality(joint_set)
    for view in seen_from(person(joint_set), AZIMUTHS):
        assert float(term(make_cycle(1, len(joint_set), skeleton=view[None]))) == 0.0
        assert float(term(make_cycle(1, len(joint_set), skeleton=(view * MIRRORED)[None]))) > 0.1


@pytest.mark.parametrize("joint_set", SETS)
def test_diagnostic_tells_them_apart(joint_set):
    views = seen_from(person(joint_set), AZIMUTHS)
    term = Chirality(joint_set)
    assert not term.suspicious(views).any()
    assert term.suspicious(views * MIRRORED).all()


def test_value_of_a_knee_that_bends_backwards():
    joints = person(H36M17)
    legs = H36M17.indices(["left_hip", "left_knee", "left_ankle"])
    joints[legs] = torch.tensor([[0.13, 0.0, 0.0], [0.13, -0.4, -0.2], [0.13, -0.8, 0.0]])
    term = Chirality(H36M17)
    view = seen_from(joints, torch.tensor([0.3]))
    front = person(H36M17)
    up, right = front[H36M17.index("thorax")], torch.tensor([-1.0, 0.0, 0.0])
    normal = torch.linalg.cross(up, right)  # body frame; the torso of this person leans by its hips only
    normal = normal / normal.norm()
    expected = 0.2 * float(normal[2].abs())
    assert float(term(make_cycle(1, 17, skeleton=view))) == pytest.approx(expected, rel=0.02)


def test_mirroring_left_and_right_of_the_picture_changes_nothing():
    view = seen_from(person(S2M27), AZIMUTHS) + 0.05 * torch.randn(8, 27, 3, generator=torch.Generator().manual_seed(0))
    flipped = (view * torch.tensor([-1.0, 1.0, 1.0]))[:, list(S2M27.mirror)]
    term = Chirality(S2M27)
    torch.testing.assert_close(
        term(make_cycle(8, 27, skeleton=view)), term(make_cycle(8, 27, skeleton=flipped)), atol=1e-6, rtol=1e-5
    )


def test_gradient_leads_from_the_mirror_image_towards_the_person():
    view = seen_from(person(H36M17), AZIMUTHS)
    depth = (view[..., 2] * -0.3).requires_grad_(True)
    term = Chirality(H36M17)
    skeleton = torch.cat([view[..., :2], depth[..., None]], dim=-1)
    (gradient,) = torch.autograd.grad(term(make_cycle(8, 17, skeleton=skeleton)), depth)
    assert float((-gradient * view[..., 2]).sum()) > 0


def test_skeleton_without_extent_has_a_finite_gradient():
    skeleton = torch.zeros(2, 17, 3, requires_grad=True)
    Chirality(H36M17)(make_cycle(2, 17, skeleton=skeleton)).backward()
    assert torch.isfinite(skeleton.grad).all()
