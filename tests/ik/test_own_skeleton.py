"""Clips of SMPL's own joints, whose body has another skeleton than the open one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.cli import main
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
# SMPL's mean joints at rest, metres. Neutral: ProtoMotions' and PHC's MuJoCo models, which agree; female and male: what
# SMPL's regressor gives, as a viewer of SMPL has it (SimpleHierarchy.cpp); the male ones agree with EDGE's vis.py.
AT_REST = {
    "neutral": np.array(
        [(-0.0018, -0.2233, 0.0282), (0.0677, -0.3147, 0.0214), (-0.0695, -0.3138, 0.0239), (-0.0043, -0.1143, 0.0015),
         (0.1020, -0.6899, 0.0169), (-0.1078, -0.6964, 0.0150), (0.0012, 0.0209, 0.0026), (0.0884, -1.0879, -0.0268),
         (-0.0920, -1.0948, -0.0273), (0.0027, 0.0738, 0.0280), (0.1148, -1.1437, 0.0925), (-0.1174, -1.1429, 0.0960),
         (-0.0001, 0.2877, -0.0149), (0.0815, 0.1955, -0.0061), (-0.0791, 0.1926, -0.0106), (0.0051, 0.3527, 0.0364),
         (0.1725, 0.2260, -0.0150), (-0.1751, 0.2252, -0.0197), (0.4321, 0.2132, -0.0425), (-0.4288, 0.2119, -0.0411),
         (0.6813, 0.2222, -0.0437), (-0.6841, 0.2197, -0.0467), (0.7653, 0.2140, -0.0586), (-0.7687, 0.2136, -0.0570)]
    ),
    "female": np.array(
        [(-0.0009, -0.2114, 0.0278), (0.0705, -0.3010, 0.0198), (-0.0699, -0.3004, 0.0230), (-0.0034, -0.1082, 0.0056),
         (0.1012, -0.6652, 0.0131), (-0.1060, -0.6710, 0.0138), (0.0002, 0.0195, 0.0039), (0.0896, -1.0486, -0.0304),
         (-0.0920, -1.0547, -0.0281), (0.0022, 0.0686, 0.0318), (0.1129, -1.1032, 0.0840), (-0.1141, -1.1011, 0.0898),
         (0.0003, 0.2768, -0.0180), (0.0775, 0.1863, -0.0051), (-0.0748, 0.1842, -0.0100), (0.0038, 0.3391, 0.0322),
         (0.1628, 0.2181, -0.0124), (-0.1640, 0.2170, -0.0198), (0.4141, 0.2061, -0.0399), (-0.4100, 0.2038, -0.0400),
         (0.6521, 0.2151, -0.0399), (-0.6552, 0.2124, -0.0435), (0.7318, 0.2054, -0.0531), (-0.7356, 0.2052, -0.0539)]
    ),
    "male": np.array(
        [(-0.0022, -0.2408, 0.0286), (0.0564, -0.3231, 0.0109), (-0.0625, -0.3313, 0.0150), (0.0023, -0.1164, -0.0098),
         (0.0999, -0.7095, 0.0190), (-0.1057, -0.7150, 0.0102), (0.0068, 0.0216, 0.0170), (0.0851, -1.1364, -0.0185),
         (-0.0867, -1.1350, -0.0244), (0.0045, 0.0776, 0.0199), (0.1261, -1.1967, 0.1036), (-0.1215, -1.1971, 0.1060),
         (-0.0089, 0.2892, -0.0136), (0.0762, 0.1916, 0.0010), (-0.0785, 0.1901, -0.0038), (0.0012, 0.3782, 0.0368),
         (0.1991, 0.2368, -0.0181), (-0.1917, 0.2369, -0.0123), (0.4544, 0.2212, -0.0410), (-0.4518, 0.2226, -0.0436),
         (0.7202, 0.2339, -0.0484), (-0.7209, 0.2294, -0.0496), (0.8068, 0.2232, -0.0640), (-0.8097, 0.2207, -0.0597)]
    ),
}  # fmt: skip
SMPL_AT_REST = AT_REST["neutral"]


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
    solver, notes = solver_for(given, rest_skeleton(BODY, SMPL22), 0.0)
    assert isinstance(solver, FollowingDIK)
    with torch.inference_mode():
        rotations = solver(given).rotations.double().numpy()
    at_rest = solver.rest_body_joints.double().numpy()
    return rotations, posed(at_rest, rotations, points[:, 0])[:, :22], notes


@pytest.mark.parametrize("body", AT_REST)
def test_clips_of_smpls_own_skeleton(synthetic: None, body: str) -> None:
    off, far = [], []
    for rotations, places in clips():
        truth = posed(AT_REST[body], rotations, places)[:, :22]
        found, joints, notes = solved(truth)
        assert f"calibrated to SMPL's {body} body's rest pose" in notes[0]
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
    assert angle(found, rotations)[:, TEN].mean() < 0.045  # the neck takes up what a head joint may be off: 0.15
    given = torch.rand(3, 17, 3)
    assert own_skeleton(given, H36M17, rest_skeleton(BODY, H36M17)) is None


def test_missing_joints_leave_diks_rotations(synthetic: None) -> None:
    ((rotations, places),) = clips(("walk",))
    points = np.full((len(rotations), 55, 3), np.nan)
    points[:, :22] = posed(SMPL_AT_REST, rotations, places)[:, :22]
    points[3, SMPLX55.index("left_ankle")] = np.nan
    given = torch.from_numpy(points).float()
    solver, _ = solver_for(given, rest_skeleton(BODY, SMPLX55), 0.0)
    found = solver(given)
    assert bool(torch.isfinite(found.rotations).all())
    assert not found.solved[3, SMPL24.index("left_knee")]
    noisy, _ = solver_for(given, rest_skeleton(BODY, SMPLX55), 0.02)
    assert isinstance(noisy, DIK)


@pytest.mark.parametrize("names", ["smpl22", "smpl24", "a yaml"])
def test_the_open_bodys_own_joints_are_met(tmp_path: Path, capsys: pytest.CaptureFixture[str], names: str) -> None:
    """They are what its limbs turn about; what a regressor reads off the posed skin lies up to a centimetre off."""
    clip = next(clip for clip in open_motion() if clip.name == "walk")
    matrices = Rotation.from_rotvec(clip.poses[:20].reshape(-1, 3)).as_matrix().reshape(20, 24, 3, 3)
    params = BodyParams.from_rotations(torch.from_numpy(matrices).float(), torch.zeros(20, 10))
    points = BODY(params).joints.numpy()[:, : 24 if names == "smpl24" else 22]
    np.save(tmp_path / "a.npy", points)
    if names == "a yaml":
        names = str(tmp_path / "mine.yaml")
        Path(names).write_text(f"name: mine\njoints: [{', '.join(SMPL22.joints)}]\n")
    assert main(["ik", str(tmp_path / "a.npy"), "--joint-set", names, "-o", str(tmp_path / "b.npz")]) == 0
    assert "fit: 0 mm mean" in capsys.readouterr().err
