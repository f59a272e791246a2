"""Clips of SMPL's own joints, whose body has another skeleton than the open one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.body import load_body
from s2m.data.motion.clips import open_motion
from s2m.ik import DIK
from s2m.ik.body_joints import rest_skeleton
from s2m.ik.choice import solver_for
from s2m.ik.follow import FollowingDIK
from s2m.ik.own_skeleton import own_skeleton
from s2m.ik.units import TEN_BODY_JOINTS
from s2m.skeletons import H36M17, SMPL22, SMPL24, SMPLX55

from .kinematics import angle

BODY = load_body()
TEN = SMPL24.indices(TEN_BODY_JOINTS)
# SMPL's mean joints at rest, as they come out of its regressor (metres, four decimals): the oracle.
SMPL_AT_REST = np.array(
    [(-0.0018, -0.2233, 0.0282), (0.0677, -0.3147, 0.0214), (-0.0695, -0.3139, 0.0239), (-0.0043, -0.1144, 0.0015),
     (0.1020, -0.6899, 0.0169), (-0.1078, -0.6964, 0.0150), (0.0012, 0.0208, 0.0026), (0.0884, -1.0879, -0.0268),
     (-0.0920, -1.0948, -0.0273), (0.0026, 0.0737, 0.0280), (0.1148, -1.1437, 0.0925), (-0.1174, -1.1430, 0.0961),
     (-0.0002, 0.2876, -0.0148), (0.0815, 0.1955, -0.0060), (-0.0791, 0.1926, -0.0106), (0.0050, 0.3526, 0.0365),
     (0.1724, 0.2260, -0.0149), (-0.1752, 0.2251, -0.0197), (0.4320, 0.2132, -0.0424), (-0.4289, 0.2118, -0.0411),
     (0.6813, 0.2222, -0.0435), (-0.6842, 0.2196, -0.0467), (0.7653, 0.2140, -0.0585), (-0.7688, 0.2134, -0.0570)]
)  # fmt: skip


def posed(at_rest: np.ndarray, rotations: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(T, 24, 3) joints of a skeleton."""
    world, points = np.empty_like(rotations), np.empty((len(rotations), 24, 3))
    for joint, parent in enumerate(SMPL24.parents):
        if parent < 0:
            world[:, joint], points[:, joint] = rotations[:, joint], places
        else:
            world[:, joint] = world[:, parent] @ rotations[:, joint]
            points[:, joint] = points[:, parent] + world[:, parent] @ (at_rest[joint] - at_rest[parent])
    return points


def clips(names: tuple[str, ...] = ()) -> list[tuple[np.ndarray, np.ndarray]]:
    return [
        (
            Rotation.from_rotvec(c.poses.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3),
            c.trans.astype(np.float64) + np.array([0, 1, 0]),
        )
        for c in open_motion()
        if not names or c.name in names
    ]


@pytest.fixture
def synthetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clips' hinges turn about other axes than people's."""
    monkeypatch.setattr("s2m.ik.follow.DIK", lambda rest, noise=0.0: DIK(rest, noise=noise, motion="synthetic"))


def solved(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Rotations, the joints of the solver's skeleton in these, and notes."""
    given = torch.from_numpy(points).float()
    solver, notes = solver_for(given, SMPL22, BODY, None, 0.0)
    assert isinstance(solver, FollowingDIK)
    with torch.inference_mode():
        rotations = solver(given).rotations.double().numpy()
    at_rest = solver.rest_body_joints.double().numpy()
    return rotations, posed(at_rest, rotations, points[:, 0])[:, :22], notes


def test_clips_of_smpls_own_skeleton(synthetic: None) -> None:
    off, far = [], []
    for rotations, places in clips():
        truth = posed(SMPL_AT_REST, rotations, places)[:, :22]
        found, joints, notes = solved(truth)
        assert "calibrated to SMPL's rest pose" in notes[0]
        off.append(angle(found, rotations)[:, TEN].mean(0))
        far.append(np.linalg.norm(joints - truth, axis=-1).max())
    assert max(far) < 1e-3
    mean = dict(zip(TEN_BODY_JOINTS, np.mean(off, 0), strict=True))
    assert np.mean(off) < 0.06
    assert (mean["left_hip"] + mean["right_hip"]) / 2 < 0.06


def test_other_proportions_are_read_off_the_clip(synthetic: None) -> None:
    rng = np.random.default_rng(0)
    offsets = np.diff(SMPL_AT_REST[[[max(p, 0), j] for j, p in enumerate(SMPL24.parents)]], axis=1)[:, 0]
    offsets *= rng.normal(1, 0.05, (24, 1)) * 1.07
    at_rest = offsets.copy()
    for joint, parent in enumerate(SMPL24.parents):
        at_rest[joint] += at_rest[parent] if parent >= 0 else 0
    ((rotations, places),) = clips(("walk",))
    truth = posed(at_rest, rotations, places)[:, :22]
    found, joints, _ = solved(truth)
    assert np.linalg.norm(joints - truth, axis=-1).max() < 1e-3
    assert angle(found, rotations)[:, TEN].mean() < 0.06


def test_the_bodys_own_joints_stay_the_bodys(synthetic: None) -> None:
    own = BODY.rest().joints[0].double().numpy()
    ((rotations, places),) = clips(("walk",))
    found, _, notes = solved(posed(own, rotations, places)[:, :22])
    assert notes == ()
    assert angle(found, rotations)[:, TEN].mean() < 0.03
    given = torch.rand(3, 17, 3)
    assert own_skeleton(given, H36M17, rest_skeleton(BODY, H36M17)) is None


def test_missing_joints_leave_diks_rotations(synthetic: None) -> None:
    ((rotations, places),) = clips(("walk",))
    points = np.full((len(rotations), 55, 3), np.nan)
    points[:, :22] = posed(SMPL_AT_REST, rotations, places)[:, :22]
    points[3, SMPLX55.index("left_ankle")] = np.nan
    given = torch.from_numpy(points).float()
    solver, _ = solver_for(given, SMPLX55, BODY, None, 0.0)
    found = solver(given)
    assert bool(torch.isfinite(found.rotations).all())
    assert not found.solved[3, SMPL24.index("left_knee")]
    noisy, _ = solver_for(given, SMPLX55, BODY, None, 0.02)
    assert isinstance(noisy, DIK)
