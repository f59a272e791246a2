from __future__ import annotations

import numpy as np
import pytest
import torch

from s2m.body import load_body
from s2m.body.regressors import own_regressor
from s2m.ik import DIK, LearnedIK, RestSkeleton
from s2m.ik.interface import IKSolver
from s2m.skeletons import H36M17, S2M27, SMPL24

from .kinematics import forward, poses, rest_joints, rest_of


def test_rest_of_the_open_body():
    body = load_body()
    rest = RestSkeleton.of(body, own_regressor(body, S2M27), S2M27)
    weights = own_regressor(body, S2M27)
    np.testing.assert_allclose(rest.joints.numpy(), (weights @ body.v_template).numpy(), atol=1e-6)
    left, right = (rest.joints[S2M27.index(f"{side}_toe")] for side in ("left", "right"))
    assert left[0] > 0 > right[0]
    assert rest.body_joints.shape == (24, 3)


def test_rest_follows_the_shape():
    body = load_body()
    weights = own_regressor(body, SMPL24)
    mean = RestSkeleton.of(body, weights, SMPL24)
    tall = RestSkeleton.of(body, weights, SMPL24, torch.full((1, 10), 1.0))
    assert (tall.joints - mean.joints).norm(dim=-1).max() > 0.01
    torch.testing.assert_close(tall.joints, tall.body_joints, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("joints", "body_joints", "message"),
    [
        (torch.zeros(16, 3), torch.zeros(24, 3), r"joints: expected shape \(17, 3\), found \(16, 3\)"),
        (torch.zeros(17, 3), torch.zeros(23, 3), r"body_joints: expected shape \(24, 3\)"),
        (torch.full((17, 3), float("nan")), torch.zeros(24, 3), "joints: has a value that is not finite"),
    ],
)
def test_bad_rest_is_named(joints, body_joints, message):
    with pytest.raises(ValueError, match=message):
        RestSkeleton(H36M17, joints, body_joints)


def test_learned_starts_near_the_rest_pose_and_keeps_the_root():
    torch.manual_seed(0)
    solver = LearnedIK(rest_of(S2M27), width=64, blocks=1)
    joints = torch.from_numpy(forward(poses(6), S2M27))
    found = solver(joints).rotations
    torch.testing.assert_close(found[:, 0], DIK(rest_of(S2M27))(joints).rotations[:, 0])
    identity = torch.eye(3, dtype=found.dtype).expand(6, 23, 3, 3)
    assert (found[:, 1:] - identity).abs().max() < 0.3
    torch.testing.assert_close(found @ found.transpose(-1, -2), torch.eye(3).to(found).expand_as(found))


def test_learned_can_learn():
    torch.manual_seed(0)
    solver: IKSolver = LearnedIK(rest_of(H36M17), width=64, blocks=1)
    truth = torch.from_numpy(poses(64))
    joints = torch.from_numpy(forward(truth.numpy(), H36M17))
    optimiser = torch.optim.Adam(solver.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        loss = (solver(joints).rotations[:, 1:] - truth[:, 1:]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]


def test_learned_survives_missing_joints():
    solver = LearnedIK(rest_of(H36M17), width=32, blocks=1)
    joints = torch.full((2, 17, 3), float("nan"))
    assert torch.isfinite(solver(joints).rotations).all()


def test_every_interface_method_is_abstract_in_the_base():
    with pytest.raises(TypeError, match="abstract"):
        IKSolver(rest_of(H36M17))


def test_rest_round_trips_through_a_solver():
    rest = DIK(rest_of(SMPL24)).rest
    np.testing.assert_allclose(rest.body_joints.numpy(), rest_joints())
