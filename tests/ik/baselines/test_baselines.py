"""The solvers that DIK is compared with, against the same independent forward kinematics."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from s2m.ik.baselines import AdamIK, DampedIK, LevenbergIK, SwingIK
from s2m.ik.baselines.rigid import carriers, forward_kinematics, keypoints
from s2m.skeletons import H36M17, S2M27, SMPL24

from ..kinematics import angle, forward, poses, rest_of

SOLVERS = {
    "levenberg": lambda rest: LevenbergIK(rest, iterations=15),
    "damped": lambda rest: DampedIK(rest, iterations=12, stiffness=0.01),
    "adam": lambda rest: AdamIK(rest, steps=80, stiffness=0.01),
}


@pytest.mark.parametrize("joint_set", [H36M17, S2M27, SMPL24], ids=lambda s: s.name)
def test_rigid_keypoints_are_the_naive_ones(joint_set):
    truth = poses(10)
    found = keypoints(*forward_kinematics(torch.from_numpy(truth), rest_of(joint_set)), rest_of(joint_set))
    np.testing.assert_allclose(found.numpy(), forward(truth, joint_set), atol=1e-12)


def test_every_keypoint_is_carried():
    assert SMPL24.joints[carriers(rest_of(S2M27))[S2M27.index("left_toe")]] == "left_ankle"
    assert SMPL24.joints[carriers(rest_of(S2M27))[S2M27.index("right_ear")]] == "head"


@pytest.mark.parametrize("name", SOLVERS)
def test_iterative_solvers_reach_the_joints(name):
    rest = rest_of(H36M17)
    truth = poses(5, 2)
    joints = torch.from_numpy(forward(truth, H36M17)) + torch.tensor([5.0, 0, -3.0])
    found = SOLVERS[name](rest)(joints, root=torch.from_numpy(truth[:, 0])).rotations
    again = keypoints(*forward_kinematics(found, rest), rest)
    error = (again - again.mean(1, keepdim=True) - joints + joints.mean(1, keepdim=True)).norm(dim=-1).mean(1)
    # They are local: now and then one ends in the wrong valley.
    assert float(error.median()) < 0.02
    assert angle(found.numpy(), truth).mean() < 0.8


@pytest.mark.parametrize("name", SOLVERS)
def test_given_root_is_kept(name):
    truth = poses(2, 2)
    root = torch.from_numpy(truth[:, 0])
    found = SOLVERS[name](rest_of(H36M17))(torch.from_numpy(forward(truth, H36M17)), root=root)
    torch.testing.assert_close(found.rotations[:, 0], root, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_missing_joint_does_not_spoil_the_rest(name):
    joints = torch.from_numpy(forward(poses(2, 2), H36M17))
    joints[:, H36M17.index("left_wrist")] = float("nan")
    assert torch.isfinite(SOLVERS[name](rest_of(H36M17))(joints).rotations).all()


def test_damped_jacobian_is_that_of_finite_differences():
    rest = rest_of(H36M17)
    solver = DampedIK(rest)
    rotations = torch.from_numpy(poses(1, 4))
    weight = torch.ones(1, 17, dtype=torch.float64)
    frames, places = forward_kinematics(rotations, rest)
    found = solver._jacobian(frames, places, keypoints(frames, places, rest), weight)[0]

    def moved(vector: torch.Tensor) -> torch.Tensor:
        turn = torch.matrix_exp(_skew(vector.reshape(24, 3)))
        points = keypoints(*forward_kinematics(rotations @ turn, rest), rest)
        return (points - points.mean(1, keepdim=True)).flatten()

    expected = torch.autograd.functional.jacobian(moved, torch.zeros(72, dtype=torch.float64))
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


def _skew(v: torch.Tensor) -> torch.Tensor:
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*v.shape[:-1], 3, 3)


def test_swing_points_every_bone_and_has_no_twist():
    truth = poses(20, 5)
    joints = torch.from_numpy(forward(truth, SMPL24))
    rest = rest_of(SMPL24)
    found = SwingIK(rest)(joints)
    _, places = forward_kinematics(found.rotations, rest)
    limbs = SMPL24.indices(["left_knee", "left_ankle", "right_elbow", "right_wrist"])
    assert float((places + joints[:, :1] - joints)[:, limbs].norm(dim=-1).mean()) < 0.05
    knee, ankle = SMPL24.index("left_knee"), SMPL24.index("left_ankle")
    bone = (rest.body_joints[ankle] - rest.body_joints[knee]).numpy()
    bone = bone / np.linalg.norm(bone)
    rotation = found.rotations[:, knee].numpy()
    skew = rotation - np.swapaxes(rotation, 1, 2)
    axis = np.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], -1)
    assert np.abs(axis @ bone).max() < 1e-6  # a shortest arc turns about an axis perpendicular to the bone
    assert not found.solved[:, SMPL24.index("left_hand")].any()


def test_swing_needs_24_joints():
    with pytest.raises(ValueError, match="needs the joint set smpl24, found h36m17"):
        SwingIK(rest_of(H36M17))


def test_swing_takes_a_root():
    truth = poses(2, 5)
    root = torch.from_numpy(truth[:, 0])
    found = SwingIK(rest_of(SMPL24))(torch.from_numpy(forward(truth, SMPL24)), root=root)
    torch.testing.assert_close(found.rotations[:, 0], root)
