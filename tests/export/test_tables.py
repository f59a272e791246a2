"""CSV, TRC and the npz files, read as their own programs read them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from s2m.data.motion.amass import read
from s2m.export.csv_table import write_csv
from s2m.export.names import NAMES
from s2m.export.npz import write_amass_npz, write_holosmpl, write_holosoma, write_smplx_npz
from s2m.export.trc import write_trc
from s2m.skeletons import SMPL22, SMPL24

from .motions import FPS, person, truth, y_up


def test_trc_holds_our_joints(tmp_path: Path) -> None:
    write_trc(tmp_path / "walk.trc", person(), NAMES["vrm"])
    lines = (tmp_path / "walk.trc").read_text().splitlines()
    assert lines[0].split("\t") == ["PathFileType", "4", "(X/Y/Z)", "walk.trc"]
    head = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    assert (float(head["DataRate"]), int(head["NumFrames"]), int(head["NumMarkers"])) == (FPS, 12, 24)
    assert head["Units"] == "m"
    assert [name for name in lines[3].split("\t")[2:] if name] == list(NAMES["vrm"])
    assert lines[4].split("\t")[2:5] == ["X1", "Y1", "Z1"]
    rows = np.array([[float(cell) for cell in line.split("\t")] for line in lines[6:]])
    np.testing.assert_allclose(rows[:, 1], np.arange(12) / FPS, atol=1e-6)
    np.testing.assert_allclose(rows[:, 2:].reshape(12, 24, 3), y_up(truth().joints), atol=1e-5)


def test_csv_holds_our_rotations(tmp_path: Path) -> None:
    write_csv(tmp_path / "walk.csv", person())
    with (tmp_path / "walk.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    for joint, name in enumerate(SMPL24.joints):
        vectors = np.array([[float(row[f"{name}_r{axis}"]) for axis in "xyz"] for row in rows])
        np.testing.assert_allclose(Rotation.from_rotvec(vectors).as_matrix(), truth().rotations[:, joint], atol=1e-5)
    place = np.array([[float(row[f"pelvis_at_{axis}"]) for axis in "xyz"] for row in rows])
    np.testing.assert_allclose(place, truth().joints[:, SMPL24.root_index], atol=1e-5)


def test_amass_is_read_as_motion(tmp_path: Path) -> None:
    motion = person()
    write_amass_npz(tmp_path / "a.npz", motion)
    clip = read(tmp_path / "a.npz").clip
    assert clip.fps == FPS
    rotations = Rotation.from_rotvec(clip.poses[:, 1:22].reshape(-1, 3)).as_matrix().reshape(-1, 21, 3, 3)
    np.testing.assert_allclose(rotations, truth().rotations[:, 1:22], atol=1e-5)


def test_smplx_has_what_amass_and_gmr_read(tmp_path: Path) -> None:
    """The keys and shapes that general_motion_retargeting/utils/smpl.py (YanjieZe/GMR) takes out of the file."""
    write_smplx_npz(tmp_path / "a.npz", person())
    with np.load(tmp_path / "a.npz") as file:
        assert "left_hand_pose" not in file  # GMR would take the file for GRAB's
        assert file["pose_body"].shape == (12, 63)
        assert file["root_orient"].shape == file["trans"].shape == (12, 3)
        assert file["betas"].reshape(1, -1).shape == (1, 16)
        assert str(file["gender"]) == "neutral"
        assert file["mocap_frame_rate"].item() == FPS
        joined = [file[key] for key in ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")]
        np.testing.assert_array_equal(np.concatenate(joined, axis=1), file["poses"])
        assert file["poses"].shape == (12, 55 * 3)
        local = Rotation.from_rotvec(file["pose_body"].reshape(-1, 3)).as_matrix().reshape(12, 21, 3, 3)
        np.testing.assert_allclose(local, truth().rotations[:, 1:22], atol=1e-5)


def test_holosmpl_passes_its_validation(tmp_path: Path) -> None:
    """What validation of a formal clip asks for (HorizonRobotics/HoloMotion, holosmpl)."""
    write_holosmpl(tmp_path / "a.npz", person())
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    metadata = json.loads(str(found.pop("metadata").item()))
    assert {name: (value.dtype, value.shape) for name, value in found.items()} == {
        "human_pose_aa": (np.float32, (12, 72)),
        "human_shape_beta": (np.float32, (10,)),
        "human_root_trans": (np.float32, (12, 3)),
        "human_root_height": (np.float32, (12, 1)),
        "human_gravity_projection": (np.float32, (12, 3)),
    }
    root = Rotation.from_rotvec(found["human_pose_aa"][:, :3])
    np.testing.assert_allclose(root.apply(found["human_gravity_projection"]), [[0, 0, -1]] * 12, atol=1e-5)
    np.testing.assert_array_equal(found["human_root_height"], found["human_root_trans"][:, 2:])
    assert metadata["schema_version"] == "formal_human_npz_v1"
    assert metadata["canonical_coordinate_system"] == "canonical_z_up_xyz_m"
    assert (metadata["up_axis"], metadata["unit"], metadata["slice_policy"]) == ("z", "meter", "none")
    assert metadata["frame_count"] == 12


def test_holosoma_has_joints_and_height(tmp_path: Path) -> None:
    """`global_joint_positions` and `height` of the data format smplx (amazon-far/holosoma)."""
    motion = person()
    write_holosoma(tmp_path / "a.npz", motion)
    with np.load(tmp_path / "a.npz") as file:
        np.testing.assert_allclose(file["global_joint_positions"], truth().joints[:, : len(SMPL22)], atol=1e-5)
        assert 1.4 < file["height"] < 2.1
        assert file["height"] == np.ptp(motion.rest.vertices[:, 1])
