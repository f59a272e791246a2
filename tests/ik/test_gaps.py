"""Gaps of a clip, against the rule written out frame by frame."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from s2m.ik.gaps import fill_places, frame_ranges, gaps_of, held_frames


def by_hand(places: np.ndarray, good: list[bool], limit: int) -> tuple[np.ndarray, list[bool]]:
    expected, held = places.copy(), [False] * len(good)
    known = [frame for frame, is_good in enumerate(good) if is_good]
    for frame, is_good in enumerate(good):
        if is_good or not known:
            held[frame] = not is_good
            continue
        before = max((k for k in known if k < frame), default=None)
        after = min((k for k in known if k > frame), default=None)
        if before is None or after is None:
            expected[frame], held[frame] = places[after if before is None else before], True
        elif after - before - 1 <= limit:
            expected[frame] = places[before] + (places[after] - places[before]) * (frame - before) / (after - before)
        else:
            nearest = before if frame - before <= after - frame else after
            expected[frame], held[frame] = places[nearest], True
    return expected, held


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 6))
def test_short_gaps_are_filled_and_long_ones_held(good: list[bool], limit: int) -> None:
    places = np.random.default_rng(len(good)).normal(size=(len(good), 3))
    expected, held = by_hand(places, good, limit)
    given_places = np.where(np.array(good)[:, None], places, np.nan)
    fill_places(given_places, limit)
    if any(good):
        np.testing.assert_allclose(given_places, expected, atol=1e-12)
    assert held_frames(np.array(good), limit).tolist() == held


def test_frames_are_named_as_stretches() -> None:
    frames = np.zeros(40, bool)
    frames[[3, 15, 16, 17]] = True
    assert frame_ranges(frames) == "4 of 40 frames (3, 15-17)"
    frames[::2] = True
    assert "more stretches" in frame_ranges(frames)
    assert gaps_of(np.ones(3, bool), 2).empty
