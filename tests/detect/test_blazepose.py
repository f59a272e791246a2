"""BlazePose on rendered people: where the joints are is known, and so is the silhouette."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from s2m.detect import BlazePose, Detection
from s2m.detect.blazepose import Tracked
from s2m.skeletons import BLAZEPOSE33, S2M27
from tests.detect.conftest import WHITE, Rendered, rendered

LIMBS = [f"{s}_{p}" for s in ("left", "right") for p in ("shoulder", "elbow", "wrist", "knee", "ankle")]


def off(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    return np.linalg.norm(found[BLAZEPOSE33.indices(LIMBS)] - true[S2M27.indices(LIMBS)], axis=-1)


def frames_of(found: Detection) -> int | None:
    return found.track.frame if isinstance(found, Tracked) and found.track is not None else None


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one.astype(bool) & other).sum() / (one.astype(bool) | other).sum())


def test_a_person_is_found_where_she_is(blazepose: BlazePose, person: Rendered) -> None:
    (found,) = blazepose(person.picture)
    assert np.median(off(found.joints2d, person.joints2d)) < 0.05 * 300
    assert found.mask is not None
    assert found.mask.shape == person.mask.shape
    assert set(np.unique(found.mask)) == {0, 1}
    assert iou(found.mask, person.mask) > 0.85
    assert found.score > 0.9
    rows, columns = np.flatnonzero(person.mask.any(1)), np.flatnonzero(person.mask.any(0))
    assert np.abs(found.box - [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]).max() < 0.08 * 300


def test_a_tilted_person_is_found_too(blazepose: BlazePose, person: Rendered) -> None:
    """A picture on its side; the joints turn with it."""
    (found,) = blazepose(np.ascontiguousarray(np.rot90(person.picture)))
    turned = np.stack([person.joints2d[:, 1], person.picture.shape[1] - person.joints2d[:, 0]], -1)
    assert np.median(off(found.joints2d, turned)) < 0.06 * 300
    assert found.joints3d is not None  # left to right of the person points up or down in such a picture
    across = np.subtract(*found.joints3d[BLAZEPOSE33.indices(("left_shoulder", "right_shoulder"))])
    assert abs(across[1]) > 5 * abs(across[0])


def test_who_is_not_there_is_not_found(blazepose: BlazePose) -> None:
    assert blazepose(np.full((300, 200, 3), WHITE, np.uint8)) == []
    assert blazepose(np.zeros((2, 3, 3), np.uint8)) == []


def test_what_the_picture_cuts_off_is_missing(blazepose: BlazePose) -> None:
    """The lower half is outside: no knees, no ankles, no numbers for them."""
    half = rendered((480, 400), 560, (240, 400))
    (found,) = blazepose(half.picture)
    legs = BLAZEPOSE33.indices(f"{s}_{p}" for s in ("left", "right") for p in ("knee", "ankle", "heel", "toe"))
    assert (found.confidence[legs] == 0).all()
    assert np.isnan(found.joints2d[legs]).all()
    arms = BLAZEPOSE33.indices(("left_shoulder", "right_shoulder"))
    assert (found.confidence[arms] > 0.5).all()
    assert found.box[3] <= 400


def test_a_small_person_is_found_in_the_tiles() -> None:
    small = rendered((640, 480), 60, (430, 260))
    (found,) = BlazePose()(small.picture)
    legs = [f"{s}_{p}" for s in ("left", "right") for p in ("knee", "ankle")]
    apart = found.joints2d[BLAZEPOSE33.indices(legs)] - small.joints2d[S2M27.indices(legs)]
    assert np.linalg.norm(apart, axis=-1).max() < 8
    assert found.box[3] - found.box[1] == pytest.approx(60, abs=12)


def test_a_video_goes_on_from_frame_to_frame(blazepose: BlazePose, person: Rendered) -> None:
    """Without the first network: it cannot find her, since it is not asked for the whole picture at once."""
    (first,) = blazepose(person.picture)
    moved = np.roll(person.picture, (6, -9), (0, 1))
    (second,) = blazepose.track(moved, [first])
    assert frames_of(second) == 1
    assert np.median(off(second.joints2d - [-9, 6], person.joints2d)) < 0.05 * 300
    assert blazepose.track(np.full_like(person.picture, WHITE), [second]) == []


def test_entries_of_other_detectors_are_not_followed(blazepose: BlazePose, person: Rendered) -> None:
    (first,) = blazepose(person.picture)
    assert isinstance(first, Tracked)
    (found,) = blazepose.track(person.picture, [replace(first, track=None)])
    assert frames_of(found) == 0


@pytest.mark.parametrize("most", [1, 2])
def test_two_people_own_no_pixel_both(most: int) -> None:
    one, other = rendered((900, 500), 300, (230, 250)), rendered((900, 500), 380, (620, 250))
    picture = np.minimum(one.picture, other.picture)
    found = BlazePose(scales=2, most_people=most)(picture)
    assert len(found) == most
    masks = [person.mask for person in found if person.mask is not None]
    assert np.sum(masks, 0).max() == 1


def test_how_many_look_at_the_same_time_changes_nothing() -> None:
    one, other = rendered((900, 500), 300, (230, 250)), rendered((900, 500), 380, (620, 250))
    frames = [np.roll(np.minimum(one.picture, other.picture), 3 * step, 1) for step in range(3)]
    found = []
    for threads in (1, 3):
        detector, previous = BlazePose(scales=2, threads=threads), list[Detection]()
        for frame in frames:
            previous = detector.track(frame, previous)
            found.append(previous)
    for alone, together in zip(found[:3], found[3:], strict=True):
        assert len(alone) == len(together) == 2
        for ours, theirs in zip(alone, together, strict=True):
            np.testing.assert_array_equal(ours.joints2d, theirs.joints2d)
            np.testing.assert_array_equal(ours.mask, theirs.mask)
