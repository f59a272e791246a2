"""Gradients, straight limbs and everything degenerate."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.ik import DIK
from s2m.skeletons import H36M17, S2M27, SMPL24, JointSet
from tests.ik.kinematics import angle, forward, poses, rest_of

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
        "head in the thorax": changed(good, head=at("thorax"), neck_nose=at("thorax")),
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


def straightened(count: int, between_keypoints: bool = False) -> np.ndarray:
    """Random poses with arms and legs stretched out: the body's hip, knee and ankle (shoulder, elbow, wrist) on one
    line; or the keypoints, which are what the paper's frames see.
    """
    truth = poses(count, 7)
    joints, body = forward(truth, H36M17), forward(truth, SMPL24)
    for chain in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")):
        for side in ("left", "right"):
            near, mid, far = (f"{side}_{part}" for part in chain)
            middle = joints[:, H36M17.index(mid)]
            along = middle - (joints[:, H36M17.index(near)] if between_keypoints else body[:, SMPL24.index(near)])
            along /= np.linalg.norm(along, axis=1, keepdims=True)
            reach = np.linalg.norm(joints[:, H36M17.index(far)] - middle, axis=1, keepdims=True)
            joints[:, H36M17.index(far)] = middle + reach * along
    return joints


def worst_gain(joints: np.ndarray, moving: tuple[str, ...], sizes: tuple[float, ...], variant: str = "ours") -> float:
    """Largest change of any rotation, in radians for a metre of movement of one joint."""
    rng = np.random.default_rng(7)
    solver = DIK(rest_of(H36M17), variant)
    root = solver(torch.from_numpy(joints)).rotations[:, 0]

    def solve(x: np.ndarray) -> np.ndarray:
        return solver(torch.from_numpy(x), root=root).rotations.numpy()

    before, worst = solve(joints), 0.0
    for size in sizes:
        for joint in moving:
            push = rng.standard_normal((len(joints), 3))
            push *= size / np.linalg.norm(push, axis=1, keepdims=True)
            moved = joints.copy()
            moved[:, H36M17.index(joint)] += push
            worst = max(worst, angle(before, solve(moved)).max() / size)
    return worst


ENDS = ("left_wrist", "right_wrist", "left_ankle", "right_ankle")


def test_stretched_limbs_do_not_amplify_noise():
    """Perturbations up to a millimetre; the paper's frames turn over at a micrometre."""
    assert worst_gain(straightened(200), ENDS, (1e-6, 1e-4, 1e-3)) <= 25
    assert worst_gain(straightened(20, between_keypoints=True), ENDS, (1e-6,), variant="paper") > 1e4


@pytest.mark.parametrize("degrees", [-8.0, -4.0, -1.0, 0.5, 2.0, 4.0, 8.0])
def test_nearly_straight_limbs_do_not_amplify_noise_either(degrees):
    """A moving elbow turns two short bones against each other: there even a solver without twist has a gain of 8."""
    joints = bent(H36M17, degrees, seed=3, count=40).numpy()
    assert worst_gain(joints, (*ENDS, "left_knee", "right_knee"), (1e-4, 1e-3)) <= 25
    assert worst_gain(joints, ("left_elbow", "right_elbow"), (1e-4, 1e-3)) <= 40


def test_legs_bent_to_any_side_do_not_turn_over():
    """Knees that give way sideways or backwards by up to 40 degrees, thighs that point anywhere a thigh can."""
    rng = np.random.default_rng(3)
    truth = poses(400, 5)
    for side in ("left", "right"):
        turn = rng.standard_normal((400, 3))
        turn *= rng.uniform(0, 40, (400, 1)) * DEGREES / np.linalg.norm(turn, axis=1, keepdims=True)
        truth[:, SMPL24.index(f"{side}_knee")] = Rotation.from_rotvec(turn).as_matrix()
    legs = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in ("knee", "ankle"))
    assert worst_gain(forward(truth, H36M17), legs, (1e-4, 1e-3, 1e-2)) <= 30


def test_high_kicks_and_arms_across_the_chest_do_not_turn_over():
    """Nearly straight limbs opposite to where they are at rest, where a shortest swing from rest has no axis."""
    rng = np.random.default_rng(5)
    truth = np.tile(np.eye(3), (400, 24, 1, 1))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for joint, axis, spread in (("hip", [-1, 0, 0], [150, 195]), ("shoulder", [0, -sign, 0], [130, 180])):
            flexed = rng.uniform(*spread, (400, 1)) * DEGREES * axis
            aside = 5 * DEGREES * rng.standard_normal((400, 3))
            turn = Rotation.from_rotvec(aside) * Rotation.from_rotvec(flexed)
            truth[:, SMPL24.index(f"{side}_{joint}")] = turn.as_matrix()
        for joint in ("knee", "elbow"):
            little = 6 * DEGREES * rng.standard_normal((400, 3))
            truth[:, SMPL24.index(f"{side}_{joint}")] = Rotation.from_rotvec(little).as_matrix()
    joints = forward(truth, H36M17)
    moving = (*ENDS, *(f"{side}_{part}" for side in ("left", "right") for part in ("knee", "elbow")))
    assert worst_gain(joints, moving, (1e-4, 1e-3, 1e-2)) <= 70


def test_limb_bent_the_wrong_way_does_not_turn_over():
    """A limb a few degrees hyper-extended by noise keeps its twist."""
    solver = DIK(rest_of(SMPL24))
    found = []
    for degrees in (8.0, -8.0):
        truth = np.tile(np.eye(3), (1, 24, 1, 1))
        for name in ("left_knee", "left_elbow", "right_elbow"):
            axis = solver.motion.axis(name)
            truth[:, SMPL24.index(name)] = Rotation.from_rotvec(degrees * DEGREES * np.array(axis)).as_matrix()
        found.append(solver(torch.from_numpy(forward(truth, SMPL24))).rotations.numpy())
    balls = SMPL24.indices(["left_hip", "left_shoulder", "right_shoulder"])
    assert angle(*found)[:, balls].max() < 0.2
