"""DIK against forward kinematics that shares no code with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.ik import DIK, IKSolver
from s2m.ik.body_motion import SYNTHETIC
from s2m.ik.units import EXTREMITY_UNITS, TEN, TEN_BODY_JOINTS
from s2m.skeletons import H36M17, S2M27, SMPL24, JointSet

from .kinematics import angle, forward, poses, rest_of

SETS = pytest.mark.parametrize("joint_set", [H36M17, S2M27, SMPL24], ids=lambda s: s.name)
TEN_INDEX = SMPL24.indices(TEN_BODY_JOINTS)


def solve(solver: IKSolver, joints: np.ndarray, **kwargs) -> np.ndarray:
    return solver(torch.from_numpy(joints), **kwargs).rotations.detach().numpy()


def error(solver: IKSolver, joint_set: JointSet, count: int = 1500) -> np.ndarray:
    truth = poses(count)
    return angle(solve(solver, forward(truth, joint_set)), truth).mean(0)


def test_the_ten_units_are_those_of_the_paper():
    assert len(TEN) == 10
    assert len({joint for unit in TEN + EXTREMITY_UNITS for joint in unit.body_joints}) == 10 + 2 + len(
        EXTREMITY_UNITS
    )  # the torso turns three joints


def test_dik_has_nothing_to_train():
    assert list(DIK(rest_of(S2M27)).parameters()) == []


@SETS
def test_rest_pose_gives_identity(joint_set):
    rest = rest_of(joint_set)
    found = solve(DIK(rest), rest.joints[None].numpy())
    np.testing.assert_allclose(found[0], np.tile(np.eye(3), (24, 1, 1)), atol=1e-5)


@SETS
def test_rotations_are_rotations(joint_set):
    found = solve(DIK(rest_of(joint_set)), forward(poses(200), joint_set))
    np.testing.assert_allclose(found @ np.swapaxes(found, -1, -2), np.tile(np.eye(3), (200, 24, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(found), 1.0, atol=1e-9)


@SETS
@pytest.mark.parametrize("variant", ["ours", "paper"])
def test_equivariant_under_rigid_motion(joint_set, variant):
    solver = DIK(rest_of(joint_set), variant)
    joints = forward(poses(100), joint_set)
    turn = Rotation.random(100, random_state=3).as_matrix()
    moved = joints @ np.swapaxes(turn, -1, -2) + np.array([3.0, -40.0, 7.0])
    before, after = solve(solver, joints), solve(solver, moved)
    np.testing.assert_allclose(after[:, 0], turn @ before[:, 0], atol=1e-10)
    np.testing.assert_allclose(after[:, 1:], before[:, 1:], atol=1e-10)


@SETS
def test_exact_on_poses_within_its_model(joint_set):
    """Pure hinges, an evenly bent torso and still endpoints are what the units assume."""
    truth = np.tile(np.eye(3), (64, 24, 1, 1))
    rng = np.random.default_rng(5)
    bend = Rotation.from_rotvec(0.12 * rng.standard_normal((64, 3))).as_matrix()
    for name in ("spine1", "spine2", "spine3"):
        truth[:, SMPL24.index(name)] = bend
    for name, axis in (
        ("left_knee", (1, 0, 0)),
        ("right_knee", (1, 0, 0)),
        ("left_elbow", (0, -1, 0)),
        ("right_elbow", (0, 1, 0)),
    ):
        degrees = rng.uniform(40, 130, (64, 1))
        truth[:, SMPL24.index(name)] = Rotation.from_rotvec(np.deg2rad(degrees) * np.array(axis)).as_matrix()
        parent = SMPL24.parents[SMPL24.index(name)]
        truth[:, parent] = Rotation.from_rotvec(0.4 * rng.standard_normal((64, 3))).as_matrix()
    found = solve(DIK(rest_of(joint_set), motion=SYNTHETIC), forward(truth, joint_set))
    assert angle(found, truth)[:, TEN_INDEX].mean() < 0.06
    assert angle(found[:, 0], truth[:, 0]).mean() < 0.02


def test_checks_on_random_poses():
    rest = rest_of(H36M17)
    ours, paper = (
        error(DIK(rest, variant, motion=SYNTHETIC), H36M17)[TEN_INDEX].mean() for variant in ("ours", "paper")
    )
    assert ours <= 0.165
    assert ours <= 0.78 * paper


def test_given_root_is_used_and_returned():
    truth = poses(50)
    root = torch.from_numpy(truth[:, 0])
    solver = DIK(rest_of(H36M17), motion=SYNTHETIC)
    found = solver(torch.from_numpy(forward(truth, H36M17)), root=root)
    torch.testing.assert_close(found.rotations[:, 0], root, rtol=0, atol=0)
    assert angle(found.rotations.numpy(), truth)[:, TEN_INDEX].mean() <= 0.165


def test_solved_names_what_the_joints_determine():
    for joint_set, extra in ((H36M17, set()), (S2M27, {u.name for u in EXTREMITY_UNITS})):
        solved = DIK(rest_of(joint_set))(torch.from_numpy(forward(poses(2), joint_set))).solved
        expected = {"pelvis", *(j for u in TEN for j in u.body_joints), "left_collar", "right_collar", *extra}
        assert {SMPL24.joints[j] for j in solved[0].nonzero()[:, 0].tolist()} == expected


@pytest.mark.parametrize(
    ("missing", "lost"),
    [
        ("left_wrist", {"left_elbow", "left_wrist"}),
        ("left_elbow", {"left_shoulder", "left_elbow", "left_wrist"}),
        ("right_ankle", {"right_knee", "right_ankle"}),
        ("thorax", {"spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar"}),
        ("left_index", set()),
    ],
)
@pytest.mark.parametrize("how", ["confidence", "nan"])
def test_missing_joints_fall_back_to_rest(missing, lost, how):
    solver = DIK(rest_of(S2M27))
    joints = torch.from_numpy(forward(poses(5), S2M27))
    full = solver(joints)
    confidence = None
    if how == "nan":
        joints[:, S2M27.index(missing)] = float("nan")
    else:
        joints[:, S2M27.index(missing)] = 1e3
        confidence = torch.ones(joints.shape[:2])
        confidence[:, S2M27.index(missing)] = 0
    found = solver(joints, confidence=confidence)
    gone = {SMPL24.joints[j] for j in (full.solved[0] & ~found.solved[0]).nonzero()[:, 0].tolist()}
    assert gone == lost
    assert bool(torch.isfinite(found.rotations).all())
    for name in lost:
        torch.testing.assert_close(
            found.rotations[:, SMPL24.index(name)], torch.eye(3, dtype=torch.float64).expand(5, 3, 3)
        )


def test_one_missing_joint_leaves_the_rest_of_the_batch_alone():
    solver = DIK(rest_of(S2M27))
    joints = torch.from_numpy(forward(poses(3), S2M27))
    broken = joints.clone()
    broken[1] = float("nan")
    torch.testing.assert_close(solver(broken).rotations[[0, 2]], solver(joints).rotations[[0, 2]])
    assert not solver(broken).solved[1].any()


def test_calibration_travels_in_the_state_dict():
    joints = torch.from_numpy(forward(poses(20), S2M27))
    mine = DIK(rest_of(S2M27))
    rest = rest_of(S2M27)
    other = DIK(type(rest)(S2M27, rest.joints * 1.1, rest.body_joints * 1.05))
    assert not torch.allclose(other(joints).rotations, mine(joints).rotations)
    other.load_state_dict(mine.state_dict(), strict=True)
    torch.testing.assert_close(other(joints).rotations, mine(joints).rotations)


def test_autocast_does_not_reach_the_solver():
    solver = DIK(rest_of(H36M17)).float()
    joints = torch.from_numpy(forward(poses(8), H36M17)).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = solver(joints).rotations
    torch.testing.assert_close(found, solver(joints).rotations)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"joints": torch.zeros(2, 16, 3)}, r"expected shape \(B, 17, 3\), found \(2, 16, 3\)"),
        ({"joints": torch.zeros(2, 17, 3), "confidence": torch.ones(2, 16)}, r"confidence: expected shape \(2, 17\)"),
        ({"joints": torch.zeros(2, 17, 3), "root": torch.eye(3)}, r"root: expected shape \(2, 3, 3\)"),
    ],
)
def test_wrong_shapes_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        DIK(rest_of(H36M17))(**kwargs)


def test_unknown_variant_is_named():
    with pytest.raises(ValueError, match="known: ours, paper"):
        DIK(rest_of(H36M17), "plain")


def test_set_without_needed_parts_is_named():
    few = JointSet("few", ("pelvis", "left_hip"), {"left_hip": "pelvis"}, "pelvis")
    rest = type(rest_of(H36M17))(few, torch.zeros(2, 3), torch.zeros(24, 3))
    with pytest.raises(KeyError, match=r"joint set few has no part.*right_hip"):
        DIK(rest)
