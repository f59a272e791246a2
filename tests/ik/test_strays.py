"""Bad frames of a tracker are missing, and named; what people do is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s2m.body import load_body
from s2m.cli import main
from s2m.ik.body_joints import body_regressor, rest_skeleton
from s2m.ik.strays import StrayFinder, Strays
from s2m.skeletons import H36M17, WHOLEBODY133, JointSet
from tests.recover.actors import acted

FPS = 30.0


BODY = load_body()
RESTS = {s.name: rest_skeleton(BODY, s) for s in (H36M17, WHOLEBODY133)}


def walk(joint_set: JointSet) -> np.ndarray:
    """(30, J, 3) metres."""
    with torch.no_grad():
        vertices = BODY(acted("walk", range(30), (0.0, 0.0, 4.0))).vertices
    return (body_regressor(BODY, joint_set) @ vertices).double().numpy()


WALK = walk(H36M17)


def found(points: np.ndarray, joint_set: JointSet = H36M17, rows: int = 4096) -> Strays:
    finder = StrayFinder(RESTS[joint_set.name], FPS, len(points))
    for start in range(0, len(points), rows):
        finder.look(points[start : start + rows])
    return finder.found()


def quiet(strays: Strays) -> bool:
    return not strays.frames.any() and not strays.jumps.frames.any() and not strays.jumps.lasting


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    first=st.integers(0, 25),
    length=st.integers(1, 4),
    size=st.floats(1, 1e4),
    turn=st.integers(0, 10**6),
    rows=st.sampled_from([1, 7, 4096]),
)
def test_whoever_is_elsewhere_for_some_frames_is_missing(
    first: int, length: int, size: float, turn: int, rows: int
) -> None:
    """At the start, in the middle and at the end; whatever the blocks."""
    points = WALK.copy()
    away = np.random.default_rng(turn).normal(size=3)
    points[first : first + length] += size * away / np.linalg.norm(away)
    strays = found(points, rows=rows)
    assert np.flatnonzero(strays.jumps.frames).tolist() == list(range(first, first + length))
    assert not strays.frames.any()
    assert not strays.jumps.lasting


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(frame=st.integers(0, 29), joints=st.sets(st.integers(0, 16), min_size=1, max_size=2), turn=st.integers(0, 10**6))
def test_joints_far_from_their_body_are_missing(frame: int, joints: set[int], turn: int) -> None:
    points = WALK.copy()
    rng = np.random.default_rng(turn)
    for joint in joints:
        points[frame, joint] += rng.choice([-1, 1], 3) * rng.uniform(2, 50, 3)
    strays = found(points)
    assert np.flatnonzero(strays.frames).tolist() == [frame]
    assert set(np.flatnonzero(strays.counts).tolist()) == joints
    confidence = np.ones(points.shape[:2], np.float32)
    strays.drop(points, confidence)
    assert {(int(t), int(j)) for t, j in np.argwhere(confidence == 0)} == {(frame, joint) for joint in joints}
    assert np.isnan(points[frame, list(joints)]).all()


@pytest.mark.parametrize("size", [1000.0, 0.01, 0.0])
def test_a_frame_of_another_size_is_missing(size: float) -> None:
    points = WALK.copy()
    points[11] = size * points[11] + 1.0
    assert np.flatnonzero(found(points).jumps.frames).tolist() == [11]


@pytest.mark.parametrize("joint_set", [H36M17, WHOLEBODY133])
@pytest.mark.parametrize("noise", [0.0, 0.03])
@pytest.mark.parametrize("size", [0.3, 1.0, 40.0])
def test_people_are_no_strays(joint_set: JointSet, noise: float, size: float) -> None:
    """Nor children, nor figures of another unit, nor noise; nor those who run, at few frames per second."""
    points = walk(joint_set)
    points = points + np.random.default_rng(0).normal(0, noise, points.shape)
    assert quiet(found(points * size, joint_set))
    assert quiet(found(points + np.arange(30)[:, None, None] * [0.4, 0.0, 0.0], joint_set))


def test_what_is_everywhere_is_no_bad_frame() -> None:
    """Pictures of many people, and joints that are always elsewhere, are left as they are; the latter is said."""
    rng = np.random.default_rng(0)
    photos = WALK + rng.normal(0, 3, (30, 1, 3))
    assert quiet(found(photos))
    other = WALK + np.eye(17)[5][:, None] * [0.0, 9.0, 0.0]
    strays = found(other)
    assert strays.tell is None
    assert "is it another joint set?" in strays.words(H36M17)[0]
    confidence = np.ones(other.shape[:2], np.float32)
    strays.drop(other, confidence)
    assert confidence.all()


def test_a_cut_is_named_and_kept() -> None:
    points = WALK.copy()
    points[14:] += [5.0, 0, 0]
    strays = found(points)
    assert strays.jumps.lasting == (14,)
    assert not strays.jumps.frames.any()
    assert "jumps at frame 14, by up to 5" in strays.words(H36M17)[0]


def test_the_command_fills_a_bad_frame_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As if it had been missing: the oracle is the file in which it is."""
    points = WALK * [1, -1, -1]
    spoiled, blank = points.copy(), points.copy()
    spoiled[12] += [50.0, 0, 0]
    spoiled[20, 5] += [0, 9.0, 0]
    blank[12], blank[20, 5] = np.nan, np.nan
    motions = []
    for name, content in (("spoiled", spoiled), ("blank", blank)):
        np.save(tmp_path / f"{name}.npy", content)
        assert main(["ik", str(tmp_path / f"{name}.npy"), "-o", str(tmp_path / f"{name}.npz")]) == 0
        with np.load(tmp_path / f"{name}.npz") as file:
            motions.append(dict(file))
        if name == "spoiled":
            said = capsys.readouterr().err
            assert "the person is elsewhere, or of another size, in 1 of 30 frames (12), up to 50 m away" in said
            assert "joints far from their body in 1 of 30 frames (20): left_knee (1); taken as missing" in said
    for field in ("poses", "trans", "betas"):
        np.testing.assert_allclose(motions[0][field], motions[1][field], atol=1e-6)
