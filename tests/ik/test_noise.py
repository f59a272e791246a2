"""What the solver does with noise that it is told of."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from s2m.ik import DIK
from s2m.ik.body_motion import SYNTHETIC
from s2m.ik.denoise import BoneLengths, stiff_pairs
from s2m.ik.trunk_model import SPINE, TRUNK_PARTS, TrunkModel
from s2m.ik.units import TEN_BODY_JOINTS
from s2m.skeletons import H36M17, S2M27, SMPL24

from .kinematics import angle, forward, poses, rest_of

TEN = SMPL24.indices(TEN_BODY_JOINTS)


def noisy(joints: np.ndarray, sigma: float) -> torch.Tensor:
    return torch.from_numpy(joints + sigma * np.random.default_rng(1).standard_normal(joints.shape))


def test_knowing_the_noise_helps_as_much_as_measured():
    truth = poses(600)
    joints = noisy(forward(truth, H36M17), 0.03)
    told, untold = (
        angle(DIK(rest_of(H36M17), noise=sigma, motion=SYNTHETIC)(joints).rotations.numpy(), truth)
        for sigma in (0.03, 0.0)
    )
    assert told[:, TEN].mean() < 0.85 * untold[:, TEN].mean()
    assert told[:, 0].mean() < 0.8 * untold[:, 0].mean()


def test_noise_aware_solver_keeps_the_rest_pose():
    for joint_set in (H36M17, S2M27):
        rest = rest_of(joint_set)
        found = DIK(rest, noise=0.03)(rest.joints[None]).rotations[0]
        torch.testing.assert_close(found, torch.eye(3, dtype=found.dtype).expand(24, 3, 3), atol=1e-5, rtol=0)


def relaxed(relax: BoneLengths, joints: torch.Tensor, confidence: torch.Tensor | None) -> torch.Tensor:
    """(B, P, 3) through the module's own layout, components first and samples last."""
    return relax(joints.permute(2, 1, 0), None if confidence is None else confidence.T.to(joints)).permute(2, 1, 0)


def test_bone_lengths_come_closer_and_positions_too():
    rest = rest_of(H36M17)
    clean = forward(poses(200), H36M17)
    seen = noisy(clean, 0.03)
    relax = BoneLengths(H36M17.joints, rest.joints, 0.03)
    found = relaxed(relax, seen, torch.ones(seen.shape[:2]))
    torch.testing.assert_close(relaxed(relax, seen, None), found)

    def position_error(x: torch.Tensor) -> float:
        difference = x - torch.from_numpy(clean)
        return float((difference - difference.mean(1, keepdim=True)).norm(dim=-1).mean())

    assert position_error(found) < 0.85 * position_error(seen)
    pairs = torch.tensor(stiff_pairs(H36M17.joints))
    length = (rest.joints[pairs[:, 0]] - rest.joints[pairs[:, 1]]).norm(dim=-1)
    spread = [((x[:, pairs[:, 0]] - x[:, pairs[:, 1]]).norm(dim=-1) - length).abs().mean() for x in (seen, found)]
    assert spread[1] < 0.6 * spread[0]


def test_bone_lengths_leave_what_fits_and_what_is_missing():
    rest = rest_of(H36M17)
    relax = BoneLengths(H36M17.joints, rest.joints, 0.03)
    turned = rest.joints @ torch.from_numpy(Rotation.from_rotvec([0.3, 2, 1]).as_matrix()) * 1.3
    torch.testing.assert_close(relaxed(relax, turned[None], torch.ones(1, 17)), turned[None], atol=1e-6, rtol=0)
    broken = turned[None].clone()
    wrist = H36M17.index("left_wrist")
    broken[:, wrist] = 0
    confidence = torch.ones(1, 17)
    confidence[:, wrist] = 0
    torch.testing.assert_close(relaxed(relax, broken, confidence), broken, atol=1e-6, rtol=0)


def orientations(turns: Rotation) -> torch.Tensor:
    """(4, 3, B): spine joints that each turn by the same rotation, as quaternions, in the pelvis' frame."""
    return torch.from_numpy(np.stack([(turns**k).as_quat() for k in (1, 2, 3)])).permute(2, 0, 1).contiguous()


def test_trunk_model_is_forward_kinematics():
    rest = rest_of(H36M17)
    pelvis = rest.body_joints[0]
    trunk = rest.joints[H36M17.indices(TRUNK_PARTS)] - pelvis
    spine = rest.body_joints[SMPL24.indices(SPINE)] - pelvis
    turns = Rotation.from_rotvec(0.4 * np.random.default_rng(2).standard_normal((30, 3)))
    rotations = np.tile(np.eye(3), (30, 24, 1, 1))
    for joint in SPINE:
        rotations[:, SMPL24.index(joint)] = turns.as_matrix()
    expected = forward(rotations, H36M17)[:, H36M17.indices(TRUNK_PARTS)]
    # Here the shoulders hang from collars at rest, which move like spine3.
    found = TrunkModel(trunk, spine, None)(orientations(turns))
    np.testing.assert_allclose(found.permute(2, 1, 0).numpy(), expected, atol=1e-9)


def test_carriers_are_used():
    rest = rest_of(H36M17)
    carriers = torch.zeros(7, 24, dtype=torch.float64)
    carriers[:, SMPL24.index("left_knee")] = 1.0  # below the pelvis: nothing moves with the spine
    trunk = rest.joints[H36M17.indices(TRUNK_PARTS)]
    model = TrunkModel(trunk, rest.body_joints[SMPL24.indices(SPINE)], carriers)
    bent = model(orientations(Rotation.from_rotvec([[0.5, 0, 0]])))
    torch.testing.assert_close(bent[..., 0].T, trunk)


def test_gradient_through_the_noise_model():
    solver = DIK(rest_of(H36M17), noise=0.03)
    joints = noisy(forward(poses(1, 3), H36M17), 0.03).requires_grad_()
    weight = torch.linspace(-1, 1, 24 * 9, dtype=torch.float64).reshape(1, 24, 3, 3)
    assert torch.autograd.gradcheck(lambda x: (solver(x).rotations * weight).sum(), (joints,), eps=1e-7, atol=1e-4)
