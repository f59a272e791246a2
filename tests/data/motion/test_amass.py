from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.data.motion import MotionError
from s2m.data.motion.amass import read, read_folder


def fields(width: int = 156, frames: int = 9) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {
        "poses": rng.normal(scale=0.3, size=(frames, width)),
        "trans": rng.normal(size=(frames, 3)),
        "betas": rng.normal(size=16),
        "mocap_framerate": np.array(60.0),
    }


@pytest.mark.parametrize(("width", "joints"), [(72, 24), (156, 22), (165, 22)])
def test_z_up_becomes_y_up(tmp_path: Path, width: int, joints: int) -> None:
    made = fields(width)
    made["poses"][:, :3] = [np.pi / 2, 0, 0]  # AMASS: a body that stands upright on a z-up floor
    np.savez(tmp_path / "a.npz", **made)
    motion = read(tmp_path / "a.npz")
    np.testing.assert_allclose(
        Rotation.from_rotvec(motion.clip.poses[:, 0]).apply([0, 1, 0]), [[0, 1, 0]] * 9, atol=1e-6
    )
    np.testing.assert_allclose(
        motion.clip.poses[:, 1:joints].reshape(9, -1), made["poses"][:, 3 : joints * 3], atol=1e-6
    )
    assert not motion.clip.poses[:, joints:].any()
    np.testing.assert_allclose(motion.betas, made["betas"], atol=1e-6)


def test_a_turned_clip_is_the_turned_body(tmp_path: Path) -> None:
    """Against the body model: every vertex of the posed body, turned with the world."""
    body, made = load_body(), fields()
    made["poses"][:, 66:] = 0
    np.savez(tmp_path / "a.npz", **made)
    clip = read(tmp_path / "a.npz").clip

    def posed(vectors: np.ndarray, trans: np.ndarray) -> torch.Tensor:
        matrices = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(9, 24, 3, 3)
        turns, places = torch.from_numpy(matrices).float(), torch.from_numpy(trans).float()
        return body(BodyParams.from_rotations(turns, torch.zeros(9, 10), places)).vertices

    full = np.zeros((9, 24, 3))
    full[:, :22] = made["poses"][:, :66].reshape(9, 22, 3)
    expected = posed(full, made["trans"]) @ torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # x, z, -y
    pelvis = body.rest().joints[0, 0].numpy()
    found = posed(clip.poses, clip.trans - pelvis)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_folders_are_read_recursively_and_resampled(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    made = fields()
    np.savez(tmp_path / "sub" / "walk.npz", **made)
    np.savez(tmp_path / "sub" / "shape.npz", betas=np.zeros(10))
    (clip,) = read_folder(tmp_path, 30.0)
    assert (clip.name, clip.fps, len(clip)) == ("sub/walk", 30.0, 5)
    np.testing.assert_allclose(clip.poses[:, 1], read(tmp_path / "sub" / "walk.npz").clip.poses[::2, 1], atol=1e-5)


def test_smplx_releases_spell_the_frame_rate_differently(tmp_path: Path) -> None:
    made = fields(165)
    made["mocap_frame_rate"] = made.pop("mocap_framerate")
    # what else a stage-II file holds is not read
    np.savez(tmp_path / "walk_stageii.npz", **made, gender=np.array("male"), surface_model_type=np.array("smplx"))
    np.savez(tmp_path / "male_stagei.npz", betas=made["betas"], gender=np.array("male"))
    (clip,) = read_folder(tmp_path, 60.0)
    assert (clip.name, clip.fps, len(clip)) == ("walk_stageii", 60.0, 9)


def broken(field: str, value: np.ndarray | None) -> dict[str, np.ndarray]:
    made = fields()
    if value is None:
        del made[field]
    else:
        made[field] = value
    return made


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("mocap_framerate", None, "fields missing: mocap_framerate"),
        ("poses", np.zeros((9, 63)), r"poses: expected one of \(frames, 72\), .*\(frames, 165\), found \(9, 63\)"),
        ("trans", np.zeros((8, 3)), r"trans: expected \(9, 3\), found \(8, 3\)"),
        ("betas", np.zeros(4), r"betas: expected one row of at least 10 values, found \(4,\)"),
        ("trans", np.full((9, 3), np.nan), "trans: holds values that are not finite"),
        ("mocap_framerate", np.array(0.0), "mocap_framerate: expected one number of 1 to 10000 .*, found 0"),
        ("mocap_framerate", np.array(1e-6), "mocap_framerate: expected one number of 1 to 10000 .*, found 1e-06"),
        ("mocap_framerate", np.array(1e12), "mocap_framerate: expected one number of 1 to 10000 .*, found 1e"),
        ("mocap_framerate", np.array(np.nan), "mocap_framerate: expected one number .*, found nan"),
        ("mocap_framerate", np.full(10**5, 30.0), "mocap_framerate: expected one number .*, found 100000 numbers"),
        ("trans", np.full((9, 3), 1e300), "trans: holds values that are not finite, or beyond"),
        ("poses", np.array([[{}]]), "poses: expected an array of numbers or text, found Python objects"),
        ("betas", np.array(["x"] * 10), "betas: expected numbers"),
    ],
)
def test_errors_name_file_and_field(tmp_path: Path, field: str, value: np.ndarray | None, message: str) -> None:
    np.savez(tmp_path / "bad.npz", **broken(field, value))
    with pytest.raises(MotionError, match=message) as caught:
        read(tmp_path / "bad.npz")
    assert "bad.npz" in str(caught.value)


def test_pickles_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", **broken("trans", np.array([{"a": 1}], dtype=object)))
    with pytest.raises(
        MotionError, match=r"evil\.npz: trans: expected an array of numbers or text, found Python objects"
    ):
        read(tmp_path / "evil.npz")


def test_empty_missing_and_damaged_folders(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match="no such folder"):
        read_folder(tmp_path / "nothing")
    with pytest.raises(MotionError, match="no npz with a field 'poses'"):
        read_folder(tmp_path)
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(MotionError, match=r"cut\.npz"):
        read_folder(tmp_path)
