"""Files in the layouts of other programs, written here as these programs write them."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2m.errors import FormatError, UserError
from s2m.formats.coco import read_coco
from s2m.formats.joints3d import read_all_joints, read_joints
from s2m.formats.keypoints2d import read_keypoints
from s2m.skeletons import BLAZEPOSE33, BODY25, COCO17, H36M17, PANOPTIC19, SMPL22

RNG = np.random.default_rng(0)
PIXELS = RNG.uniform(100, 900, (4, 17, 2)).round(2)
METRES = RNG.normal(2, 1, (4, 17, 3)).round(3)


def stored(folder: Path, content: object, name: str = "a.json") -> Path:
    (folder / name).write_text(json.dumps(content))
    return folder / name


def instance(points: np.ndarray) -> dict[str, object]:
    return {
        "keypoints": points.tolist(),
        "keypoint_scores": [0.8] * len(points),
        "bbox": [[0, 0, 9, 9]],
        "bbox_score": 0.9,
    }


META = {"dataset_name": "coco", "keypoint_id2name": {str(i): name for i, name in enumerate(COCO17.joints)}}


@pytest.mark.parametrize(
    "content",
    [
        {
            "meta_info": META,
            "instance_info": [{"frame_id": n + 1, "instances": [instance(p)]} for n, p in enumerate(PIXELS)],
        },
        [{"frame_id": n, "instances": [instance(p)]} for n, p in enumerate(PIXELS)],
        [[instance(p)] for p in PIXELS],
        {"predictions": [[instance(p)] for p in PIXELS]},
    ],
)
def test_mmposes_videos(tmp_path: Path, content: object) -> None:
    found = read_keypoints(stored(tmp_path, content))
    np.testing.assert_allclose(found.points, PIXELS)
    np.testing.assert_allclose(found.confidence, 0.8)
    assert found.joint_set is COCO17
    assert found.frames.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "content", [[instance(PIXELS[0])], {"meta_info": META, "instance_info": [instance(PIXELS[0])]}]
)
def test_mmposes_pictures_alone_and_in_a_folder(tmp_path: Path, content: object) -> None:
    np.testing.assert_allclose(read_keypoints(stored(tmp_path, content)).points, PIXELS[:1])
    for number in (1, 2, 10):
        stored(tmp_path, content, f"{number}.json")
    (tmp_path / "a.json").unlink()
    found = read_keypoints(tmp_path)
    assert found.frames.tolist() == list(range(1, 11))
    assert (found.confidence[:, 0] > 0).nonzero()[0].tolist() == [0, 1, 9]


def test_coco_style_files_are_followed_by_their_own_names(tmp_path: Path) -> None:
    names = [*H36M17.joints]
    names[names.index("neck_nose")] = "neck_base"
    people = [
        {"image_id": n, "category_id": 1, "keypoints": np.insert(p, 2, 2, axis=1).ravel().tolist()}
        for n, p in enumerate(PIXELS)
    ]
    content = {"categories": [{"id": 1, "keypoints": names}], "annotations": people}
    found = read_keypoints(stored(tmp_path, content))
    assert found.joint_set is H36M17
    np.testing.assert_allclose(found.points, PIXELS)
    with pytest.raises(FormatError, match="expected COCO's keypoints, found others: pelvis"):
        read_coco(tmp_path / "a.json")
    content["categories"] = [{"keypoints": [f"p{i}" for i in range(17)]}]
    with pytest.raises(FormatError, match="expected keypoints with names of joints, found p0"):
        read_keypoints(stored(tmp_path, content))


def test_videopose3ds_own_videos(tmp_path: Path) -> None:
    meta = {"layout_name": "coco", "num_joints": 17}
    videos = {"walk.mp4": {"custom": [PIXELS]}}
    np.savez(tmp_path / "a.npz", positions_2d=np.array(videos, object), metadata=np.array(meta, object))
    found = read_keypoints(tmp_path / "a.npz")
    assert found.joint_set is COCO17
    np.testing.assert_allclose(found.points, PIXELS)
    videos["run.mp4"] = {"custom": [PIXELS + 1]}
    np.savez(tmp_path / "b.npz", positions_2d=np.array(videos, object), metadata=np.array(meta, object))
    with pytest.raises(UserError, match="which video. Name it with --key; it has: walk.mp4, run.mp4"):
        read_keypoints(tmp_path / "b.npz")
    np.testing.assert_allclose(read_keypoints(tmp_path / "b.npz", key="run.mp4").points, PIXELS + 1)


@pytest.mark.parametrize("wrapped", [False, True])
def test_mediapipes_landmarks(tmp_path: Path, wrapped: bool) -> None:
    values = RNG.normal(5, 2, (3, 33, 3)).round(3)
    frames = [[dict(zip("xyz", point, strict=True), visibility=0.7) for point in frame.tolist()] for frame in values]
    content = {"frames": [{"frameNum": 2 * n, "keypoints": f} for n, f in enumerate(frames)]} if wrapped else frames
    found = read_joints(stored(tmp_path, content))
    assert found.joint_set is BLAZEPOSE33
    np.testing.assert_allclose(found.points, values)
    np.testing.assert_allclose(read_keypoints(tmp_path / "a.json").points, values[..., :2])
    found = read_joints(stored(tmp_path, [frames[0], [], None, frames[1]]))
    assert (found.confidence[:, 0] > 0).tolist() == [True, False, False, True]


@pytest.mark.parametrize("way", ["lines", "by number", "rows", "names", "beside a rate"])
def test_mediapipes_landmarks_in_other_ways(tmp_path: Path, way: str) -> None:
    values = RNG.normal(0, 0.5, (3, 33, 3)).round(3)
    marks = [[dict(zip("xyz", point, strict=True), visibility=0.7) for point in frame.tolist()] for frame in values]
    frames: list[dict[str, object]] = [{"pose_world_landmarks": frame} for frame in marks]
    if way == "rows":
        frames = [{"pose_world_landmarks": [[*mark.values()] for mark in frame]} for frame in marks]
    if way == "names":
        names = BLAZEPOSE33.joints
        frames = [{"landmarks": {n.upper(): m for n, m in zip(names, frame, strict=True)}} for frame in marks]
    content = {"by number": {str(n): f for n, f in enumerate(frames)}, "beside a rate": {"fps": 24, "frames": frames}}
    path = tmp_path / ("a.jsonl" if way == "lines" else "a.json")
    text = "\n".join(map(json.dumps, frames)) if way == "lines" else json.dumps(content.get(way, frames))
    path.write_text(text)
    found = read_joints(path)
    assert set(found.joint_set.joints) == set(BLAZEPOSE33.joints)
    np.testing.assert_allclose(found.points[:, found.joint_set.indices(BLAZEPOSE33.joints)], values)
    np.testing.assert_allclose(found.confidence, 0.7, atol=1e-6)
    assert found.layout is not None or way == "names"
    if way == "beside a rate":
        assert found.layout is not None
        assert found.layout.fps == 24


def marks_of(frame: np.ndarray) -> list[dict[str, float]]:
    return [dict(zip("xyz", point, strict=True), visibility=0.7) for point in frame.tolist()]


def rows_of(frame: np.ndarray) -> list[list[float]]:
    return [[*point, 0.7] for point in frame.tolist()]


def named(frame: np.ndarray) -> dict[str, object]:
    return dict(zip(BLAZEPOSE33.joints, marks_of(frame), strict=True))


MARKS = RNG.normal(0, 0.5, (12, 33, 3)).round(3)
SEEN = [None, *MARKS[:5], None, *MARKS[5:]]  # 14 frames of which the first and the seventh show nobody


@pytest.mark.parametrize(
    "content",
    [
        [None if f is None else {"landmark": marks_of(f)} for f in SEEN],
        [None if f is None else json.dumps({"landmark": marks_of(f)}) for f in SEEN],
        [None if f is None else named(f) for f in SEEN],
        [[] if f is None else {n: list(m.values()) for n, m in named(f).items()} for f in SEEN],
        {f"frame_{n:03d}": None if f is None else marks_of(f) for n, f in enumerate(SEEN)},
        {str(n): [] if f is None else rows_of(f) for n, f in enumerate(SEEN)},
        {"metadata": {"fps": 25}, "data": [None if f is None else marks_of(f) for f in SEEN]},
        {"pose_landmarks": [None] * 14, "pose_world_landmarks": [None if f is None else marks_of(f) for f in SEEN]},
        {"fps": 25, "world_landmarks": [None if f is None else rows_of(f) for f in SEEN]},
        [{} if f is None else {"poseLandmarks": marks_of(f + 9), "za": marks_of(f)} for f in SEEN],
        [[] if f is None else [{"keypoints": marks_of(f + 9), "keypoints3D": marks_of(f)}] for f in SEEN],
        {"landmarks": [], "frames": [{"worldLandmarks": [] if f is None else [marks_of(f)]} for f in SEEN]},
        [[] if f is None else {str(n): m for n, m in enumerate(marks_of(f))} for f in SEEN],
    ],
)
def test_mediapipes_frames_with_nobody_in_them(tmp_path: Path, content: object) -> None:
    found = read_joints(stored(tmp_path, content))
    assert found.frames is not None
    assert found.frames.tolist() == list(range(14))
    missing = np.isnan(found.points).all((1, 2))
    assert missing.nonzero()[0].tolist() == [0, 6]
    np.testing.assert_allclose(found.points[~missing][:, found.joint_set.indices(BLAZEPOSE33.joints)], MARKS)
    np.testing.assert_allclose(found.confidence[~missing], 0.7, atol=1e-6)
    assert found.layout is not None
    assert found.layout.fps == (25 if isinstance(content, dict) and {"fps", "metadata"} & set(content) else None)


@pytest.mark.parametrize(
    "form", [lambda f: {"landmark": marks_of(f)}, marks_of, lambda f: {"landmarks": [marks_of(f)]}]
)
def test_mediapipes_landmarks_in_a_file_per_frame(tmp_path: Path, form) -> None:
    for number in (3, 4, 11):
        stored(tmp_path, form(MARKS[number]), f"frame{number}.json")
    for number, nobody in ((5, []), (7, {}), (9, None)):
        stored(tmp_path, nobody, f"frame{number}.json")
    for found in (read_joints(tmp_path), read_keypoints(tmp_path)):
        assert found.frames is not None
        assert found.frames.tolist() == list(range(3, 12))
        assert (found.confidence[:, 0] > 0).nonzero()[0].tolist() == [0, 1, 8]
        np.testing.assert_allclose(found.points[8], MARKS[11, :, : found.points.shape[2]])
    np.testing.assert_allclose(read_joints(tmp_path / "frame4.json").points, MARKS[4:5])


def test_the_pictures_landmarks_are_no_joints_in_3d(tmp_path: Path) -> None:
    """Shares of width and height, whose depth alone is measured from the hips."""
    body = MARKS.copy()
    hips = BLAZEPOSE33.indices(("left_hip", "right_hip"))
    body -= body[:, list(hips)].mean(1, keepdims=True)
    np.testing.assert_allclose(read_joints(stored(tmp_path, [marks_of(f) for f in body])).points, body)
    picture = body * [0.05, 0.2, 0.05] + [0.4, 0.5, 0]
    with pytest.raises(FormatError, match="a.json: expected world landmarks, .* found the picture's"):
        read_joints(stored(tmp_path, [marks_of(f) for f in picture]))
    np.save(tmp_path / "a.npy", picture)
    with pytest.raises(FormatError, match="a.npy: expected world landmarks"):
        read_joints(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", body + 0.4)  # metres, somewhere else
    np.testing.assert_allclose(read_joints(tmp_path / "b.npy").points, body + 0.4)


def test_freemocaps_points_by_name_are_millimetres(tmp_path: Path) -> None:
    frames = {
        str(n): {"tracked_points": {f"body_{name}": mark for name, mark in named(f).items()}}
        for n, f in enumerate(1000 * MARKS)
    }
    found = read_joints(stored(tmp_path, {"info": {}, "data_by_frame": frames}))
    np.testing.assert_allclose(found.points, 1000 * MARKS)
    assert found.layout is not None
    assert found.layout.unit == "mm"


@pytest.mark.parametrize("long", [False, True])
def test_tables_as_lists_of_objects(tmp_path: Path, long: bool) -> None:
    """As pandas' ``to_json(orient="records")``."""
    names = [f"{joint}_{axis}" for joint in H36M17.joints for axis in "xyz"]
    wide = [{"frame": n, **dict(zip(names, f.ravel().tolist(), strict=True))} for n, f in enumerate(METRES)]
    tall = [
        {"frame": n, "landmark": joint, **dict(zip("xyz", point, strict=True))}
        for n, f in enumerate(METRES.tolist())
        for joint, point in zip(H36M17.joints, f, strict=True)
    ]
    found = read_joints(stored(tmp_path, tall if long else wide))
    assert found.joint_set is H36M17
    np.testing.assert_array_equal(found.points, METRES)
    np.testing.assert_array_equal(read_keypoints(tmp_path / "a.json").points, METRES[..., :2])


def test_values_one_after_the_other(tmp_path: Path) -> None:
    """What appends to a file writes no list."""
    (tmp_path / "a.json").write_text("\n".join(json.dumps({"landmark": marks_of(f)}, indent=2) for f in MARKS) + "\n")
    np.testing.assert_allclose(read_joints(tmp_path / "a.json").points, MARKS)
    (tmp_path / "b.json").write_text('[[1, 2]] {"a": ')
    with pytest.raises(UserError, match="b.json: cannot be read"):
        read_joints(tmp_path / "b.json")


def ultralytics(points: np.ndarray, number: int) -> dict[str, object]:
    """A row of ``Results.summary()``."""
    x, y = points.T.tolist()
    named = {"name": "person", "class": 0, "confidence": 0.9, "box": {"x1": 0, "y1": 0, "x2": 9, "y2": 9}}
    return {**named, "track_id": number, "keypoints": {"x": x, "y": y, "visible": [0.5] * 17}}


ROWS = [[ultralytics(PIXELS[n], 4), ultralytics(PIXELS[n] + 500, 7)] if n != 1 else [] for n in range(4)]


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        {str(n): rows for n, rows in enumerate(ROWS)},
        [{"frame": n, "detections": rows} for n, rows in enumerate(ROWS)],
    ],
)
def test_ultralytics_results(tmp_path: Path, content: object) -> None:
    for person, off in (("4", 0), ("7", 500)):
        found = read_keypoints(stored(tmp_path, content), person=person)
        assert found.joint_set is COCO17
        assert found.frames is not None
        assert found.frames.tolist() == [0, 1, 2, 3]
        assert (found.confidence[:, 0] > 0).tolist() == [True, False, True, True]
        np.testing.assert_allclose(found.points[[0, 2, 3]], PIXELS[[0, 2, 3]] + off)
    with pytest.raises(UserError, match="found x and y alone; `s2m lift` takes 2D joints"):
        read_joints(stored(tmp_path, ROWS))


def test_ultralytics_results_in_a_file_per_frame(tmp_path: Path) -> None:
    for number, rows in enumerate(ROWS):
        stored(tmp_path, rows, f"walk_{number}.json")
    np.testing.assert_allclose(read_keypoints(tmp_path, person="7").points[3], PIXELS[3] + 500)


@pytest.mark.parametrize("further", [(), (0.9,), (3,), (0.9, 3)])
@pytest.mark.parametrize("wide", [2, 3])
def test_yolos_labels(tmp_path: Path, further: tuple[float, ...], wide: int) -> None:
    """``Results.save_txt``: shares of the picture; frames in which nobody was have no file."""
    shares = np.concatenate([PIXELS / [1600, 1000], np.full((4, 17, 1), 0.5)], 2)[..., :wide].copy()
    shares[2, 5] = 0  # not seen
    for number, frame in zip((1, 2, 4, 10), shares, strict=True):
        line = " ".join(f"{value:g}" for value in (0, 0.5, 0.5, 0.2, 0.9, *frame.ravel(), *further))
        (tmp_path / f"walk_{number}.txt").write_text(line + "\n")
    found = read_keypoints(tmp_path, image_size=(1600, 1000))
    assert found.joint_set is COCO17
    assert found.frames is not None
    assert found.frames.tolist() == list(range(1, 11))
    seen = (found.confidence > 0).any(1).nonzero()[0]
    assert seen.tolist() == [0, 1, 3, 9]
    missing = np.zeros((4, 17), bool)
    missing[2, 5] = True
    np.testing.assert_array_equal(np.isnan(found.points[seen]).any(-1), missing)
    np.testing.assert_allclose(found.points[seen][~missing], PIXELS[~missing], atol=0.01)
    np.testing.assert_allclose(found.confidence[seen][~missing], 1 if wide == 2 else 0.5)
    assert found.person == (3 if 3 in further else 0)
    with pytest.raises(UserError, match="shares of the picture's width and height.*--image-size"):
        read_keypoints(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0.5 0.5 0.2 0.9\n", "found 5 numbers; these are boxes without keypoints"),
        ("0 0.5 0.5 0.2 0.9" + " 0.5 0.5" * 21, "expected lines of a class, a box and 17 keypoints .*, found 47"),
        ("a readme\n", "a_1.txt"),
        ("", "expected people with keypoints, found none"),
    ],
)
def test_labels_without_keypoints_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a_1.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        read_keypoints(tmp_path)


def test_sports2ds_pixels(tmp_path: Path) -> None:
    """A TRC file that calls pixels metres, with zero as the third coordinate."""
    labels = ["".join(word.title() for word in joint.replace("left", "L").replace("right", "R").split("_"))
              for joint in COCO17.joints]  # fmt: skip

    def trc(points: np.ndarray, name: str) -> Path:
        lines = [f"PathFileType\t4\t(X/Y/Z)\t{name}", "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits",
                 "25\t25\t4\t17\tm", "Frame#\tTime\t" + "\t\t\t".join(labels) + "\t\t\t", "\t\tX1\tY1\tZ1"]  # fmt: skip
        rows = ["\t".join(map(str, (n, n / 25, *frame.ravel()))) for n, frame in enumerate(points)]
        (tmp_path / name).write_text("\n".join([*lines, *rows]) + "\n")
        return tmp_path / name

    pixels = np.concatenate([PIXELS, np.zeros((4, 17, 1))], 2)
    found = read_keypoints(trc(pixels, "a_px.trc"))
    assert set(found.joint_set.joints) == set(COCO17.joints)
    np.testing.assert_allclose(found.points[:, found.joint_set.indices(COCO17.joints)], PIXELS)
    assert found.layout is not None
    assert (found.layout.fps, found.layout.unit, found.layout.up) == (25, None, None)
    with pytest.raises(UserError, match="expected pixels, as in the file that Sports2D calls ..._px.trc, found metres"):
        read_keypoints(trc(pixels / 500, "a_m.trc"))
    with pytest.raises(UserError, match="found three coordinates; `s2m ik` takes 3D joints"):
        read_keypoints(trc(pixels + 1, "b.trc"))


def test_frames_of_pixels_that_are_null(tmp_path: Path) -> None:
    frames: list[object] = [None, *PIXELS.tolist(), []]
    found = read_keypoints(stored(tmp_path, frames), COCO17)
    np.testing.assert_array_equal(found.points[1:5], PIXELS)
    assert np.isnan(found.points[[0, 5]]).all()


def test_a_rate_beside_the_joints(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", joints=RNG.normal(0, 1, (3, 17, 3)), fps=50)
    layout = read_joints(tmp_path / "a.npz", H36M17).layout
    assert layout is not None
    assert layout.fps == 50
    for told, layout in ((None, None), (25, 25)):
        (tmp_path / "a.json").write_text(json.dumps({"joints": RNG.normal(0, 1, (3, 17, 3)).tolist(), "fps": told}))
        found = read_joints(tmp_path / "a.json", H36M17).layout
        assert (found and found.fps) == layout
    (tmp_path / "a.json").write_text(json.dumps({"joints": [], "fps": [[1], 2]}))
    with pytest.raises(UserError, match="a.json"):
        read_joints(tmp_path / "a.json", H36M17)
    np.savez(tmp_path / "b.npz", joints=RNG.normal(0, 1, (3, 17, 3)), fps=[25, 50])
    with pytest.raises(UserError, match="b.npz: fps: expected one number of 0.1 to 10000, found 2 numbers"):
        read_joints(tmp_path / "b.npz", H36M17)


def test_easymocap_mmpose_and_openpose_in_3d(tmp_path: Path) -> None:
    trusted = np.insert(METRES[0], 3, 0.5, axis=1)
    found = read_joints(stored(tmp_path, [{"id": 3, "keypoints3d": trusted.tolist()}]))
    np.testing.assert_allclose(found.points[0], METRES[0])
    assert (found.person, found.joint_set) == (3, H36M17)
    body = RNG.normal(3, 1, (25, 4)).clip(0.1, None)
    found = read_joints(stored(tmp_path, [{"id": 0, "keypoints3d": body.tolist()}]))
    assert found.joint_set is BODY25
    content = [{"frame_id": n + 1, "instances": [instance(p)]} for n, p in enumerate(METRES)]
    np.testing.assert_allclose(read_joints(stored(tmp_path, content)).points, METRES)
    with pytest.raises(UserError, match="expected 2D keypoints, found 3D ones; `s2m ik` takes them"):
        read_keypoints(tmp_path / "a.json")
    content = {"people": [{"person_id": [-1], "pose_keypoints_3d": body.ravel().tolist()}]}
    np.testing.assert_allclose(read_joints(stored(tmp_path, content)).points[0], body[:, :3])


def test_panoptics_scenes(tmp_path: Path) -> None:
    body = RNG.normal(100, 20, (19, 4))
    body[:, 3] = 0.6
    body[4, 3] = -1
    for number in (1, 2, 4):
        stored(tmp_path, {"bodies": [{"id": 7, "joints19": body.ravel().tolist()}]}, f"body3DScene_{number:08d}.json")
    found = read_joints(tmp_path)
    assert found.joint_set is PANOPTIC19
    assert found.frames.tolist() == [1, 2, 3, 4]
    assert np.isnan(found.points[:, 4]).all()
    np.testing.assert_allclose(found.points[0, 5], body[5, :3])


def test_mdm_and_aist(tmp_path: Path) -> None:
    motion = RNG.normal(1, 1, (2, 22, 3, 6))
    np.save(tmp_path / "a.npy", np.array({"motion": motion, "text": ["a", "b"], "lengths": np.array([6, 4])}, object))
    first, second = read_all_joints(tmp_path / "a.npy")
    assert first.joint_set is SMPL22
    np.testing.assert_allclose(first.points, motion[0].transpose(2, 0, 1))
    assert (second.confidence[:, 0] > 0).tolist() == [True] * 4 + [False] * 2
    (tmp_path / "b.pkl").write_bytes(pickle.dumps({"keypoints3d": METRES, "keypoints3d_optim": METRES * 100}))
    found = read_joints(tmp_path / "b.pkl")
    assert found.joint_set is COCO17
    np.testing.assert_allclose(found.points, METRES * 100)


class Evil:
    def __reduce__(self):
        return (open, ("opened", "w"))


def bomb(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**7, 17, 3)})
        archive.writestr("joints.npy", head.getvalue() + bytes(80 * 10**6))
    return folder / "a.npz"


def huge(folder: Path) -> Path:
    with (folder / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 17, 3)})
    return folder / "a.npy"


def shared(folder: Path) -> Path:
    listed: list[object] = [1]
    for _ in range(40):
        listed = [listed] * 10
    (folder / "a.pkl").write_bytes(pickle.dumps(listed))
    return folder / "a.pkl"


def itself(folder: Path) -> Path:
    listed: list[object] = []
    listed.append(listed)
    (folder / "a.pkl").write_bytes(pickle.dumps(listed))
    return folder / "a.pkl"


def evil(folder: Path) -> Path:
    np.savez(folder / "a.npz", joints=np.array([Evil()], object))
    return folder / "a.npz"


def deep(folder: Path) -> Path:
    (folder / "a.json").write_text("[" * 200_000 + "]" * 200_000)
    return folder / "a.json"


@pytest.mark.parametrize("make", [bomb, huge, shared, itself, evil, deep])
@pytest.mark.parametrize("read", [read_joints, read_keypoints])
def test_hostile_files_are_one_short_sentence(tmp_path: Path, monkeypatch, make, read) -> None:
    monkeypatch.chdir(tmp_path)
    file = make(tmp_path)
    with pytest.raises(UserError) as caught:
        read(file)
    assert str(file) in str(caught.value)
    assert len(str(caught.value)) < 600
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


_BYTES = st.tuples(st.integers(0, 10**6), st.integers(0, 255))


@settings(max_examples=120, deadline=None)
@given(
    kind=st.sampled_from(["npy", "npz", "json", "csv", "coco"]),
    cut=st.floats(0.05, 1),
    flips=st.lists(_BYTES, max_size=6),
)
def test_damaged_files_raise_nothing_else(tmp_path_factory, kind: str, cut: float, flips) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    if kind == "npy":
        np.save(folder / "a.npy", METRES)
    elif kind == "npz":
        np.savez_compressed(folder / "a.npz", joints=METRES)
    elif kind == "csv":
        np.savetxt(folder / "a.csv", METRES.reshape(4, -1), delimiter=",")
    else:
        people = [{"image_id": n, "keypoints": [1.5, 2.5, 0.5] * 17} for n in range(3)]
        stored(folder, METRES.tolist() if kind == "json" else people)
    file = next(folder.iterdir())
    content = bytearray(file.read_bytes()[: int(cut * file.stat().st_size) + 1])
    for place, value in flips:
        content[place % len(content)] = value
    file.write_bytes(bytes(content))
    for read in (read_joints, read_keypoints):
        said = ""
        try:
            read(file)
        except UserError as error:
            said = str(error)
        assert "\n" not in said, said


def test_people_by_number_and_joints_that_are_null(tmp_path: Path) -> None:
    """VIBE's and WHAM's pickles number people; JSON of other languages has null for a joint or a frame."""
    points = np.random.default_rng(0).normal(size=(6, 17, 3))
    one = {"pose": np.zeros((6, 72)), "joints3d": points, "frame_ids": np.arange(6)}
    (tmp_path / "vibe.pkl").write_bytes(pickle.dumps({1: one}))
    np.testing.assert_allclose(read_joints(tmp_path / "vibe.pkl", H36M17).points, points, atol=1e-6)
    (tmp_path / "two.pkl").write_bytes(pickle.dumps({1: one, 4: one}))
    with pytest.raises(UserError, match="Name it with --key; it has: 1, 4"):
        read_joints(tmp_path / "two.pkl", H36M17)
    np.testing.assert_allclose(read_joints(tmp_path / "two.pkl", H36M17, "4").points, points, atol=1e-6)
    (tmp_path / "poses.pkl").write_bytes(pickle.dumps({1: {"pose_world": np.zeros((6, 72)), "trans_world": 0}}))
    with pytest.raises(UserError, match="it has: pose_world, trans_world"):
        read_joints(tmp_path / "poses.pkl", H36M17)
    listed = points.tolist()
    listed[2][5], listed[4] = None, None
    (tmp_path / "a.json").write_text(json.dumps(listed))
    found = read_joints(tmp_path / "a.json", H36M17).points
    missing = np.zeros((6, 17), bool)
    missing[2, 5], missing[4] = True, True
    np.testing.assert_array_equal(np.isnan(found).any(-1), missing)
    np.testing.assert_allclose(found[~missing], points[~missing], atol=1e-6)
