from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from s2m.cli import main
from s2m.data.store import FrameStore
from s2m.data.zoo.convert import Options, convert, working_folder
from s2m.data.zoo.gendered import GenderedBodies
from s2m.data.zoo.source import Recording, SourceError
from s2m.data.zoo.surreal import Surreal
from s2m.data.zoo.surreal_camera import CAMERA, WORLD_TO_CAMERA
from s2m.skeletons import H36M17, SMPL24
from tests.data.zoo.fabricate import surreal as fabricate
from tests.data.zoo.fabricate.people import BETAS, pose, write_models

PELVIS = SMPL24.root_index


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_models(tmp_path_factory.mktemp("models"))


def read(root: Path, bodies: GenderedBodies | None = None) -> Recording:
    source = Surreal(root, bodies=bodies)
    (ref,) = source.recordings()
    return source.read(ref)


def check_joints(found: Recording, truth: fabricate.Truth) -> None:
    assert found.joint_set == "smpl24"
    assert found.camera is not None
    assert found.joints3d is not None
    np.testing.assert_allclose(found.joints3d, truth.joints3d, atol=1e-4)
    np.testing.assert_allclose(found.joints2d, truth.joints2d, atol=0.51)  # the files round to whole pixels
    np.testing.assert_allclose(found.camera.project(found.joints3d), truth.joints2d, atol=0.02)


def rotations(vectors: np.ndarray) -> np.ndarray:
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()


def test_the_truth_comes_back(tmp_path: Path, models: dict[str, Path]) -> None:
    truth = fabricate.write_clip(tmp_path)
    found = read(tmp_path, GenderedBodies(models))
    check_joints(found, truth)
    assert found.body is not None
    assert found.body.gender == "female"
    np.testing.assert_allclose(rotations(found.body.poses), rotations(truth.poses), atol=1e-4)
    np.testing.assert_allclose(found.body.betas, np.tile(BETAS, (3, 1)), atol=1e-6)
    np.testing.assert_allclose(found.body.transl, truth.transl, atol=1e-4)
    posed = pose(models["female"], found.body.poses, found.body.betas, found.body.transl)
    np.testing.assert_allclose(posed.vertices, truth.vertices, atol=2e-4)
    assert found.masks is not None
    np.testing.assert_array_equal(found.masks.read(np.array([0, 2])), truth.masks[[0, 2]])
    assert found.image_size == (320, 240)
    assert found.frame.tolist() == [0, 1, 2]


def test_a_person_is_not_a_mirror_image(tmp_path: Path) -> None:
    # seen from the front, the left hand is right of the right hand, in the picture as in space
    truth = fabricate.write_clip(tmp_path, zrot=0.0)
    found = read(tmp_path)
    assert found.joints3d is not None
    left, right, head, pelvis = (SMPL24.index(n) for n in ("left_hip", "right_hip", "head", "pelvis"))
    across, up = found.joints3d[:, left] - found.joints3d[:, right], found.joints3d[:, head] - found.joints3d[:, pelvis]
    front = np.cross(across, up)  # +x left, +y up, +z front in SMPL's frame
    body_front = Rotation.from_rotvec(truth.poses[:, :3]).apply([0, 0, 1])
    assert (np.einsum("ti,ti->t", front, body_front) > 0).all()


def test_masks_and_joints_are_mirrored_together(tmp_path: Path) -> None:
    fabricate.write_clip(tmp_path)
    found = read(tmp_path)
    assert found.masks is not None
    masks = found.masks.read(np.arange(3))
    for mask, joints in zip(masks, found.joints2d, strict=True):
        columns, rows = np.clip(joints.astype(int), 0, [319, 239]).T
        assert mask[rows, columns].mean() > 0.8


def test_a_picture_that_is_not_mirrored_is_left_alone(tmp_path: Path) -> None:
    truth = fabricate.write_clip(tmp_path, mirrored=False)
    found = read(tmp_path)
    check_joints(found, truth)
    assert found.masks is not None
    np.testing.assert_array_equal(found.masks.read(np.arange(3)), truth.masks)


@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("fields", [("joints2D",), ("joints3D",), ("joints2D", "joints3D")])
def test_swapped_labels_are_found_by_projection_and_pose(
    tmp_path: Path, fields: tuple[str, ...], mirrored: bool
) -> None:
    truth = fabricate.write_clip(tmp_path, mirrored=mirrored)
    fabricate.change(truth.info, **{name: lambda joints: joints[:, fabricate.SWAP] for name in fields})
    check_joints(read(tmp_path), truth)


def test_zrot_turns_the_root(tmp_path: Path) -> None:
    truth = fabricate.write_clip(tmp_path)
    fabricate.change(truth.info, zrot=lambda zrot: zrot + 1.2)
    with pytest.raises(SourceError, match=r"_info.mat: fields pose, zrot, joints3D: expected .* found 1.\d\d rad"):
        read(tmp_path)


def test_a_single_frame_has_lost_an_axis(tmp_path: Path, models: dict[str, Path]) -> None:
    truth = fabricate.write_clip(tmp_path, frames=1)
    found = read(tmp_path, GenderedBodies(models))
    check_joints(found, truth)
    assert found.body is not None
    np.testing.assert_allclose(found.body.transl, truth.transl, atol=1e-4)


def test_the_body_is_the_one_of_the_gender(tmp_path: Path, models: dict[str, Path]) -> None:
    truth = fabricate.write_clip(tmp_path, gender="male", model=models["male"])
    found = read(tmp_path, GenderedBodies(models))
    assert found.body is not None
    assert found.body.gender == "male"
    posed = pose(models["male"], found.body.poses, found.body.betas, found.body.transl)
    np.testing.assert_allclose(posed.vertices, truth.vertices, atol=2e-4)


def test_a_body_that_does_not_fit_is_refused(tmp_path: Path, models: dict[str, Path]) -> None:
    truth = fabricate.write_clip(tmp_path)
    fabricate.change(truth.info, shape=lambda shape: shape + 5)
    with pytest.raises(SourceError, match=r"fields pose, shape, gender: expected the female body's joints within 0.05"):
        read(tmp_path, GenderedBodies(models))


def test_frames_without_annotation_are_left_out_and_counted(tmp_path: Path) -> None:
    truth = fabricate.write_clip(tmp_path, frames=4)

    def blank(joints: np.ndarray) -> np.ndarray:
        joints[:, :, 1] = 0
        return joints

    fabricate.change(truth.info, joints2D=blank, joints3D=blank)
    found = read(tmp_path)
    assert found.frame.tolist() == [0, 2, 3]
    assert found.left_out == {"joints3D: all zero (no annotation)": 1}
    assert found.joints3d is not None
    assert found.masks is not None
    np.testing.assert_allclose(found.joints3d, truth.joints3d[[0, 2, 3]], atol=1e-4)
    np.testing.assert_array_equal(found.masks.read(np.array([1])), truth.masks[[2]])


def test_clips_without_annotation_do_not_stop_the_others(tmp_path: Path, models: dict[str, Path]) -> None:
    empty = fabricate.write_clip(tmp_path / "cmu", number=1, frames=2)
    fabricate.change(empty.info, joints2D=np.zeros((2, 24, 2)), joints3D=np.zeros((3, 24, 2)))
    truth = fabricate.write_clip(tmp_path / "cmu", number=2, frames=2)
    source = Surreal(tmp_path, bodies=GenderedBodies(models, "h36m17"))
    assert convert(source, tmp_path / "store", Options(mask_size=16), progress=False)
    arrays = FrameStore(tmp_path / "store").open("train")
    assert arrays.truth is not None
    np.testing.assert_allclose(arrays.truth["transl"], truth.transl, atol=1e-4)
    assert "silhouette" in arrays.observation
    assert "| train | joints3D: all zero (no annotation) | 2 |" in (tmp_path / "store" / "report.md").read_text()


def test_a_joint_of_the_real_data_projects_where_it_was_published(tmp_path: Path) -> None:
    # the numbers in the comments of misc/3Dto2D/main.m of gulvarol/surreal
    place, world, pixel = [6.7456, -0.9839, -1.9293], np.array([-0.8645, -1.0915, -1.0260]), [89, 112]
    joint = (world - place) @ WORLD_TO_CAMERA.T
    x, y = CAMERA.project(joint)
    np.testing.assert_array_equal(np.round([320 - x, y]), pixel)
    np.testing.assert_allclose(np.linalg.det(WORLD_TO_CAMERA), 1)


def test_other_joints_are_regressed_from_the_body(tmp_path: Path, models: dict[str, Path]) -> None:
    truth = fabricate.write_clip(tmp_path)
    found = read(tmp_path, GenderedBodies(models, "h36m17"))
    matrix = np.load(models["female"])["skeleton_regressor"][:17].astype(np.float64)
    expected = np.einsum("jv,tvc->tjc", matrix, truth.vertices)
    assert found.joint_set == H36M17.name
    assert found.joints3d is not None
    assert found.camera is not None
    np.testing.assert_allclose(found.joints3d, expected, atol=2e-4)
    np.testing.assert_allclose(found.joints2d, found.camera.project(expected), atol=0.05)


def test_a_regressor_of_ones_own(tmp_path: Path, models: dict[str, Path]) -> None:
    truth = fabricate.write_clip(tmp_path / "data")
    rng = np.random.default_rng(0)
    matrix = np.zeros((17, truth.vertices.shape[1]), np.float32)
    matrix[np.arange(17), rng.integers(matrix.shape[1], size=17)] = 1
    np.save(tmp_path / "j.npy", matrix)
    found = read(tmp_path / "data", GenderedBodies(models, "h36m17", tmp_path / "j.npy"))
    assert found.joints3d is not None
    np.testing.assert_allclose(found.joints3d, truth.vertices[:, matrix.argmax(1)], atol=2e-4)
    np.save(tmp_path / "j.npy", matrix[:16])
    from s2m.data.zoo import gendered

    gendered._skinner.cache_clear()
    with pytest.raises(SourceError, match=r"j.npy: expected finite numbers of shape \(17, \d+\), found \(16, \d+\)"):
        read(tmp_path / "data", GenderedBodies(models, "h36m17", tmp_path / "j.npy"))


def test_options_that_do_not_go_together(models: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--male: expected"):
        GenderedBodies({"female": models["female"]})
    with pytest.raises(SourceError, match=r"none.npz: expected a file, found nothing"):
        GenderedBodies({**models, "male": tmp_path / "none.npz"})
    with pytest.raises(SourceError, match="--joints: expected one of"):
        GenderedBodies(models, "coco17")


def test_splits_runs_and_folders(tmp_path: Path) -> None:
    for split, run in (("train", 0), ("train", 2), ("val", 0), ("test", 1)):
        fabricate.write_clip(tmp_path / "data" / "cmu", split, run, frames=1)
    names = [(ref.split, ref.name) for ref in Surreal(tmp_path).recordings()]
    assert names == [
        ("train", "run0/01_01/01_01_c0001"),
        ("train", "run2/01_01/01_01_c0001"),
        ("val", "run0/01_01/01_01_c0001"),
        ("test", "run1/01_01/01_01_c0001"),
    ]
    assert [ref.split for ref in Surreal(tmp_path / "data", runs=[1]).recordings()] == ["test"]
    with pytest.raises(SourceError, match="--runs: expected some of 0, 1, 2"):
        Surreal(tmp_path, runs=[3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"zrot": None}, "field zrot: missing"),
        ({"pose": np.zeros((71, 3))}, r"field pose: expected \(72, frames\), found \(71, 3\)"),
        ({"joints3D": np.zeros((3, 24, 2))}, r"field joints3D: expected \(3, 24, 3\), found \(3, 24, 2\)"),
        ({"joints2D": np.zeros((24, 2, 3))}, r"field joints2D: expected \(2, 24, 3\), found \(24, 2, 3\)"),
        ({"shape": np.full((10, 3), np.nan)}, "field shape: holds values that are not finite"),
        ({"camLoc": np.zeros(2)}, "field camLoc: expected 3 numbers"),
        ({"gender": np.array([[0], [1], [1]])}, r"field gender: expected 0 \(female\) or 1 \(male\) in all frames"),
        ({"pose": np.array(["a"])}, "field pose: expected numbers"),
        ({"camLoc": lambda place: place + 0.4}, r"fields joints2D, joints3D, camLoc: expected .* within 1.5 px"),
        ({"joints2D": np.full((2, 24, 3), np.nan)}, "fields joints2D, joints3D, camLoc: .* found nan px"),
    ],
)
def test_bad_files_are_named_and_leave_nothing(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    truth = fabricate.write_clip(tmp_path / "cmu")
    fabricate.change(truth.info, **changes)
    with pytest.raises(SourceError, match=f"01_01_c0001_info.mat: {message}"):
        convert(Surreal(tmp_path), tmp_path / "store", Options(mask_size=16), progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cmu"]


@pytest.mark.parametrize("damage", ["truncated", "empty", "renamed"])
@pytest.mark.parametrize("kind", ["info", "segm"])
def test_damaged_files(tmp_path: Path, damage: str, kind: str) -> None:
    truth = fabricate.write_clip(tmp_path / "cmu")
    file: Path = getattr(truth, kind)
    content = file.read_bytes()
    if damage == "renamed" and kind == "info":
        file.rename(file.with_name("01_01_c0001.mat"))
        expected = "expected clips such as"
    elif damage == "renamed":
        # without its segmentation a clip has no silhouettes; with another's variables it is refused
        fabricate.change(file, segm_2=None)
        expected = "01_01_c0001_segm.mat: field segm_2: missing"
    else:
        file.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"")
        expected = f"01_01_c0001_{kind}.mat"
    with pytest.raises(SourceError, match=expected):
        convert(Surreal(tmp_path), tmp_path / "store", Options(mask_size=16), progress=False)
    assert not (tmp_path / "store").exists()
    assert not working_folder(tmp_path / "store").exists()


def test_masks_of_another_size_are_refused(tmp_path: Path) -> None:
    truth = fabricate.write_clip(tmp_path)
    fabricate.change(truth.segm, segm_1=np.zeros((320, 240), np.uint8))
    masks = read(tmp_path).masks
    assert masks is not None
    with pytest.raises(SourceError, match=r"segm_1: expected \(240, 320\), found \(320, 240\)"):
        masks.read(np.array([0]))


def test_from_the_command_line(tmp_path: Path, models: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    fabricate.write_clip(tmp_path / "cmu", "val", run=1, frames=2)
    command = ["data", "surreal", "--root", str(tmp_path), "--workers", "1", "--runs", "1", "--mask-size", "16"]
    bodies = [a for gender, file in models.items() for a in (f"--{gender}", str(file))]
    assert main([*command, "--output", str(tmp_path / "store"), *bodies, "--joint-set", "h36m17"]) == 0
    store = FrameStore(tmp_path / "store")
    assert (store.joint_set, store.open("val").rows) == ("h36m17", 2)
    assert main([*command, "--output", str(tmp_path / "other"), "--joint-set", "h36m17"]) == 2
    assert "--joint-set h36m17: expected --female and --male" in capsys.readouterr().err
    assert main([*command, "--output", str(tmp_path / "other"), "--female", str(models["female"])]) == 2
    assert "--male: expected" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_conversion(tmp_path: Path, models: dict[str, Path]) -> None:
    truths = {split: fabricate.write_clip(tmp_path / "cmu", split, frames=2) for split in ("train", "val")}
    source = Surreal(tmp_path, bodies=GenderedBodies(models))
    assert pickle.loads(pickle.dumps(source)).settings == source.settings
    assert convert(source, tmp_path / "store", Options(mask_size=64), progress=False)
    store = FrameStore(tmp_path / "store")
    arrays = store.open("val")
    assert arrays.truth is not None
    assert arrays.rows == 2
    np.testing.assert_allclose(arrays.truth["joints3d"], truths["val"].joints3d, atol=1e-4)
    np.testing.assert_allclose(arrays.truth["transl"], truths["val"].transl, atol=1e-4)
    assert store.recordings("val")[0]["name"] == "run0/01_01/01_01_c0001"
