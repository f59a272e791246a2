"""People keep their numbers while they are over each other, whatever a detector makes of their limbs."""

from __future__ import annotations

import numpy as np

from s2m.detect import Detection
from s2m.recover.following import Follower


def person(x: float, height: float, joints: np.ndarray | None = None) -> Detection:
    """Someone who stands at x, with joints spread over the box unless others are said."""
    box = np.array([x - height / 4, 500 - height, x + height / 4, 500.0])
    spread = np.random.default_rng(0).random((17, 2)) if joints is None else joints
    points = box[:2] + spread * (box[2:] - box[:2])
    return Detection(points, np.full(17, 0.9), "coco17", box, 0.9, None)


def mixed_up() -> np.ndarray:
    """The joints of somebody upside down and with all sides exchanged: a whole body away from where they were."""
    return 1 - np.random.default_rng(0).random((17, 2))


def test_people_keep_their_numbers_where_a_detector_mixes_up_the_joints_of_one() -> None:
    follow = Follower(30.0)
    for _ in range(5):
        assert follow([person(300, 400), person(200, 250)]) == [0, 1]
    assert follow([person(200, 250), person(300, 400, mixed_up())]) == [1, 0]
    assert follow([person(200, 250), person(300, 400)]) == [1, 0]


def test_whoever_is_elsewhere_is_somebody_else() -> None:
    follow = Follower(30.0)
    assert follow([person(200, 250)]) == [0]
    assert follow([person(420, 250)]) == [1]


def test_people_who_pass_each_other_keep_their_numbers() -> None:
    follow = Follower(30.0)
    for step in range(40):
        there = [person(100 + 10 * step, 300), person(500 - 10 * step, 260)]
        order = step % 2
        assert follow(there[::-1] if order else there) == ([1, 0] if order else [0, 1])
