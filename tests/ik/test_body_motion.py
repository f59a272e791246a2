"""The constants that joints do not tell: their file, their mirror image, and that measuring them finds them again."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.errors import UserError
from s2m.ik import DIK
from s2m.ik.body_motion import SYNTHETIC, BodyMotion, genuine, read_body_motion
from s2m.skeletons import H36M17, LSP14, S2M27, SMPL24
from studies.ik.calibrate import main, measure

from .kinematics import angle, forward, poses, rest_of

ELBOW = (-0.12, -0.86, 0.50)


def moving(count: int = 200, elbow=ELBOW, shares=(0.6, 0.3, 0.1)) -> np.ndarray:
    """Perfect oblique hinges, a back whose joints take ``shares``, shoulders of any direction."""
    rng = np.random.default_rng(4)
    truth = np.tile(np.eye(3), (count, 24, 1, 1))
    axis = np.array(elbow) / np.linalg.norm(elbow)
    for side, sign in (("left", 1), ("right", -1)):
        bend = rng.uniform(0.6, 2.0, (count, 1)) * axis * [1, sign, sign]
        truth[:, SMPL24.index(f"{side}_elbow")] = Rotation.from_rotvec(bend).as_matrix()
        truth[:, SMPL24.index(f"{side}_shoulder")] = Rotation.from_rotvec(
            0.5 * rng.standard_normal((count, 3))
        ).as_matrix()
        knee = rng.uniform(0.6, 2.0, (count, 1)) * [1, 0, 0]
        truth[:, SMPL24.index(f"{side}_knee")] = Rotation.from_rotvec(knee).as_matrix()
    back = 0.3 * rng.standard_normal((count, 3))
    for joint, share in zip(("spine1", "spine2", "spine3"), shares, strict=True):
        truth[:, SMPL24.index(joint)] = Rotation.from_rotvec(share * back).as_matrix()
    return truth


def measured(truth: np.ndarray) -> dict:
    return measure({"any": torch.from_numpy(truth)}, 1.0)


def test_measuring_finds_the_constants_that_made_the_motion():
    found = measured(moving())
    np.testing.assert_allclose(found["elbow"], np.array(ELBOW) / np.linalg.norm(ELBOW), atol=1e-3)
    np.testing.assert_allclose(found["knee"], (1, 0, 0), atol=1e-3)
    np.testing.assert_allclose(found["spine"], np.array([(0.6,) * 3, (0.3,) * 3, (0.1,) * 3]), atol=1e-3)


def test_an_oblique_hinge_is_solved_when_it_is_known():
    truth, arms = moving(), SMPL24.indices(("left_shoulder", "right_shoulder", "left_elbow", "right_elbow"))
    axis = tuple(np.array(ELBOW) / np.linalg.norm(ELBOW))
    motion = BodyMotion(axis, (1.0, 0.0, 0.0), ((0.6,) * 3, (0.3,) * 3, (0.1,) * 3), SYNTHETIC.neck)
    joints = torch.from_numpy(forward(truth, H36M17))
    known, assumed = (
        angle(DIK(rest_of(H36M17), motion=m)(joints).rotations.numpy(), truth) for m in (motion, SYNTHETIC)
    )
    assert known[:, arms].mean() < 0.07
    assert assumed[:, arms].mean() > 0.3
    assert known[:, SMPL24.index("spine1")].mean() < 0.05


@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_a_mirrored_person_gets_mirrored_rotations(noise):
    solver, flip = DIK(rest_of(H36M17), noise=noise), np.diag([-1.0, 1.0, 1.0])
    joints = forward(poses(50), H36M17)
    plain = solver(torch.from_numpy(joints)).rotations.numpy()
    swapped = np.ascontiguousarray((joints @ flip)[:, list(H36M17.mirror)])
    mirrored = solver(torch.from_numpy(swapped)).rotations.numpy()
    np.testing.assert_allclose(mirrored, flip @ plain[:, list(SMPL24.mirror)] @ flip, atol=1e-6)


@pytest.mark.parametrize(
    ("joint_set", "neck", "head"),
    [
        # amid the neck is a joint: neck and head are told apart, however they share a bend
        (H36M17, [0.25, 0.0, 0.0], [-0.1, 0.0, 0.1]),
        (S2M27, [0.25, 0.1, 0.0], [-0.1, 0.1, 0.1]),
        # there is none: they share it as is usual
        (LSP14, [0.15, 0.0, 0.0], [0.15, 0.0, 0.0]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("confident", [False, True])
def test_neck_and_head_are_told_apart_by_what_is_seen(joint_set, neck, head, confident):
    truth = np.tile(np.eye(3), (1, 24, 1, 1))
    for joint, turn in (("neck", neck), ("head", head)):
        truth[:, SMPL24.index(joint)] = Rotation.from_rotvec(turn).as_matrix()
    joints = torch.from_numpy(forward(truth, joint_set))
    sure = torch.ones(joints.shape[:2]) if confident else None
    found = DIK(rest_of(joint_set), motion=SYNTHETIC)(joints, confidence=sure).rotations.numpy()
    ends = SMPL24.indices(("neck", "head"))
    assert angle(found[:, ends], truth[:, ends]).max() < 0.15


def test_another_definition_of_the_heads_joints_is_no_bent_neck():
    """Two centimetres, against each other, as two datasets differ."""
    joints = rest_of(H36M17).joints.clone()
    joints[H36M17.index("neck_nose")] += torch.tensor([0.0, 0.0, 0.02])
    joints[H36M17.index("head")] -= torch.tensor([0.0, 0.0, 0.02])
    found = DIK(rest_of(H36M17))(joints[None]).rotations.numpy()
    turn = angle(found, np.eye(3))[0]
    assert turn[SMPL24.index("neck")] < 0.25
    assert turn[SMPL24.index("head")] < 0.6


def test_without_the_middle_of_the_neck_in_a_frame_the_usual_share_is_taken():
    truth = np.tile(np.eye(3), (2, 24, 1, 1))
    truth[:, SMPL24.indices(("neck", "head"))] = Rotation.from_rotvec([0.15, 0.0, 0.0]).as_matrix()
    joints = torch.from_numpy(forward(truth, H36M17))
    joints[1, H36M17.index("neck_nose")] = float("nan")
    found = DIK(rest_of(H36M17), motion=SYNTHETIC)(joints).rotations.numpy()
    assert angle(found, truth)[:, SMPL24.indices(("neck", "head"))].max() < 0.08


def test_shipped_constants_are_whole_and_say_where_they_are_from():
    motion = genuine()
    assert np.linalg.norm(motion.elbow) == pytest.approx(1)
    np.testing.assert_allclose(np.sum(motion.spine, 0), 1, atol=1e-3)
    assert motion.axis("right_elbow") == (motion.elbow[0], -motion.elbow[1], -motion.elbow[2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"elbow": [0, 0, 0]}, "elbow: expected an axis"),
        ({"neck": "half"}, "neck: expected three numbers, found 'half'"),
        ({"spine": [[1, 1, 1]]}, "spine: expected three rows"),
        ({"spine": [[1, 1, 1]] * 3}, "spine: expected columns that sum to one"),
    ],
)
def test_bad_files_are_named(tmp_path, change, message):
    path = tmp_path / "motion.json"
    path.write_text(json.dumps(measured(moving(20)) | change))
    with pytest.raises(UserError, match=message):
        read_body_motion(path)


def test_command_measures_files(tmp_path, capsys):
    vectors = Rotation.from_matrix(moving(30).reshape(-1, 3, 3)).as_rotvec().reshape(30, 72)
    fields = {"trans": np.zeros((30, 3)), "betas": np.zeros(10), "mocap_framerate": 60.0}
    np.savez(tmp_path / "walk_1.npz", poses=vectors, **fields)
    np.savez(tmp_path / "walk_2.npz", poses=0 * vectors, **fields)  # kept for tests
    out = tmp_path / "out.json"
    assert main(["--motions", str(tmp_path), "--output", str(out), "--trust", "1"]) == 0
    np.testing.assert_allclose(read_body_motion(out).elbow, np.array(ELBOW) / np.linalg.norm(ELBOW), atol=1e-3)
    assert json.loads(out.read_text())["measured_on"]["takes"] == ["walk_1"]
    with pytest.raises(SystemExit) as error:
        main(["--motions", str(tmp_path / "none"), "--output", str(out)])
    assert error.value.code == 2
    assert "no such folder" in capsys.readouterr().err
