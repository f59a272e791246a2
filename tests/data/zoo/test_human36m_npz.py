"""Quirks of VideoPose3D's and SPIN's files, and of metadata.xml. Each test fails when its handling is removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s2m.data.store import FrameStore
from s2m.data.zoo.convert import Options, convert
from s2m.data.zoo.human36m.cameras import CAMERA_IDS, FRONTAL, read_metadata
from s2m.data.zoo.source import SourceError
from s2m.skeletons import H36M17
from tests.data.zoo.fabricate import human36m as fabricate
from tests.data.zoo.test_human36m import read_all, source_of

GT = "data_2d_h36m_gt.npz"
SPIN = "h36m_valid_protocol1.npz"


def change_npz(path: Path, **changes: Callable[[Any], Any]) -> None:
    with np.load(path, allow_pickle=True) as archive:
        content = dict(archive)
    np.savez(path, **{**content, **{name: change(content.get(name)) for name, change in changes.items()}})


def test_metadata_says_which_camera_is_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vector follows the order of index2id."""
    monkeypatch.setattr(fabricate, "CAMERAS", CAMERA_IDS[::-1])
    expected = {name: fabricate.angles_and_place("S9", name)[3:] / 1000 for name in CAMERA_IDS}
    fabricate.write_metadata(tmp_path)
    views = read_metadata(tmp_path / "metadata.xml")
    for name in CAMERA_IDS:
        np.testing.assert_allclose(views["S9", name].position, expected[name], atol=1e-9)
        assert views["S9", name].camera.fx == fabricate.LENSES[name][0]


def test_the_third_column_is_a_detectors_score(tmp_path: Path) -> None:
    known = fabricate.write_videopose(tmp_path, longer=0)

    def add_scores(keypoints: Any) -> Any:
        for actions in keypoints.item().values():
            for action, views in actions.items():
                actions[action] = [np.concatenate([view, np.full((*view.shape[:2], 1), 0.3)], 2) for view in views]
        return keypoints

    change_npz(tmp_path / GT, positions_2d=add_scores)
    source = source_of(tmp_path)
    (tmp_path / "prepared").mkdir()
    source.prepare(tmp_path / "prepared")
    recording = read_all(source)[f"S9/Photo 1.{FRONTAL}"]
    np.testing.assert_allclose(recording.joints2d, known[f"S9/Photo 1.{FRONTAL}"].joints2d, atol=1e-4)


def test_joints_of_another_layout_are_refused(tmp_path: Path) -> None:
    fabricate.write_videopose(tmp_path / "raw", longer=0)
    change_npz(tmp_path / "raw" / GT, metadata=lambda m: np.array({**m.item(), "layout_name": "coco"}, dtype=object))
    with pytest.raises(SourceError, match=r"_gt\.npz: metadata/layout_name: expected h36m or mpii, found coco"):
        convert(source_of(tmp_path / "raw"), tmp_path / "out", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_masks_are_spelled_as_the_official_files_are(tmp_path: Path) -> None:
    """VideoPose3D's "Photo 1" is "TakingPhoto 1" in the release."""
    known = fabricate.write_videopose(tmp_path / "raw", longer=0)
    masks = known[f"S9/Photo 1.{FRONTAL}"].masks
    folder = tmp_path / "raw/S9/MySegmentsMat/ground_truth_bs"
    fabricate.write_masks(folder / f"TakingPhoto 1.{FRONTAL}.mat", masks)
    options = Options(splits=("test",), mask_size=32)
    convert(source_of(tmp_path / "raw", cameras=["frontal"]), tmp_path / "out", options, progress=False)
    assert FrameStore(tmp_path / "out").open("test").observation["silhouette"].any(1).sum() == len(masks)


def test_spin_counts_frames_from_one(tmp_path: Path) -> None:
    fabricate.write_spin(tmp_path)
    for recording in read_all(source_of(tmp_path)).values():
        assert recording.frame.tolist() == list(range(6))


def test_spin_joints_that_are_not_there(tmp_path: Path) -> None:
    """Without 2D: confidence 0, and it does not disturb where the person stands. Without 3D: the frame is dropped."""
    known = fabricate.write_spin(tmp_path / "raw")
    wrist = fabricate.SPIN_TO[H36M17.index("left_wrist")]

    def hide(part: Any) -> Any:
        part[:, wrist] = (5000, 5000, 0)
        return part

    def lose(skeleton: Any) -> Any:
        skeleton[2, wrist] = 0
        return skeleton

    change_npz(tmp_path / "raw" / SPIN, part=hide, S=lose)
    name = f"S9/Directions 1.{FRONTAL}"
    recording = read_all(source_of(tmp_path / "raw"))[name]
    expected = np.ones(17)
    expected[H36M17.index("left_wrist")] = 0
    np.testing.assert_array_equal(recording.confidence, np.tile(expected, (6, 1)))
    assert recording.joints3d is not None
    np.testing.assert_allclose(recording.joints3d[3], known[name].joints3d[3], atol=5e-3)
    convert(source_of(tmp_path / "raw", cameras=["frontal"]), tmp_path / "out", progress=False)
    assert FrameStore(tmp_path / "out").open("test").observation["frame"].tolist() == [0, 1, 3, 4, 5]


def test_spin_bodies_that_were_not_fitted(tmp_path: Path) -> None:
    fabricate.write_spin(tmp_path)
    change_npz(tmp_path / SPIN, has_smpl=lambda _: np.repeat([1.0, 0.0], 6))
    recordings = read_all(source_of(tmp_path))
    assert recordings[f"S9/Directions 1.{FRONTAL}"].body is not None
    assert recordings["S11/Walking.55011271"].body is None


def test_spin_files_with_the_same_recording(tmp_path: Path) -> None:
    fabricate.write_spin(tmp_path)
    (tmp_path / "h36m_valid_protocol2.npz").write_bytes((tmp_path / SPIN).read_bytes())
    with pytest.raises(SourceError, match=r"protocol2\.npz: imgname: expected no recording of .*protocol1\.npz again"):
        source_of(tmp_path).recordings()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def nan(path: Path) -> None:
    change_npz(path, S=lambda skeleton: skeleton * np.nan)


def narrow(path: Path) -> None:
    change_npz(path, part=lambda part: part[:, :17])


def swap(path: Path) -> None:
    change_npz(path, part=lambda part: np.roll(part, 6, axis=0))


def rename(path: Path) -> None:
    change_npz(path, part=lambda part: part, S=lambda skeleton: skeleton)
    with np.load(path) as archive:
        content = dict(archive)
    np.savez(path, **{"skeletons" if name == "S" else name: values for name, values in content.items()})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "not a readable npz file"),
        (lambda path: path.write_bytes(b""), "not a readable npz file"),
        (narrow, r"part: expected shape \(N, 24, 3\), found \(12, 17, 3\)"),
        (rename, "S: missing"),
    ],
)
def test_damaged_spin_files_are_named_and_leave_nothing(
    tmp_path: Path, damage: Callable[[Path], Any], message: str
) -> None:
    fabricate.write_spin(tmp_path / "raw")
    damage(tmp_path / "raw" / SPIN)
    with pytest.raises(SourceError, match=rf"h36m_valid_protocol1\.npz: .*{message}"):
        convert(source_of(tmp_path / "raw"), tmp_path / "out", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


@pytest.mark.parametrize(
    ("damage", "message"), [(nan, r"joints3d: not finite \(12\)"), (swap, r"joints3d: behind the camera \(12\)")]
)
def test_spin_files_without_any_usable_frame_say_why(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    fabricate.write_spin(tmp_path / "raw")
    damage(tmp_path / "raw" / SPIN)
    with pytest.raises(SourceError, match=f"expected usable frames, found none: {message}"):
        convert(source_of(tmp_path / "raw"), tmp_path / "out", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_renamed_and_nan_filled_videopose3d_files(tmp_path: Path) -> None:
    fabricate.write_videopose(tmp_path / "raw", longer=0)
    path = tmp_path / "raw" / "data_3d_h36m.npz"

    def lose(poses: Any) -> Any:
        for actions in poses.item().values():
            for joints in actions.values():
                joints[:] = np.nan
        return poses

    change_npz(path, positions_3d=lose)
    with pytest.raises(SourceError, match=r"expected usable frames, found none: joints3d: not finite \(48\)"):
        convert(source_of(tmp_path / "raw"), tmp_path / "out", progress=False)
    np.savez(path, poses=np.zeros(3))
    with pytest.raises(SourceError, match=r"data_3d_h36m\.npz: positions_3d: missing; the file has poses"):
        convert(source_of(tmp_path / "raw"), tmp_path / "out", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


@pytest.mark.parametrize("name", [GT, "data_3d_h36m.npz"])
@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_truncated_videopose3d_files_are_named_and_leave_nothing(tmp_path: Path, name: str, keep: float) -> None:
    fabricate.write_videopose(tmp_path / "raw")
    path = tmp_path / "raw" / name
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(SourceError, match=rf"{name}: .*not a readable npz file"):
        convert(source_of(tmp_path / "raw"), tmp_path / "out", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


# Stacked Hourglass's order, written down from MPII's annotation; what Human3.6M calls each.
MPII = [
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("pelvis", "thorax", "upper_neck", "head"),
    *("right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
]


def as_mpii(joints: np.ndarray) -> np.ndarray:
    names = ["neck_nose" if name == "upper_neck" else name for name in MPII]
    return joints[:, [H36M17.index(name) for name in names]]


@pytest.mark.parametrize("told", [True, False])
def test_mpiis_16_joints(tmp_path: Path, told: bool) -> None:
    """data_2d_h36m_sh_pt_mpii.npz: limbs by name, spine and neck between their neighbours."""
    raw = tmp_path / "raw"
    known = fabricate.write_videopose(raw, longer=0)
    file = raw / "data_2d_h36m_sh_pt_mpii.npz"
    (raw / GT).rename(file)

    def sixteen(keypoints: Any) -> Any:
        for actions in keypoints.item().values():
            for action, views in actions.items():
                actions[action] = [as_mpii(view) for view in views]
        return keypoints

    metadata = {"layout_name": "mpii", "num_joints": 16} if told else {"num_joints": 16}
    change_npz(file, positions_2d=sixteen, metadata=lambda _: np.array(metadata, dtype=object))
    convert(source_of(raw, joints2d="sh_pt_mpii", cameras=["frontal"]), tmp_path / "out", progress=False)
    found = FrameStore(tmp_path / "out").open("test").observation["joints2d"]
    true = known[f"S9/Photo 1.{FRONTAL}"].joints2d
    named = [i for i, joint in enumerate(H36M17.joints) if joint not in ("spine", "neck_nose")]
    np.testing.assert_allclose(found[:, named], true[:, named], atol=1e-3)
    for joint, ends in (("spine", ("pelvis", "thorax")), ("neck_nose", ("thorax", "head"))):
        middle = true[:, H36M17.indices(ends)].mean(1)
        np.testing.assert_allclose(found[:, H36M17.index(joint)], middle, atol=1e-3)
