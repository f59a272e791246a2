"""MPI-INF-3DHP's reader against files in its official layout, made from a truth that is known."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from s2m.data.store import FrameStore
from s2m.data.zoo import mpi_inf_3dhp
from s2m.data.zoo.convert import Options, convert
from s2m.data.zoo.mpi_inf_3dhp import ACTIVITIES, MpiInf3DHP
from s2m.data.zoo.source import Recording, SourceError
from s2m.data.zoo.video_masks import RedChannel
from s2m.optional import MissingPackageError
from s2m.skeletons import MPI3DHP17
from tests.data.zoo.fabricate import mpi_inf_3dhp as fabricate
from tests.data.zoo.fabricate.mpi_inf_3dhp import (
    SIZE,
    UNIVERSAL,
    VIEWS,
    View,
    visible_masks,
    write_test,
    write_training,
)

NAMES = MPI3DHP17.joints


def read(root: Path, name: str, **options: Any) -> Recording:
    source = MpiInf3DHP(root, **{"cameras": (0, 2), **options})
    return source.read(next(ref for ref in source.recordings() if ref.name == name))


def projected(recording: Recording) -> np.ndarray:
    assert recording.camera is not None
    assert recording.joints3d is not None
    return recording.camera.project(recording.joints3d)


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, fabricate.Person]]:
    root = tmp_path_factory.mktemp("3dhp")
    return root, write_training(root)


@pytest.fixture(scope="module")
def made_test(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, fabricate.Person]:
    root = tmp_path_factory.mktemp("3dhp")
    return root, write_test(root, valid=[1, 1, 0, 1, 1, 0, 1, 1], activity=[1, 1, 1, 3, 3, 3, 7, 7])


# What the files say.


@pytest.mark.parametrize("camera", [0, 2])
def test_training_gives_back_the_truth_by_name(training: Any, camera: int) -> None:
    root, seen = training
    recording = read(root, f"S1/Seq1/{camera}", truth="metric")
    expected = seen[camera].ours(NAMES)
    assert recording.joints3d is not None
    assert np.abs(recording.joints3d - expected).max() < 1e-6
    assert np.abs(recording.joints2d - VIEWS[camera].project(expected)).max() < 1e-6
    assert (recording.confidence == 1).all()
    assert recording.joint_set == "mpi3dhp17"
    assert (recording.split, recording.image_size, recording.frame.tolist()) == ("train", (SIZE, SIZE), list(range(6)))
    assert recording.camera is not None
    view = VIEWS[camera]
    assert recording.camera.intrinsics == (view.fx, view.fy, view.cx, view.cy)


@pytest.mark.parametrize("truth", mpi_inf_3dhp.TRUTHS)
def test_both_truths_project_onto_the_image(training: Any, made_test: Any, truth: str) -> None:
    for root, name in ((training[0], "S1/Seq1/2"), (made_test[0], "TS1/3")):
        recording = read(root, name, truth=truth)
        assert np.abs(projected(recording) - recording.joints2d).max() < 1e-4


def test_universal_truth_is_the_metric_one_times_its_factor(training: Any) -> None:
    root, seen = training
    recording = read(root, "S1/Seq1/0")
    assert recording.joints3d is not None
    pelvis = MPI3DHP17.root_index
    metric = seen[0].ours(NAMES)
    expected = UNIVERSAL * (metric - metric[:, pelvis, None])
    assert np.abs(recording.joints3d - recording.joints3d[:, pelvis, None] - expected).max() < 1e-6


def test_masks_are_the_person_without_chair_and_studio(training: Any) -> None:
    root, seen = training
    recording = read(root, "S1/Seq1/0")
    assert recording.masks is not None
    reader = pickle.loads(pickle.dumps(recording.masks))
    found = np.concatenate([reader.read(np.array([0, 2])), reader.read(np.array([5])), reader.read(np.array([1]))])
    expected = visible_masks(seen[0], VIEWS[0])[[0, 2, 5, 1]]
    assert found.dtype == bool
    assert found.shape == expected.shape
    overlap = (found & expected).sum((1, 2)) / (found | expected).sum((1, 2))
    assert overlap.min() > 0.97


def test_test_sequences_split_by_activity(made_test: Any) -> None:
    root, seen = made_test
    truth = seen.ours(NAMES)
    expected = {"TS1/1": [0, 1], "TS1/3": [3, 4], "TS1/7": [6, 7]}
    for name, rows in expected.items():
        recording = read(root, name, truth="metric")
        assert recording.frame.tolist() == rows
        assert recording.split == "test"
        assert recording.activity == ACTIVITIES[int(name[-1]) - 1]
        assert recording.joints3d is not None
        assert np.abs(recording.joints3d - truth[rows]).max() < 1e-6
    assert read(root, "TS1/1").left_out == {"not valid (valid_frame)": 1}
    assert len(read(root, "TS1/2")) == 0


def test_official_folders_and_splits(tmp_path: Path) -> None:
    for name in ("S1/Seq2", "S8/Seq1"):
        write_training(tmp_path, name, frames=2, masks=False)
    write_test(tmp_path / "mpi_inf_3dhp_test_set", "TS2", frames=2)
    source = MpiInf3DHP(tmp_path, cameras=(2,))
    splits = {ref.name: ref.split for ref in source.recordings()}
    assert splits == {"S1/Seq2/2": "train", "S8/Seq1/2": "val", **{f"TS2/{n}": "test" for n in range(1, 8)}}
    assert {r.split for r in MpiInf3DHP(tmp_path, validation=()).recordings()} == {"train", "test"}
    assert any("not there: S1/Seq1" in note for note in source.notes)
    assert source.settings == {"truth": "universal", "cameras": [2], "validation": ["S8"]}


# Quirks. Each of these fails when its handling is removed.


def test_cells_belong_to_the_cameras_that_the_file_names(tmp_path: Path) -> None:
    seen = write_training(tmp_path, views={7: VIEWS[2], 0: VIEWS[0]}, masks=False)
    recording = read(tmp_path, "S1/Seq1/7", cameras=(7,), truth="metric")
    assert recording.joints3d is not None
    assert np.abs(recording.joints3d - seen[7].ours(NAMES)).max() < 1e-6


def test_rows_beyond_the_last_frame_are_left_out(tmp_path: Path) -> None:
    write_training(tmp_path, "S3/Seq1", frames=4, first=12486, masks=False)
    recording = read(tmp_path, "S3/Seq1/0")
    assert recording.frame.tolist() == [12486, 12487]
    assert recording.left_out == {"annotated, but beyond the last frame": 2}


def test_rows_without_a_frame_in_the_mask_video_are_left_out(tmp_path: Path) -> None:
    seen = write_training(tmp_path, frames=6)
    short = fabricate.person_masks(seen[0], VIEWS[0])[:4]
    fabricate.write_video(tmp_path / "S1/Seq1/FGmasks/video_0.avi", short)
    recording = read(tmp_path, "S1/Seq1/0")
    assert recording.frame.tolist() == [0, 1, 2, 3]
    assert recording.left_out == {"mask video ends earlier": 2}
    assert len(read(tmp_path, "S1/Seq1/2")) == 6


def test_left_and_right_are_swapped_back_in_s4_seq2(tmp_path: Path) -> None:
    first, end = mpi_inf_3dhp.SWAPPED["S4/Seq2"]
    for folder, start in (("begins", first - 3), ("extremities", end - 3)):
        seen = write_training(
            tmp_path / folder, "S4/Seq2", frames=6, first=start, swapped=range(first, end), masks=False
        )
        recording = read(tmp_path / folder, "S4/Seq2/0", truth="metric")
        truth = seen[0].ours(NAMES)
        assert recording.joints3d is not None
        assert np.abs(recording.joints3d - truth).max() < 1e-6
        assert np.abs(recording.joints2d - VIEWS[0].project(truth)).max() < 1e-6


def test_a_corrected_s4_seq2_is_left_as_it_is(tmp_path: Path) -> None:
    first, _ = mpi_inf_3dhp.SWAPPED["S4/Seq2"]
    seen = write_training(tmp_path, "S4/Seq2", frames=6, first=first - 3, masks=False)
    recording = read(tmp_path, "S4/Seq2/0", truth="metric")
    assert recording.joints3d is not None
    assert np.abs(recording.joints3d - seen[0].ours(NAMES)).max() < 1e-6


def test_masks_that_their_authors_advise_against_are_not_read(tmp_path: Path) -> None:
    write_training(tmp_path, "S1/Seq2", frames=2)
    write_training(tmp_path, "S2/Seq2", frames=2)
    assert read(tmp_path, "S1/Seq2/0").masks is None
    assert read(tmp_path, "S2/Seq2/0").masks is not None


def test_a_missing_chair_video_is_no_chair(tmp_path: Path) -> None:
    seen = write_training(tmp_path, frames=2)
    (tmp_path / "S1/Seq1/ChairMasks/video_0.avi").unlink()
    masks = read(tmp_path, "S1/Seq1/0").masks
    assert masks is not None
    with_chair = masks.read(np.array([0]))[0]
    expected = visible_masks(seen[0], VIEWS[0])[0]
    assert with_chair.sum() > expected.sum() + 500


@pytest.mark.parametrize("outdoor", ["TS5", "TS6"])
def test_outdoor_sequences_have_their_size_and_lens(tmp_path: Path, outdoor: str) -> None:
    lens = (-0.276859611, 0.131125256, -0.000360494, -0.001149441, -0.049318332)
    # posepile's camera of TS5 and TS6, in pixels
    garden = View(1684.0, 1672.6, 939.857, 556.38)
    write_test(tmp_path, outdoor, view=garden, lens=lens)
    write_test(tmp_path, "TS4", view=View(1500.2, 1500.9, 1017.4, 1043.5))
    bent = read(tmp_path, f"{outdoor}/1")
    assert bent.image_size == (1920, 1080)
    assert bent.camera is not None
    assert bent.camera.distortion == lens
    assert np.abs(projected(bent) - bent.joints2d).max() < 0.5
    studio = read(tmp_path, "TS4/1")
    assert studio.image_size == (2048, 2048)
    assert studio.camera is not None
    assert studio.camera.distortion is None


def test_an_undistorted_outdoor_sequence_gets_a_pinhole(tmp_path: Path) -> None:
    view = View(1700, 1690, 950, 545)
    write_test(tmp_path, "TS6", view=view)
    recording = read(tmp_path, "TS6/1")
    assert recording.camera is not None
    assert recording.camera.distortion is None
    assert recording.camera.intrinsics == pytest.approx((view.fx, view.fy, view.cx, view.cy), abs=1e-3)


def test_compression_leaves_noise_that_is_no_person(tmp_path: Path) -> None:
    nothing = np.zeros((2, 64, 64, 3), np.uint8)
    nothing[..., 0] = np.random.default_rng(0).integers(0, 100, (2, 64, 64))
    with av.open(str(tmp_path / "noise.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 64, 64, "yuv420p", 4_000_000
        for picture in nothing:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    assert all(mask.mean() < 0.01 for _, mask in RedChannel(tmp_path / "noise.avi").read([0, 1]))


def test_hands_beyond_the_outermost_joint_are_person(tmp_path: Path) -> None:
    seen = write_training(tmp_path, frames=1)
    flat = VIEWS[0].project(seen[0].all28()[0])
    person = np.zeros((1, SIZE, SIZE), bool)
    person[:, round(flat[:, 1].min()) - 8 : round(flat[:, 1].max()), 100:110] = True
    fabricate.write_video(tmp_path / "S1/Seq1/FGmasks/video_0.avi", person)
    (tmp_path / "S1/Seq1/ChairMasks/video_0.avi").unlink()
    masks = read(tmp_path, "S1/Seq1/0").masks
    assert masks is not None
    # The margin is 30 pixels of a picture 768 wide: 10 of 256.
    assert (masks.read(np.array([0]))[0] & person[0]).sum() > 0.97 * person.sum()


def test_the_usual_views_and_folders(tmp_path: Path) -> None:
    """Eight of the fourteen cameras; the test set in any of three places."""
    write_training(tmp_path, frames=1, masks=False)
    write_test(tmp_path / "test", "TS3", frames=2)
    names = [ref.name for ref in MpiInf3DHP(tmp_path).recordings()]
    assert names == [*(f"S1/Seq1/{camera}" for camera in (0, 1, 2, 4, 5, 6, 7, 8)), *(f"TS3/{n}" for n in range(1, 8))]


def test_pictures_are_numbered_from_one(tmp_path: Path) -> None:
    from PIL import Image

    write_test(tmp_path, frames=2)
    (tmp_path / "TS1/imageSequence").mkdir()
    for number in (1, 2):
        Image.new("L", (2048, 2048), 100 * number).save(tmp_path / f"TS1/imageSequence/img_{number:06d}.jpg")
    reader = read(tmp_path, "TS1/1").pictures
    assert reader is not None
    for frame in (0, 1):
        picture = reader.read(frame)
        assert picture is not None
        assert abs(np.asarray(picture).mean() - 100 * (frame + 1)) < 2


# Damaged files.


def change_annot(root: Path, change: Callable[[dict[str, Any]], None], name: str = "S1/Seq1/annot.mat") -> None:
    content = {k: v for k, v in loadmat(root / name).items() if not k.startswith("__")}
    change(content)
    savemat(root / name, content)


def drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.pop(name)


def put_nan(content: dict[str, Any]) -> None:
    content["annot3"][0, 0][3, 5] = np.nan


def cut_cell(content: dict[str, Any]) -> None:
    content["annot2"][1, 0] = content["annot2"][1, 0][:, :34]


def cut_cameras(content: dict[str, Any]) -> None:
    content["annot2"] = content["annot2"][:1]


def unrelated_universal(content: dict[str, Any]) -> None:
    content["univ_annot3"][0, 0][:, :30] += 50


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("frames"), "field frames: missing"),
        (drop("univ_annot3"), "field univ_annot3: missing"),
        (put_nan, r"field annot3: not finite in 1 frames \(first rows: \[3\]\)"),
        (cut_cell, r"field annot2: expected the shape \(6, 56\), found \(6, 34\)"),
        (cut_cameras, "field annot2: expected a cell for each of 2 cameras, found 1"),
        (unrelated_universal, "field univ_annot3: expected annot3 times one factor"),
    ],
)
def test_damaged_training_annotation(tmp_path: Path, change: Any, message: str) -> None:
    write_training(tmp_path, masks=False)
    change_annot(tmp_path, change)
    with pytest.raises(SourceError, match=rf"annot\.mat: {message}"):
        read(tmp_path, "S1/Seq1/0")


@pytest.mark.parametrize("cut", [0, 100, 3000])
def test_truncated_files(tmp_path: Path, cut: int) -> None:
    write_training(tmp_path, frames=2)
    write_test(tmp_path)
    for name in ("S1/Seq1/annot.mat", "TS1/annot_data.mat"):
        file = tmp_path / name
        file.write_bytes(file.read_bytes()[:cut])
        with pytest.raises(SourceError, match=rf"{file.name}: .*(not a readable MATLAB|missing)"):
            read(tmp_path, "S1/Seq1/0" if "annot.mat" in name else "TS1/1")


def test_training_file_of_another_matlab_version(tmp_path: Path) -> None:
    write_training(tmp_path, masks=False)
    write_test(tmp_path)
    (tmp_path / "S1/Seq1/annot.mat").write_bytes((tmp_path / "TS1/annot_data.mat").read_bytes())
    with pytest.raises(SourceError, match=r"annot\.mat: field frames: not a readable MATLAB v5 file"):
        read(tmp_path, "S1/Seq1/0")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_training(tmp_path, frames=2)
    write_test(tmp_path)
    for package, name in (("av", "S1/Seq1/0"), ("h5py", "TS1/1")):
        monkeypatch.setitem(sys.modules, package, None)
        expected = rf"package {package}: missing; pip install 'skeleton2mesh\[datasets\]'"
        with pytest.raises(MissingPackageError, match=expected):
            read(tmp_path, name)


def test_unknown_camera(tmp_path: Path) -> None:
    write_training(tmp_path, masks=False)
    with pytest.raises(SourceError, match=r"annot\.mat: expected camera 5, found 0, 2"):
        read(tmp_path, "S1/Seq1/5", cameras=(5,))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Skeletool", "Some", "expected 'Skeletool Camera Calibration File V1.0'"),
        ("intrinsic   300", "intrinsic   ", r"camera 0: expected size, intrinsic \(16 numbers\), radial"),
        ("radial      0", "radial      1", "camera 0: radial: expected 0"),
        ("size", "extent", "camera 0: expected size"),
    ],
)
def test_damaged_calibration(tmp_path: Path, old: str, new: str, message: str) -> None:
    write_training(tmp_path, masks=False)
    file = tmp_path / "S1/Seq1/camera.calibration"
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(SourceError, match=rf"camera\.calibration: {message}"):
        read(tmp_path, "S1/Seq1/0")


def test_damaged_videos(tmp_path: Path) -> None:
    write_training(tmp_path, frames=6)
    file = tmp_path / "S1/Seq1/FGmasks/video_0.avi"
    whole = file.read_bytes()
    file.write_bytes(b"no video at all")
    with pytest.raises(SourceError, match=r"video_0\.avi: not a readable video"):
        read(tmp_path, "S1/Seq1/0")
    file.write_bytes(whole)
    recording = read(tmp_path, "S1/Seq1/0")
    file.write_bytes(whole[: len(whole) // 2])
    assert recording.masks is not None
    with pytest.raises(SourceError, match=r"video_0\.avi: (expected frame|not a readable)"):
        recording.masks.read(np.arange(6))


def change_test(root: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    with h5py.File(root / "TS1/annot_data.mat", "r+") as file:
        changed = change(np.asarray(file[name]))
        del file[name]
        file[name] = changed


def mirrored(points: np.ndarray) -> np.ndarray:
    return points * np.array([1, -1, 1])


def nan_at_five(points: np.ndarray) -> np.ndarray:
    points[5, 0, 3] = np.nan
    return points


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("annot3", mirrored, "expected a camera with a positive focal length"),
        ("annot2", nan_at_five, r"field annot2: not finite in 1 frames \(first rows: \[5\]\)"),
        ("annot2", lambda a: a.transpose(3, 2, 1, 0), r"field annot2: expected the shape \(8, 1, 17, 2\)"),
        ("valid_frame", lambda a: a[:-1], r"field valid_frame: expected the shape \(8, 1\), found \(7, 1\)"),
        ("activity_annotation", lambda a: a + 7, "expected 1 to 7 in valid frames, found 8 to 8"),
        ("univ_annot3", mirrored, "field univ_annot3: expected annot3 times one factor"),
    ],
)
def test_damaged_test_annotation(tmp_path: Path, name: str, change: Any, message: str) -> None:
    write_test(tmp_path)
    change_test(tmp_path, name, change)
    if name == "annot3":
        change_test(tmp_path, "univ_annot3", change)
    with pytest.raises(SourceError, match=rf"annot_data\.mat: .*{message}"):
        read(tmp_path, "TS1/1")


def test_nan_in_an_invalid_frame_does_no_harm(tmp_path: Path) -> None:
    write_test(tmp_path, valid=[1, 1, 1, 1, 1, 0, 1, 1])
    change_test(tmp_path, "annot2", nan_at_five)
    assert len(read(tmp_path, "TS1/1")) == 7


def test_renamed_field_of_the_test_annotation(tmp_path: Path) -> None:
    write_test(tmp_path)
    with h5py.File(tmp_path / "TS1/annot_data.mat", "r+") as file:
        file.move("valid_frame", "valid")
    with pytest.raises(SourceError, match=r"field valid_frame: missing; found activity_annotation, annot2"):
        read(tmp_path, "TS1/1")


def test_picture_of_another_size(tmp_path: Path) -> None:
    from PIL import Image

    write_test(tmp_path)
    (tmp_path / "TS1/imageSequence").mkdir()
    Image.new("L", (1920, 1080)).save(tmp_path / "TS1/imageSequence/img_000001.jpg")
    with pytest.raises(SourceError, match=r"img_000001\.jpg: expected a picture of \(2048, 2048\) pixels"):
        read(tmp_path, "TS1/1")


def test_wrong_folder_and_options(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none/: |none: expected the folder of MPI-INF-3DHP"):
        MpiInf3DHP(tmp_path / "none")
    with pytest.raises(SourceError, match="expected S1/Seq1/annot.mat"):
        MpiInf3DHP(tmp_path).recordings()
    with pytest.raises(SourceError, match="truth: expected universal or metric, found 'both'"):
        MpiInf3DHP(tmp_path, truth="both")


# Through the converter.


def test_a_store_holds_the_truth(training: Any, tmp_path: Path) -> None:
    root, seen = training
    convert(MpiInf3DHP(root, "metric", (0, 2)), tmp_path / "store", Options(mask_size=64), workers=0, progress=False)
    arrays = FrameStore(tmp_path / "store").open("train")
    assert arrays.truth is not None
    truth = np.concatenate([seen[camera].ours(NAMES) for camera in (0, 2)])
    assert np.abs(arrays.truth["joints3d"] - truth).max() < 1e-4
    assert arrays.observation["silhouette"].any(1).all()


def test_what_cannot_be_converted_leaves_nothing_behind(tmp_path: Path) -> None:
    root = tmp_path / "3dhp"
    for damage, message in ((unrelated_view, "project"), (put_nan, "not finite")):
        write_training(root, masks=False)
        change_annot(root, damage)
        with pytest.raises(SourceError, match=message) as caught:
            convert(MpiInf3DHP(root, cameras=(0,)), tmp_path / "store", workers=0, progress=False)
        assert str(root / "S1/Seq1/annot.mat") in str(caught.value)
        assert [path.name for path in tmp_path.iterdir()] == ["3dhp"]


def unrelated_view(content: dict[str, Any]) -> None:
    content["annot2"][0, 0] = content["annot2"][1, 0]
