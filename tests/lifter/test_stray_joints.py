"""Joints that no body reaches, for a frame or two, are missing; what people and detectors do otherwise stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2m.cli import main
from s2m.data.motion.clips import open_motion
from s2m.formats.clips import ArrayFrames
from s2m.lifter.stray_joints import WithoutStrays, stray_joints
from s2m.skeletons import H36M17

from .scenes import _seen
from .test_untangled import COLUMNS, MIRROR

FRAMES = 38
WALK = _seen(next(clip for clip in open_motion() if clip.name == "walk").poses[:FRAMES], np.zeros(FRAMES))[1][
    :, COLUMNS
].astype(np.float64)
HEIGHT = float(np.ptp(WALK[0, :, 1]))


@settings(max_examples=40, deadline=None)
@given(
    frame=st.integers(2, FRAMES - 4),
    length=st.integers(1, 2),
    joints=st.sets(st.integers(0, 16), min_size=1, max_size=3),
    missing=st.sets(st.integers(0, 16), max_size=3),
    far=st.floats(1.8, 30),
    seed=st.integers(0, 10**6),
    rows=st.sampled_from([1, 7, 4096]),
)
def test_joints_that_jump_away_and_back_are_missing(
    frame: int, length: int, joints: set[int], missing: set[int], far: float, seed: int, rows: int
) -> None:
    """By more than the height of the person, in any direction, in blocks of any size; with other joints missing."""
    rng = np.random.default_rng(seed)
    points = WALK + rng.normal(0, 0.01 * HEIGHT, WALK.shape)
    points[frame - 1, sorted(missing)] = np.nan
    turn = rng.uniform(0, 2 * np.pi, len(joints))
    away = far * HEIGHT * np.stack([np.cos(turn), np.sin(turn)], -1)
    for step in range(length):
        points[frame + step, sorted(joints)] += away
    clip = WithoutStrays(ArrayFrames(points), H36M17)
    parts = [clip.read(start, min(FRAMES, start + rows)) for start in range(0, FRAMES, rows)]
    gone = np.isnan(np.concatenate([part[0] for part in parts])).all(-1) & np.isfinite(points).all(-1)
    assert {(int(t), int(j)) for t, j in np.argwhere(gone)} == {(frame + s, j) for s in range(length) for j in joints}
    assert (np.concatenate([part[1] for part in parts])[gone] == 0).all()
    assert clip.messages[0].startswith(f"joints far from their body in {length} of {FRAMES} frames")


def _stay(points: np.ndarray) -> bool:
    return not stray_joints(points).any()


@pytest.mark.parametrize("turn", [0.0, np.pi / 2])
def test_what_people_do_stays(turn: float) -> None:
    """All clips that ship, at full rate and every fourth frame, with noise, exchanged labels and a wrist elsewhere."""
    for clip in open_motion():
        frames = min(120, len(clip))
        points = _seen(clip.poses[:frames], np.full(frames, turn))[1][:, COLUMNS].astype(np.float64)
        size = float(np.median(np.ptp(points, axis=1)))
        rng = np.random.default_rng(0)
        for part in (points, points[::4]):
            assert _stay(part), clip.name
            assert _stay(part + size * 0.05 * rng.standard_t(3, part.shape).clip(-6, 6)), clip.name
            mixed = part.copy()
            mixed[3:5] = mixed[3:5][:, MIRROR]
            mixed[-2, H36M17.index("left_wrist")] = mixed[-2, H36M17.index("right_ankle")]
            assert _stay(mixed), clip.name


def test_a_person_who_is_elsewhere_is_no_joint() -> None:
    """Nor does a joint stray that stays where it is, or one that is always elsewhere."""
    points = WALK.copy()
    points[20] += 10 * HEIGHT
    assert _stay(points)
    points = WALK.copy()
    points[20:, 3] += 10 * HEIGHT
    assert _stay(points)
    points = WALK.copy()
    points[::3, 3] += 10 * HEIGHT
    clip = WithoutStrays(ArrayFrames(points), H36M17)
    assert "is it another joint set?" in clip.messages[0]
    np.testing.assert_array_equal(clip.read(0, FRAMES)[0], points)


def test_the_command_names_them_and_lifts_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As if they had been missing: the oracle is the file in which they are."""
    spoiled, blank = WALK.copy(), WALK.copy()
    spoiled[12, 5] += [9 * HEIGHT, 0]
    blank[12, 5] = np.nan
    found = []
    for name, points in (("spoiled", spoiled), ("blank", blank)):
        np.save(tmp_path / f"{name}.npy", points)
        assert main(["lift", str(tmp_path / f"{name}.npy"), "-o", str(tmp_path / f"{name}.npz"), "--video"]) == 0
        with np.load(tmp_path / f"{name}.npz") as file:
            found.append(file["joints3d"])
        said = capsys.readouterr().err
        assert ("joints far from their body in 1 of 38 frames (12): left_knee (1)" in said) == (name == "spoiled")
    np.testing.assert_array_equal(*found)
