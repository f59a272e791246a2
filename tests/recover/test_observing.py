"""Which of another program's keypoints and masks belong to which frame."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s2m.detect import Detection
from s2m.errors import UserError
from s2m.recover.observing import FromKeypoints, WithMasks, first_number

PICTURE = np.zeros((200, 200, 3), np.uint8)


def openpose(folder: Path, name: str, place: float | None) -> None:
    """A file in which one person is at a place of its own, or nobody."""
    flat = [value for joint in range(18) for value in (place, 10.0 + joint, 0.9)] if place is not None else []
    people = [{"pose_keypoints_2d": flat}] if flat else []
    (folder / name).write_text(json.dumps({"version": 1.3, "people": people}))


def places(observer: FromKeypoints, count: int) -> list[float | None]:
    """Where the person of each frame of a video is."""
    found = []
    for frame in range(count):
        people = observer(frame, f"{frame}", PICTURE)[1]
        found.append(float(people[0].joints2d[0, 0]) if people else None)
    return found


@pytest.mark.parametrize(
    ("numbers", "count", "expected"),
    [
        ([0, 1, 2, 3], 4, [0, 1, 2, 3]),
        ([1, 2, 3, 4], 4, [1, 2, 3, 4]),  # counted from 1
        ([2, 3, 5], 6, [None, None, 2, 3, None, 5]),  # nobody in the first two
        ([3, 4, 6], 6, [None, None, 3, 4, None, 6]),  # counted from 1: the last is the video's sixth
        ([500, 501, 503], 4, [500, 501, None, 503]),  # the video was cut out
        ([0, 1], 4, [0, 1, None, None]),
        ([2, 3], 0, [2, 3]),  # nobody knows how long the video is
    ],
)
@pytest.mark.parametrize("name", ["walk_{:012d}_keypoints.json", "{}.json"])
def test_frames_of_a_video_go_by_number(
    tmp_path: Path, numbers: list[int], count: int, expected: list[float | None], name: str
) -> None:
    for number in numbers:
        openpose(tmp_path, name.format(number), float(number % 190))
    observer, notes = FromKeypoints(tmp_path, 0.0).of_video(count)
    assert places(observer, len(expected)) == [None if one is None else one % 190 for one in expected]
    assert bool(notes) == (min(numbers) > 1 and first_number(min(numbers), max(numbers), count) > 1)


def test_arrays_have_a_row_for_every_frame(tmp_path: Path) -> None:
    points = np.stack([np.full((17, 2), 5.0 + n) for n in range(3)])
    np.savez(tmp_path / "a.npz", joints2d=points, joint_set=np.array("h36m17"))
    observer, _ = FromKeypoints(tmp_path / "a.npz", 0.0).of_video(5)
    assert places(observer, 5) == [5, 6, 7, None, None]


def test_pictures_go_by_name(tmp_path: Path) -> None:
    for place, name in enumerate(("b_keypoints.json", "a_keypoints.json")):
        openpose(tmp_path, name, 10.0 + place)
    observer = FromKeypoints(tmp_path, 0.0)
    assert [observer(0, name, PICTURE)[1][0].joints2d[0, 0] for name in "ab"] == [11, 10]
    assert observer(0, "c", PICTURE)[1] == []


def test_shares_of_the_picture_are_pixels_of_it(tmp_path: Path) -> None:
    """MediaPipe's landmarks: whoever has the picture knows its size."""
    points = np.stack([np.full((17, 2), 0.25 + 0.05 * n) for n in range(3)])
    np.savez(tmp_path / "a.npz", joints2d=points, joint_set=np.array("h36m17"))
    observer, _ = FromKeypoints(tmp_path / "a.npz", 0.0).of_video(3)
    _, (found,) = observer(2, "2", np.zeros((100, 400, 3), np.uint8))
    np.testing.assert_allclose(found.joints2d, np.tile([0.35 * 400, 0.35 * 100], (17, 1)))
    np.testing.assert_allclose(found.box, [140, 35, 140, 35])


class Someone:
    """Sees one person in every frame."""

    joint_set = "coco17"

    def __call__(self, frame: int, name: str, picture: np.ndarray) -> tuple[list[int], list[Detection]]:
        return [0], [Detection(np.full((17, 2), 9.0), np.ones(17), "coco17", np.zeros(4), 1.0, None)]


@pytest.mark.parametrize("name", ["{}.png", "mask_{:05d}.png"])
@pytest.mark.parametrize("first", [0, 1, 700])
def test_masks_of_a_video_go_by_number(tmp_path: Path, name: str, first: int) -> None:
    for number in range(3):
        mask = np.zeros((200, 200), np.uint8)
        mask[:, : 50 + number] = 255
        Image.fromarray(mask).save(tmp_path / name.format(first + number))

    observer = WithMasks(Someone(), tmp_path, 3)
    masks = [observer(frame, f"{frame}", PICTURE)[1][0].mask for frame in range(4)]
    assert [None if mask is None else int(mask[0].sum()) for mask in masks] == [50, 51, 52, None]


def test_pictures_without_a_mask_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "0", "1"):
        Image.fromarray(np.full((200, 200), 255, np.uint8)).save(tmp_path / f"{name}.png")
    photos = WithMasks(Someone(), tmp_path)
    photos(0, "a", PICTURE)
    assert not capsys.readouterr().err
    photos(0, "b", PICTURE)
    assert f"--masks {tmp_path}: no mask for b, whose people get no silhouettes" in capsys.readouterr().err
    (tmp_path / "a.png").unlink()
    WithMasks(Someone(), tmp_path, 2)
    WithMasks(Someone(), tmp_path, 0)  # nobody knows how many frames there are
    assert not capsys.readouterr().err
    WithMasks(Someone(), tmp_path, 5)
    assert "masks of 2 of 5 frames; no silhouettes in the others" in capsys.readouterr().err


def test_one_number_twice_is_named(tmp_path: Path) -> None:
    for name in ("01.json", "1.json"):
        openpose(tmp_path, name, 5.0)
    with pytest.raises(UserError, match="found two of number 1"):
        FromKeypoints(tmp_path, 0.0)
