from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation, Slerp

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.data.motion.anatomy import ENDPOINT_LIMITS, LIMBS, Angle
from s2m.data.motion.augment import blend, mirror, move_endpoints, slerp, smooth_noise, turn
from s2m.data.motion.sampler import compose, identity_pose, sample_poses
from s2m.skeletons import SMPL24


def joints(poses: torch.Tensor) -> np.ndarray:
    """SMPL joints of the open body, root at the origin."""
    rotations = (
        torch.from_numpy(Rotation.from_quat(poses.reshape(-1, 4).numpy()).as_matrix()).float().view(-1, 24, 3, 3)
    )
    found = load_body()(BodyParams.from_rotations(rotations, torch.zeros(len(poses), 10))).joints.numpy()
    return found - found[:, :1]


def test_mirror_is_a_reflection_of_the_joints() -> None:
    poses = sample_poses(np.random.default_rng(0), 20)
    expected = joints(poses)[:, list(SMPL24.mirror)] * [-1, 1, 1]
    # the open body is symmetric up to a few millimetres
    np.testing.assert_allclose(joints(mirror(poses)), expected, atol=0.006)
    torch.testing.assert_close(mirror(mirror(poses)), poses)


def test_turn_is_a_rotation_about_the_vertical() -> None:
    poses, yaw = sample_poses(np.random.default_rng(1), 5), torch.linspace(-3, 3, 5)
    expected = np.stack(
        [Rotation.from_euler("y", a).apply(j) for a, j in zip(yaw.tolist(), joints(poses), strict=True)]
    )
    np.testing.assert_allclose(joints(turn(poses, yaw)), expected, atol=1e-5)


def test_slerp_agrees_with_scipy() -> None:
    quaternions = Rotation.random(20, random_state=2).as_quat()
    weight = np.linspace(0, 1, 10)
    found = slerp(torch.from_numpy(quaternions[:10]), torch.from_numpy(quaternions[10:]), torch.from_numpy(weight))
    for i, w in enumerate(weight):
        expected = Slerp([0, 1], Rotation.from_quat(quaternions[[i, 10 + i]]))(w)
        assert (Rotation.from_quat(found[i].numpy()).inv() * expected).magnitude() < 1e-6


def test_blend_moves_legs_and_the_rest_apart_and_keeps_the_root() -> None:
    first, second = sample_poses(np.random.default_rng(3), 2, 0.0), sample_poses(np.random.default_rng(4), 2, 0.0)
    mixed = blend(first, second, torch.zeros(2), torch.ones(2))
    knee, elbow = SMPL24.index("left_knee"), SMPL24.index("left_elbow")
    torch.testing.assert_close(mixed[:, [0, knee]], first[:, [0, knee]])
    np.testing.assert_allclose((mixed[:, elbow] * second[:, elbow]).sum(1).abs(), 1.0, atol=1e-5)


@pytest.mark.parametrize("axes", ["X", "XYZ", "YZX"])
def test_compose_agrees_with_scipy_and_mirrors(axes: str) -> None:
    degrees = [np.array([12.0, -50.0]), np.array([30.0, 5.0]), np.array([-8.0, 70.0])][: len(axes)]
    expected = Rotation.from_euler(axes, np.stack(degrees, 1), degrees=True).as_matrix()
    left = Rotation.from_quat(compose(axes, degrees).numpy()).as_matrix()
    right = Rotation.from_quat(compose(axes, degrees, "right").numpy()).as_matrix()
    np.testing.assert_allclose(left, expected, atol=1e-6)
    flip = np.diag([-1, 1, 1])
    np.testing.assert_allclose(right, flip @ expected @ flip, atol=1e-6)


def test_sampled_poses_stay_within_the_limits() -> None:
    poses = sample_poses(np.random.default_rng(5), 4000, any_root=0.0)
    for name in ("left_hip", "left_shoulder", "neck"):
        limits = LIMBS[name]
        angles = Rotation.from_quat(poses[:, SMPL24.index(name)].numpy()).as_euler(limits.axes, degrees=True)
        for values, angle in zip(angles.T, limits.angles, strict=True):
            assert isinstance(angle, Angle)
            if limits.axes[1] in "YZ" and (abs(angles[:, 1]) > 85).any():
                continue  # Euler angles are not unique there
            assert values.min() > angle.low - 0.1
            assert values.max() < angle.high + 0.1
            assert values.std() > 0.5 * angle.spread
    up = Rotation.from_quat(poses[:, 0].numpy()).apply([0, 1, 0])
    assert np.median(up[:, 1]) > 0.9


@pytest.mark.parametrize("side", ["left", "right"])
def test_limbs_bend_the_way_they_do(side: str) -> None:
    """Knees send ankles backwards, elbows send wrists forwards, hips send knees mostly forwards."""
    poses = identity_pose(200)
    drawn = sample_poses(np.random.default_rng(6), 200, any_root=0.0)
    rest = joints(identity_pose(1))[0]

    def moved(joint: str, watched: str) -> np.ndarray:
        one = poses.clone()
        one[:, SMPL24.index(joint)] = drawn[:, SMPL24.index(joint)]
        return (joints(one) - rest)[:, SMPL24.index(watched)]

    assert (moved(f"{side}_knee", f"{side}_ankle")[:, 2] < 0.04).all()
    assert (moved(f"{side}_elbow", f"{side}_wrist")[:, 2] > -0.06).all()
    assert moved(f"{side}_hip", f"{side}_knee")[:, 2].mean() > 0.1


def test_endpoints_move_smoothly_and_only_they_move() -> None:
    poses = identity_pose(90)
    moved = move_endpoints(poses, np.random.default_rng(7), fps=30.0)
    names = {n for joint in ENDPOINT_LIMITS for n in (joint, joint.replace("left_", "right_"))}
    for index, joint in enumerate(SMPL24.joints):
        rotation = Rotation.from_quat(moved[:, index].numpy())
        if joint not in names:
            assert rotation.magnitude().max() == 0
            continue
        assert np.rad2deg(rotation.magnitude().max()) > 1
        assert np.rad2deg((rotation[:-1].inv() * rotation[1:]).magnitude()).max() < 15
    wrists = [Rotation.from_quat(moved[:, SMPL24.index(f"{s}_wrist")].numpy()).as_rotvec() for s in ("left", "right")]
    assert abs(wrists[0] - wrists[1] * [1, -1, -1]).max() > 0.1


def test_independent_endpoints_keep_their_limits() -> None:
    moved = move_endpoints(identity_pose(5000), np.random.default_rng(8), fps=None, still=True)
    for joint, limits in ENDPOINT_LIMITS.items():
        angles = Rotation.from_quat(moved[:, SMPL24.index(joint)].numpy()).as_euler(
            limits.axes if len(limits.axes) == 3 else limits.axes + "XYZ".replace(limits.axes, ""), degrees=True
        )
        for values, angle in zip(angles.T, limits.angles, strict=False):
            assert angle.low - 0.1 < values.min() < angle.mean < values.max() < angle.high + 0.1


def test_smooth_noise_has_unit_variance_and_little_speed() -> None:
    rng = np.random.default_rng(9)
    signals = np.stack([smooth_noise(rng, 600, 30.0) for _ in range(200)])
    assert 0.8 < signals.std() < 1.2
    # derivative of a unit sine of 1.2 Hz at 30 frames per second
    assert abs(np.diff(signals)).max() < 2 * np.sqrt(2) * 2 * np.pi * 1.2 / 30
