"""What "not seen" looks like, against rules written out joint by joint."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2m.missing import Origin, mask_missing, mask_with, names_and_counts

MARKS = [
    np.zeros(3),
    np.full(3, -1.0),
    np.full(3, -999.0),
    np.full(3, np.nan),
    np.array([1.0, np.inf, 0.0]),
    np.array([1e300, 0, 0]),
]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_whatever_stands_where_nothing_was_seen_the_answer_is_the_same(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(4, 6, 3)) + 5
    hidden = rng.random((4, 6)) < share
    found = []
    for _ in range(2):
        spoilt, sure = points.copy(), np.ones((4, 6))
        for frame, joint in zip(*np.nonzero(hidden), strict=True):
            kind = rng.integers(len(MARKS) + 2)
            if kind < len(MARKS):
                spoilt[frame, joint] = MARKS[kind]
            else:
                spoilt[frame, joint], sure[frame, joint] = rng.normal(size=3), [0.0, -1.0][kind - len(MARKS)]
        found.append(mask_missing(spoilt, sure))
    for masked, sure in found:
        np.testing.assert_array_equal(np.isnan(masked).all(-1), hidden)
        np.testing.assert_array_equal(masked[~hidden], points[~hidden])
        np.testing.assert_array_equal(sure == 0, hidden)


def test_the_root_of_root_relative_joints_is_seen() -> None:
    points = np.random.default_rng(0).normal(size=(9, 12, 3))
    points[:, 0] = 0
    points[3, 2] = 0  # missing, beside a root that is at zero by definition
    points[7] = 0  # nobody
    _, sure = mask_missing(points, root=0)
    expected = np.ones((9, 12), bool)
    expected[3, 2] = False
    expected[7] = False
    np.testing.assert_array_equal(sure > 0, expected)
    np.testing.assert_array_equal(mask_missing(points)[1], sure)


@pytest.mark.parametrize("joints", [[4], [0, 4]])
def test_a_joint_at_the_corner_of_a_picture_is_not_its_root(joints: list[int]) -> None:
    pixels = np.random.default_rng(0).uniform(300, 500, (9, 5, 2))
    pixels[:, joints] = 0
    assert (mask_missing(pixels)[1] > 0).all(0).tolist() == [j not in joints for j in range(5)]


def test_blocks_say_what_the_whole_clip_says() -> None:
    points = np.random.default_rng(1).normal(size=(20, 12, 3))
    points[:, 0] = 0
    points[:7, 1:] = np.nan  # the first block shows nobody
    origin = Origin()
    for start in range(0, 20, 3):
        origin.look(points[start : start + 3])
    parts = [mask_with(points[start : start + 3], None, origin.found)[0] for start in range(0, 20, 3)]
    np.testing.assert_array_equal(np.concatenate(parts), mask_missing(points)[0])


def test_nan_as_confidence_is_missing_and_the_input_is_left_alone() -> None:
    points = np.ones((1, 2, 3))
    _, sure = mask_missing(points, [[np.nan, 0.5]])
    assert sure.tolist() == [[0, 0.5]]
    assert points.min() == 1


def test_joints_are_named_with_counts() -> None:
    assert names_and_counts([2, 0, 5], ["a", "b", "c"], 5) == "a (2), c (all)"
    assert names_and_counts([1] * 4, list("abcd"), 5, shown=3) == "a (1), b (1), c (1) and 1 more"
