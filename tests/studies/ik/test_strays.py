"""The study counts what it says, on a clip of which it is known."""

from __future__ import annotations

import numpy as np
import pytest

from s2m.data.motion.clips import Clip, open_motion
from studies.ik import strays


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> list[Clip]:
    monkeypatch.setattr(strays, "_SETS", ("h36m17",))
    return [next(clip for clip in open_motion() if clip.name == "walk")]


def test_planted_faults_are_found_and_sound_clips_are_not(walk: list[Clip]) -> None:
    space = strays.in_space(walk)
    assert {name: str(tally) for name, tally in space.items()} == {
        "false alarms": "0 of 9",
        "strays found": "6 of 6",
        "bodies elsewhere found": "6 of 6",
    }
    pictures = strays.in_pictures(walk)
    assert pictures["clips with false alarms"].tries == 4 * 3 * 3
    assert pictures["strays found"].found >= 3


def test_a_search_that_finds_everything_is_seen(walk: list[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts are not made up: a search that cries always has false alarms only."""
    monkeypatch.setattr(strays, "stray_joints", lambda points: np.ones(points.shape[:2], bool))
    pictures = strays.in_pictures(walk)
    assert pictures["clips with false alarms"].found == pictures["clips with false alarms"].tries
    assert pictures["joints that are missing"].found == pictures["joints that are missing"].tries
    assert pictures["strays found"].found == 0
