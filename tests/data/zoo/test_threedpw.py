from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from s2m.cli import main
from s2m.data.store import FrameStore
from s2m.data.zoo.convert import Options, convert, working_folder
from s2m.data.zoo.gendered import GenderedBodies
from s2m.data.zoo.source import Recording, SourceError
from s2m.data.zoo.threedpw import ThreeDPW, from_openpose
from s2m.skeletons import H36M17, SMPL24
from tests.data.zoo.fabricate import threedpw as fabricate
from tests.data.zoo.fabricate.people import BETAS, pose, write_models

# Frame 1 has no aligned camera, frame 3 no detection.
COUNTED = [0, 2, 4]
FILE = Path("sequenceFiles/test/downtown_walking_00.pkl")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_models(tmp_path_factory.mktemp("models"))


def read(root: Path, person: int = 0, **options: Any) -> Recording:
    source = ThreeDPW(root, **options)
    return source.read(source.recordings()[person])


def test_the_truth_comes_back(tmp_path: Path) -> None:
    (truth,) = fabricate.write_sequence(tmp_path)
    found = read(tmp_path)
    assert (found.name, found.split, found.joint_set) == ("downtown_walking_00/0", "test", "smpl24")
    assert found.joints3d is not None
    assert found.body is not None
    assert found.camera is not None
    np.testing.assert_allclose(found.joints3d, truth.joints3d[COUNTED], atol=1e-4)
    np.testing.assert_allclose(found.camera.project(found.joints3d), truth.joints2d[COUNTED], atol=0.01)
    turns = (Rotation.from_rotvec(v.reshape(-1, 3)).as_matrix() for v in (found.body.poses, truth.poses[COUNTED]))
    np.testing.assert_allclose(*turns, atol=1e-4)
    # without any body file the parameters must already pose the body onto the truth
    posed = pose(None, found.body.poses, found.body.betas, found.body.transl)
    np.testing.assert_allclose(posed.vertices, truth.vertices[COUNTED], atol=2e-4)
    assert found.image_size == (1080, 1920)
    assert found.masks is None


def test_only_frames_that_3dpw_eval_counts(tmp_path: Path) -> None:
    fabricate.write_sequence(tmp_path)
    found = read(tmp_path)
    assert found.frame.tolist() == COUNTED
    assert found.left_out == {"campose_valid: camera not aligned": 1, "poses2d: nobody detected": 1}


def test_detections_are_mapped_by_name(tmp_path: Path) -> None:
    (truth,) = fabricate.write_sequence(tmp_path)
    found = read(tmp_path)
    named = {joint: index for index, joint in fabricate.ON_SMPL.items()}
    assert found.detected
    for i, joint in enumerate(SMPL24.joints):
        if joint in named and joint != "neck":
            np.testing.assert_allclose(found.joints2d[:, i], truth.joints2d[COUNTED, i], atol=1e-6)
            np.testing.assert_allclose(found.confidence[:, i], 0.5 + named[joint] / 100)
        elif joint not in ("neck", "pelvis"):
            assert not found.confidence[:, i].any()


def test_openpose_as_h36m17() -> None:
    rng = np.random.default_rng(0)
    detected = np.concatenate([rng.normal(size=(2, 18, 2)), rng.uniform(0.1, 1, size=(2, 18, 1))], axis=2)
    joints, confidence = from_openpose(detected, "h36m17")
    hips = detected[:, [8, 11]]
    np.testing.assert_allclose(joints[:, H36M17.index("pelvis")], hips[..., :2].mean(1))
    np.testing.assert_allclose(confidence[:, H36M17.index("pelvis")], hips[..., 2].min(1))
    np.testing.assert_allclose(joints[:, H36M17.index("thorax")], detected[:, 1, :2])
    np.testing.assert_allclose(joints[:, H36M17.index("left_wrist")], detected[:, 7, :2])
    spine = (hips[..., :2].mean(1) + detected[:, 1, :2]) / 2
    np.testing.assert_allclose(joints[:, H36M17.index("spine")], spine)
    assert not confidence[:, H36M17.index("head")].any()


def test_several_people_and_genders(tmp_path: Path, models: dict[str, Path]) -> None:
    truths = fabricate.write_sequence(tmp_path, people=("f", "m"), models=models)
    for person, (truth, gender) in enumerate(zip(truths, ("female", "male"), strict=True)):
        found = read(tmp_path, person, bodies=GenderedBodies(models))
        assert found.name == f"downtown_walking_00/{person}"
        assert found.body is not None
        assert found.body.gender == gender
        posed = pose(models[gender], found.body.poses, found.body.betas, found.body.transl)
        np.testing.assert_allclose(posed.vertices, truth.vertices[COUNTED], atol=2e-4)
    # with the genders exchanged the bodies do not fit
    fabricate.change(tmp_path / FILE, lambda content: content["genders"].reverse())
    with pytest.raises(SourceError, match=r"fields poses, trans, betas, genders: expected joints of the male body"):
        read(tmp_path, 0, bodies=GenderedBodies(models))


def test_other_joints_are_regressed(tmp_path: Path, models: dict[str, Path]) -> None:
    (truth,) = fabricate.write_sequence(tmp_path, models=models)
    matrix = np.load(models["female"])["skeleton_regressor"][:17].astype(np.float64)
    found = read(tmp_path, bodies=GenderedBodies(models, "h36m17"), joints2d="projected")
    expected = np.einsum("jv,tvc->tjc", matrix, truth.vertices[COUNTED])
    assert found.joints3d is not None
    assert found.camera is not None
    np.testing.assert_allclose(found.joints3d, expected, atol=2e-4)
    np.testing.assert_allclose(found.joints2d, found.camera.project(expected), atol=0.2)
    assert (found.confidence == 1).all()
    assert not found.detected


def test_long_betas_are_cut(tmp_path: Path) -> None:
    fabricate.write_sequence(tmp_path, betas=300)
    body = read(tmp_path).body
    assert body is not None
    np.testing.assert_allclose(body.betas, BETAS)


def test_splits_and_nested_folders(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        fabricate.write_sequence(tmp_path / "sequenceFiles", split, people=("f", "m"), frames=4)
    refs = ThreeDPW(tmp_path).recordings()
    assert [ref.split for ref in refs] == ["train", "train", "val", "val", "test", "test"]


def test_the_size_comes_from_the_pictures(tmp_path: Path) -> None:
    fabricate.write_sequence(tmp_path)
    folder = tmp_path / "imageFiles" / "downtown_walking_00"
    folder.mkdir(parents=True)
    Image.new("RGB", (108, 193)).save(folder / "image_00000.jpg")
    assert read(tmp_path).image_size == (108, 193)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("/nowhere").touch, ())


def drop(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda content: content.pop(name)


def put(name: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    def edit(content: dict[str, Any]) -> None:
        if isinstance(content[name], list):
            content[name][0] = value
        else:
            content[name] = value

    return edit


MIRROR = np.tile(np.diag([-1.0, 1, 1, 1]), (5, 1, 1))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (drop("campose_valid"), "field campose_valid: missing"),
        (put("poses", np.zeros((5, 66))), r"field poses\[0\]: expected numbers of shape \(5, 72\), found \(5, 66\)"),
        (put("poses2d", np.zeros((5, 18, 3))), r"field poses2d\[0\]: expected numbers of shape \(5, 3, 18\)"),
        (put("cam_poses", np.zeros((4, 4, 4))), r"field cam_poses: expected numbers of shape \(5, 4, 4\)"),
        (put("cam_poses", MIRROR), "field cam_poses: expected rotations, found other matrices"),
        (put("cam_intrinsics", np.eye(3)[::-1].copy()), "field cam_intrinsics: expected"),
        (put("genders", "x"), r"field genders\[0\]: expected f or m, found 'x'"),
        (put("betas", np.full(10, np.nan)), r"field betas\[0\]: expected at least 10 finite numbers"),
        (lambda content: content["trans"].clear(), "expected lists with one entry per person"),
        (put("genders", Evil()), r"not a readable pickle of arrays \(forbidden global"),
        (lambda content: content["jointPositions"].__setitem__(0, content["jointPositions"][0] + 2.0), "joints3d: exp"),
    ],
)
def test_bad_files_are_named_and_leave_nothing(tmp_path: Path, edit: Callable[..., Any], message: str) -> None:
    fabricate.write_sequence(tmp_path / "data")
    fabricate.change(tmp_path / "data" / FILE, edit)
    with pytest.raises(SourceError, match=rf"downtown_walking_00.pkl: {message}"):
        convert(ThreeDPW(tmp_path / "data"), tmp_path / "store", progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("poses", "body parameters: not finite"),
        ("trans", "body parameters: not finite"),
        ("jointPositions", "joints3d: not finite"),
    ],
)
def test_frames_with_nan_are_dropped_with_the_reason(tmp_path: Path, field: str, reason: str) -> None:
    (truth,) = fabricate.write_sequence(tmp_path / "data")

    def spoil(content: dict[str, Any]) -> None:
        content[field][0][:1] = np.nan

    fabricate.change(tmp_path / "data" / FILE, spoil)
    assert convert(ThreeDPW(tmp_path / "data"), tmp_path / "store", progress=False)
    arrays = FrameStore(tmp_path / "store").open("test")
    assert arrays.truth is not None
    np.testing.assert_allclose(arrays.truth["joints3d"], truth.joints3d[COUNTED[1:]], atol=1e-4)
    assert f"| test | {reason} | 1 |" in (tmp_path / "store" / "report.md").read_text()

    def spoil_all(content: dict[str, Any]) -> None:
        content[field][0][:] = np.nan

    fabricate.change(tmp_path / "data" / FILE, spoil_all)
    with pytest.raises(SourceError, match=rf"expected usable frames, found none: {reason}"):
        convert(ThreeDPW(tmp_path / "data"), tmp_path / "other", progress=False)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_truncated_files(tmp_path: Path, keep: float) -> None:
    fabricate.write_sequence(tmp_path)
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(SourceError, match=r"downtown_walking_00.pkl: not a readable pickle of arrays"):
        convert(ThreeDPW(tmp_path), tmp_path / "store", progress=False)
    assert not working_folder(tmp_path / "store").exists()


def test_swapped_sides_are_refused(tmp_path: Path) -> None:
    fabricate.write_sequence(tmp_path)
    swap = [*range(2), 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, *range(14, 18)]

    def edit(content: dict[str, Any]) -> None:
        content["poses2d"][0] = content["poses2d"][0][:, :, swap]

    fabricate.change(tmp_path / FILE, edit)
    options = Options(reprojection_limit_px=50)
    with pytest.raises(SourceError, match="joints3d: expected to project onto the 2D joints within 50 px"):
        convert(ThreeDPW(tmp_path), tmp_path / "store", options, progress=False)


def test_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected 3DPW's sequenceFiles"):
        ThreeDPW(tmp_path)
    (tmp_path / "sequenceFiles" / "test").mkdir(parents=True)
    with pytest.raises(SourceError, match="expected sequences such as"):
        ThreeDPW(tmp_path).recordings()
    with pytest.raises(SourceError, match="--joints2d: expected"):
        ThreeDPW(tmp_path, joints2d="guessed")


def test_from_the_command_line_with_masks(tmp_path: Path) -> None:
    fabricate.write_sequence(tmp_path / "data", people=("f", "m"))
    for frame in COUNTED[:2]:
        picture = np.zeros((1920, 1080), bool)
        picture[200:1800, 100:1000] = True
        file = tmp_path / "masks" / "downtown_walking_00" / "1" / f"{frame:05d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(file)
    command = ["data", "3dpw", "--root", str(tmp_path / "data"), "--output", str(tmp_path / "store"), "--workers", "1"]
    masks = ["--masks", str(tmp_path / "masks"), "--mask-size", "16", "--joints2d", "projected"]
    assert main([*command, *masks]) == 0
    store = FrameStore(tmp_path / "store")
    # the first person has no masks at all, the second has two of three
    assert store.open("test").rows == 2
    assert "silhouette" in store.open("test").observation


def test_conversion(tmp_path: Path) -> None:
    (truth,) = fabricate.write_sequence(tmp_path / "data")
    source = ThreeDPW(tmp_path / "data")
    assert pickle.loads(pickle.dumps(source)).settings == source.settings
    assert convert(source, tmp_path / "store", progress=False)
    arrays = FrameStore(tmp_path / "store").open("test")
    assert arrays.truth is not None
    np.testing.assert_allclose(arrays.truth["joints3d"], truth.joints3d[COUNTED], atol=1e-4)
    assert "silhouette" not in arrays.observation
