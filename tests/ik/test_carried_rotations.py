"""Rotations of SAM 3D Body's files: of a body of which the truth is known, as MHR's rig would have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from s2m.cli import main
from s2m.errors import UserError
from s2m.export.motion import ArrayRows, BodyMotion
from s2m.formats.joints3d import read_joints
from s2m.formats.sam3d import RIG_JOINTS
from s2m.formats.tracks import RigMotion
from s2m.ik.carried_rotations import CarriedRows, carry_rotations, median_turn
from s2m.skeletons import MHR127, SMPL24
from tests.export.motions import person
from tests.formats import fabricated

from .kinematics import angle, world

# MHR's joint -> SMPL's part that turns with it; the four of its back lie between SMPL's.
PARTS = {"head_joint": "head", "left_ball": "left_foot", "right_ball": "right_foot"}
BACK = ("lumbar0", "lumbar1", "lumbar2", "lumbar3")
SHARED = [i for i, joint in enumerate(SMPL24.joints) if not joint.endswith("_hand")]
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def offsets(seed: int = 3) -> dict[str, np.ndarray]:
    """Rest frames of the rig's joints against SMPL's."""
    turns = Rotation.random(len(RIG_JOINTS), random_state=seed).as_matrix()
    return dict(zip(RIG_JOINTS, turns, strict=True))


def rig_turns(rotations: np.ndarray, frames: dict[str, np.ndarray]) -> np.ndarray:
    """(T, R, 3, 3) of the rig of a body with local rotations (T, 24, 3, 3)."""
    turns = dict(zip(SMPL24.joints, world(rotations).swapaxes(0, 1), strict=True))
    spine = [turns[part] for part in ("pelvis", "spine1", "spine2", "spine3")]
    for number, joint in enumerate(BACK):
        share = 3 * (number + 1) / 4
        before = min(int(share), 2)
        step = Rotation.from_matrix(spine[before].swapaxes(-1, -2) @ spine[before + 1]).as_rotvec()
        turns[joint] = spine[before] @ Rotation.from_rotvec(step * (share - before)).as_matrix()
    return np.stack([turns[PARTS.get(joint, joint)] @ frames[joint] for joint in RIG_JOINTS], 1)


def bent() -> tuple[BodyMotion, np.ndarray]:
    """Someone who bends every joint, and the local rotations; the back bends evenly, as far as four joints can tell."""
    motion = person(40)
    poses = motion.poses.read(0, 40).copy()
    for joint in ("spine1", "spine2"):
        poses[:, 3 * SMPL24.index(joint) :][:, :3] = poses[:, 3 * SMPL24.index("spine3") :][:, :3]
    motion = BodyMotion(
        motion.body, ArrayRows(poses), motion.trans, motion.betas, motion.fps, motion.label, motion.valid
    )
    return motion, Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)


def test_known_frames_at_rest_give_the_rotations_exactly() -> None:
    _, rotations = bent()
    frames = offsets()
    turns = rig_turns(rotations, frames)
    axes = Rotation.random(random_state=1).as_matrix()
    rig = RigMotion(RIG_JOINTS, (axes.T @ turns).astype(np.float32), np.zeros((*turns.shape[:2], 3), np.float32))
    nothing = np.zeros((len(rotations), 72), np.float32)
    rows = CarriedRows(ArrayRows(nothing), rig, axes, {joint: frames[joint].T for joint in RIG_JOINTS})
    found = Rotation.from_rotvec(rows.read(5, 40).reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    assert angle(found, rotations[5:])[:, SHARED].max() < 2e-6


def test_frames_without_the_person_keep_what_the_joints_told() -> None:
    motion, rotations = bent()
    turns = rig_turns(rotations, offsets()).astype(np.float32)
    turns[7] = np.nan
    rig = RigMotion(RIG_JOINTS, turns, np.zeros((*turns.shape[:2], 3), np.float32))
    rows = CarriedRows(motion.poses, rig, np.eye(3), {joint: np.eye(3) for joint in RIG_JOINTS})
    np.testing.assert_array_equal(rows.read(7, 8), motion.poses.read(7, 8))
    assert np.abs(rows.read(6, 7) - motion.poses.read(6, 7)).max() > 0.1


def test_the_median_turn_overrides_frames_that_are_far_off() -> None:
    rng = np.random.default_rng(0)
    constant = Rotation.random(random_state=2).as_matrix()
    turns = Rotation.random(60, random_state=4).as_matrix()
    targets = turns @ constant
    targets[::4] = targets[::4] @ Rotation.from_rotvec(rng.normal(0.8, 0.2, (15, 3))).as_matrix()
    assert angle(median_turn(turns, targets)[None], constant[None])[0] < 1e-4
    plain = (turns.swapaxes(-1, -2) @ targets).mean(0)
    assert angle(Rotation.from_matrix(plain).as_matrix()[None], constant[None])[0] > 0.05


def places_of(rotations: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(T, 24, 3) of the joints, by naive forward kinematics."""
    turns = world(rotations)
    found = [np.zeros((len(rotations), 3))]
    for joint in range(1, 24):
        parent = SMPL24.parents[joint]
        found.append(found[parent] + turns[:, parent] @ (rest[joint] - rest[parent]))
    return np.stack(found, 1)


def rig_of(motion: BodyMotion, rotations: np.ndarray, frames: dict[str, np.ndarray]) -> RigMotion:
    """The rig of a body, in the motion's own axes."""
    places = dict(zip(SMPL24.joints, places_of(rotations, motion.rest.joints).swapaxes(0, 1), strict=True))
    points = np.stack([places.get(PARTS.get(joint, joint), places["spine1"]) for joint in RIG_JOINTS], 1)
    return RigMotion(RIG_JOINTS, rig_turns(rotations, frames).astype(np.float32), points.astype(np.float32))


def test_frames_at_rest_are_told_by_a_clip_that_was_solved_with_errors() -> None:
    """What was solved is off by 8 degrees in every joint, by another axis in every frame."""
    motion, rotations = bent()
    rng = np.random.default_rng(5)
    noise = Rotation.from_rotvec(rng.normal(0, 0.08, (40 * 24, 3))).as_matrix().reshape(40, 24, 3, 3)
    solved = Rotation.from_matrix((rotations @ noise).reshape(-1, 3, 3)).as_rotvec().reshape(40, 72)
    start = BodyMotion(
        motion.body, ArrayRows(solved.astype(np.float32)), motion.trans, motion.betas, 25.0, motion.label, motion.valid
    )
    carried = carry_rotations(start, rig_of(motion, rotations, offsets()), np.eye(3))
    found = carried.motion.poses.read(0, 40).reshape(-1, 3)
    errors = angle(Rotation.from_rotvec(found).as_matrix().reshape(-1, 24, 3, 3), rotations)[:, SHARED]
    before = angle(rotations @ noise, rotations)[:, SHARED]
    assert "median over 40 frames" in carried.note
    assert errors.mean() < 0.4 * before.mean()
    turns = world(Rotation.from_rotvec(found).as_matrix().reshape(-1, 24, 3, 3)), world(rotations)
    for joint, end in (("left_hip", "left_knee"), ("right_elbow", "right_wrist")):
        bone = motion.rest.joints[SMPL24.index(end)] - motion.rest.joints[SMPL24.index(joint)]
        ours, theirs = (turn[:, SMPL24.index(joint)] @ bone for turn in turns)
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_few_frames_and_rotations_that_do_not_belong_to_the_joints_are_left() -> None:
    motion, rotations = bent()
    rig = rig_of(motion, rotations, offsets())
    few = RigMotion(rig.joints, np.where(np.arange(40)[:, None, None, None] < 3, rig.turns, np.nan), rig.points)
    found = carry_rotations(motion, few, np.eye(3))
    assert found.motion is motion
    assert "need 8 frames, there are 3 frames" in found.note
    still = RigMotion(rig.joints, np.broadcast_to(np.eye(3, dtype=np.float32), rig.turns.shape), rig.points)
    found = carry_rotations(motion, still, np.eye(3))
    assert found.motion is motion
    assert "do not move as its joints do" in found.note


def sam3d_file(path: Path, frames: dict[str, np.ndarray]) -> np.ndarray:
    """One npz of a clip as SAM 3D Body has it; the local rotations (T, 24, 3, 3), +y up."""
    rotations, _ = fabricated.motion()
    turns = np.tile(np.eye(3), (len(rotations), len(MHR127), 1, 1))
    turns[:, MHR127.indices(RIG_JOINTS)] = rig_turns(rotations, frames)
    np.savez(
        path,
        pred_keypoints_3d=fabricated.joints("mhr70") @ fabricated.DOWN,
        pred_joint_coords=fabricated.joints("mhr127") @ fabricated.DOWN,
        pred_cam_t=np.tile([0.1, 0.2, 4.0], (len(rotations), 1)),
        pred_global_rots=turns,  # not turned, as the program leaves them
    )
    return rotations


def test_a_file_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rotations = sam3d_file(tmp_path / "a.npz", offsets())
    errors = {}
    for name, words in (("file", ()), ("joints", ("--joint-set", "mhr127"))):
        assert main(["ik", str(tmp_path / "a.npz"), "-o", str(tmp_path / f"{name}.npz"), *words]) == 0
        assert ("rotations are the file's" in capsys.readouterr().out) == (name == "file")
        with np.load(tmp_path / f"{name}.npz") as motion:
            poses = motion["poses"][:, :66].reshape(-1, 3)
        found = rotations.copy()
        found[:, :22] = Rotation.from_rotvec(poses).as_matrix().reshape(-1, 22, 3, 3)
        found[:, 0] = Z_UP.T @ found[:, 0]
        errors[name] = angle(world(found), world(rotations))[:, :22]
    # What DIK does wrong in all frames alike stays; what changes from frame to frame is the file's.
    assert errors["file"].std(0).max() < 1e-4 < 0.01 < errors["joints"].std(0).mean()
    assert errors["file"].mean() < errors["joints"].mean()
    assert main(["ik", str(tmp_path / "a.npz"), "-o", str(tmp_path / "c.npz"), "--noise", "5"]) == 0
    assert "which --smooth and --noise correct" in capsys.readouterr().out


def test_rotations_of_a_file_are_checked(tmp_path: Path) -> None:
    sam3d_file(tmp_path / "a.npz", offsets())
    with np.load(tmp_path / "a.npz") as archive:
        fields = dict(archive)
    track = read_joints(tmp_path / "a.npz")
    assert track.rig is not None
    np.testing.assert_allclose(track.rig.points[:, 0], track.points.mean(1), atol=1.0)
    for turns, words in (
        (
            np.zeros((12, 126, 3, 3)),
            r"a.npz: pred_global_rots: expected \(127, 3, 3\) a frame, found \(12, 126, 3, 3\)",
        ),
        (2 * fields["pred_global_rots"], "a.npz: pred_global_rots: expected rotation matrices"),
        (np.array(["a"]), "a.npz: pred_global_rots: expected numbers"),
    ):
        np.savez(tmp_path / "a.npz", **{**fields, "pred_global_rots": turns})
        with pytest.raises(UserError, match=words):
            read_joints(tmp_path / "a.npz")
