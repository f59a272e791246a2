from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from s2m.data.motion import MotionError, load_clips, open_motion, save_clips
from s2m.data.motion.deepmimic import main, read, resample, to_smpl
from s2m.skeletons import SMPL24

# DeepMimic's humanoid: parent and offset (metres, +x front, +y up, +z right).
DEEPMIMIC = {
    "chest": ("root", (0.0, 0.2362, 0.0)),
    "neck": ("chest", (0.0, 0.2239, 0.0)),
    "right_hip": ("root", (0.0, 0.0, 0.0849)),
    "right_knee": ("right_hip", (0.0, -0.4215, 0.0)),
    "right_ankle": ("right_knee", (0.0, -0.4099, 0.0)),
    "right_shoulder": ("chest", (-0.0240, 0.2435, 0.1831)),
    "right_elbow": ("right_shoulder", (0.0, -0.2748, 0.0)),
    "right_wrist": ("right_elbow", (0.0, -0.2589, 0.0)),
    "left_hip": ("root", (0.0, 0.0, -0.0849)),
    "left_knee": ("left_hip", (0.0, -0.4215, 0.0)),
    "left_ankle": ("left_knee", (0.0, -0.4099, 0.0)),
    "left_shoulder": ("chest", (-0.0240, 0.2435, -0.1831)),
    "left_elbow": ("left_shoulder", (0.0, -0.2748, 0.0)),
    "left_wrist": ("left_elbow", (0.0, -0.2589, 0.0)),
}
# The same person as an SMPL tree in T-pose (+x left, +y up, +z front); joints that are not listed add nothing.
SMPL_OFFSETS = {
    "spine1": (0.0, 0.2362, 0.0),
    "neck": (0.0, 0.2239, 0.0),
    "left_hip": (0.0849, 0.0, 0.0),
    "left_knee": (0.0, -0.4215, 0.0),
    "left_ankle": (0.0, -0.4099, 0.0),
    "left_shoulder": (0.1831, 0.2435, -0.0240),
    "left_elbow": (0.2748, 0.0, 0.0),
    "left_wrist": (0.2589, 0.0, 0.0),
}
_SIDE = (("hip", 4), ("knee", 1), ("ankle", 4), ("shoulder", 4), ("elbow", 1))
ORDER = [("root", 4), ("chest", 4), ("neck", 4)]
ORDER += [(f"{side}_{joint}", width) for side in ("right", "left") for joint, width in _SIDE]


def random_motion(path: Path, frames: int = 7, seed: int = 0) -> np.ndarray:
    """A file in DeepMimic's format with random rotations everywhere."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(frames):
        row = [1 / 30, *rng.normal(size=3)]
        for _, width in ORDER:
            row += rng.uniform(-2, 2, 1).tolist() if width == 1 else _unit(rng.normal(size=4))
        rows.append(row)
    path.write_text(json.dumps({"Loop": "none", "Frames": rows}))
    return np.array(rows)


def _unit(q: np.ndarray) -> list[float]:
    return (q / np.linalg.norm(q)).tolist()


def matrix(value: np.ndarray) -> np.ndarray:
    """Rotation matrix of a w x y z quaternion or of a hinge about +z, written out."""
    if len(value) == 1:
        c, s = np.cos(value[0]), np.sin(value[0])
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    w, x, y, z = value
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def deepmimic_joints(row: np.ndarray) -> dict[str, np.ndarray]:
    """Forward kinematics of one frame in DeepMimic's own frame."""
    local, column = {}, 4
    for joint, width in ORDER:
        local[joint] = matrix(row[column : column + width])
        column += width
    turn, place = {"root": local["root"]}, {"root": row[1:4]}
    for joint, (parent, offset) in DEEPMIMIC.items():
        place[joint] = place[parent] + turn[parent] @ np.array(offset)
        turn[joint] = turn[parent] @ local.get(joint, np.eye(3))
    return place


def smpl_joints(pose: np.ndarray, root: np.ndarray) -> dict[str, np.ndarray]:
    turn, place = {}, {}
    for joint, rotation in zip(SMPL24.joints, Rotation.from_rotvec(pose).as_matrix(), strict=True):
        if joint == "pelvis":
            turn[joint], place[joint] = rotation, root
            continue
        parent = SMPL24.parent_of[joint]
        offset = np.array(SMPL_OFFSETS.get(joint.replace("right_", "left_"), (0.0, 0.0, 0.0)))
        if joint.startswith("right_"):
            offset = offset * [-1, 1, 1]
        place[joint] = place[parent] + turn[parent] @ offset
        turn[joint] = turn[parent] @ rotation
    return place


def test_joints_agree_with_deepmimics_own_kinematics(tmp_path: Path) -> None:
    rows = random_motion(tmp_path / "humanoid3d_any.txt")
    clip = to_smpl(read(tmp_path / "humanoid3d_any.txt"), 30.0)
    assert clip.name == "any"
    for row, pose, root in zip(rows, clip.poses, clip.trans, strict=True):
        expected, found = deepmimic_joints(row), smpl_joints(pose, root)
        for joint in DEEPMIMIC:
            name = {"chest": "spine1"}.get(joint, joint)
            x, y, z = expected[joint]
            np.testing.assert_allclose(found[name], (-z, y, x), atol=1e-3)


def test_resampling_keeps_ends_and_takes_the_short_way(tmp_path: Path) -> None:
    random_motion(tmp_path / "humanoid3d_any.txt", frames=4)
    motion = read(tmp_path / "humanoid3d_any.txt")
    fine = resample(motion, 60.0)
    assert len(fine.times) == 7
    for joint in ("root", "left_shoulder"):
        np.testing.assert_allclose(
            fine.rotations[joint][::2].as_matrix(), motion.rotations[joint].as_matrix(), atol=1e-9
        )
        step = (motion.rotations[joint][:-1].inv() * motion.rotations[joint][1:]).magnitude()
        half = (fine.rotations[joint][:-1:2].inv() * fine.rotations[joint][1::2]).magnitude()
        np.testing.assert_allclose(half, step / 2, atol=1e-9)


def test_shipped_clips_are_people_on_their_feet() -> None:
    clips = {clip.name: clip for clip in open_motion()}
    assert len(clips) == 15
    assert sum(map(len, clips.values())) == 1010
    walk = clips["walk"]
    up = Rotation.from_rotvec(walk.poses[:, 0]).apply([0, 1, 0])
    assert (up[:, 1] > 0.9).all()
    front = Rotation.from_rotvec(walk.poses[:, 0]).apply([0, 0, 1]).mean(0)
    step = walk.trans[-1] - walk.trans[0]
    assert step @ front > 0.95 * np.linalg.norm(step)
    knees = walk.poses[:, SMPL24.indices(["left_knee", "right_knee"]), 0]
    assert (knees > -1e-3).all()
    assert knees.max() > 0.8


def test_command_writes_what_it_reads(tmp_path: Path) -> None:
    random_motion(tmp_path / "humanoid3d_b.txt", 5, seed=1)
    random_motion(tmp_path / "humanoid3d_a.txt", 4, seed=2)
    assert main([str(tmp_path), "--output", str(tmp_path / "out.npz")]) == 0
    clips = load_clips(tmp_path / "out.npz")
    assert [(clip.name, len(clip), clip.fps) for clip in clips] == [("a", 4, 30.0), ("b", 5, 30.0)]
    save_clips(tmp_path / "again.npz", clips)
    np.testing.assert_array_equal(load_clips(tmp_path / "again.npz")[1].poses, clips[1].poses)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a DeepMimic motion file"),
        ("[]", "not a DeepMimic motion file"),
        ('{"Frames": [[1, 2], [3, 4]]}', r"Frames: expected at least 2 rows of 44 numbers, found \(2, 2\)"),
        (json.dumps({"Frames": [[0.0] * 44] * 2}), "durations positive"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "humanoid3d_bad.txt"
    path.write_text(content)
    with pytest.raises(MotionError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_command_ends_with_2_on_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path), "--output", str(tmp_path / "out.npz")])
    assert caught.value.code == 2
    assert "no humanoid3d_*.txt" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


def test_damaged_clip_archives_are_named(tmp_path: Path) -> None:
    path = tmp_path / "clips.npz"
    np.savez(
        path, names=np.array(["a"]), lengths=np.array([3]), fps=30.0, poses=np.zeros((2, 72)), trans=np.zeros((3, 3))
    )
    with pytest.raises(MotionError, match=r"clips.npz: poses: expected shape \(3, 72\), found \(2, 72\)"):
        load_clips(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(MotionError, match=r"clips.npz: not a readable motion npz"):
        load_clips(path)
