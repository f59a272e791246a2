"""Clips as real files have them: joints and frames missing, labels exchanged, other sizes, far from the origin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.cli import main
from s2m.formats.clips import ArrayFrames
from s2m.formats.large import Asked, LargeFrames
from s2m.formats.rows import npy_rows
from s2m.ik.body_joints import body_regressor
from s2m.ik.motion import Motion, MotionOptions, solve_clip
from s2m.skeletons import H36M17

FRAMES = 40
UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # +y up to +z up


@pytest.fixture(scope="module")
def walk() -> np.ndarray:
    """(40, 17, 3) a person who walks and swings the limbs, +y up, metres."""
    time = np.linspace(0, 2 * np.pi, FRAMES)
    turns = np.zeros((FRAMES, 24, 3))
    turns[:, 0, 1] = 0.5 + 0.3 * np.sin(time)
    for joint, axis, size in ((1, 0, 0.5), (2, 0, -0.5), (16, 2, 0.4), (17, 2, 0.4), (4, 0, 0.3), (5, 0, 0.3)):
        turns[:, joint, axis] = size * np.sin(time) + (0.4 if joint in (4, 5) else 0)
    matrices = Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix().reshape(FRAMES, 24, 3, 3)
    path = np.stack([3 + 0 * time, 1.1 + 0 * time, 0.3 * time], -1)
    body = load_body()
    params = BodyParams.from_rotations(
        torch.from_numpy(matrices).float(), torch.zeros(FRAMES, 10), torch.from_numpy(path).float()
    )
    with torch.no_grad():
        return (body_regressor(body, H36M17) @ body(params).vertices).numpy().astype(np.float64)


def solved(points: np.ndarray, tmp: Path, confidence: np.ndarray | None = None, **options: object) -> tuple:
    found: Motion = solve_clip(
        ArrayFrames(points, confidence, root=0), H36M17, load_body(), UP, MotionOptions(**options), tmp
    )
    with found.poses:
        return found, found.poses.read(0, len(found))


@pytest.fixture(scope="module")
def truth(walk: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple]:
    return solved(walk, tmp_path_factory.mktemp("truth"))


def angle(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(T,) radians between root rotations."""
    return (Rotation.from_rotvec(first[:, :3]).inv() * Rotation.from_rotvec(second[:, :3])).magnitude()


def test_a_short_gap_is_filled_in_rotation_and_place(walk: np.ndarray, truth: tuple, tmp_path: Path) -> None:
    broken = walk.copy()
    broken[15:20] = np.nan
    found, poses = solved(broken, tmp_path)
    expected, true_poses = truth
    assert np.linalg.norm(found.places - expected.places, axis=1).max() < 0.03
    assert angle(poses, true_poses).max() < 0.05
    assert found.valid.all()
    assert any("5 of 40 frames (15-19)" in message for message in found.warnings)


def test_long_gaps_and_ends_are_held_and_marked(walk: np.ndarray, truth: tuple, tmp_path: Path) -> None:
    broken = walk.copy()
    broken[[0, 1]] = 0  # exact zeros are nobody, too
    broken[10:30] = -1
    found, poses = solved(broken, tmp_path)
    np.testing.assert_array_equal(np.flatnonzero(~found.valid), [0, 1, *range(10, 30)])
    for frames, source in (([0, 1], 2), (range(10, 20), 9), (range(20, 30), 30)):
        for frame in frames:
            np.testing.assert_allclose(poses[frame], truth[1][source], atol=1e-5)
            np.testing.assert_allclose(found.places[frame], truth[0].places[source], atol=1e-6)


def test_a_missing_hip_leaves_the_place(walk: np.ndarray, truth: tuple, tmp_path: Path) -> None:
    points, sure = walk.copy(), np.ones(walk.shape[:2])
    points[10:20, H36M17.index("left_hip")], sure[10:20, H36M17.index("left_hip")] = 0, 0
    found, poses = solved(points, tmp_path, sure)
    assert np.linalg.norm(found.places - truth[0].places, axis=1).max() < 0.03
    assert angle(poses, truth[1]).max() < 0.1
    assert any("left_hip (10)" in message for message in found.warnings)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_nothing_depends_on_what_stands_where_nothing_was_seen(walk: np.ndarray, tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hidden = rng.random(walk.shape[:2]) < rng.uniform(0, 0.4)
    hidden[rng.integers(0, FRAMES, 4)] = True
    hidden[0] = False
    sure = np.where(hidden, 0.0, 1.0)
    found = []
    for filling in (np.nan, 0.0, -1.0, rng.normal(size=(*hidden.shape, 3)) * 100):
        points = np.where(hidden[..., None], filling, walk)
        motion, poses = solved(points, tmp_path, sure, fit_shape=True, smooth=True)
        found.append((poses, motion.places, motion.betas, motion.valid, motion.warnings))
    for other in found[1:]:
        for first, second in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(first, second)
    assert np.isfinite(found[0][0]).all()
    assert np.isfinite(found[0][1]).all()
    assert np.abs(found[0][2]).max() <= 5


def test_exchanged_labels_are_undone(walk: np.ndarray, truth: tuple, tmp_path: Path) -> None:
    swapped = walk.copy()
    swapped[15:20] = swapped[15:20][:, list(H36M17.mirror)]
    found, poses = solved(swapped, tmp_path)
    np.testing.assert_allclose(poses, truth[1], atol=1e-5)
    assert any("left and right were exchanged in 5 of 40 frames (15-19)" in message for message in found.warnings)


def test_legs_alone_and_the_first_frames(walk: np.ndarray, truth: tuple, tmp_path: Path) -> None:
    legs = [j for j, name in enumerate(H36M17.joints) if name.split("_")[-1] in ("hip", "knee", "ankle")]
    swapped = walk.copy()
    swapped[np.ix_(range(3), legs)] = walk[np.ix_(range(3), [H36M17.mirror[j] for j in legs])]
    _, poses = solved(swapped, tmp_path)
    np.testing.assert_allclose(poses, truth[1], atol=1e-5)


def test_half_of_a_clip_exchanged_is_said_not_guessed(walk: np.ndarray, tmp_path: Path) -> None:
    swapped = walk.copy()
    swapped[20:] = swapped[20:][:, list(H36M17.mirror)]
    found, _ = solved(swapped, tmp_path)
    assert any("at 20; which side is right is not clear" in message for message in found.warnings)


def test_a_child_is_scaled_to_the_body_or_kept(walk: np.ndarray, truth: tuple, tmp_path: Path) -> None:
    """Feet that stand still stand still: measured as the drift of the body's foot beside the path of its joint."""
    small = walk * 0.6
    found, poses = solved(small, tmp_path)
    np.testing.assert_allclose(poses, truth[1], atol=1e-3)
    np.testing.assert_allclose(np.diff(found.places, axis=0), np.diff(truth[0].places, axis=0), atol=2e-3)
    assert any("0.60 times as large" in note for note in found.notes)
    kept, _ = solved(small, tmp_path, keep_scale=True)
    steps = np.linalg.norm(np.diff(kept.places, axis=0), axis=1) / np.linalg.norm(np.diff(found.places, axis=0), axis=1)
    np.testing.assert_allclose(steps, 0.6, atol=0.05)


def test_coordinates_of_a_map_change_nothing_but_the_place(walk: np.ndarray, truth: tuple, tmp_path: Path) -> None:
    offset = np.array([448262.25, 120.5, 5411932.75])
    found, poses = solved(walk + offset, tmp_path)
    np.testing.assert_allclose(poses, truth[1], atol=1e-4)
    assert found.places.dtype == np.float64
    np.testing.assert_allclose(found.places - UP @ offset, truth[0].places, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 7, 39])
def test_the_answer_does_not_depend_on_how_much_is_read_at_a_time(walk: np.ndarray, tmp_path: Path, rows: int) -> None:
    points = walk.astype(np.float32)
    points[5, 3] = 0
    points[12:15] = np.nan
    points[20:22] = points[20:22][:, list(H36M17.mirror)]
    np.save(tmp_path / "clip.npy", points)
    expected, poses = solved(points, tmp_path, smooth=True, fit_shape=True)
    options = MotionOptions(smooth=True, fit_shape=True, rows=rows)
    with npy_rows(tmp_path / "clip.npy") as array:
        source = LargeFrames(array, Asked(3, H36M17), tmp_path / "clip.npy", block=rows)
        found = solve_clip(source, H36M17, load_body(), UP, options, tmp_path)
    with found.poses:
        np.testing.assert_allclose(found.poses.read(0, FRAMES), poses, atol=2e-5)
    np.testing.assert_allclose(found.places, expected.places, atol=1e-5)
    assert found.warnings == expected.warnings


def test_files_read_back_say_what_they_are(
    walk: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "walk.npy", walk)
    assert main(["ik", str(tmp_path / "walk.npy"), "-o", str(tmp_path / "a.npz"), "--fit-shape"]) == 0
    said = capsys.readouterr()
    assert "betas are those of the open body" in said.out
    with np.load(tmp_path / "a.npz") as file:
        assert str(file["gender"]) == "neutral"
        assert str(file["body"]).startswith("open-body/")
        assert file["trans"].dtype == np.float64
        assert file["valid"].all()
    assert main(["ik", str(tmp_path / "a.npz"), "-o", str(tmp_path / "c.npz")]) == 0
    assert "rotations are taken over as they are" in capsys.readouterr().out
    with np.load(tmp_path / "a.npz") as file, np.load(tmp_path / "c.npz") as again:
        for field in ("poses", "trans", "betas"):
            np.testing.assert_allclose(file[field], again[field], atol=1e-6)
        for field in ("gender", "body", "mocap_framerate", "valid"):
            np.testing.assert_array_equal(file[field], again[field])
    assert main(["ik", str(tmp_path / "a.npz"), "-o", str(tmp_path / "a.npz"), "--overwrite"]) == 2
    assert "expected another file than the input" in capsys.readouterr().err
    assert main(["ik", str(tmp_path / "walk.npy"), "--fps", "inf", "-o", str(tmp_path / "b.npz")]) == 2
    assert "--fps" in capsys.readouterr().err
    assert not (tmp_path / "b.npz").exists()


def test_a_clip_without_a_trunk_is_an_error_that_says_so(
    walk: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    walk = walk.copy()
    walk[:, [j for j, name in enumerate(H36M17.joints) if "hip" in name or name == "pelvis"]] = 0
    np.save(tmp_path / "walk.npy", walk)
    assert main(["ik", str(tmp_path / "walk.npy"), "-o", str(tmp_path / "a.npz")]) == 2
    said = capsys.readouterr().err
    assert "no frame shows what a body is found by" in said
    assert [path.name for path in tmp_path.iterdir()] == ["walk.npy"]
