"""Order is not time, and position is not identity."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2m.cli import main
from s2m.errors import FormatError, UserError
from s2m.formats.frames import all_frames, number_frames
from s2m.formats.keypoints2d import read_all_keypoints, read_keypoints

FRAMES = 30


def walker(frame: int, start: float, speed: float, seed: int) -> np.ndarray:
    """(17, 2) pixels of somebody who walks along x and swings the limbs."""
    rng = np.random.default_rng(seed)
    shape = rng.uniform([-40, -100], [40, 100], (17, 2))
    swing = 8 * np.sin(frame / 3 + rng.uniform(0, 6, (17, 1)))
    return shape + [start + speed * frame, 400.0] + swing * [1.0, 0.3]


def entry(image: object, points: np.ndarray, score: float = 0.9, **more: object) -> dict[str, object]:
    flat = np.column_stack([points, np.full(len(points), 0.9)]).ravel().tolist()
    return {"image_id": image, "keypoints": flat, "score": score, **more}


def written(folder: Path, people: list[dict[str, object]]) -> Path:
    (folder / "a.json").write_text(json.dumps(people))
    return folder / "a.json"


@pytest.mark.parametrize("name", ["{}.jpg", "{:06d}.png", "frame_{:05d}.png", "run2/clip_{}_keypoints.json", "{}"])
def test_numbers_are_read_from_names(name: str) -> None:
    images = [name.format(n) for n in (9, 10, 11, 100, 2)]
    assert list(number_frames(images, "x").of.values()) == [9, 10, 11, 100, 2]
    assert number_frames([7, 3], "x").of == {"7": 7, "3": 3}


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (["a/0.jpg", "b/0.jpg"], "one file name in two folders: a/0.jpg and b/0.jpg"),
        (["1.jpg", "01.jpg"], "two of number 1: 1.jpg and 01.jpg"),
        (["cam1_0.jpg", "cam1_1.jpg", "cam2_0.jpg", "cam2_1.jpg"], "several numbers in their names"),
    ],
)
def test_ambiguous_names_are_refused(images: list[str], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        number_frames(images, "x")


def test_gaps_and_steps_are_said() -> None:
    frames, notes = all_frames([0, 1, 2, 6, 7])
    assert list(frames) == list(range(8))
    assert notes == ("3 of 8 frames are not in the file (3 to 5): taken as frames without a person",)
    frames, (step,) = all_frames([5, 15, 10, 20])
    assert list(frames) == [5, 10, 15, 20]
    assert "only every 5th frame" in step
    assert not number_frames([139, 285, 581929], "x").video


@settings(max_examples=25, deadline=None)
@given(
    order=st.permutations(range(12)),
    lost=st.sets(st.integers(1, 10), max_size=8),
    name=st.sampled_from(["{}.jpg", "f_{:04d}.png", None]),
)
def test_neither_the_order_nor_gaps_move_a_frame(tmp_path_factory, order, lost, name) -> None:
    folder = tmp_path_factory.mktemp("order")
    kept = [n for n in order if n not in lost]
    people = [entry(n if name is None else name.format(n), walker(n, 300, 4, 1)) for n in kept]
    found = read_keypoints(written(folder, people))
    step = int(np.gcd.reduce(np.diff(sorted(kept)))) if len(kept) > 2 else 1
    assert found.frames.tolist() == list(range(0, 12, step))
    for frame, points in zip(found.frames, found.points, strict=True):
        if frame in lost:
            assert np.isnan(points).all()
        else:
            np.testing.assert_allclose(points, walker(frame, 300, 4, 1))


def crossing(tracked: bool = False) -> list[dict[str, object]]:
    """Two people who cross; scores and order change from frame to frame, one is not seen for three frames."""
    rng = np.random.default_rng(5)
    found = []
    for frame in range(FRAMES):
        pair = [(0, walker(frame, 300, 10, 1)), (1, walker(frame, 600, -10, 2))]
        for who, points in rng.permutation(np.array(pair, dtype=object)):
            if not (who == 1 and 20 <= frame < 23):
                more = {"track_id": 40 + int(who)} if tracked else {}
                found.append(entry(frame, points, float(rng.uniform(0.3, 1)), **more))
    return found


@pytest.mark.parametrize("tracked", [False, True])
def test_people_are_followed_when_they_cross(tmp_path: Path, tracked: bool) -> None:
    file = written(tmp_path, crossing(tracked))
    first, second = read_all_keypoints(file)
    assert (first.person, second.person) == ((40, 41) if tracked else (0, 1))
    for track, (start, speed, seed) in ((first, (300, 10, 1)), (second, (600, -10, 2))):
        expected = np.stack([walker(frame, start, speed, seed) for frame in range(FRAMES)])
        seen = track.confidence[:, 0] > 0
        assert seen.sum() == (FRAMES if seed == 1 else FRAMES - 3)
        np.testing.assert_allclose(track.points[seen], expected[seen])
    one = read_keypoints(file)
    np.testing.assert_array_equal(one.points, first.points)
    assert any("2 people" in note and "--person" in note for note in one.notes)
    other = read_keypoints(file, person=str(second.person))
    np.testing.assert_array_equal(other.points, second.points)
    with pytest.raises(UserError, match="--person 9: expected one of the people"):
        read_keypoints(file, person="9")


def test_the_largest_may_be_asked_for(tmp_path: Path) -> None:
    people = [entry(n, walker(n, 300, 2, 1)) for n in range(10)]
    people += [entry(n, 3 * walker(n, 500, 2, 2)) for n in range(6)]
    found = read_keypoints(written(tmp_path, people), person="largest")
    np.testing.assert_allclose(found.points[0], 3 * walker(0, 500, 2, 2))


def test_one_person_twice_in_a_frame_is_refused(tmp_path: Path) -> None:
    people = [entry(0, walker(0, 1, 1, 1), track_id=1), entry(0, walker(0, 9, 1, 2), track_id=1)]
    people.append(entry(1, walker(1, 1, 1, 1), track_id=2))
    with pytest.raises(FormatError, match="expected person 1 once per frame, found 2 times in frame 0"):
        read_keypoints(written(tmp_path, people))


def test_one_file_per_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, crossing())
    assert main(["lift", str(file), "-o", str(tmp_path / "out.npz"), "--people", "all"]) == 0
    for number in (0, 1):
        with np.load(tmp_path / f"out-{number}.npz") as found:
            assert found["joints3d"].shape == (FRAMES, 17, 3)
    assert not (tmp_path / "out.npz").exists()
    assert main(["lift", str(file), "-o", str(tmp_path / "out.npz"), "--people", "all"]) == 2
    assert "out-0.npz: there is such a file already" in capsys.readouterr().err
    for bad in (["--people", "0"], ["--person", "tall"], ["--image-size", "12"]):
        assert main(["lift", str(file), "-o", str(tmp_path / "b.npz"), *bad]) == 2
