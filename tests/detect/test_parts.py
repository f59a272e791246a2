"""The parts of the detector that are plain geometry, each against another way to say the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from s2m.detect.blazepose import _PERIODS, _due
from s2m.detect.heatmaps import refined
from s2m.detect.interface import not_seen
from s2m.detect.landmarks import Landmarks
from s2m.detect.masks import extent, give_to_nearest, one_piece
from s2m.detect.people import Candidate, once, overlap
from s2m.detect.region import Region
from s2m.detect.sides import Sides
from s2m.detect.tiles import tiles
from s2m.skeletons import BLAZEPOSE33


def ramp(width: int, height: int) -> np.ndarray:
    """Red and green say where a pixel's centre is."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([x, y, np.zeros_like(x)], -1).round().astype(np.uint8)


@pytest.mark.parametrize("turn", [0.0, 0.5, math.pi / 2, -2.0])
def test_a_sample_shows_what_lies_where_the_region_says(turn: float) -> None:
    region = Region(110.0, 90.0, 80.0, turn)
    found = region.sample(ramp(200, 180), 40)
    ticks = (np.arange(40) + 0.5) / 40
    expected = region.to_picture(np.stack(np.meshgrid(ticks, ticks), -1))
    assert np.abs(found[..., :2] - expected).max() < 1.5  # bytes, and the rounding of the ramp


def test_a_person_stands_upright_in_her_region() -> None:
    region = Region.around(np.array([100.0, 100.0]), np.array([160.0, 100.0]))  # lies, head to the right
    assert region.side == pytest.approx(2.5 * 60)
    head = region.to_picture(np.array([0.5, 0.5 - 60 / 150]))
    assert head == pytest.approx([160.0, 100.0])
    assert region.turned(np.array([0.0, -1.0, 3.0])) == pytest.approx([1.0, 0.0, 3.0])


@pytest.mark.parametrize("turn", [0.0, 0.7])
def test_a_mask_comes_back_where_it_was_seen(turn: float) -> None:
    region = Region(60.0, 50.0, 70.0, turn)
    rows, columns = np.mgrid[:120, :130] + 0.5
    disc = ((columns - 66) ** 2 + (rows - 47) ** 2 < 18**2).astype(np.uint8) * 255
    seen = region.sample(np.repeat(disc[..., None], 3, -1), 64)[..., 0].astype(np.uint8)
    back = region.paste(seen, (120, 130))
    assert (back != disc // 255).mean() < 0.003


@pytest.mark.parametrize("turn", [0.0, 0.7])
def test_a_mask_of_few_pixels_comes_back_as_exactly_as_it_is_known(turn: float) -> None:
    """A square of 640 pixels by a mask of 32: a pixel of that is 20 wide, and the edge is known to a fraction of it."""
    region = Region(500.3, 420.7, 640.0, turn)
    rows, columns = np.mgrid[:32, :32] + 0.5
    disc = ((columns - 17) ** 2 + (rows - 14) ** 2 < 9**2).astype(np.uint8) * 255
    found = region.paste(disc, (900, 1000))
    (x, y), radius = region.to_picture(np.array([17, 14]) / 32), 9 * 640 / 32
    rows, columns = np.mgrid[:900, :1000] + 0.5
    expected = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
    assert (found[expected]).mean() > 0.97
    assert found[~expected].mean() < 0.02


def test_every_tile_has_its_turn_within_its_period() -> None:
    places = tiles(640, 480, 3)
    seen = [_due(places, frame) for frame in range(_PERIODS[-1])]
    assert {place for one in seen for place in one} == set(places)
    first = [place for one in seen[: _PERIODS[0]] for place in one]
    assert first.count(places[0]) == 1
    assert max(len(one) for one in seen) <= 3  # no frame takes much longer than the next


def test_outside_of_the_picture_there_is_nothing() -> None:
    region = Region(-500.0, 40.0, 60.0)
    assert (region.sample(ramp(100, 80), 16) == 0).all()
    assert not region.paste(np.full((16, 16), 255, np.uint8), (80, 100)).any()


@pytest.mark.parametrize("size", [(640, 480), (300, 1000), (77, 77)])
def test_whoever_is_small_is_whole_in_some_tile(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    places = tiles(*size, 3)
    assert places[0].side == max(size)
    for side in {place.side for place in places}:
        for _ in range(50):
            box = min(side / 2, *size) * rng.uniform(0.2, 0.999)
            x, y = rng.uniform(box / 2, np.array(size) - box / 2)
            reach = (side - box) / 2 + 1e-6
            assert any(abs(p.x - x) <= reach and abs(p.y - y) <= reach for p in places if p.side == side)


@pytest.mark.parametrize("size", [(6000, 360), (500, 4000), (1, 9000)])
def test_squares_of_panoramas_are_no_larger_than_twice_their_height(size: tuple[int, int]) -> None:
    sides = sorted({place.side for place in tiles(*size, 2)})
    assert sides[0] < 2 * max(min(size), 128) <= sides[1] * 2
    assert sides[-1] == max(size)
    assert {place.side for place in tiles(1920, 1080, 2)} == {1920, 960}


def test_overlap_is_intersection_over_union() -> None:
    one, other = Region(2.0, 2.0, 4.0), Region(4.0, 3.0, 4.0, 0.3)
    canvas = np.zeros((2, 20, 20), bool)
    canvas[0, 0:4, 0:4], canvas[1, 1:5, 2:6] = True, True
    assert overlap(one, other) == pytest.approx((canvas[0] & canvas[1]).sum() / (canvas[0] | canvas[1]).sum())
    assert overlap(one, Region(50.0, 2.0, 4.0)) == 0


def test_of_each_person_the_best_candidate_stays() -> None:
    here, near, far = Region(10.0, 10.0, 8.0), Region(11.0, 10.0, 8.0), Region(90.0, 10.0, 8.0)
    found = once([Candidate(here, 0.6), Candidate(near, 0.9), Candidate(far, 0.5)])
    assert [one.region for one in found] == [near, far]


def test_heat_moves_landmarks_as_a_plain_loop_does() -> None:
    rng = np.random.default_rng(1)
    places, logits = rng.uniform(-0.05, 1.05, (9, 2)), rng.normal(-4, 3, (16, 16, 9))
    expected = places.copy()
    for k, (x, y) in enumerate(places):
        column, row = math.floor(x * 16), math.floor(y * 16)
        total, across, down, most = 0.0, 0.0, 0.0, 0.0
        for r in range(max(row - 3, 0), min(row + 4, 16)):
            for c in range(max(column - 3, 0), min(column + 4, 16)):
                heat = 1 / (1 + math.exp(-logits[r, c, k]))
                total, across, down, most = total + heat, across + heat * c, down + heat * r, max(most, heat)
        if most >= 0.5:
            expected[k] = [across / total / 16, down / total / 16]
    assert refined(places, logits) == pytest.approx(expected)


def test_a_mask_is_the_piece_with_the_joints() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[2:30, 2:60] = 255  # larger, and somebody else's
    mask[40:60, 10:30] = 200
    kept = one_piece(mask, np.array([[15.0, 45.0], [25.0, 55.0], [5.0, 5.0]]))
    labels, _ = ndimage.label(mask)
    assert ((kept > 0) == (labels == labels[50, 20])).all()
    assert not one_piece(np.zeros((8, 8), np.uint8), np.array([[1.0, 1.0]])).any()


@pytest.mark.parametrize("seed", range(4))
def test_a_piece_keeps_its_soft_rim(seed: int) -> None:
    """As far as scipy's dilation by two pixels reaches, but not onto other pieces."""
    random = np.random.default_rng(seed)
    mask = np.round(255 * ndimage.gaussian_filter(random.uniform(size=(64, 64)), 2.5, mode="wrap"))
    mask = np.clip((mask - 127) * 6 + 120, 0, 255).astype(np.uint8)
    labels, count = ndimage.label(mask >= 128)
    assert count > 1
    joints = np.argwhere(labels == 2)[:3, ::-1] + 0.5
    grown = ndimage.binary_dilation(labels == 2, iterations=2) & ((labels == 2) | (labels == 0))
    np.testing.assert_array_equal(one_piece(mask, joints), np.where(grown, mask, 0))


def test_the_box_of_a_mask() -> None:
    mask = np.zeros((9, 12), np.uint8)
    assert extent(mask) is None
    mask[3, 4] = mask[6, 2] = 1
    assert extent(mask) == (2, 3, 5, 7)


def test_of_three_masks_each_pixel_is_the_largest_ones() -> None:
    masks = np.random.default_rng(0).integers(0, 2, (3, 20, 30)).astype(np.uint8)
    given, sizes = masks.copy(), [2.0, 3.0, 1.0]
    give_to_nearest(list(masks), sizes)
    owner = np.where(given.any(0), np.argmax(given * np.array(sizes)[:, None, None], 0), -1)
    np.testing.assert_array_equal(masks, [owner == k for k in range(3)])


def test_shared_pixels_go_to_whoever_looks_larger() -> None:
    far, near = np.zeros((2, 6, 6), np.uint8)
    far[:, :4], near[:, 3:] = 1, 1
    give_to_nearest([far, near], [100.0, 150.0])
    assert near.sum(0).tolist() == [0, 0, 0, 6, 6, 6]
    assert far.sum(0).tolist() == [6, 6, 6, 0, 0, 0]


def test_what_is_hardly_visible_or_outside_is_not_seen() -> None:
    joints = np.array([[0.0, 0.0], [100.0, 50.0], [100.5, 20.0], [np.nan, 3.0], [20.0, 20.0]])
    seen = ~not_seen(joints, np.array([1, 1, 1, 1, 0.1]), (100, 50), 0.2)
    assert seen.tolist() == [True, True, False, False, False]
    close = np.array([[3.0, 20.0], [97.5, 20.0], [50.0, 1.0], [50.0, 48.0], [5.0, 45.0]])
    seen = ~not_seen(close, np.ones(5), (100, 50), 0.2, 2.5)
    assert seen.tolist() == [True, True, False, False, True]


def walker(frame: int, swapped: bool) -> Landmarks:
    """Somebody who moves a pixel a frame, her left and right taken for each other or not."""
    joints = np.random.default_rng(0).uniform(0, 200, (33, 2)) + frame
    order = list(BLAZEPOSE33.mirror) if swapped else list(range(33))
    region = Region(100.0, 100.0, 400.0)
    seen, mask = np.ones(33), np.zeros((4, 4), np.uint8)
    return Landmarks(region, joints[order], joints[order], seen, np.zeros((33, 3)), mask, 1.0, region)


def test_left_and_right_stay_where_they_were() -> None:
    sides = Sides(walker(0, False).joints2d)
    for frame in range(1, 60):
        found, sides = sides.next(walker(frame, swapped=frame in (20, 21, 22, 40)))
        assert (found.joints2d == walker(frame, False).joints2d).all(), frame


def test_a_wrong_start_is_given_up() -> None:
    sides = Sides(walker(0, True).joints2d)
    for frame in range(1, 10):
        found, sides = sides.next(walker(frame, False))
    assert (found.joints2d == walker(9, False).joints2d).all()
