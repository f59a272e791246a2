from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from s2m.data.store import FrameStore
from s2m.data.zoo.convert import convert
from s2m.data.zoo.detections import with_detections
from s2m.data.zoo.human36m import Human36M
from s2m.data.zoo.human36m.official import OfficialFiles
from s2m.data.zoo.human36m.protocol import Choice
from s2m.data.zoo.mask_folder import WithMasks
from s2m.data.zoo.source import SourceError
from s2m.errors import FormatError
from s2m.skeletons import COCO17, H36M17
from tests.data.zoo.fabricate import human36m as fabricate
from tests.data.zoo.fabricate.toy import ToySource, disks, write_recording

FRAMES = 5


@pytest.fixture
def raw(tmp_path: Path) -> dict[str, Any]:
    return write_recording(tmp_path / "raw" / "test" / "t.npz", FRAMES, poses=None)


def coco_of(joints2d: np.ndarray, noise: float = 3.0) -> np.ndarray:
    """(T, 17, 3) COCO keypoints near the recording's; ears and eyes where the nose is."""
    rng = np.random.default_rng(0)
    columns = [H36M17.joints.index(j) if j in H36M17 else H36M17.joints.index("neck_nose") for j in COCO17.joints]
    pixels = joints2d[:, columns] + rng.normal(0, noise, (len(joints2d), 17, 2))
    return np.concatenate([pixels, rng.uniform(0.3, 1, (len(joints2d), 17, 1))], axis=2)


def write_results(path: Path, keypoints: np.ndarray, first: int = 100) -> None:
    entries = [
        {"image_id": f"t/{first + i:06d}.jpg", "category_id": 1, "keypoints": k.ravel().tolist(), "score": 0.9}
        for i, k in enumerate(keypoints)
    ]
    # Somebody else in the first picture, found with less certainty.
    entries.append({**entries[0], "keypoints": [9.0] * 51, "score": 0.2})
    path.write_text(json.dumps(entries))


def converted(tmp_path: Path, file: Path) -> Any:
    source = with_detections(ToySource(tmp_path / "raw"), file)
    convert(source, tmp_path / "out", progress=False)
    return FrameStore(tmp_path / "out").open("test").observation


def test_coco_results_replace_the_joints(tmp_path: Path, raw: dict[str, Any]) -> None:
    keypoints = coco_of(raw["joints2d"])
    write_results(tmp_path / "found.json", keypoints)
    found = converted(tmp_path, tmp_path / "found.json")
    for joint in ("left_wrist", "right_ankle", "left_knee"):
        ours, theirs = H36M17.index(joint), COCO17.index(joint)
        np.testing.assert_allclose(found["joints2d"][:, ours], keypoints[:, theirs, :2], atol=1e-3)
        np.testing.assert_allclose(found["confidence"][:, ours], keypoints[:, theirs, 2], atol=1e-6)
    hips = keypoints[:, COCO17.indices(["left_hip", "right_hip"])]
    shoulders = keypoints[:, COCO17.indices(["left_shoulder", "right_shoulder"])]
    pelvis = 0.9 * hips[..., :2].mean(1) + 0.1 * shoulders[..., :2].mean(1)  # Human3.6M's lies higher
    np.testing.assert_allclose(found["joints2d"][:, H36M17.index("pelvis")], pelvis, atol=1e-3)
    np.testing.assert_allclose(found["confidence"][:, H36M17.index("pelvis")], hips[..., 2].min(1), atol=1e-6)
    assert FrameStore(tmp_path / "out").recordings("test")[0]["detected"]


def test_coco_annotations_name_pictures_by_number(tmp_path: Path, raw: dict[str, Any]) -> None:
    keypoints = coco_of(raw["joints2d"])
    keypoints[..., 2] = 2
    keypoints[:, COCO17.index("left_wrist"), 2] = 0
    content = {
        "images": [{"id": 7 + i, "file_name": f"t/{100 + i}.png", "width": 320, "height": 240} for i in range(FRAMES)],
        "annotations": [{"image_id": 7 + i, "keypoints": k.ravel().tolist()} for i, k in enumerate(keypoints)],
        "categories": [{"id": 1, "keypoints": list(COCO17.joints)}],
    }
    (tmp_path / "found.json").write_text(json.dumps(content))
    found = converted(tmp_path, tmp_path / "found.json")
    np.testing.assert_array_equal(found["confidence"][:, H36M17.index("left_wrist")], 0)
    np.testing.assert_array_equal(found["confidence"][:, H36M17.index("right_wrist")], 1)


def test_undetected_frames_are_dropped(tmp_path: Path, raw: dict[str, Any]) -> None:
    write_results(tmp_path / "found.json", coco_of(raw["joints2d"])[1:4], first=101)
    assert converted(tmp_path, tmp_path / "found.json")["frame"].tolist() == [101, 102, 103]


def test_detections_of_other_people_are_refused(tmp_path: Path, raw: dict[str, Any]) -> None:
    write_results(tmp_path / "found.json", coco_of(raw["joints2d"][:, ::-1]))
    with pytest.raises(SourceError, match="expected to project onto the 2D joints within 50 px"):
        converted(tmp_path, tmp_path / "found.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not a readable JSON file"),
        ('"x"', "expected a list of people"),
        ('[{"image_id": "t/100.png", "keypoints": [1, 2]}]', "person 0: field keypoints: expected 51"),
        (
            json.dumps([{"image_id": "100.png", "keypoints": [1.0] * 51}]),
            r"expected pictures called <recording>/<frame",
        ),
        ("[]", "expected detections of recording t, found none"),
    ],
)
def test_foreign_json_is_named(tmp_path: Path, raw: dict[str, Any], content: str, message: str) -> None:
    (tmp_path / "found.json").write_text(content)
    with pytest.raises(FormatError, match=rf"found\.json: {message}"):
        converted(tmp_path, tmp_path / "found.json")
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "found.json"}


def test_other_kinds_of_files(tmp_path: Path, raw: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match=r"expected detections in \.json or \.npz, found '\.csv'"):
        with_detections(ToySource(tmp_path / "raw"), tmp_path / "x.csv")
    with pytest.raises(SourceError, match=r"x\.json: expected a file of detections, found nothing"):
        with_detections(ToySource(tmp_path / "raw"), tmp_path / "x.json")


def test_videopose3d_detections(tmp_path: Path) -> None:
    """For Human3.6M, beside its official files: scores in the third column are kept; TakingPhoto is Photo."""
    raw = tmp_path / "raw"
    fabricate.write_metadata(raw)
    known = fabricate.write_take(raw, "S9", "TakingPhoto 1", 0, "60457274")
    rng = np.random.default_rng(0)
    views = [np.concatenate([known.joints2d + rng.normal(0, 4, known.joints2d.shape), np.full((6, 17, 1), s)], 2)
             for s in (0.1, 0.2, 0.3, 0.4)]  # fmt: skip
    np.savez(tmp_path / "hr.npz", positions_2d=np.array({"S9": {"Photo 1": views}}, dtype=object))
    source = with_detections(Human36M(OfficialFiles(raw, Choice())), tmp_path / "hr.npz")
    convert(source, tmp_path / "out", progress=False)
    found = FrameStore(tmp_path / "out").open("test").observation
    np.testing.assert_allclose(found["joints2d"], views[3][..., :2], atol=1e-3)
    np.testing.assert_allclose(found["confidence"], 0.4)


def test_takes_without_detections_are_said(tmp_path: Path) -> None:
    """VideoPose3D's files lack a take of the release: the others are converted, and the notes name it."""
    raw = tmp_path / "raw"
    fabricate.write_metadata(raw)
    known = fabricate.write_take(raw, "S9", "TakingPhoto 1", 0, "60457274")
    fabricate.write_take(raw, "S11", "Directions", 1, "60457274")
    views = [known.joints2d] * 4
    np.savez(tmp_path / "hr.npz", positions_2d=np.array({"S9": {"Photo 1": views}}, dtype=object))
    convert(with_detections(Human36M(OfficialFiles(raw, Choice())), tmp_path / "hr.npz"), tmp_path / "out")
    store = FrameStore(tmp_path / "out")
    assert store.header["splits"]["test"]["rows"] == 6
    assert "no detections in hr.npz: S11/Directions.60457274" in store.header["notes"]


def test_masks_from_a_folder(tmp_path: Path, raw: dict[str, Any]) -> None:
    write_recording(tmp_path / "raw" / "test" / "t.npz", FRAMES, poses=None, masks=None)
    folder = tmp_path / "masks" / "t"
    folder.mkdir(parents=True)
    raw["masks"] = disks(raw["joints2d"], 75.0)
    for number in (100, 103):
        Image.fromarray(raw["masks"][number - 100].astype("u1") * 255).save(folder / f"{number:06d}.png")
    convert(WithMasks(ToySource(tmp_path / "raw"), tmp_path / "masks"), tmp_path / "out", progress=False)
    arrays = FrameStore(tmp_path / "out").open("test")
    assert arrays.observation["frame"].tolist() == [100, 103]
    write_recording(tmp_path / "again" / "test" / "t.npz", FRAMES, poses=None, masks=raw["masks"])
    convert(ToySource(tmp_path / "again"), tmp_path / "own", progress=False)
    own = FrameStore(tmp_path / "own").open("test").observation["silhouette"]
    np.testing.assert_array_equal(arrays.observation["silhouette"], own[[0, 3]])


def test_folders_without_fitting_masks(tmp_path: Path, raw: dict[str, Any]) -> None:
    source = ToySource(tmp_path / "raw")
    with pytest.raises(SourceError, match="expected a folder of masks, found nothing"):
        WithMasks(source, tmp_path / "masks")
    (tmp_path / "masks" / "other").mkdir(parents=True)
    with pytest.raises(SourceError, match=r"expected folders named like recordings \(t\), found none"):
        convert(WithMasks(source, tmp_path / "masks"), tmp_path / "out", progress=False)
    (tmp_path / "masks" / "t").mkdir()
    with pytest.raises(SourceError, match=r"expected pictures named by frame number \(100\.png, \.\.\.\), found none"):
        convert(WithMasks(source, tmp_path / "masks"), tmp_path / "out", progress=False)
