from __future__ import annotations

import argparse
import dataclasses
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from s2m.data.store import FrameStore
from s2m.data.zoo.checks import reprojection
from s2m.data.zoo.convert import Options, convert
from s2m.data.zoo.human36m import Human36M
from s2m.data.zoo.human36m.cameras import CAMERA_IDS, FRONTAL, published_views, read_metadata
from s2m.data.zoo.human36m.joints import HUMAN36M32, to_h36m17
from s2m.data.zoo.human36m.protocol import activity, canonical, spellings
from s2m.data.zoo.source import Recording, SourceError
from s2m.skeletons import H36M17, LSP14
from tests.data.zoo.fabricate import human36m as fabricate


def source_of(root: Path, **options: Any) -> Human36M:
    """What the command line builds."""
    chosen = {"cameras": ["all"], "val_subjects": [], "joints2d": "gt", "mosh": None, **options}
    return Human36M.from_arguments(argparse.Namespace(root=root, **chosen))


def read_all(source: Human36M) -> dict[str, Recording]:
    return {ref.name: source.read(ref) for ref in source.recordings()}


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The official layout; tests copy it before they damage it."""
    root = tmp_path_factory.mktemp("h36m") / "raw"
    fabricate.write_official(root)
    return root


@pytest.fixture
def copy(official: Path, tmp_path: Path) -> Path:
    """A copy of hard links: replace files, do not write into them."""
    return Path(shutil.copytree(official, tmp_path / "raw", copy_function=os.link))


def rewrite(path: Path, write: Callable[[Path], None]) -> None:
    path.unlink()
    write(path)


def test_the_store_gives_the_truth_back(official: Path, tmp_path: Path) -> None:
    convert(source_of(official), tmp_path / "out", Options(mask_size=224), progress=False)
    store = FrameStore(tmp_path / "out")
    assert store.joint_set == "h36m17"
    assert {r["name"][:3] for r in store.recordings("train")} == {"S1/", "S5/"}
    assert {r["name"].split("/")[0] for r in store.recordings("test")} == {"S9", "S11"}
    assert {r["activity"] for split in store.splits for r in store.recordings(split)} == {
        "Walking",
        "Photo",
        "Directions",
    }
    for split in store.splits:
        store.verify(split)
        arrays = store.open(split)
        assert arrays.truth is not None
        for number, recording in enumerate(store.recordings(split)):
            subject, take = recording["name"].split("/")
            known = fabricate.truth(subject, {"S1": 0, "S5": 1, "S9": 2, "S11": 3}[subject], take.split(".")[1], 6)
            rows = np.flatnonzero(arrays.observation["sequence"] == number)
            np.testing.assert_allclose(arrays.observation["joints2d"][rows], known.joints2d, atol=1e-4)
            np.testing.assert_allclose(arrays.truth["joints3d"][rows], known.joints3d, atol=1e-5)
            np.testing.assert_array_equal(arrays.observation["frame"][rows], np.arange(6))
            assert recording["image_size"] == list(fabricate.SIZES[take.split(".")[1]])
            # The silhouette, cut out by plain sampling of pixel centres.
            crop, packed = arrays.observation["crop"][rows], arrays.observation["silhouette"][rows]
            stored = np.unpackbits(packed, axis=1).reshape(-1, 224, 224) > 0
            grid = (np.arange(224) + 0.5) / 112 - 1
            for mask, (x, y, half), full in zip(stored, crop, known.masks, strict=True):
                columns, lines = np.floor(x + grid * half).astype(int), np.floor(y + grid * half).astype(int)
                fine = np.ix_((lines >= 0) & (lines < full.shape[0]), (columns >= 0) & (columns < full.shape[1]))
                sampled = full[np.ix_(lines.clip(0, full.shape[0] - 1), columns.clip(0, full.shape[1] - 1))]
                overlap = (mask[fine] & sampled[fine]).sum()
                assert overlap > 0.93 * (mask[fine] | sampled[fine]).sum()
                assert all(overlap > (np.roll(mask, 1, axis)[fine] & sampled[fine]).sum() for axis in (0, 1))


def test_the_17_joints_by_name() -> None:
    """VideoPose3D keeps these of the 32, in this order (h36m_dataset.py)."""
    kept = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
    assert [HUMAN36M32.index(joint) for joint in H36M17.joints] == kept
    assert len(set(HUMAN36M32)) == 32
    values = np.arange(2 * 32 * 3).reshape(2, 32, 3)
    np.testing.assert_array_equal(to_h36m17(values), values[:, kept])
    # The 14 joints of the mesh literature are among them.
    assert set(LSP14.joints) <= set(H36M17.joints)


def test_metadata_cameras_follow_the_toolbox(official: Path) -> None:
    views = read_metadata(official / "metadata.xml")
    assert len(views) == 44
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3)) + np.array([0, 0, 1])
    for subject, camera in (("S1", "54138969"), ("S11", "60457274"), ("S7", "58860488")):
        local, pixels = fabricate.seen(points, subject, camera)
        found = views[subject, camera].to_camera(points)
        np.testing.assert_allclose(found, local, atol=1e-9)
        # The toolbox's tangential terms differ from OpenCV's by less than this.
        np.testing.assert_allclose(views[subject, camera].camera.project(found), pixels, atol=0.3)


def test_published_cameras_look_at_the_middle_of_the_room() -> None:
    """Known answers: S9's first camera as VideoPose3D's quaternion turns and as the literature places it."""
    views = published_views()
    assert len(views) == 28
    view = views["S9", "54138969"]
    w, x, y, z = 0.15540587902069092, -0.15548215806484222, -0.7532095313072205, 0.6199594736099243
    to_world = Rotation.from_quat([x, y, z, w])
    point = np.array([0.3, -0.2, 1.0])
    np.testing.assert_allclose(
        to_world.apply(view.to_camera(point)) + np.array([2.04445849609375, 4.9351171875, 1.4812275390625]), point
    )
    for view in views.values():
        centre = view.to_camera(np.array([0.0, 0.0, 1.0]))
        assert 3.5 < centre[2] < 6.5
        assert np.abs(view.camera.project(centre) - 500).max() < 250
        # Up in the room is up in the picture.
        assert view.camera.project(view.to_camera(np.array([0.0, 0.0, 1.5])))[1] < view.camera.project(centre)[1]


def test_the_lens_matters(official: Path) -> None:
    """Without the distortion the projection check would see about a pixel or more of error near the border."""
    recording = read_all(source_of(official))["S1/Walking.54138969"]
    assert recording.camera is not None
    assert recording.camera.distortion is not None
    rows = np.arange(len(recording))
    with_lens = reprojection(recording, rows).quantile(0.95)
    flat = dataclasses.replace(recording, camera=dataclasses.replace(recording.camera, distortion=None))
    assert with_lens < 0.2 < 5 * 0.2 < reprojection(flat, rows).quantile(0.95)


def test_s11_directions_may_lack_its_first_camera(official: Path) -> None:
    source = source_of(official)
    assert "S11/Directions.54138969" not in read_all(source)
    assert any("S11/Directions.54138969 is missing" in note for note in source.notes)


def test_missing_3d_joints_are_an_error(copy: Path) -> None:
    (copy / "S9/MyPoseFeatures/D3_Positions_mono/Directions 1.60457274.cdf").unlink()
    with pytest.raises(SourceError, match=r"D3_Positions_mono/Directions 1\.60457274\.cdf: expected 3D joints"):
        read_all(source_of(copy))


def test_camera_and_subject_choices(official: Path) -> None:
    assert {name.split(".")[1] for name in read_all(source_of(official, cameras=["frontal"]))} == {FRONTAL}
    splits = {ref.name.split("/")[0]: ref.split for ref in source_of(official, val_subjects=["S5"]).recordings()}
    assert splits == {"S1": "train", "S5": "val", "S9": "test", "S11": "test"}
    with pytest.raises(SourceError, match="--cameras: expected some of 54138969, .* found left"):
        source_of(official, cameras=["left"])
    with pytest.raises(SourceError, match="--val-subjects: expected training subjects .* found S9"):
        source_of(official, val_subjects=["S9"])


def test_subjects_call_actions_differently() -> None:
    assert activity("TakingPhoto 1") == activity("Photo") == activity("Photo_2") == "Photo"
    assert activity("WalkingDog") == "WalkDog"
    assert activity("SittingDown 2") == "SittingDown"
    assert canonical("TakingPhoto 1") == "Photo 1"
    assert set(spellings("WalkDog 1")) == {"WalkDog 1", "WalkingDog 1"}


def test_2d_and_3d_of_other_lengths(copy: Path) -> None:
    path = copy / "S1/MyPoseFeatures/D2_Positions/Walking.54138969.cdf"
    known = fabricate.truth("S1", 0, "54138969", 40)
    for kind, frames in (("D2_Positions", 39), ("D3_Positions_mono", 40)):
        values = known.joints2d if kind == "D2_Positions" else known.joints3d * 1000
        path = copy / f"S1/MyPoseFeatures/{kind}/Walking.54138969.cdf"
        rewrite(path, lambda p, values=values, frames=frames: fabricate.write_cdf(p, fabricate.to_32(values[:frames])))
    recording = read_all(source_of(copy))["S1/Walking.54138969"]
    assert len(recording) == 39
    assert recording.left_out == {"frames without a counterpart in 2D or 3D": 1}
    rewrite(path, lambda p: fabricate.write_cdf(p, fabricate.to_32(known.joints3d[:20] * 1000)))
    with pytest.raises(SourceError, match=r"Walking\.54138969\.cdf: expected about the 39 frames of .* found 20"):
        read_all(source_of(copy))


def test_world_positions_stand_in_for_mono(tmp_path: Path) -> None:
    fabricate.write_metadata(tmp_path)
    known = fabricate.write_take(tmp_path, "S9", "Walking", 0, FRONTAL, world=True)
    recording = read_all(source_of(tmp_path))[f"S9/Walking.{FRONTAL}"]
    np.testing.assert_allclose(recording.joints3d, known.joints3d, atol=1e-6)


def test_folders_of_the_fetching_script(tmp_path: Path) -> None:
    fabricate.write_metadata(tmp_path)
    known = fabricate.write_take(tmp_path, "S9", "Walking", 0, FRONTAL)
    for kind in ("D2_Positions", "D3_Positions_mono"):
        (tmp_path / "S9/MyPoseFeatures" / kind).rename(tmp_path / "S9" / f"Poses_{kind}")
    recording = read_all(source_of(tmp_path))[f"S9/Walking.{FRONTAL}"]
    np.testing.assert_allclose(recording.joints2d, known.joints2d, atol=1e-4)


def test_boxes_are_no_silhouettes(tmp_path: Path) -> None:
    fabricate.write_metadata(tmp_path)
    known = fabricate.write_take(tmp_path, "S9", "Walking", 0, FRONTAL, masks=None)
    boxes = np.zeros_like(known.masks)
    boxes[:, 100:400, 200:300] = True
    path = tmp_path / f"S9/MySegmentsMat/ground_truth_bb/Walking.{FRONTAL}.mat"
    fabricate.write_masks(path, boxes)
    assert read_all(source_of(tmp_path))[f"S9/Walking.{FRONTAL}"].masks is None
    # Silhouettes in that folder, as some copies have them, are used.
    rewrite(path, lambda p: fabricate.write_masks(p, known.masks))
    masks = read_all(source_of(tmp_path))[f"S9/Walking.{FRONTAL}"].masks
    assert masks is not None
    np.testing.assert_array_equal(masks.read(np.array([1, 4])), known.masks[[1, 4]])


def test_frames_beyond_the_masks_are_dropped(copy: Path, tmp_path: Path) -> None:
    path = copy / "S1/MySegmentsMat/ground_truth_bs/Walking.54138969.mat"
    rewrite(path, lambda p: fabricate.write_masks(p, fabricate.truth("S1", 0, "54138969", 6).masks[:4]))
    convert(source_of(copy, cameras=["54138969"]), tmp_path / "out", Options(splits=("train",)), progress=False)
    store = FrameStore(tmp_path / "out")
    assert [recording["rows"] for recording in store.recordings("train")] == [4, 6]


CDF = "S1/MyPoseFeatures/D3_Positions_mono/Walking.54138969.cdf"
MASKS = "S1/MySegmentsMat/ground_truth_bs/Walking.54138969.mat"


def _cut(path: Path) -> None:
    content = path.read_bytes()
    rewrite(path, lambda p: p.write_bytes(content[: len(content) // 2]))  # type: ignore[arg-type,return-value]


def _empty(path: Path) -> None:
    rewrite(path, Path.touch)


def _foreign_hdf5(path: Path) -> None:
    def write(p: Path) -> None:
        with h5py.File(p, "w") as file:
            file["Boxes"] = np.zeros(3)

    rewrite(path, write)


def _nan(path: Path) -> None:
    rewrite(path, lambda p: fabricate.write_cdf(p, np.full((6, 32, 3), np.nan)))


def _renamed(path: Path) -> None:
    known = fabricate.truth("S1", 0, "54138969", 6)
    rewrite(path, lambda p: fabricate.write_cdf(p, fabricate.to_32(known.joints3d * 1000), name="Poses"))


def _narrow(path: Path) -> None:
    rewrite(path, lambda p: fabricate.write_cdf(p, np.zeros((6, 17, 3))))


def _of_another_camera(path: Path) -> None:
    known = fabricate.truth("S1", 0, "60457274", 6)
    rewrite(path, lambda p: fabricate.write_cdf(p, fabricate.to_32(known.joints3d * 1000)))


def _sideways(path: Path) -> None:
    known = fabricate.truth("S1", 0, "54138969", 6)
    rewrite(path, lambda p: fabricate.write_masks(p, known.masks.transpose(0, 2, 1)))


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        (CDF, _cut, r"Walking\.54138969\.cdf: Pose: expected a CDF file"),
        (CDF, _empty, r"Walking\.54138969\.cdf: Pose: expected a CDF file"),
        (CDF, _renamed, r"Walking\.54138969\.cdf: Pose: expected a CDF file with this variable"),
        (CDF, _narrow, r"Walking\.54138969\.cdf: Pose: expected shape \(1, frames, 96\), found \(1, 6, 51\)"),
        (CDF, _nan, r"expected usable frames, found none: joints3d: not finite \(6\)"),
        (CDF, _of_another_camera, r"Walking\.54138969\.cdf, .*: joints3d: expected to project onto the 2D joints"),
        (MASKS, _cut, r"Walking\.54138969\.mat: .*expected a MATLAB v7.3|Walking\.54138969\.mat: Masks"),
        (MASKS, _empty, r"Walking\.54138969\.mat: expected a MATLAB v7.3 \(HDF5\) file"),
        (MASKS, _foreign_hdf5, r"Walking\.54138969\.mat: Masks: expected a cell of pictures, found Boxes"),
        (MASKS, _sideways, r"Masks\{1\}: expected \(1002, 1000\) pixels, found \(1000, 1002\)"),
        ("metadata.xml", _cut, r"metadata\.xml: expected an XML file"),
        ("metadata.xml", _empty, r"metadata\.xml: expected an XML file"),
    ],
)
def test_damaged_files_are_named_and_leave_nothing(
    copy: Path, tmp_path: Path, file: str, damage: Callable[[Path], None], message: str
) -> None:
    for other in ("S5", "S9", "S11"):
        shutil.rmtree(copy / other)
    for path in copy.glob("S1/*/*/*.60457274.*"):
        path.unlink()
    damage(copy / file)
    with pytest.raises(SourceError, match=message):
        convert(source_of(copy), tmp_path / "out", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<td>54138969</td>", "<td>1</td>", "dbcameras/index2id: expected"),
        ("<w0>[", "<w0>[1.0 ", "w0: expected 300 finite numbers, found 301"),
        ("<w0>[", "<w0>[x ", "w0: expected numbers in brackets"),
        ("w0>", "w1>", "w0: expected numbers in brackets, found nothing"),
    ],
)
def test_foreign_metadata_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    fabricate.write_metadata(tmp_path)
    file = tmp_path / "metadata.xml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(SourceError, match=rf"metadata\.xml: {message}"):
        read_metadata(file)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"expected S\*/MyPoseFeatures/D2_Positions, data_3d_h36m.npz or h36m_\*.npz"):
        source_of(tmp_path)
    fabricate.write_metadata(tmp_path)
    fabricate.write_take(tmp_path, "S2", "Walking", 0, FRONTAL, masks=None)
    with pytest.raises(SourceError, match="human36m: expected recordings"):
        source_of(tmp_path).recordings()


def test_videopose3d_files(tmp_path: Path) -> None:
    known = fabricate.write_videopose(tmp_path / "raw", longer=0)
    source = source_of(tmp_path / "raw")
    assert any("S11/Walking" in note for note in source.notes)
    convert(source, tmp_path / "out", progress=False)
    store = FrameStore(tmp_path / "out")
    assert len(store.recordings("test")) == len(CAMERA_IDS)
    for split in store.splits:
        arrays = store.open(split)
        assert arrays.truth is not None
        for number, recording in enumerate(store.recordings(split)):
            rows = np.flatnonzero(arrays.observation["sequence"] == number)
            truth = known[recording["name"]]
            np.testing.assert_allclose(arrays.observation["joints2d"][rows], truth.joints2d, atol=1e-4)
            np.testing.assert_allclose(arrays.truth["joints3d"][rows], truth.joints3d, atol=1e-5)
            assert not recording["detected"]


def test_videopose3d_videos_are_longer_than_the_motion(tmp_path: Path) -> None:
    fabricate.write_videopose(tmp_path / "raw", frames=40, longer=2)
    convert(source_of(tmp_path / "raw", cameras=["frontal"]), tmp_path / "out", progress=False)
    assert FrameStore(tmp_path / "out").open("test").rows == 40


def test_videopose3d_detections(tmp_path: Path) -> None:
    fabricate.write_videopose(tmp_path / "raw", longer=0, noise=6.0)
    with pytest.raises(SourceError, match=r"data_2d_h36m_gt\.npz: missing; .*: data_2d_h36m_cpn_ft_h36m_dbb\.npz"):
        source_of(tmp_path / "raw")
    convert(source_of(tmp_path / "raw", joints2d="cpn_ft_h36m_dbb"), tmp_path / "out", progress=False)
    store = FrameStore(tmp_path / "out")
    assert store.recordings("test")[0]["detected"]
    assert store.header["source"]["keypoints"] == "cpn_ft_h36m_dbb"


def test_videopose3d_pickles_run_no_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'pwned'}",)

    fabricate.write_videopose(tmp_path / "raw")
    np.savez(tmp_path / "raw" / "data_3d_h36m.npz", positions_3d=np.array({"S1": {"Walking": Evil()}}, dtype=object))
    with pytest.raises(SourceError, match=r"data_3d_h36m\.npz: positions_3d: expected arrays .* forbidden global"):
        source_of(tmp_path / "raw").recordings()
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"S1": {"Walking": np.zeros((6, 17, 3))}},
            r"positions_3d/S1/Walking: expected shape \(frames, 32, 3\), found",
        ),
        ({"S1": 3}, "positions_3d: expected a dictionary of subjects and actions"),
        ([1, 2], "positions_3d: expected a dictionary of subjects and actions"),
    ],
)
def test_misshapen_videopose3d_files_are_named(tmp_path: Path, content: Any, message: str) -> None:
    fabricate.write_videopose(tmp_path / "raw")
    array = np.empty((), dtype=object)
    array[()] = content
    np.savez(tmp_path / "raw" / "data_3d_h36m.npz", positions_3d=array)
    with pytest.raises(SourceError, match=rf"data_3d_h36m\.npz: {message}"):
        convert(source_of(tmp_path / "raw"), tmp_path / "out", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_spin_files(tmp_path: Path) -> None:
    known = fabricate.write_spin(tmp_path / "raw")
    convert(source_of(tmp_path / "raw"), tmp_path / "out", progress=False)
    store = FrameStore(tmp_path / "out")
    arrays = store.open("test")
    assert arrays.truth is not None
    assert {recording["name"] for recording in store.recordings("test")} == set(known)
    for number, recording in enumerate(store.recordings("test")):
        rows = np.flatnonzero(arrays.observation["sequence"] == number)
        truth = known[recording["name"]]
        np.testing.assert_allclose(arrays.observation["joints2d"][rows], truth.joints2d, atol=1e-4)
        joints = arrays.truth["joints3d"][rows]
        np.testing.assert_allclose(joints - joints[:, :1], truth.joints3d - truth.joints3d[:, :1], atol=1e-4)
        # The distance was solved for; the toolbox's lens differs from OpenCV's by a few tenths of a pixel.
        np.testing.assert_allclose(joints, truth.joints3d, atol=5e-3)
        np.testing.assert_allclose(arrays.truth["poses"][rows], truth.poses, atol=1e-6)


def test_spin_names_of_another_form_are_named(tmp_path: Path) -> None:
    fabricate.write_spin(tmp_path)
    np.savez(tmp_path / "h36m_valid_protocol1.npz", imgname=np.array(["a.jpg"]))
    with pytest.raises(SourceError, match=r"h36m_valid_protocol1\.npz: imgname\[0\]: expected S9_Action"):
        source_of(tmp_path).recordings()


def test_mosh(copy: Path, tmp_path: Path) -> None:
    """Every fifth frame, turned upright; a recording without a file is left out, and the notes say so."""
    mosh = tmp_path / "mosh"
    for subject, take, action in (("S9", 2, "Directions 1"), ("S11", 3, "Directions")):
        known = fabricate.truth(subject, take, FRONTAL, 6)
        fabricate.write_mosh(mosh, subject, action, FRONTAL, known)
    source = source_of(copy, mosh=mosh)
    assert any("S9/Directions 1.54138969" in note for note in source.notes)
    convert(source, tmp_path / "out", Options(splits=("test",)), progress=False)
    store = FrameStore(tmp_path / "out")
    arrays = store.open("test")
    assert arrays.truth is not None
    assert arrays.observation["frame"].tolist() == [0, 5, 0, 5]
    for number, (subject, take) in enumerate((("S11", 3), ("S9", 2))):
        known, rows = fabricate.truth(subject, take, FRONTAL, 6), slice(2 * number, 2 * number + 2)
        found = Rotation.from_rotvec(arrays.truth["poses"][rows, :3])
        assert (found * Rotation.from_rotvec(known.poses[::5, :3]).inv()).magnitude().max() < 1e-5
        np.testing.assert_allclose(arrays.truth["poses"][rows, 3:], known.poses[::5, 3:], atol=1e-6)
        np.testing.assert_allclose(arrays.truth["betas"][rows], np.tile(known.betas, (2, 1)), atol=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"betas": np.zeros(10)}, "new_poses: missing; the file has betas"),
        ({"new_poses": np.zeros((2, 66)), "betas": np.zeros(10)}, r"new_poses: expected shape \(frames, 72\), found"),
        ({"new_poses": np.zeros((2, 72)), "betas": np.zeros(3)}, "betas: expected 10 numbers, found 3"),
        ([1], "expected a pickle of arrays"),
    ],
)
def test_foreign_mosh_files_are_named(copy: Path, tmp_path: Path, content: Any, message: str) -> None:
    file = tmp_path / "mosh" / "S9" / "Directions 1_cam3_aligned.pkl"
    file.parent.mkdir(parents=True)
    file.write_bytes(pickle.dumps(content))
    with pytest.raises(SourceError, match=rf"Directions 1_cam3_aligned\.pkl: {message}"):
        read_all(source_of(copy, mosh=tmp_path / "mosh"))
