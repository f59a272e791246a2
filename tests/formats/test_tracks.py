"""What was not seen is missing, however a file says it, and what stands there plays no part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2m.errors import UserError
from s2m.formats.following import Sighting, seen_points
from s2m.formats.joints3d import read_joints
from s2m.formats.keypoints2d import read_keypoints
from s2m.formats.tracks import masked
from s2m.skeletons import COCO17, H36M17, SMPL22, SMPL24, is_smpl, read_joint_set

GARBAGE = (0.0, -1.0, np.nan, np.inf, -np.inf, 1e300, 7.25)
ANKLE = H36M17.index("left_ankle")


def clip(frames: int = 6, dimensions: int = 3, joints: int = 17) -> np.ndarray:
    return np.random.default_rng(0).normal(3, 1, (frames, joints, dimensions))


@settings(max_examples=60, deadline=None)
@given(
    chosen=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 16)), max_size=30),
    rubbish=st.sampled_from(GARBAGE),
    sure=st.sampled_from([0.0, -1.0, np.nan]),
    dimensions=st.sampled_from([2, 3]),
)
def test_the_answer_does_not_depend_on_what_stands_where_nothing_was_seen(chosen, rubbish, sure, dimensions):
    points, confidence = clip(dimensions=dimensions), np.full((6, 17), 0.75)
    unseen = np.zeros((6, 17), bool)
    for frame, joint in chosen:
        unseen[frame, joint] = True
    expected = masked(np.where(unseen[..., None], np.nan, points), confidence, H36M17)
    raw, trust = points.copy(), confidence.copy()
    raw[unseen], trust[unseen] = rubbish, sure
    found = masked(raw, trust, H36M17)
    np.testing.assert_array_equal(found.points, expected.points)
    np.testing.assert_array_equal(found.confidence, expected.confidence)
    assert np.isnan(found.points[unseen]).all()
    assert (found.confidence[unseen] == 0).all()
    np.testing.assert_array_equal(found.points[~unseen], points[~unseen])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), relative=st.booleans(), dimensions=st.sampled_from([2, 3]))
def test_readers_and_trackers_agree_on_what_is_missing(seed, relative, dimensions):
    """A file read whole, and the people who are followed in it; files read in pieces: test_large.py."""
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 1, (9, 17, dimensions)).astype(np.float32)
    points -= points[:, :1] if relative else -5
    hidden = rng.random((9, 17)) < 0.3
    hidden[:, 0] &= not relative
    points[hidden] = rng.choice(np.float32([0, -1, np.nan, 1e30]), hidden.sum())[:, None]
    sure = np.where(rng.random((9, 17)) < 0.1, rng.choice([0.0, -1.0], (9, 17)), 1).astype(np.float32)
    whole = masked(points, sure, H36M17)
    followed = [seen_points(Sighting(t, points[t], sure[t])) for t in range(9)]
    np.testing.assert_array_equal(np.stack(followed)[:, 1:], whole.points[:, 1:])


@pytest.mark.parametrize(("value", "reason"), [(0.0, "exact zeros"), (-1.0, "exactly -1"), (-9999.0, "exactly -9999")])
def test_notes_name_joints_and_counts(value: float, reason: str) -> None:
    points = clip()
    points[1:4, ANKLE] = value
    (note,) = masked(points, None, H36M17).notes
    assert note == f"taken as missing: left_ankle in 3 of 6 frames ({reason})"


def test_positions_relative_to_the_pelvis_keep_their_pelvis(tmp_path: Path) -> None:
    points = clip()
    points -= points[:, :1]
    points[:, H36M17.index("left_hip")] = [0.1, 0, 0]
    points[:, H36M17.index("right_hip")] = [-0.1, 0, 0]
    points[:, ANKLE] = 0
    np.save(tmp_path / "a.npy", points)
    found = read_joints(tmp_path / "a.npy", H36M17)
    assert (found.points[:, 0] == 0).all()
    assert np.isnan(found.points[:, ANKLE]).all()
    assert any("relative to it" in note for note in found.notes)
    far = points + np.array([5, 1, 0])
    far[2, 0] = 0
    np.save(tmp_path / "b.npy", far)
    assert np.isnan(read_joints(tmp_path / "b.npy", H36M17).points[2, 0]).all()


def test_min_confidence_is_for_3d_joints_as_well(tmp_path: Path) -> None:
    points = np.concatenate([clip(), np.full((6, 17, 1), 0.9)], -1)
    points[2, ANKLE, 3] = 0.2
    np.save(tmp_path / "a.npy", points)
    assert read_joints(tmp_path / "a.npy", H36M17).confidence[2, ANKLE] > 0
    found = read_joints(tmp_path / "a.npy", H36M17, min_confidence=0.3)
    assert np.isnan(found.points[2, ANKLE]).all()
    assert found.notes == ("taken as missing: left_ankle in 1 of 6 frames (confidence below 0.3)",)


def test_readers_keep_float64(tmp_path: Path) -> None:
    points = clip() + np.array([448262.0, 120.0, 5411932.0])
    np.save(tmp_path / "a.npy", points)
    np.testing.assert_array_equal(read_joints(tmp_path / "a.npy", H36M17).points, points)


def test_shares_of_the_picture_need_its_size(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).uniform([700, 300], [1100, 900], (5, 17, 2))
    np.save(tmp_path / "a.npy", pixels / [1920, 1080])
    with pytest.raises(UserError, match=r"a.npy: expected pixels, found coordinates from 0 to 1.*--image-size"):
        read_keypoints(tmp_path / "a.npy")
    np.testing.assert_allclose(read_keypoints(tmp_path / "a.npy", image_size=(1920, 1080)).points, pixels)
    np.save(tmp_path / "b.npy", pixels)
    with pytest.raises(UserError, match="--image-size: expected joints in a picture of 640x200"):
        read_keypoints(tmp_path / "b.npy", image_size=(640, 200))
    np.testing.assert_allclose(read_keypoints(tmp_path / "b.npy", image_size=(1920, 1080)).points, pixels)


def test_smpls_names_mean_smpls_joints(tmp_path: Path) -> None:
    assert SMPL22.joints == SMPL24.joints[:22]
    file = tmp_path / "mine.yaml"
    file.write_text(f"name: mine\njoints: [{', '.join(reversed(SMPL22.joints))}, null]\n")
    assert is_smpl(read_joint_set(file))
    assert is_smpl(SMPL24)
    assert not any(is_smpl(other) for other in (H36M17, COCO17))


def test_smpls_joints_are_calibrated_alike_in_any_order(tmp_path: Path) -> None:
    from s2m.body import load_body
    from s2m.ik.body_joints import body_regressor

    body = load_body()
    file = tmp_path / "mine.yaml"
    file.write_text(f"name: mine\njoints: [{', '.join(reversed(SMPL22.joints))}, null]\n")
    rows = body_regressor(body, read_joint_set(file))[:22].flip(0)
    assert (rows == body_regressor(body, SMPL24)[:22]).all()
    assert (rows == body_regressor(body, SMPL22)).all()
