"""Gradients, straight limbs and everything degenerate."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.ik import DIK
from s2m.skeletons import H36M17, S2M27, SMPL24, JointSet

from .kinematics import angle, forward, poses, rest_of

DEGREES = np.pi / 180


def bent(joint_set: JointSet, degrees: float, seed: int = 0, count: int = 2) -> torch.Tensor:
    """Poses whose elbows and knees are bent by exactly ``degrees``."""
    truth = poses(count, seed)
    for side, sign in (("left", -1.0), ("right", 1.0)):
        elbow = Rotation.from_rotvec([0, sign * degrees * DEGREES, 0]).as_matrix()
        truth[:, SMPL24.index(f"{side}_elbow")] = elbow
        truth[:, SMPL24.index(f"{side}_knee")] = Rotation.from_rotvec([degrees * DEGREES, 0, 0]).as_matrix()
    return torch.from_numpy(forward(truth, joint_set))


@pytest.mark.parametrize("joint_set", [H36M17, S2M27], ids=lambda s: s.name)
@pytest.mark.parametrize("degrees", [70.0, 0.5, 0.0, 150.0], ids=["generic", "nearly-straight", "straight", "folded"])
def test_gradient_is_that_of_finite_differences(joint_set, degrees):
    solver = DIK(rest_of(joint_set))
    joints = bent(joint_set, degrees, count=1).requires_grad_()
    # One random direction of the output keeps the check quick; every input coordinate is checked.
    weight = torch.from_numpy(np.random.default_rng(1).standard_normal((1, 24, 3, 3)))
    assert torch.autograd.gradcheck(lambda x: (solver(x).rotations * weight).sum(), (joints,), eps=1e-7, atol=1e-4)


def degenerate(joint_set: JointSet) -> dict[str, torch.Tensor]:
    """Skeletons no person has and a lifter may still produce."""
    good = torch.from_numpy(forward(poses(1, 4), joint_set))[0]
    rest = rest_of(joint_set).joints

    def changed(base: torch.Tensor, **places: torch.Tensor) -> torch.Tensor:
        out = base.clone()
        for joint, place in places.items():
            out[joint_set.index(joint)] = place
        return out

    def at(joint: str, base: torch.Tensor = good) -> torch.Tensor:
        return base[joint_set.index(joint)]

    upper = at("left_elbow") - at("left_shoulder")
    up = torch.tensor([0.0, 0.5, 0.0], dtype=torch.float64)
    battery = {
        "all joints in one point": torch.zeros_like(good),
        "all joints far away in one point": torch.full_like(good, 1e4),
        "zero upper arm": changed(good, left_elbow=at("left_shoulder")),
        "zero forearm": changed(good, left_wrist=at("left_elbow")),
        "zero thigh and shank": changed(good, left_knee=at("left_hip"), left_ankle=at("left_hip")),
        "forearm folded onto the arm": changed(good, left_wrist=at("left_elbow") - upper),
        "arm exactly straight": changed(good, left_wrist=at("left_elbow") + 0.9 * upper),
        "coincident hips": changed(good, left_hip=at("right_hip")),
        "spine on the pelvis": changed(good, spine=at("pelvis")),
        "collapsed torso": changed(good, thorax=at("spine"), left_shoulder=at("spine"), right_shoulder=at("spine")),
        "coincident shoulders": changed(good, left_shoulder=at("right_shoulder")),
        "shoulders along the spine": changed(
            good, left_shoulder=at("thorax") + up, right_shoulder=at("thorax") - up, spine=at("thorax") - up
        ),
        "head in the thorax": changed(good, head=at("thorax"), nose=at("thorax")),
        "arm pointing opposite to rest": changed(
            rest,
            left_elbow=at("left_shoulder", rest) - (at("left_elbow", rest) - at("left_shoulder", rest)),
            left_wrist=at("left_shoulder", rest) - (at("left_wrist", rest) - at("left_shoulder", rest)),
        ),
        "legs pointing up": changed(
            rest,
            left_knee=at("left_hip", rest) + up,
            left_ankle=at("left_hip", rest) + 2 * up,
            right_knee=at("right_hip", rest) + up,
            right_ankle=at("right_hip", rest) + 2 * up,
        ),
        "upside-down head": changed(rest, head=at("thorax", rest) - up),
        "rest": rest,
        "tiny person": good * 1e-6,
        "huge person": good * 1e4,
        "mirrored": good * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64),
        "flat": good * torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64),
    }
    if "left_heel" in joint_set:
        battery["foot in one point"] = changed(good, left_heel=at("left_ankle"), left_toe=at("left_ankle"))
        battery["hand in line with the forearm"] = changed(
            good, left_index=at("left_wrist") + upper, left_pinky=at("left_wrist") + upper
        )
        battery["foot turned by half a turn"] = changed(
            rest,
            left_heel=2 * at("left_ankle", rest) - at("left_heel", rest),
            left_toe=2 * at("left_ankle", rest) - at("left_toe", rest),
        )
    return battery


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("variant", ["ours", "paper"])
@pytest.mark.parametrize("joint_set", [H36M17, S2M27], ids=lambda s: s.name)
def test_degenerate_skeletons_stay_finite(joint_set, variant, dtype):
    solver = DIK(rest_of(joint_set), variant).to(dtype)
    for name, joints in degenerate(joint_set).items():
        batch = joints[None].to(dtype).clone().requires_grad_()
        found = solver(batch)
        assert torch.isfinite(found.rotations).all(), name
        weight = torch.linspace(-1, 1, found.rotations.numel(), dtype=dtype).reshape(found.rotations.shape)
        (gradient,) = torch.autograd.grad((found.rotations * weight).sum(), batch)
        assert torch.isfinite(gradient).all(), name


@pytest.mark.parametrize("joint_set", [H36M17, S2M27], ids=lambda s: s.name)
def test_degenerate_skeletons_give_rotations(joint_set):
    solver = DIK(rest_of(joint_set))
    for name, joints in degenerate(joint_set).items():
        found = solver(joints[None]).rotations[0]
        identity = torch.eye(3, dtype=found.dtype).expand(24, 3, 3)
        assert torch.allclose(found @ found.transpose(1, 2), identity, atol=1e-3), name


def test_straight_limbs_do_not_amplify_noise():
    """Section 7 of the design: at most 25 radians of output for a metre of input, by perturbations up to 1 mm."""
    rng = np.random.default_rng(7)
    solver = DIK(rest_of(H36M17))
    worst = 0.0
    for degrees in (0.0, 0.01, 0.1, 0.5, 1.0, 2.0, 4.0, 8.0, -1.0, -4.0):
        joints = bent(H36M17, degrees, seed=int(abs(degrees) * 100), count=40).numpy()
        before = solver(torch.from_numpy(joints)).rotations.numpy()
        for size in (1e-6, 1e-4, 1e-3):
            for limb in ("left_wrist", "right_wrist", "left_ankle", "right_ankle", "left_elbow", "right_knee"):
                push = rng.standard_normal((40, 3))
                push *= size / np.linalg.norm(push, axis=1, keepdims=True)
                moved = joints.copy()
                moved[:, H36M17.index(limb)] += push
                after = solver(torch.from_numpy(moved)).rotations.numpy()
                worst = max(worst, angle(before, after).max() / size)
    assert worst <= 25


def test_limb_bent_the_wrong_way_does_not_turn_over():
    """A knee a few degrees hyper-extended by noise keeps its thigh's twist."""
    solver = DIK(rest_of(H36M17))
    right = solver(bent(H36M17, 4.0, count=20)).rotations.numpy()
    wrong = solver(bent(H36M17, -4.0, count=20)).rotations.numpy()
    hips = SMPL24.indices(["left_hip", "right_hip", "left_shoulder", "right_shoulder"])
    assert angle(right, wrong)[:, hips].max() < 0.7
