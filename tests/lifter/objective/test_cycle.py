from __future__ import annotations

import pytest
import torch

from s2m.lifter import Lifter
from s2m.lifter.normalise import normalise
from s2m.lifter.objective import RandomTurn, RoundTrip
from s2m.lifter.projection import back_project
from s2m.skeletons import H36M17


class Flat(Lifter):
    """Always the same depth for each joint, and no correction of the 2D joints."""

    def read(self, said, joints2d):
        depth = torch.linspace(-0.8, 0.8, joints2d.shape[1]).expand(len(joints2d), -1)
        return joints2d, back_project(joints2d, depth, self.joint_set.root_index, self.camera_distance)


@pytest.fixture
def target():
    joints = torch.randn(5, 17, 2, generator=torch.Generator().manual_seed(0))
    return renormalise(normalise(joints, torch.ones(5, 17), H36M17))


def renormalise(target):
    """What an augmentation that does nothing gives."""
    return normalise(target.joints2d, target.visible, H36M17)


def turns(count):
    points = torch.zeros(count, 17, 2)
    anything = normalise(points, torch.ones(count, 17), H36M17)
    return RandomTurn()(Flat("h36m17", 0.25), anything, torch.Generator().manual_seed(1))


def test_without_a_turn_everything_returns_to_its_place(target):
    lifter = Flat("h36m17", 0.25)
    cycle = RoundTrip(lifter)(target, torch.ones(5, 17), target, torch.eye(3).expand(5, 3, 3))
    torch.testing.assert_close(cycle.reprojected, target.joints2d, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(cycle.relifted, cycle.rotated, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(cycle.returned, target.joints2d, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(cycle.denoised, target.joints2d)


def test_reprojection_matches_a_pinhole_camera(target):
    turn = turns(5)
    cycle = RoundTrip(Flat("h36m17", 0.25))(target, torch.ones(5, 17), target, turn)
    for b in range(5):
        turned = torch.stack([turn[b] @ joint for joint in cycle.skeleton[b]])
        image = torch.stack([10 * joint[:2] / (joint[2] + 10) for joint in turned])
        image = image / image.norm(dim=-1).mean()
        torch.testing.assert_close(cycle.reprojected[b], image, atol=1e-5, rtol=1e-5)


def test_rotated_and_relifted_have_one_unit(target):
    # A lifter that knows the answer: it undoes the scale of the re-projection, so the 3D cycle closes.
    lifter = Flat("h36m17", 0.25)
    lifter.read = lambda said, joints: (joints, torch.cat([joints, torch.zeros_like(joints[..., :1])], dim=-1))
    turn = torch.diag(torch.tensor([-1.0, -1.0, 1.0])).expand(5, 3, 3)  # half a turn about the optical axis
    cycle = RoundTrip(lifter)(target, torch.ones(5, 17), target, turn)
    torch.testing.assert_close(cycle.relifted, cycle.rotated, atol=1e-5, rtol=1e-5)


def test_missing_joints_are_hidden_from_the_discriminator():
    joints = torch.randn(5, 17, 2, generator=torch.Generator().manual_seed(0))
    confidence = torch.ones(5, 17)
    confidence[:, 6] = 0
    seen = normalise(joints, confidence, H36M17)
    cycle = RoundTrip(Flat("h36m17", 0.25))(seen, confidence, seen, turns(5))
    assert torch.equal(cycle.masked[:, 6], torch.zeros(5, 2))
    assert float(cycle.reprojected[:, 6].abs().min()) > 0
    sizes = cycle.masked.norm(dim=-1).sum(1) / 16
    torch.testing.assert_close(sizes, torch.ones(5), atol=1e-4, rtol=1e-4)
