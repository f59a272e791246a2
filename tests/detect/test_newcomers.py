"""Who is found of whom nothing was known, and what decides it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from s2m.detect import BlazePose, Detection
from s2m.detect.covering import covered, head_around
from s2m.detect.landmarks import BetterOfTwo, Landmarks
from s2m.detect.models import shipped_model
from s2m.detect.newcomers import Newcomers, different
from s2m.detect.people import Candidate
from s2m.detect.poses import Pose, PoseNetwork
from s2m.detect.rectangles import inside, shared
from s2m.detect.region import Region
from s2m.detect.tiles import parts, tiles
from s2m.skeletons import BLAZEPOSE33, COCO17, S2M27
from tests.detect.conftest import WHITE, Rendered, rendered

PICTURE = np.full((300, 400, 3), WHITE, np.uint8)
LIMBS = [f"{s}_{p}" for s in ("left", "right") for p in ("shoulder", "elbow", "wrist", "knee", "ankle")]


@pytest.fixture(scope="module")
def network() -> PoseNetwork:
    return PoseNetwork(shipped_model("movenet_multipose.tflite"))


def pose(x: float = 200.0, score: float = 0.5, confidence: float = 0.8) -> Pose:
    """Somebody upright whose joints are the corners of a lattice, 160 pixels tall."""
    joints = np.stack([x + 20 * (np.arange(17) % 2), np.linspace(70, 230, 17)], -1)
    return Pose(joints, np.full(17, confidence), np.array([x, 70, x + 20, 230.0]), score)


def landmarks(of: Pose, shift: float = 0.0, score: float = 1.0) -> Landmarks:
    joints = np.zeros((33, 2)) + of.joints2d[0]
    joints[BLAZEPOSE33.indices(COCO17.joints)] = of.joints2d
    joints[:, 0] += shift
    mask = np.full((4, 4), 255, np.uint8)
    return Landmarks(of.square, joints, joints, np.ones(33), np.zeros((33, 3)), mask, score, of.square)


def found_by(
    poses: list[Pose],
    look: Any,
    candidates: Sequence[Candidate] = (),
    known: Sequence[Landmarks] = (),
    careful: Any = None,
) -> list[Landmarks]:
    """What is found when two networks propose these, the third sees ``look`` and, at last, ``careful``."""
    stand_in: Any = Newcomers
    with ThreadPoolExecutor(1) as workers:
        search = stand_in(lambda *_: poses, lambda *_: list(candidates), look, careful, workers)
        proposals = list(search.propose(PICTURE, tiles(400, 300, 1)))
        found: list[Landmarks] = search(PICTURE, proposals, known, 5)
    return found


def test_joints_are_where_they_are_in_any_part_of_a_picture(network: PoseNetwork, person: Rendered) -> None:
    (found,) = network(person.picture, *tiles(480, 400, 1))
    apart = found.joints2d[COCO17.indices(LIMBS)] - person.joints2d[S2M27.indices(LIMBS)]
    assert np.median(np.linalg.norm(apart, axis=-1)) < 0.06 * 300
    wide = np.full((900, 1100, 3), WHITE, np.uint8)
    wide[300:700, 500:980] = person.picture
    (moved,) = network(wide, Region(740.0, 500.0, 480.0))
    apart = moved.joints2d - [500, 300] - found.joints2d
    assert np.median(np.linalg.norm(apart, axis=-1)) < 0.03 * 300
    rows, columns = np.flatnonzero(person.mask.any(1)), np.flatnonzero(person.mask.any(0))
    assert shared(found.box, np.array([columns[0], rows[0], columns[-1], rows[-1]])) > 0.75


def test_whom_a_part_of_a_picture_cuts_off_is_left_to_the_next(network: PoseNetwork, person: Rendered) -> None:
    knees = float(person.joints2d[S2M27.indices(("left_knee", "right_knee")), 1].mean())
    upper = Region(230.0, knees - 190.0, 380.0)  # ends at the knees
    assert network(person.picture, upper) == []
    cut = np.ascontiguousarray(person.picture[: round(knees)])  # there the picture ends, and nobody has more of her
    assert len(network(cut, *tiles(480, len(cut), 1))) == 1


def test_the_square_stands_around_the_whole_person() -> None:
    """Turned with her: the crown is up in it, and the joints lie inside."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        one = pose()
        angle = rng.uniform(-np.pi, np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned = replace(one, joints2d=one.joints2d @ turn.T)
        square = turned.square
        matrix = np.array([[np.cos(square.turn), -np.sin(square.turn)], [np.sin(square.turn), np.cos(square.turn)]])
        own = (turned.joints2d - [square.x, square.y]) @ matrix / square.side
        assert (np.abs(own) < 0.5).all()
        assert own[COCO17.indices(("left_shoulder", "right_shoulder")), 1].mean() < -0.05
        hips = turned.joints2d[COCO17.indices(("left_hip", "right_hip"))].mean(0)
        assert (square.x, square.y) == pytest.approx(tuple(hips))


def test_parts_of_a_tile_cover_it_and_overlap_by_half() -> None:
    tile = Region(300.0, 200.0, 256.0)
    found = parts(tile)
    assert {(one.x - 300, one.y - 200) for one in found} == {(x, y) for x in (-64, 0, 64) for y in (-64, 0, 64)}
    assert {one.side for one in found} == {128.0}


def test_landmarks_that_agree_with_the_pose_are_taken() -> None:
    one = pose(score=0.22)
    (found,) = found_by([one], lambda *_: landmarks(one, shift=5.0))
    assert found.joints2d[0, 0] == pytest.approx(one.joints2d[0, 0] + 5)


@pytest.mark.parametrize(("score", "count"), [(0.22, 0), (0.4, 1)])
def test_landmarks_of_a_neighbour_are_not_taken(score: float, count: int) -> None:
    """What is left of a sure pose are its own joints; of another, nobody."""
    one = pose(score=score)
    found = found_by([one], lambda *_: landmarks(one, shift=150.0))
    assert len(found) == count
    for person in found:
        known = person.visibility > 0
        assert [name for name, seen in zip(BLAZEPOSE33.joints, known, strict=True) if seen] == [
            name for name in BLAZEPOSE33.joints if name in COCO17
        ]
        assert person.joints2d[BLAZEPOSE33.indices(COCO17.joints)] == pytest.approx(one.joints2d)
        assert not person.mask.any()


def test_the_look_that_agrees_best_is_taken() -> None:
    """The square moves on to a neighbour with the second look."""
    one = pose()
    shifts = iter([4.0, 120.0, 120.0])
    (found,) = found_by([one], lambda *_: landmarks(one, shift=next(shifts)))
    assert found.joints2d[0, 0] == pytest.approx(one.joints2d[0, 0] + 4)


@pytest.mark.parametrize(("shift", "taken"), [(9.0, True), (150.0, False)])
def test_the_careful_look_is_taken_unless_it_moves_on(shift: float, taken: bool) -> None:
    one = pose()
    (found,) = found_by([one], lambda *_: landmarks(one, shift=2.0), careful=lambda *_: landmarks(one, shift=shift))
    assert found.joints2d[0, 0] == pytest.approx(one.joints2d[0, 0] + (shift if taken else 2.0))


def test_who_is_known_is_nobody_new() -> None:
    one, other = pose(), pose(300.0)
    by_place = {one.square: landmarks(one), other.square: landmarks(other)}
    (found,) = found_by([one, other], lambda _, region: by_place[region], known=[landmarks(one, shift=3.0)])
    assert found.joints2d[0, 0] == pytest.approx(300.0)


def test_a_candidate_is_found_without_a_pose_and_once() -> None:
    one = landmarks(pose())
    candidates = [Candidate(one.region, 0.9), Candidate(replace(one.region, side=one.region.side * 1.01), 0.8)]
    assert len(found_by([], lambda *_: one, candidates)) == 1
    unsure = replace(one, score=0.6, visibility=np.full(33, 0.5))
    assert found_by([], lambda *_: unsure, candidates) == []


def test_people_side_by_side_are_two() -> None:
    """Shoulder to shoulder: as far apart as shoulders are wide."""
    one = landmarks(pose())
    beside = landmarks(pose(), shift=0.1 * one.region.side)
    assert len(different([one, beside])) == 2
    assert different([one, landmarks(pose(), shift=2.0, score=0.6)]) == [one]


def test_heads_of_others_are_black_and_nothing_else_is() -> None:
    picture = np.full((60, 80, 3), 200, np.uint8)
    own, other = np.array([10.0, 10.0, 30.0, 30.0]), np.array([24.0, 5.0, 50.0, 25.0])
    found = covered(picture, [own, other], own)
    rows, columns = np.mgrid[:60, :80] + 0.5
    within = [(columns > b[0]) & (columns < b[2]) & (rows > b[1]) & (rows < b[3]) for b in (own, other)]
    assert ((found == 0).all(-1) == (within[1] & ~within[0])).all()
    assert (picture == 200).all()
    assert covered(picture, [own], own) is picture
    assert (covered(picture, [np.array([-50.0, -50.0, -9.0, -9.0])]) == picture).all()
    assert head_around(np.array([[10.0, 20.0], [30.0, 24.0]])) == pytest.approx([0, 2, 40, 42])


def test_rectangles_share_what_their_pixels_share() -> None:
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:40, :40]
    for _ in range(30):
        one, other = (np.sort(rng.integers(0, 40, (2, 2)), 0).ravel() for _ in range(2))
        canvas = [(columns >= b[0]) & (columns < b[2]) & (rows >= b[1]) & (rows < b[3]) for b in (one, other)]
        both, either = (canvas[0] & canvas[1]).sum(), (canvas[0] | canvas[1]).sum()
        assert shared(one, other) == pytest.approx(both / max(either, 1))
        assert inside(one, other) == pytest.approx(both / max(canvas[0].sum(), 1))


def apart(found: list[Detection], people: list[Rendered]) -> np.ndarray:
    """(people, found) median distance of the shoulders, knees and ankles, pixels."""
    names = [f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "knee", "ankle")]
    mine, true = BLAZEPOSE33.indices(names), S2M27.indices(names)
    return np.array(
        [[np.nanmedian(np.linalg.norm(f.joints2d[mine] - p.joints2d[true], axis=-1)) for f in found] for p in people]
    )


def test_everybody_in_a_row_is_found_with_her_own_joints() -> None:
    """Three people whose arms lie over each other: their squares do, too, and their heads do not."""
    people = [rendered((900, 420), 340, (x, 210)) for x in (270, 450, 630)]
    picture = np.minimum.reduce([one.picture for one in people])
    found = BlazePose()(picture)
    assert len(found) == 3
    distances = apart(found, people)
    assert (distances.min(1) < 0.06 * 340).all()
    assert sorted(distances.argmin(1).tolist()) == [0, 1, 2]


def test_a_newcomer_in_a_video_is_found_once() -> None:
    one = rendered((900, 420), 340, (270, 210))
    both = np.minimum(one.picture, rendered((900, 420), 340, (630, 210)).picture)
    detector = BlazePose()
    (first,) = detector(one.picture)
    people: list[Detection] = [first]
    counts = []
    for _ in range(25):
        people = detector.track(both, people)
        counts.append(len(people))
    assert counts[-1] == 2
    assert max(counts) == 2


def test_each_joint_is_taken_from_the_network_that_sees_it_better() -> None:
    one = landmarks(pose())
    left = np.arange(33) % 2 == 0
    first = replace(one, visibility=np.where(left, 0.9, 0.1), score=0.7)
    second = replace(landmarks(pose(), shift=40.0), visibility=np.full(33, 0.5))
    stand_in: Any = BetterOfTwo
    found = stand_in(lambda *_: first, lambda *_: second)(PICTURE, one.region)
    assert found.joints2d[:, 0] == pytest.approx(one.joints2d[:, 0] + np.where(left, 0, 40))
    assert found.visibility == pytest.approx(np.where(left, 0.9, 0.5))
    assert found.score == 0.7


def test_both_networks_find_a_person(person: Rendered) -> None:
    (found,) = BlazePose("both", scales=1)(person.picture)
    apart = found.joints2d[BLAZEPOSE33.indices(LIMBS)] - person.joints2d[S2M27.indices(LIMBS)]
    assert np.nanmedian(np.linalg.norm(apart, axis=-1)) < 0.05 * 300
