"""Files of 2D joints, good and bad."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from s2m.errors import UserError
from s2m.formats.keypoints2d import read_keypoints
from s2m.lifter.keypoints import on_joint_set
from s2m.skeletons import BLAZEPOSE33, COCO17, H36M17, S2M27

# From OpenPose's documentation (doc/02_output.md, BODY_25).
BODY_18 = (
    *("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist"),
    *("RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar"),
)
BODY_25 = (
    *(*BODY_18[:8], "MidHip", *BODY_18[8:]),
    *("LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel"),
)


def official(joint: str) -> str:
    """This project's name of an OpenPose joint."""
    special = {"Nose": "nose", "Neck": "thorax", "MidHip": "pelvis"}
    if joint in special:
        return special[joint]
    part = {"BigToe": "toe", "SmallToe": "small_toe"}.get(joint[1:], joint[1:].lower())
    return {"L": "left", "R": "right"}[joint[0]] + "_" + part


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 500, (4, 17, 2)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".json", ".csv"])
@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("flat", [False, True])
def test_every_format_gives_the_same(
    tmp_path: Path, points: np.ndarray, suffix: str, trusted: bool, flat: bool
) -> None:
    confidence = np.linspace(0, 1, 68, dtype=np.float32).reshape(4, 17) if trusted else np.ones((4, 17), np.float32)
    array = np.concatenate([points, confidence[..., None]], -1) if trusted else points
    array = array.reshape(4, -1) if flat or suffix == ".csv" else array
    path = tmp_path / f"joints{suffix}"
    if suffix == ".npy":
        np.save(path, array)
    elif suffix == ".npz":
        np.savez(path, keypoints=array, other=np.zeros(3))
    elif suffix == ".json":
        path.write_text(json.dumps(array.tolist()))
    else:
        np.savetxt(path, array, delimiter=",", header="a,b", comments="")
    found = read_keypoints(path)
    np.testing.assert_allclose(found.points, np.where(confidence[..., None] > 0, points, np.nan), rtol=1e-5)
    np.testing.assert_allclose(found.confidence, confidence, rtol=1e-5)
    assert found.joint_set is H36M17


def test_a_key_names_the_field(tmp_path: Path, points: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", mine=points, keypoints=points[:1])
    assert len(read_keypoints(tmp_path / "a.npz", key="mine").points) == 4
    with pytest.raises(UserError, match="no field 'yours'"):
        read_keypoints(tmp_path / "a.npz", key="yours")


@pytest.mark.parametrize("axis", [0, 1])
def test_one_person_along_a_fourth_axis(tmp_path: Path, points: np.ndarray, axis: int) -> None:
    """As lifters' demos save what they found: ``reconstruction`` (1, frames, 17, 2)."""
    np.savez(tmp_path / "a.npz", reconstruction=np.expand_dims(points, axis))
    np.testing.assert_array_equal(read_keypoints(tmp_path / "a.npz").points, read_keypoints_of(points, tmp_path))
    np.savez(tmp_path / "b.npz", reconstruction=np.stack([points, points], axis))
    with pytest.raises(UserError, match="of several people save one"):
        read_keypoints(tmp_path / "b.npz")


def read_keypoints_of(points: np.ndarray, folder: Path) -> np.ndarray:
    np.save(folder / "plain.npy", points)
    return read_keypoints(folder / "plain.npy").points


def test_other_joint_sets(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.dstack([np.full((3, 33, 2), 40.0), np.ones((3, 33))]))
    assert read_keypoints(tmp_path / "a.npy", BLAZEPOSE33).points.shape == (3, 33, 2)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.ones((3, 16, 2)), r"expected \(frames, 17, 2\).*found \(3, 16, 2\)"),
        (np.ones((0, 17, 2)), r"found \(0, 17, 2\)"),
        (np.ones(34), "found"),
        (np.array(["a"]), "expected numbers"),
        (np.ones((3, 17, 3)) * -0.4, "are these 3D joints"),
        (np.ones((3, 17, 3)) * 40, "third column"),
    ],
)
def test_wrong_arrays_are_named(tmp_path: Path, array: np.ndarray, expected: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UserError, match=expected) as error:
        read_keypoints(tmp_path / "a.npy")
    assert str(tmp_path / "a.npy") in str(error.value)


def test_files_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    for name, expected in (("a.json", "cannot be read"), ("b.npy", "no such file"), ("c.txt", "expected a file that")):
        with pytest.raises(UserError, match=expected):
            read_keypoints(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="one OpenPose json file per frame"):
        read_keypoints(tmp_path / "empty")


def person(image: object, x: float, score: float = 0.9, **more: object) -> dict[str, object]:
    return {"image_id": image, "keypoints": [x, 2.0, 0.5] * 17, "score": score, **more}


def test_single_pictures_take_the_most_certain_person(tmp_path: Path) -> None:
    people = [person("b.jpg", 1, 0.2), person("b.jpg", 7, 0.8), person("a.jpg", 3)]
    (tmp_path / "a.json").write_text(json.dumps(people))
    found = read_keypoints(tmp_path / "a.json")
    assert found.images == ("b.jpg", "a.jpg")
    assert found.points[:, COCO17.index("left_knee"), 0].tolist() == [7, 3]
    assert found.joint_set is COCO17
    assert (found.confidence == 0.5).all()


def test_coco_with_numbered_people_follows_one(tmp_path: Path) -> None:
    frames = [person(i, 5, 0.1, track_id=2) for i in range(3)] + [person(1, 9, 0.9, track_id=1)]
    (tmp_path / "a.json").write_text(json.dumps(frames))
    assert read_keypoints(tmp_path / "a.json").points[:, 0, 0].tolist() == [5, 5, 5]


def test_whole_body_results_have_all_27_joints(tmp_path: Path) -> None:
    entry = {"image_id": 0, "keypoints": [4.0, 2.0, 0.5] * 133, "score": 1.0}
    (tmp_path / "a.json").write_text(json.dumps([entry]))
    found = read_keypoints(tmp_path / "a.json")
    taken = on_joint_set(found, S2M27)
    assert (taken.confidence > 0).all()


@pytest.mark.parametrize("names", [BODY_25, BODY_18])
def test_openpose_folder(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Every joint is where OpenPose's own list says; the clearest person counts; a frame without people is missing."""
    mine = [[10.0 * i + 1, 3.0 * i, 0.9] for i in range(len(names))]
    other = [[900.0 + i, 1.0, 0.1] for i in range(len(names))]
    frames = [[other, mine], [], [mine]]
    for number, people in enumerate(frames):
        listed = [{"pose_keypoints_2d": [v for joint in one for v in joint]} for one in people]
        (tmp_path / f"clip_{number:012d}_keypoints.json").write_text(json.dumps({"version": 1.3, "people": listed}))
    found = read_keypoints(tmp_path)
    assert found.points.shape == (3, len(names), 2)
    for place, name in enumerate(names):
        assert found.points[0, found.joint_set.index(official(name))].tolist() == [10.0 * place + 1, 3.0 * place]
    assert (found.confidence[1] == 0).all()
    taken = on_joint_set(found, H36M17)
    assert (taken.confidence[0] > 0).all()
    single = read_keypoints(tmp_path / "clip_000000000002_keypoints.json")
    np.testing.assert_array_equal(single.points[0], found.points[2])


@pytest.mark.parametrize("count", [17, 26, 133, 136])
def test_keypoints_of_other_detectors_in_openposes_form(tmp_path: Path, count: int) -> None:
    """As Pose2Sim and Sports2D write them; whom Pose2Sim does not see is an empty person."""
    points = np.stack([10.0 * np.arange(count) + 1, 3.0 * np.arange(count), np.full(count, 0.9)], 1)
    people = [[{"pose_keypoints_2d": points.ravel().tolist()}], [{}], [{"pose_keypoints_2d": []}], []]
    for number, listed in enumerate(people):
        (tmp_path / f"walk_{number:06d}.json").write_text(json.dumps({"version": 1.3, "people": listed}))
    found = read_keypoints(tmp_path)
    assert (found.confidence > 0).any(1).tolist() == [True, False, False, False]
    indices = found.joint_set.indices(COCO17.joints)
    np.testing.assert_array_equal(found.points[0, list(indices)], points[:17, :2])
    halpe = {"left_heel": 24, "right_toe": 21, "pelvis": 19}  # AlphaPose's docs/MODEL_ZOO.md
    whole = {"left_heel": 19, "right_toe": 20, "left_pinky": 108}  # COCO-WholeBody's data format
    for joint, place in {26: halpe, 136: halpe, 133: whole}.get(count, {}).items():
        assert found.points[0, found.joint_set.index(joint)].tolist() == [10.0 * place + 1, 3.0 * place]


def test_broken_openpose_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for people, expected in (
        ([{"pose_keypoints_2d": [1.0] * 74}], "expected 51, 54, 75, 78, 399 or 408 numbers, found 74"),
        ([{"hands": []}], "pose_keypoints_2d"),
        ([], "no people"),
    ):
        path.write_text(json.dumps({"people": people}))
        with pytest.raises(UserError, match=expected):
            read_keypoints(path)


def test_a_detectors_file_needs_no_joint_set(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([person(0, 1)]))
    assert read_keypoints(tmp_path / "a.json", COCO17).joint_set is COCO17
    with pytest.raises(UserError, match="leave --joint-set out"):
        read_keypoints(tmp_path / "a.json", BLAZEPOSE33)
