from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

import s2m.ik
from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.ik import RestSkeleton, solve
from s2m.ik.body_joints import body_regressor, rest_skeleton
from s2m.ik.shape import fit_betas
from s2m.skeletons import H36M17, S2M27, SMPL24
from studies.ik.evaluation import SkinnedJoints, compare, motion_poses, random_poses, with_moving_endpoints

from .kinematics import poses, rest_joints


@pytest.fixture(scope="module")
def body():
    return load_body()


def joints_of(body, rotations, transl=None, betas=None, joint_set=H36M17):
    rotations = torch.as_tensor(rotations).float()
    betas = torch.zeros(1, 10) if betas is None else betas
    with torch.no_grad():
        posed = body(BodyParams.from_rotations(rotations, betas.expand(len(rotations), -1), transl))
    return body_regressor(body, joint_set) @ posed.vertices


def test_posing_the_body_with_the_solution_gives_the_joints_back(body):
    place = torch.tensor([[3.0, -2.0, 5.0]]).expand(20, 3)
    joints = joints_of(body, poses(20), place)
    found = solve(joints, "h36m17", body)
    again = joints_of(body, found.params.rotations, found.params.transl)
    assert float((again - joints).norm(dim=-1).mean()) < 0.012
    assert found.solved.shape == (20, 24)


def test_axis_angle_is_scipys(body):
    found = solve(joints_of(body, poses(10)), body=body)
    matrices = found.params.rotations.double().numpy().reshape(-1, 3, 3)
    expected = torch.from_numpy(Rotation.from_matrix(matrices).as_rotvec()).float().view(-1, 24, 3)
    torch.testing.assert_close(found.axis_angle, expected.flatten(1), atol=1e-4, rtol=0)


def test_numpy_and_single_frames_are_welcome(body):
    joints = joints_of(body, poses(2)).numpy()
    one = solve(joints[0], body=body)
    both = solve(joints.astype(np.float64), body=body)
    torch.testing.assert_close(one.params.rotations, both.params.rotations[:1], atol=1e-6, rtol=0)


def test_default_body_is_the_open_one(body):
    assert solve(rest_skeleton(body, S2M27).joints, S2M27).params.betas.shape == (1, 10)


def test_missing_anchor_still_gives_a_place(body):
    joints = joints_of(body, poses(1), torch.tensor([[1.0, 2.0, 3.0]]))
    whole = solve(joints, body=body).params.transl
    joints[:, H36M17.index("left_hip")] = float("nan")
    found = solve(joints, body=body).params.transl
    assert torch.isfinite(found).all()
    assert float((found - whole).norm()) < 1.0


def test_unknown_attribute_of_the_package():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = s2m.ik.nothing


def test_shape_comes_back_from_bone_lengths(body):
    betas = torch.zeros(1, 10)
    betas[0, 0] = 2.0
    joints = joints_of(body, poses(30), betas=betas)
    joints[3, 5] = float("nan")
    found = fit_betas(joints, H36M17, body)

    def bones(shape):
        rest = rest_skeleton(body, H36M17, shape).joints
        return torch.stack([(rest[a] - rest[b]).norm() for a, b in H36M17.bones])

    error = (bones(found) - bones(betas)).abs().mean()
    assert float(error) < 0.35 * float((bones(torch.zeros(1, 10)) - bones(betas)).abs().mean())


def test_mean_shape_stays_the_mean(body):
    assert float(fit_betas(joints_of(body, poses(30)), H36M17, body).abs().max()) < 0.5


def test_shape_needs_a_bone(body):
    with pytest.raises(ValueError, match="no bone"):
        fit_betas(torch.full((2, 17, 3), float("nan")), H36M17, body)


def test_skinned_joints_are_those_of_the_mesh(body):
    rotations = torch.from_numpy(poses(5)).float()
    with torch.no_grad():
        posed = body(BodyParams.from_rotations(rotations, torch.zeros(5, 10)))
    expected = {"s2m27": body_regressor(body, S2M27) @ posed.vertices, "smpl24": posed.joints}
    for joint_set in (S2M27, SMPL24):
        found = SkinnedJoints(body, joint_set)(rotations)
        torch.testing.assert_close(found, expected[joint_set.name] - posed.joints[:, :1], atol=1e-5, rtol=0)


def test_errors_of_the_truth_are_zero(body):
    truth = with_moving_endpoints(random_poses(20, 0), 0)
    skinned = SkinnedJoints(body, H36M17)
    found = compare(truth.rotations, truth.rotations, skinned)
    assert max(found.local_ten, found.global_nine, found.endpoints, found.joints_mm) < 1e-3
    still = compare(torch.eye(3).expand(20, 24, 3, 3), truth.rotations, skinned)
    assert still.local_ten > 0.3
    assert still.endpoints > 0.1


def test_motion_has_its_clips():
    motion = motion_poses()
    slices = list(motion.clips())
    assert slices[0].start == 0
    assert slices[-1].stop == len(motion.rotations)


def test_carriers_shape_is_checked():
    rest = torch.from_numpy(rest_joints())
    with pytest.raises(ValueError, match=r"carriers: expected shape \(24, 24\)"):
        RestSkeleton(SMPL24, rest, rest, torch.zeros(3, 24))
