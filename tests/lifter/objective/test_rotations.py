from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.lifter.objective import RandomTurn


def draw(turn: RandomTurn, count: int = 4000, seed: int = 0) -> np.ndarray:
    return turn(count, torch.device("cpu"), torch.Generator().manual_seed(seed)).double().numpy()


def test_turns_are_rotations():
    turns = draw(RandomTurn(10.0, 20.0, 10.0), 100)
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (100, 3, 3)), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(turns), 1.0, atol=1e-5)


def test_distribution_of_the_new_camera():
    mean = 10.0
    turns = draw(RandomTurn(mean, elevation_range=15.0, roll_range=5.0))
    levelled = turns @ Rotation.from_euler("X", mean, degrees=True).as_matrix()
    roll, elevation, azimuth = Rotation.from_matrix(levelled).as_euler("ZXY", degrees=True).T
    assert -5 <= elevation.min() < -4
    assert 24 < elevation.max() <= 25.001
    assert -5.001 <= roll.min() < -4.5
    assert 4.5 < roll.max() <= 5.001
    counts, _ = np.histogram(azimuth, bins=12, range=(-180, 180))
    assert counts.min() > 250  # 333 expected


def test_vertical_of_the_assumed_camera_stays_vertical_without_ranges():
    # A camera that looks down by e sees the world's "down" at (0, cos e, sin e).
    elevation = np.radians(7.5)
    down = np.array([0, np.cos(elevation), np.sin(elevation)])
    turns = draw(RandomTurn(7.5, 0.0, 0.0), 50)
    np.testing.assert_allclose(turns @ down, np.broadcast_to(down, (50, 3)), atol=1e-6)


def test_higher_camera_sees_more_of_down_in_depth():
    down = np.array([0.0, 1.0, 0.0])
    high = draw(RandomTurn(0.0, 20.0, 0.0), 500) @ down
    sines = high[:, 2]
    assert sines.min() < -0.3
    assert sines.max() > 0.3
    np.testing.assert_allclose(high[:, 0], 0.0, atol=1e-6)


def test_same_generator_same_turns():
    assert np.array_equal(draw(RandomTurn(), 5, 3), draw(RandomTurn(), 5, 3))


def test_negative_ranges_are_refused():
    with pytest.raises(ValueError, match="ranges >= 0"):
        RandomTurn(0.0, -1.0)
