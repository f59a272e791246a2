"""Head, wrists and ankles from their points."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from s2m.ik import DIK
from s2m.ik.endpoints import Endpoints
from s2m.skeletons import H36M17, S2M27, SMPL24

from .kinematics import angle, forward, poses, rest_of, world

ENDS = SMPL24.indices(["left_wrist", "right_wrist", "left_ankle", "right_ankle"])


def endpoints(points: np.ndarray, noise: float, spread: float, centred: float = 0.0) -> Endpoints:
    rest = torch.from_numpy(points)[None]
    use = torch.ones(1, len(points), dtype=rest.dtype)
    return Endpoints(rest, use, rest.new_full((1, 1), centred), rest.new_full((1, 1), spread), noise)


def test_noise_free_points_give_the_rotation_of_scipys_wahba_solver():
    rng = np.random.default_rng(0)
    rest = 0.1 * rng.standard_normal((3, 3))
    turns = Rotation.from_rotvec(1.2 * rng.standard_normal((40, 3)))
    points = np.stack([turns.apply(p) for p in rest], 1) + 0.02 * rng.standard_normal((40, 3, 3))
    found = endpoints(rest, 1e-7, 1.0)(torch.from_numpy(points)[:, None], torch.ones(40, 1, 3))[:, 0]
    for q, seen in zip(found.numpy(), points, strict=True):
        expected, _ = Rotation.align_vectors(seen, rest)
        assert (Rotation.from_quat(q).inv() * expected).magnitude() < 2e-3


def test_one_point_gives_the_swing_and_leaves_the_twist_at_the_prior():
    rest = np.array([[0.1, 0.0, 0.0]])
    turn = Rotation.from_rotvec([0.0, 0.0, 0.8])
    seen = torch.from_numpy(turn.apply(rest))[None, None]
    q = endpoints(rest, 1e-4, 0.3)(seen, torch.ones(1, 1, 1))[0, 0].numpy()
    assert (Rotation.from_quat(q).inv() * turn).magnitude() < 1e-3


def test_the_prior_shrinks_as_the_posterior_says():
    """One point at distance r and a small turn t: the mode is t r^2 / (r^2 + sigma^2 / s^2)."""
    rest, sigma, spread, turn = np.array([[0.1, 0.0, 0.0]]), 0.03, 0.3, 0.05
    seen = torch.from_numpy(Rotation.from_rotvec([0, 0, turn]).apply(rest))[None, None]
    q = endpoints(rest, sigma, spread)(seen, torch.ones(1, 1, 1))[0, 0].numpy()
    expected = turn * 0.1**2 / (0.1**2 + sigma**2 / spread**2)
    np.testing.assert_allclose(Rotation.from_quat(q).as_rotvec()[2], expected, rtol=0.01)


def test_points_without_confidence_leave_the_parent():
    rest = np.array([[0.1, 0.0, 0.0], [0.0, 0.0, 0.1]])
    seen = torch.rand(1, 1, 2, 3, dtype=torch.float64)
    q = endpoints(rest, 1e-3, 0.3)(seen, torch.zeros(1, 1, 2))[0, 0]
    torch.testing.assert_close(q, torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=q.dtype), atol=1e-4, rtol=0)


def test_endpoints_are_found_on_clean_poses():
    truth = poses(300, ends=15.0, head=10.0)
    ends = [*ENDS, SMPL24.index("head")]
    errors = {}
    for joint_set in (H36M17, S2M27):
        joints = torch.from_numpy(forward(truth, joint_set))
        found = DIK(rest_of(joint_set))(joints).rotations.numpy()
        errors[joint_set.name] = angle(world(found), world(truth))[:, ends].mean(0)
    assert (errors["s2m27"] < 0.5 * errors["h36m17"]).all(), errors


def test_endpoint_noise_is_held_back_by_the_prior():
    truth = poses(300, ends=15.0, head=10.0)
    rng = np.random.default_rng(2)
    joints = forward(truth, S2M27)
    extra = [i for i, name in enumerate(S2M27.joints) if name.endswith(("heel", "toe", "index", "pinky", "ear"))]
    joints[:, extra] += 0.03 * rng.standard_normal((300, len(extra), 3))
    errors = {
        noise: angle(DIK(rest_of(S2M27), noise=noise)(torch.from_numpy(joints)).rotations.numpy(), truth)[
            :, ENDS
        ].mean()
        for noise in (0.0, 0.03)
    }
    assert errors[0.03] < 0.8 * errors[0.0]
