from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s2m.body import load_body
from s2m.body.regressors import dataset_regressor
from s2m.errors import FormatError
from s2m.formats.coco import as_joint_set, read_coco
from s2m.formats.keypoints2d import read_keypoints
from s2m.ik.body_joints import rest_skeleton
from s2m.skeletons import COCO17, H36M17, S2M27
from tests.data.zoo.fabricate import images as fabricate

POINTS = fabricate.scene(4).keypoints


def test_results_with_file_names_and_numbers(tmp_path: Path) -> None:
    for images in (["a.jpg", "b.jpg", "c.jpg", "d.jpg"], [0, 1, 2, 3]):
        found = read_coco(fabricate.write_json(tmp_path / "k.json", fabricate.results(images, POINTS, 0.7, idx=3)))
        assert [d.image for d in found] == [str(image) for image in images]
        assert {(d.score, d.track) for d in found} == {(0.7, 3)}
        np.testing.assert_allclose([d.keypoints for d in found], POINTS)


def test_annotations_name_pictures_and_grade_visibility(tmp_path: Path) -> None:
    content = fabricate.annotations(["x/1.jpg", "x/2.jpg", "x/3.jpg", "x/4.jpg"], POINTS)
    content["annotations"][1]["keypoints"][2::3] = [0, 1, *[2] * 15]
    found = read_coco(fabricate.write_json(tmp_path / "k.json", content))
    # the crowd without keypoints is no person
    assert [d.image for d in found] == ["x/1.jpg", "x/2.jpg", "x/3.jpg", "x/4.jpg"]
    np.testing.assert_allclose(found[1].keypoints[:, 2], [0, 0.5, *[1] * 15])
    np.testing.assert_allclose(found[0].keypoints[:, :2], POINTS[0, :, :2])


def test_detectors_that_write_only_zero_and_one_mean_found(tmp_path: Path) -> None:
    points = POINTS.copy()
    points[..., 2] = np.arange(17) % 2
    found = read_coco(fabricate.write_json(tmp_path / "k.json", fabricate.results([0, 1, 2, 3], points)))
    np.testing.assert_allclose(found[0].keypoints[:, 2], np.arange(17) % 2)


def test_scores_beyond_one_are_cut(tmp_path: Path) -> None:
    points = POINTS.copy()
    points[..., 2] *= 6  # AlphaPose's heat maps
    found = read_coco(fabricate.write_json(tmp_path / "k.json", fabricate.results([0, 1, 2, 3], points)))
    np.testing.assert_allclose(found[0].keypoints[:, 2], (POINTS[0, :, 2] * 6).clip(0, 1))


def test_mmpose_counts_frames_from_one(tmp_path: Path) -> None:
    found = read_coco(fabricate.write_json(tmp_path / "k.json", fabricate.mmpose(POINTS)))
    assert [(d.image, d.score) for d in found] == [("0", 0.8), ("1", 0.8), ("2", 0.8), ("3", 0.8)]
    np.testing.assert_allclose(found[2].keypoints, POINTS[2])


def test_derived_joints_are_where_the_skeleton_has_them() -> None:
    # on the open body at rest, whose dataset skeleton is what the lifters are trained with
    body = load_body()
    rest = (dataset_regressor(body, S2M27) @ body.v_template).double().numpy()[:, :2]
    named = dict(zip(S2M27.joints, rest, strict=True))
    seen = dict(zip(COCO17.joints, rest_skeleton(body, COCO17).joints.double().numpy()[:, :2], strict=True))
    keypoints = np.array([[[*seen[name], 1.0] for name in fabricate.COCO]])
    joints, confidence = as_joint_set(keypoints, "h36m17")
    expected = np.array([[named[name] for name in H36M17.joints]])
    distance = dict(zip(H36M17.joints, np.linalg.norm(joints - expected, axis=2)[0], strict=True))
    assert (confidence == 1).all()
    for name, metres in distance.items():
        assert metres < (0.032 if name in ("pelvis", "spine", "thorax", "neck_nose", "head") else 1e-5), name


def test_a_derived_joint_is_as_sure_as_its_worst_part() -> None:
    points = POINTS.copy()
    points[0, fabricate.COCO.index("left_hip"), 2] = 0
    _, confidence = as_joint_set(points, "h36m17")
    lost = [H36M17.joints[i] for i in np.flatnonzero(confidence[0] == 0)]
    assert lost == ["pelvis", "left_hip", "spine"]
    _, confidence = as_joint_set(POINTS, "s2m27")
    assert [S2M27.joints[i] for i in np.flatnonzero(confidence[0] == 0)] == [
        f"{side}_{part}" for part in ("heel", "toe", "index", "pinky") for side in ("right", "left")
    ]


@pytest.mark.parametrize(
    ("count", "places"),
    [
        (26, {"head": 17, "thorax": 18, "pelvis": 19, "left_toe": 20, "right_heel": 25}),
        (133, {"left_toe": 17, "right_toe": 20, "right_heel": 22, "left_index": 96, "right_pinky": 129}),
    ],
)
def test_halpe_and_wholebody_bring_feet_and_hands(count: int, places: dict[str, int], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(0.1, 1, size=(2, count, 3))
    found = read_coco(fabricate.write_json(tmp_path / "k.json", fabricate.results([0, 1], points)))
    joints, confidence = as_joint_set(np.array([d.keypoints for d in found]), "s2m27")
    for name, index in places.items():
        np.testing.assert_allclose(joints[:, S2M27.index(name)], points[:, index, :2])
        np.testing.assert_allclose(confidence[:, S2M27.index(name)], points[:, index, 2])


def test_percent_are_shares(tmp_path: Path) -> None:
    people = fabricate.results([0, 1, 2, 3], POINTS)
    for person in people:
        person["keypoints"][2::3] = [95.0] * 16 + [5.0]
    (tmp_path / "a.json").write_text(json.dumps(people))
    found = read_keypoints(tmp_path / "a.json", min_confidence=0.3)
    np.testing.assert_allclose(found.confidence[:, :16], 0.95, rtol=1e-6)
    assert (found.confidence[:, 16] == 0).all()
    assert "confidences go up to 95: read as percent" in found.notes


def entry(**changes: Any) -> list[dict[str, Any]]:
    made = {**fabricate.results([0], POINTS[:1])[0], **changes}
    return [{name: value for name, value in made.items() if value is not None}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a readable JSON file"),
        ("", "not a readable JSON file"),
        (3, "expected a list of people"),
        ([1, 2], "expected a list of people"),
        (entry(image_id=None), "person 0: expected image_id or file_name"),
        (entry(keypoints=[1, 2, 3]), "person 0: field keypoints: expected 51, 78, 399, 408 numbers, found 3"),
        (entry(keypoints=["a"] * 51), "person 0: field keypoints: expected 51, 78, 399, 408 numbers, found 0"),
        (entry(keypoints=None), "person 0: field keypoints: expected 51"),
        (
            [{"image_id": 1, "bbox": [0, 0, 1, 1]}],
            "person 0: .* a detector's boxes, without keypoints",
        ),
        (entry(image_id=[1]), "person 0: expected image_id or file_name, found a list"),
        (
            {"categories": [{"keypoints": ["pelvis", "left_hip"]}], "annotations": []},
            "expected COCO's keypoints, found",
        ),
        (entry() + entry(keypoints=[1.0] * 78), "expected one number of keypoints, found 17, 26"),
        ({"instance_info": [{"instances": [{}]}]}, "instance_info: expected frame_id"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, content: Any, message: str) -> None:
    file = tmp_path / "people.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(FormatError, match=f"people.json: {message}"):
        read_coco(file)
