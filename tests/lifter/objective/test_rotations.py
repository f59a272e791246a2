from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.lifter import Lifter
from s2m.lifter.normalise import Normalised, normalise
from s2m.lifter.objective import LearnedTurn, RandomTurn, Turn
from s2m.skeletons import H36M17


def target(count: int) -> Normalised:
    joints = torch.randn(count, 17, 2, generator=torch.Generator().manual_seed(9))
    return normalise(joints, torch.ones(count, 17), H36M17)


def a_lifter(width: int = 0) -> Lifter:
    torch.manual_seed(0)
    return Lifter("h36m17", 0.25, width=8, blocks=1, elevation_width=width)


def draw(turn: Turn, count: int = 4000, seed: int = 0, lifter: Lifter | None = None) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    return turn(lifter or a_lifter(), target(count), generator).detach().double().numpy()


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


@pytest.mark.parametrize("ranges", [(0.0, -1.0), (0.0, 1.0, -1.0)])
def test_negative_ranges_are_refused(ranges):
    with pytest.raises(ValueError, match="range >= 0"):
        RandomTurn(*ranges)


def test_learned_elevation_is_taken_out_and_spread_around_the_mean():
    lifter = a_lifter(width=4)
    lifter.tell_elevation = lambda joints, visible: torch.linspace(0.0, 0.4, len(joints))
    turns = draw(LearnedTurn(spread=5.0, width=4), lifter=lifter)
    told = Rotation.from_euler("X", np.linspace(0.0, 0.4, 4000)[:, None]).as_matrix()
    roll, elevation, azimuth = Rotation.from_matrix(turns @ told).as_euler("ZXY", degrees=True).T
    np.testing.assert_allclose(roll, 0.0, atol=1e-3)
    assert elevation.mean() == pytest.approx(np.degrees(0.2), abs=0.3)
    assert elevation.std() == pytest.approx(5.0, rel=0.05)
    assert np.histogram(azimuth, bins=12, range=(-180, 180))[0].min() > 250


def test_free_spread_is_that_of_what_the_lifter_tells():
    lifter = a_lifter(width=4)
    lifter.tell_elevation = lambda joints, visible: torch.linspace(-0.1, 0.1, len(joints))
    turn = LearnedTurn(spread=None, width=4)
    _, new = turn.elevations(lifter, target(4000), torch.Generator().manual_seed(0))
    assert float(new.std()) == pytest.approx(0.2 / 12**0.5, rel=0.05)


def test_gradient_reaches_the_elevation_head():
    lifter = a_lifter(width=4)
    LearnedTurn(width=4)(lifter, target(8))[:, 1, 2].sum().backward()
    assert lifter.elevation_network is not None
    assert all(float(p.grad.abs().sum()) > 0 for p in lifter.elevation_network.parameters())


def test_lifter_without_a_head_is_refused():
    with pytest.raises(ValueError, match="no elevation head"):
        draw(LearnedTurn(), 4)


@pytest.mark.parametrize("arguments", [{"width": 0}, {"spread": -1.0}])
def test_bad_learned_turns_are_refused(arguments):
    with pytest.raises(ValueError, match="width > 0 and spread >= 0"):
        LearnedTurn(**arguments)
