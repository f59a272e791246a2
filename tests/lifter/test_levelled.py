"""Motion that was filmed by a tilted camera stands upright: the person tells, or the user."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.cli import main
from s2m.skeletons import SMPL24
from tests.recover.actors import CAMERA, SIZE
from tests.recover.test_standing import FPS, before, true_joints


def filmed(folder: Path, pitch: float, roll: float = 0.0) -> Path:
    """Somebody who walks, as pixels."""
    file = folder / "walk.npz"
    np.savez(file, joints2d=CAMERA.pixels(true_joints(before(pitch, 1.5, roll))).numpy(), joint_set=np.array("s2m27"))
    return file


def leaning(file: Path) -> float:
    """Degrees between the world's up and the mean line from ankles to shoulders."""
    with np.load(file) as motion:
        poses = motion["poses"][:, :72].reshape(-1, 3)
    rotations = Rotation.from_rotvec(poses).as_matrix().reshape(-1, 24, 3, 3)
    params = BodyParams.from_rotations(torch.from_numpy(rotations).float(), torch.zeros(len(rotations), 10))
    joints = load_body()(params).joints
    high, low = (joints[:, SMPL24.indices([f"left_{part}", f"right_{part}"])].mean(1) for part in ("shoulder", "ankle"))
    mean = torch.nn.functional.normalize(high - low, dim=1).mean(0)
    return math.degrees(math.acos(float(mean[2] / mean.norm())))


def lifted(folder: Path, file: Path, *more: str) -> Path:
    out = folder / f"out{len(more)}.npz"
    words = ["lift", str(file), "-o", str(folder / "lifted.npz"), "--ik", str(out), "--fps", str(FPS), "--overwrite"]
    assert main([*words, "--image-size", f"{SIZE[0]}x{SIZE[1]}", "--focal", str(CAMERA.focal), *more]) == 0
    return out


def test_who_walks_before_a_tilted_camera_walks_upright(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = filmed(tmp_path, 20, 22)
    told = leaning(lifted(tmp_path, file))
    said = capsys.readouterr().out
    assert "camera looks down by" in said
    assert "picture leans to the right by" in said
    given = leaning(lifted(tmp_path, file, "--pitch", "20", "--roll", "22"))
    assert "camera looks down by 20 degrees, as given; picture leans to the right by 22" in capsys.readouterr().out
    level = leaning(lifted(tmp_path, file, "--pitch", "0", "--roll", "0", "-v"))
    assert level > 20
    assert told < 6
    assert given < 9


def test_the_skeletons_stay_in_the_cameras_frame(tmp_path: Path) -> None:
    file = filmed(tmp_path, 25)
    lifted(tmp_path, file)
    with np.load(tmp_path / "lifted.npz") as found:
        told = found["joints3d"]
    lifted(tmp_path, file, "--pitch", "0")
    with np.load(tmp_path / "lifted.npz") as found:
        np.testing.assert_array_equal(found["joints3d"], told)


def test_joints_that_were_not_seen_tell_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = filmed(tmp_path, 25)
    with np.load(file) as found:
        joints = found["joints2d"]
    joints[:, 3] = np.nan  # an ankle: the lifter completes it
    np.savez(file, joints2d=joints, joint_set=np.array("s2m27"))
    lifted(tmp_path, file)
    assert "camera level, for want of people who tell" in capsys.readouterr().out


def test_an_angle_that_no_camera_is_held_at_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = filmed(tmp_path, 0)
    assert main(["lift", str(file), "-o", str(tmp_path / "a.npz"), "--roll", "nan"]) == 2
    assert "--roll: expected degrees from -90 to 90, found nan" in capsys.readouterr().err
