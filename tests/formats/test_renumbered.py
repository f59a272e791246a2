"""A tracker that gives people new numbers, or mixes them up, changes nobody; numbers that are right stay."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s2m.formats.keypoints2d import read_all_keypoints, read_keypoints
from s2m.formats.people import Choice, Crowd, Sighting, tracks_of
from s2m.skeletons import COCO17

FRAMES = 60


def person(who: int, seed: int) -> np.ndarray:
    """(T, 17, 2) pixels of somebody who walks in a lane of their own, to and fro, and swings the limbs."""
    rng = np.random.default_rng([seed, who])
    shape = rng.uniform([-40, -100], [40, 100], (17, 2)) * rng.uniform(0.7, 1.3)
    times = np.arange(FRAMES)[:, None, None]
    swing = 10 * np.sin(times / 3 + rng.uniform(0, 6, (17, 1))) * [1.0, 0.3]
    walk = 300 + 200 * who + 60 * np.sin(times / rng.uniform(15, 40) + rng.uniform(0, 6)) * [1.0, 0.1]
    return shape + swing + walk + rng.normal(0, 1.5, (FRAMES, 17, 2))


def tracks(people: dict[int, list[tuple[int, np.ndarray]]]) -> tuple[dict[int, np.ndarray], tuple[str, ...]]:
    """Number -> (T, 17, 2) of what is read of number -> (frame, points)."""
    seen = [Sighting(t, p, np.ones(17), 1.0, number) for number, rows in people.items() for t, p in rows]
    crowd = Crowd(COCO17, seen, range(FRAMES))
    found = tracks_of(crowd, Choice(people=float("inf")), Path("a.json"))
    return {int(track.person or 0): track.points for track in found}, found[0].notes


def bodies(found: dict[int, np.ndarray]) -> list[bytes]:
    return sorted(np.nan_to_num(points).tobytes() for points in found.values())


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(count=st.integers(1, 4), seed=st.integers(0, 10**6), data=st.data())
def test_new_numbers_and_exchanged_ones_make_the_same_people(count: int, seed: int, data: st.DataObject) -> None:
    """Somebody's number changes, after a gap or at once, or two people exchange theirs; up to five times."""
    walks = [person(who, seed) for who in range(count)]
    hidden = np.zeros((count, FRAMES), bool)
    numbers = np.repeat(np.arange(count)[:, None], FRAMES, 1)
    for free, frame in enumerate(sorted(data.draw(st.sets(st.sampled_from(range(9, FRAMES - 5, 9))))), start=10):
        who, other = (data.draw(st.integers(0, count - 1)) for _ in range(2))
        if who != other:
            numbers[[who, other], frame:] = numbers[[other, who], frame:]
        else:
            hidden[who, frame - data.draw(st.integers(0, 4)) : frame] = True
            numbers[who, frame:] = np.where(numbers[who, frame:] == numbers[who, frame], free, numbers[who, frame:])
    people: dict[int, list[tuple[int, np.ndarray]]] = {}
    plain: dict[int, list[tuple[int, np.ndarray]]] = {who: [] for who in range(count)}
    for who, walk in enumerate(walks):
        for frame in np.flatnonzero(~hidden[who]).tolist():
            people.setdefault(int(numbers[who, frame]), []).append((frame, walk[frame]))
            plain[who].append((frame, walk[frame]))
    found, notes = tracks(people)
    expected, quiet = tracks(plain)
    assert bodies(found) == bodies(expected)
    assert not any("numbers" in note for note in quiet)
    changed = any(len(np.unique(row[~dark])) > 1 for row, dark in zip(numbers, hidden, strict=True))
    assert any("people go on under other numbers" in note for note in notes) == changed


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6), data=st.data())
def test_a_number_that_comes_back_is_the_same_person(seed: int, data: st.DataObject) -> None:
    """After one or more other numbers had them, with gaps between; somebody else walks by meanwhile."""
    walk, other = person(0, seed), person(1, seed)
    edges = sorted(data.draw(st.sets(st.sampled_from(range(8, FRAMES - 7, 7)), min_size=2, max_size=4)))
    numbers = np.zeros(FRAMES, int)
    for free, (begin, end) in enumerate(pairwise(edges), start=10):
        numbers[begin:end] = free
    for edge in edges:
        numbers[edge : edge + data.draw(st.integers(0, 3))] = -1  # nobody is found
    people: dict[int, list[tuple[int, np.ndarray]]] = {1: list(enumerate(other))}
    for frame in np.flatnonzero(numbers >= 0).tolist():
        people.setdefault(int(numbers[frame]), []).append((frame, walk[frame]))
    found, notes = tracks(people)
    assert set(found) == {0, 1}
    assert (np.isfinite(found[0]).all((1, 2)) == (numbers >= 0)).all()
    np.testing.assert_array_equal(found[1], other)
    assert any(f"0 as 10 from frame {np.flatnonzero(numbers == 10)[0]}" in note for note in notes)


def test_somebody_else_who_comes_and_goes_in_a_gap_fills_it_not() -> None:
    walk, other = person(0, 5), person(2, 5)
    rows = {1: [(t, walk[t]) for t in range(FRAMES) if not 20 <= t < 40], 2: [(t, other[t]) for t in range(24, 36)]}
    found, notes = tracks(rows)
    assert set(found) == {1, 2}
    assert not any("numbers" in note for note in notes)


def test_both_numbers_name_the_person(tmp_path: Path) -> None:
    """As the file has it: the command takes either, and says where the number changes."""
    walk = person(0, 1)
    rows = [
        {"image_id": t, "category_id": 1, "score": 0.9, "track_id": 3 if t < 30 else 7, "keypoints": keypoints(walk[t])}
        for t in range(FRAMES)
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (only,) = read_all_keypoints(tmp_path / "a.json")
    assert only.person == 3
    assert any("3 as 7 from frame 30" in note for note in only.notes)
    for number in ("3", "7"):
        np.testing.assert_array_equal(read_keypoints(tmp_path / "a.json", person=number).points, only.points)


def keypoints(points: np.ndarray) -> list[float]:
    return np.column_stack([points, np.ones(len(points))]).ravel().tolist()


@pytest.mark.parametrize("length", [1, 20])
def test_a_number_that_jumps_across_the_picture_is_two_people(length: int) -> None:
    """For a frame, or for good."""
    walk = person(0, 2)
    walk[30 : 30 + length] += [900.0, 0]
    found, notes = tracks({4: list(enumerate(walk[: 50 if length == 20 else FRAMES]))})
    assert set(found) == {4, 5}
    there = np.isfinite(found[5]).all((1, 2))
    assert np.flatnonzero(there).tolist() == list(range(30, 30 + length))
    assert not (np.isfinite(found[4]).all((1, 2)) & there).any()
    assert any("jump to other places, 4 from frame 30 on (5)" in note for note in notes)


def test_people_who_pass_each_other_keep_their_numbers() -> None:
    """Close by, at a run, and with a gap where one hides the other."""
    first, second = person(0, 3), person(0, 4)
    steps = (np.arange(FRAMES) - FRAMES / 2)[:, None, None] * [12.0, 0.0]
    rows = {1: list(enumerate(first + steps)), 2: list(enumerate(second - steps))}
    del rows[2][28:32]
    found, notes = tracks(rows)
    assert set(found) == {1, 2}
    for number, points in rows.items():
        for frame, one in points:
            np.testing.assert_array_equal(found[number][frame], one)
    assert not any("numbers" in note for note in notes)


@pytest.mark.parametrize("what", ["large", "late", "away", "the other way"])
def test_somebody_else_who_comes_later_is_somebody_else(what: str) -> None:
    """Of another size, a while after, beside, or going the other way where the first one left the picture."""
    walk = person(0, 5)
    steps = np.arange(FRAMES)[:, None, None] * [6.0, 0.0]
    first, second = walk + steps, walk + steps
    start = 55 if what == "late" else 22
    if what == "large":
        middle = second.mean(1, keepdims=True)
        second = middle + 2 * (second - middle)
    elif what == "away":
        second = second + np.array([200.0, 0])
    elif what == "the other way":
        second = walk + steps[20] - np.arange(-start, FRAMES - start)[:, None, None] * [6.0, 0.0]
        start = 30
    rows = {1: list(enumerate(first))[:20], 2: list(enumerate(second))[start:]}
    found, _ = tracks(rows)
    assert set(found) == {1, 2}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), people=st.integers(1, 3))
def test_whoever_is_anywhere_in_every_frame_is_left_alone(seed: int, people: int) -> None:
    """Joints relative to nothing, noise, pictures that are no video: numbers are all that there is."""
    rng = np.random.default_rng(seed)
    rows = {who: [(t, rng.uniform(0, 1000, (17, 2))) for t in range(20)] for who in range(people)}
    found, _ = tracks(rows)
    assert set(found) == set(rows)
