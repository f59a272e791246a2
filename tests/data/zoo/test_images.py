from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from s2m.cli import main
from s2m.data.store import FrameStore
from s2m.data.zoo.convert import Options, convert, working_folder
from s2m.data.zoo.images import Images
from s2m.data.zoo.source import Recording, SourceError
from s2m.errors import UserError
from s2m.skeletons import COCO17, H36M17
from tests.data.zoo.fabricate import images as fabricate

FRAMES = 4
SCENE = fabricate.scene(FRAMES)
NAMES = [f"{t:06d}.jpg" for t in range(FRAMES)]


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with pictures of one sequence, keypoints and masks."""
    root = tmp_path / "lab"
    fabricate.write_pictures(root, FRAMES, root / "masks")
    fabricate.write_json(root / "keypoints.json", fabricate.results(NAMES, SCENE.keypoints))
    return root


def only(source: Images) -> Recording:
    (ref,) = source.recordings()
    return source.read(ref)


def check(found: Recording, rows: list[int] | None = None) -> None:
    rows = list(range(FRAMES)) if rows is None else rows
    for i, name in enumerate(H36M17.joints):
        if name in fabricate.COCO:
            np.testing.assert_allclose(found.joints2d[:, i], human36m_place(name)[rows], atol=1e-6)
            sure = SCENE.keypoints[rows, fabricate.COCO.index(name), 2]
            np.testing.assert_allclose(found.confidence[:, i], sure)


def human36m_place(name: str) -> np.ndarray:
    """Where Human3.6M has a joint of COCO's: hips 1.4 times as far apart and a tenth of the trunk higher, shoulders
    0.83 times as far apart, written out by hand."""
    part = name.partition("_")[2]
    if part not in ("hip", "shoulder"):
        return SCENE.joints[name]
    hips, shoulders = ((SCENE.joints[f"left_{end}"] + SCENE.joints[f"right_{end}"]) / 2 for end in ("hip", "shoulder"))
    if part == "shoulder":
        return shoulders + 0.83 * (SCENE.joints[name] - shoulders)
    return hips + 1.4 * (SCENE.joints[name] - hips) + 0.1 * (shoulders - hips)


def test_pictures_keypoints_and_masks_come_back(lab: Path) -> None:
    found = only(Images(lab))
    assert (found.name, found.split, found.joint_set) == ("lab", "test", "h36m17")
    assert found.image_size == fabricate.SIZE
    assert found.detected
    assert found.joints3d is None
    assert found.masks is not None
    check(found)
    np.testing.assert_array_equal(found.masks.read(np.arange(FRAMES)), SCENE.masks)


@pytest.mark.parametrize("images", [NAMES, ["000000", "000001", "000002", "000003"], [0, 1, 2, 3]])
def test_pictures_are_known_by_name_stem_or_number(lab: Path, images: list[Any]) -> None:
    fabricate.write_json(lab / "keypoints.json", fabricate.results(images, SCENE.keypoints))
    check(only(Images(lab)))


def test_coco_annotations(lab: Path) -> None:
    fabricate.write_json(lab / "keypoints.json", fabricate.annotations(NAMES, SCENE.keypoints))
    found = only(Images(lab, joints="coco17"))
    assert found.joint_set == COCO17.name
    np.testing.assert_allclose(found.joints2d, SCENE.keypoints[..., :2])
    assert (found.confidence == 1).all()


def test_the_best_person_or_a_tracked_one(lab: Path) -> None:
    other = SCENE.keypoints + np.array([30, 0, 0])
    people = fabricate.results(NAMES, other, 0.3, idx=7) + fabricate.results(NAMES, SCENE.keypoints, 0.9, idx=2)
    fabricate.write_json(lab / "keypoints.json", people)
    check(only(Images(lab)))
    check(only(Images(lab, person="2")))
    with pytest.raises(SourceError, match="expected the joints of its picture on it"):
        only(Images(lab, person="7"))
    (lab / "masks").rename(lab.parent / "of another person")
    knee = H36M17.index("left_knee")
    np.testing.assert_allclose(
        only(Images(lab, person="7")).joints2d[:, knee], SCENE.joints["left_knee"] + np.array([30, 0])
    )
    with pytest.raises(SourceError, match="keypoints.json: expected people with person 5 in pictures such as"):
        only(Images(lab, person="5"))


def test_pictures_without_a_person_are_counted(lab: Path) -> None:
    kept = [0, 3]
    people = fabricate.results([NAMES[t] for t in kept], SCENE.keypoints[kept])
    fabricate.write_json(lab / "keypoints.json", people)
    found = only(Images(lab))
    check(found, kept)
    assert found.frame.tolist() == kept
    assert found.left_out == {"keypoints: nobody found": 2}
    assert found.masks is not None
    np.testing.assert_array_equal(found.masks.read(np.arange(2)), SCENE.masks[kept])


def test_folders_are_recordings(tmp_path: Path) -> None:
    for name in ("a", "b/c"):
        fabricate.write_pictures(tmp_path / name, FRAMES, tmp_path / "masks" / name)
        fabricate.write_json(tmp_path / f"{name}.json", fabricate.results(NAMES, SCENE.keypoints))
    source = Images(tmp_path)
    assert [ref.name for ref in source.recordings()] == ["a", "b/c"]
    found = source.read(source.recordings()[1])
    assert found.masks is not None
    np.testing.assert_array_equal(found.masks.read(np.arange(FRAMES)), SCENE.masks)
    check(found)
    # one file for both: pictures of the same name are told apart by their folders
    moved = SCENE.keypoints + np.array([5, 0, 0])
    names = [[f"{folder}/{name}" for name in NAMES] for folder in ("a", "b/c")]
    people = fabricate.results(names[0], moved) + fabricate.results(names[1], SCENE.keypoints)
    check(Images(tmp_path, fabricate.write_json(tmp_path / "all.json", people)).read(source.recordings()[1]))


def test_videos(tmp_path: Path) -> None:
    fabricate.write_video(tmp_path / "walk.mp4", FRAMES)
    for t in range(FRAMES):
        (tmp_path / "masks" / "walk").mkdir(parents=True, exist_ok=True)
        Image.fromarray(SCENE.masks[t]).save(tmp_path / "masks" / "walk" / f"{t:04d}.png")
    for content in (
        fabricate.mmpose(SCENE.keypoints),
        fabricate.results([f"{t}.jpg" for t in range(FRAMES)], SCENE.keypoints),
    ):
        fabricate.write_json(tmp_path / "walk.json", content)
        found = only(Images(tmp_path))
        assert (found.name, found.image_size) == ("walk", fabricate.SIZE)
        check(found)
        assert found.masks is not None
        np.testing.assert_array_equal(found.masks.read(np.arange(FRAMES)), SCENE.masks)


def test_keypoints_of_another_video_are_refused(tmp_path: Path) -> None:
    fabricate.write_video(tmp_path / "walk.mp4", FRAMES)
    fabricate.write_json(tmp_path / "walk.json", fabricate.results([2, 3, 4, 5], SCENE.keypoints))
    with pytest.raises(SourceError, match=r"walk.json: expected frames 0 to 3 as in .*walk.mp4, found 5"):
        only(Images(tmp_path))
    fabricate.write_json(tmp_path / "walk.json", fabricate.results(["x", "y", "z", "w"], SCENE.keypoints))
    with pytest.raises(SourceError, match="walk.json: field image_id: expected frame numbers for a video"):
        only(Images(tmp_path))


@pytest.mark.parametrize("name", ["{:06d}.jpg", "walk_{:03d}.jpg"])
def test_mmpose_counts_places_and_ffmpeg_pictures(tmp_path: Path, name: str) -> None:
    """Nobody in the first frame: the pictures that are named still begin with 1, the frames with 0."""
    fabricate.write_pictures(tmp_path, FRAMES, tmp_path / "masks")
    for folder, kind in ((tmp_path, "jpg"), (tmp_path / "masks", "png")):
        for t in reversed(range(FRAMES)):
            called = Path(name.format(t + 1)).with_suffix(f".{kind}")
            (folder / f"{t:06d}.{kind}").rename(folder / called)
    content = fabricate.mmpose(SCENE.keypoints)
    content["instance_info"][0]["instances"] = []
    for first in (1, 0):  # the demos' frame_id, and the Inferencer's
        for t, frame in enumerate(content["instance_info"]):
            frame["frame_id"] = t + first
        fabricate.write_json(tmp_path / "keypoints.json", content)
        check(only(Images(tmp_path)), [1, 2, 3])


def test_places_in_a_sequence_that_begins_somewhere_are_refused(lab: Path) -> None:
    for t in reversed(range(FRAMES)):
        (lab / f"{t:06d}.jpg").rename(lab / f"{t + 7:06d}.jpg")
        (lab / "masks" / f"{t:06d}.png").rename(lab / "masks" / f"{t + 7:06d}.png")
    fabricate.write_json(lab / "keypoints.json", fabricate.mmpose(SCENE.keypoints))
    with pytest.raises(SourceError, match=r"expected pictures numbered from 0 or from 1, found 000007 first"):
        only(Images(lab))
    # Numbers that are the pictures' own are no places.
    fabricate.write_json(lab / "keypoints.json", fabricate.results([7, 8, 9, 10], SCENE.keypoints))
    check(only(Images(lab)))


def test_the_end_of_a_recording_is_for_validation(lab: Path) -> None:
    source = Images(lab, split="train", val_share=0.25)
    train, val = source.recordings()
    assert (train.split, val.split) == ("train", "val")
    check(source.read(train), [0, 1, 2])
    check(source.read(val), [3])
    assert source.read(val).frame.tolist() == [3]


def test_an_end_without_people_is_no_error(lab: Path) -> None:
    fabricate.write_json(lab / "keypoints.json", fabricate.results(NAMES[:3], SCENE.keypoints[:3]))
    source = Images(lab, split="train", val_share=0.25)
    train, val = source.recordings()
    assert (len(source.read(train)), len(source.read(val))) == (3, 0)
    assert source.read(val).left_out == {"keypoints: nobody found": 1}


def test_photos_may_differ_in_size(lab: Path) -> None:
    Image.new("RGB", (50, 70)).save(lab / "000001.jpg")
    Image.new("1", (50, 70)).save(lab / "masks" / "000001.png")
    with pytest.raises(SourceError, match=r"000001.jpg: expected \(160, 120\) pixels as its neighbours"):
        only(Images(lab))
    source = Images(lab, photos=True)
    sizes = [source.read(ref).image_size for ref in source.recordings()]
    assert sizes == [(160, 120), (50, 70), (160, 120), (160, 120)]
    assert [ref.name for ref in source.recordings()] == ["000000", "000001", "000002", "000003"]


def test_the_last_photos_are_for_validation(lab: Path) -> None:
    refs = Images(lab, photos=True, split="train", val_share=0.25).recordings()
    assert [(ref.split, ref.name) for ref in refs] == [
        ("train", "000000"), ("train", "000001"), ("train", "000002"), ("val", "000003"),
    ]  # fmt: skip
    assert len({ref.key for ref in Images(lab, photos=True).recordings()}) == FRAMES


def test_photos_without_people_are_only_counted(lab: Path) -> None:
    fabricate.write_json(lab / "keypoints.json", fabricate.results(NAMES[:1], SCENE.keypoints[:1]))
    source = Images(lab, photos=True)
    assert [len(source.read(ref)) for ref in source.recordings()] == [1, 0, 0, 0]
    assert convert(source, lab.parent / "store", Options(mask_size=16), progress=False)
    assert FrameStore(lab.parent / "store").open("test").rows == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"joints": "lsp14"}, "--joint-set lsp14: expected one of"),
        ({"split": "dev"}, "--split dev: expected one of train, val, test"),
        ({"val_share": 1.0}, "--val-share 1.0: expected at least 0 and below 1"),
        ({"val_share": 0.1, "split": "val"}, "--val-share 0.1: expected another --split than val"),
        ({"person": "tall"}, "--person tall: expected best or a number"),
        ({"keypoints": Path("/none.json")}, "--keypoints /none.json: expected a file or a folder"),
        ({"masks": Path("/none")}, "--masks /none: expected a folder"),
    ],
)
def test_bad_options(lab: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        Images(lab, **options)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("keypoints missing", "lab.json: expected a detector's COCO-style JSON"),
        ("keypoints truncated", "keypoints.json: not a readable JSON file"),
        ("keypoints empty", "keypoints.json: not a readable JSON file"),
        ("keypoints renamed pictures", "keypoints.json: expected people in pictures such as 000000.jpg, found x"),
        ("picture truncated", "000002.jpg: not a readable picture"),
        ("mask truncated", "000002.png: not a readable picture"),
        ("mask of another size", r"000002.png: expected a mask of \(160, 120\) pixels, found \(120, 160\)"),
        ("no pictures", "expected pictures .* or videos, found none"),
        ("video broken", "walk.mp4: not a readable video"),
    ],
)
def test_bad_files_are_named_and_leave_nothing(lab: Path, damage: str, message: str) -> None:
    keypoints, picture, mask = lab / "keypoints.json", lab / "000002.jpg", lab / "masks" / "000002.png"
    if damage == "keypoints missing":
        keypoints.unlink()
    elif damage == "keypoints truncated":
        keypoints.write_text(keypoints.read_text()[:-40])
    elif damage == "keypoints empty":
        keypoints.write_text("")
    elif damage == "keypoints renamed pictures":
        fabricate.write_json(keypoints, fabricate.results(["x", "x1", "x2", "x3"], SCENE.keypoints))
    elif damage == "picture truncated":
        picture.write_bytes(picture.read_bytes()[:10])
    elif damage == "mask truncated":
        mask.write_bytes(mask.read_bytes()[:60])
    elif damage == "mask of another size":
        Image.new("1", (120, 160)).save(mask)
    elif damage == "no pictures":
        for file in lab.glob("*.jpg"):
            file.unlink()
    else:
        (lab / "walk.mp4").write_bytes(b"no video")
    with pytest.raises(UserError, match=message):
        convert(Images(lab), lab.parent / "store", Options(mask_size=16), progress=False)
    assert not (lab.parent / "store").exists()
    if damage != "video broken":
        assert not working_folder(lab.parent / "store").exists()


def test_other_keypoints_are_another_store(lab: Path) -> None:
    before = Images(lab).settings
    moved = fabricate.write_json(lab / "other.json", fabricate.results(NAMES, SCENE.keypoints + np.array([1, 0, 0])))
    assert Images(lab, moved).settings != before
    fabricate.write_json(lab / "keypoints.json", fabricate.results(NAMES, SCENE.keypoints + np.array([1, 0, 0])))
    assert Images(lab).settings != before
    assert Images(lab).settings == Images(lab, moved).settings


def test_from_the_command_line(lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keypoints = (lab / "keypoints.json").rename(tmp_path / "people.json")
    masks = (lab / "masks").rename(tmp_path / "silhouettes")
    command = ["data", "images", "--root", str(lab), "--output", str(tmp_path / "store"), "--workers", "1"]
    own = ["--keypoints", str(keypoints), "--masks", str(masks), "--joint-set", "s2m27", "--mask-size", "16"]
    assert main([*command, *own, "--split", "train", "--val-share", "0.5"]) == 0
    store = FrameStore(tmp_path / "store")
    assert store.joint_set == "s2m27"
    assert {split: store.open(split).rows for split in store.splits} == {"train": 2, "val": 2}
    assert "silhouette" in store.open("val").observation
    assert main([*command, *own[2:], "--overwrite"]) == 2
    assert "lab.json: expected a detector's COCO-style JSON" in capsys.readouterr().err
    assert FrameStore(tmp_path / "store").open("train").rows == 2


def test_conversion(lab: Path, tmp_path: Path) -> None:
    source = Images(lab, split="train", val_share=0.25)
    assert pickle.loads(pickle.dumps(source)).settings == source.settings
    assert convert(source, tmp_path / "store", Options(mask_size=64), progress=False)
    store = FrameStore(tmp_path / "store")
    assert {split: store.open(split).rows for split in store.splits} == {"train": 3, "val": 1}
    assert not store.has_truth("train")
    assert "silhouette" in store.open("train").observation
