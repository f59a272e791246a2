"""Augmentation against geometry done by hand: a disc whose outline is known in any crop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from s2m.batch import Observation
from s2m.data.augment import NoAugmentation, NoisyJoints, ObservationAugmentation, recrop
from s2m.data.keys import Keys, Purpose, frame_keys, keys_for

SIZE = 64
OFF = {
    "shift": 0.0,
    "scale": 0.0,
    "occluder": 0.0,
    "hole": 0.0,
    "resize": 0.0,
    "wobble": 0.0,
    "joint_noise": 0.0,
    "joint_missing": 0.0,
    "spared": 0.0,
}


def disc(centre: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """Masks (B, S, S) of discs given in crop units."""
    line = (2 * torch.arange(SIZE) + 1) / SIZE - 1
    x, y = line[None, None], line[None, :, None]
    return (
        ((x - centre[:, 0, None, None]) ** 2 + (y - centre[:, 1, None, None]) ** 2).sqrt() < radius[:, None, None]
    ).float()


def observation(frames: int = 6) -> Observation:
    generator = torch.Generator().manual_seed(1)
    joints = torch.rand(frames, 17, 2, generator=generator) - 0.5
    confidence = torch.rand(frames, 17, generator=generator) * 0.5 + 0.5
    confidence[0, 3] = 0
    joints[0, 3] = 0
    masks = disc(torch.full((frames, 2), 0.1), torch.full((frames,), 0.4))
    crop = torch.tensor([[100.0, 80.0, 50.0]]).repeat(frames, 1)
    return Observation(joints, confidence, masks, crop, torch.arange(frames))


def only(**changes: float) -> ObservationAugmentation:
    return ObservationAugmentation(**{**OFF, **changes})  # type: ignore[arg-type]


def keys(seen: Observation, seed: int = 0) -> Keys:
    return frame_keys(seen, seed)


def test_recrop_moves_joints_mask_and_crop_together() -> None:
    seen = observation(3)
    centre = torch.tensor([[0.2, -0.1], [0.0, 0.0], [-0.15, 0.3]])
    side = torch.tensor([1.25, 1.0, 0.9])
    moved = recrop(seen, centre, side)
    expected = disc((torch.full((3, 2), 0.1) - centre) / side[:, None], 0.4 / side)
    assert (moved.silhouette - expected).abs().mean((1, 2)).max() < 0.01  # type: ignore[operator]
    assert torch.equal(moved.silhouette[1], seen.silhouette[1])  # type: ignore[index]
    # A pixel of the full image is the same pixel before and after.
    for before, after in ((seen, moved),):
        pixel_before = before.joints2d * before.crop[:, None, 2:] + before.crop[:, None, :2]  # type: ignore[index]
        pixel_after = after.joints2d * after.crop[:, None, 2:] + after.crop[:, None, :2]  # type: ignore[index]
    found = seen.confidence > 0
    torch.testing.assert_close(pixel_after[found], pixel_before[found], atol=1e-4, rtol=0)
    assert not moved.joints2d[0, 3].any()


def test_null_and_all_off_change_nothing() -> None:
    seen = observation()
    for augmentation in (NoAugmentation(), only()):
        view = augmentation(seen, keys(seen))
        for record in (view.seen, view.target):
            for name in ("joints2d", "confidence", "silhouette", "crop"):
                assert torch.equal(getattr(record, name), getattr(seen, name)), name


def test_a_view_is_a_function_of_the_frame_and_its_seeds_alone() -> None:
    """Not of the batch: two processes that share a batch see what one would have seen."""
    seen, augmentation = observation(), ObservationAugmentation(spared=0.0)
    whole, other = augmentation(seen, keys(seen)).seen, augmentation(seen, keys(seen, 1)).seen
    halves = [augmentation(seen[rows], keys(seen[rows])).seen for rows in (slice(0, 2), slice(2, 6))]
    for name in ("joints2d", "confidence", "silhouette", "crop"):
        apart = torch.cat([getattr(half, name) for half in halves])
        assert torch.equal(apart, getattr(whole, name)), name
        if name != "confidence":
            assert not torch.equal(getattr(other, name), getattr(whole, name)), name


def test_frames_from_nowhere_get_random_seeds() -> None:
    seen = replace(observation(), index=None)
    torch.manual_seed(7)
    first, second = frame_keys(seen, 3, 4), frame_keys(seen, 3, 4)
    torch.manual_seed(7)
    assert frame_keys(seen, 3, 4) == first != second
    assert all(key[:2] == (3, 4) for key in first)


def test_some_frames_are_spared_and_noise_is_each_frames_own() -> None:
    seen = observation(600)
    shown = only(joint_noise=0.03, occluder=1.0, joint_missing=0.3, spared=0.4)(seen, keys(seen)).seen
    spared = (shown.joints2d == seen.joints2d).flatten(1).all(1)
    assert abs(float(spared.float().mean()) - 0.4) < 0.06
    assert torch.equal((shown.silhouette == seen.silhouette).flatten(1).all(1), spared)  # type: ignore[union-attr]
    assert torch.equal(shown.confidence[spared], seen.confidence[spared])
    noisy = only(joint_noise=0.03)(seen, keys(seen)).seen.joints2d - seen.joints2d
    spread = noisy[1:].flatten(1).std(1) / 0.03  # the first frame lacks a joint
    quartiles = torch.tensor([0.25, 0.5, 0.75])
    torch.testing.assert_close(spread.quantile(quartiles), quartiles, atol=0.05, rtol=0)


def test_jitter_is_shared_and_bounded() -> None:
    seen = observation(200)
    view = only(shift=0.05, scale=0.1)(seen, keys(seen))
    assert torch.equal(view.seen.silhouette, view.target.silhouette)  # type: ignore[arg-type]
    assert torch.equal(view.seen.joints2d, view.target.joints2d)
    side = view.target.crop[:, 2] / seen.crop[:, 2]  # type: ignore[index]
    assert 0.909 <= side.min() < 0.93
    assert 1.08 < side.max() <= 1.1
    moved = (view.target.crop[:, :2] - seen.crop[:, :2]).abs() / 50  # type: ignore[index]
    assert 0.045 < moved.max() <= 0.05 + 1e-6


@pytest.mark.parametrize("kind", ["occluder", "hole"])
def test_holes_take_away_from_the_input_alone(kind: str) -> None:
    seen = observation(100)
    view = only(**{kind: 1.0})(seen, keys(seen))
    lost = seen.silhouette - view.seen.silhouette  # type: ignore[operator]
    assert torch.equal(view.target.silhouette, seen.silhouette)  # type: ignore[arg-type]
    assert lost.min() == 0
    area = lost.sum((1, 2))
    assert (area > 0).all()  # centred on a pixel of the mask
    side = SIZE / 4 if kind == "occluder" else 2 * 0.05 * SIZE
    assert area.max() <= (side + 1) ** 2
    shares = only(**{kind: 0.3})(seen, keys(seen, 2)).seen.silhouette != seen.silhouette
    assert 0.15 < shares.flatten(1).any(1).float().mean() < 0.45


def test_resizing_is_erosion_or_dilation() -> None:
    seen = observation(60)
    made = only(resize=1.0, resize_pixels=2)(seen, keys(seen)).seen.silhouette.numpy() > 0.5  # type: ignore[union-attr]
    mask = seen.silhouette[0].numpy() > 0.5  # type: ignore[index]
    square = np.ones((3, 3), bool)
    expected = [
        function(mask, square, iterations=pixels)
        for function in (ndimage.binary_erosion, ndimage.binary_dilation)
        for pixels in (1, 2)
    ]
    counts = [sum(bool((frame == candidate).all()) for frame in made) for candidate in expected]
    assert sum(counts) == len(made)
    assert min(counts) > 5


def test_wobbling_moves_the_outline_about_as_far_as_asked() -> None:
    seen = observation(80)
    made = only(wobble=1.0, wobble_pixels=1.5)(seen, keys(seen)).seen.silhouette.numpy() > 0.5  # type: ignore[union-attr]
    mask = seen.silhouette[0].numpy() > 0.5  # type: ignore[index]
    distance = np.maximum(ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask))
    changed = made != mask
    assert changed.any((1, 2)).all()
    assert distance[changed.any(0)].max() <= 6  # nothing far from the outline
    # The mean displacement of a normal variable is 0.8 of its deviation; areas over the outline's length measure it.
    moved = changed.sum((1, 2)).mean() / (2 * np.pi * 0.4 * SIZE / 2)
    assert 0.6 < moved / (0.8 * 1.5) < 1.4


def test_a_mask_that_would_all_but_vanish_stays() -> None:
    tiny = disc(torch.zeros(20, 2), torch.full((20,), 0.08))
    seen = observation(20)
    seen = Observation(seen.joints2d, seen.confidence, tiny)
    made = only(occluder=1.0)(seen, keys(seen)).seen.silhouette
    assert ((made.sum((1, 2)) * 3) >= tiny.sum((1, 2))).all()  # type: ignore[union-attr]


def test_joints_are_disturbed_for_the_network_alone() -> None:
    seen = observation(400)
    view = only(joint_noise=0.02, joint_missing=0.1)(seen, keys(seen))
    assert torch.equal(view.target.joints2d, seen.joints2d)
    assert torch.equal(view.target.confidence, seen.confidence)
    kept = view.seen.confidence > 0
    assert view.seen.joints2d[~kept].abs().max() == 0
    # Uniform between nothing and 0.02: a mean square of a third.
    assert abs(float((view.seen.joints2d - seen.joints2d)[kept].std()) - 0.02 / 3**0.5) < 0.001
    assert abs(float((~kept).float().mean()) - 0.1) < 0.01
    assert not kept[0, 3]
    almost_all = only(joint_missing=0.9)(seen, keys(seen)).seen.confidence > 0
    assert almost_all.sum(1).min() >= 8


def test_noisy_joints_leave_the_mask_alone() -> None:
    seen = observation(50)
    view = NoisyJoints(noise=0.02, missing=0.1, spared=0.5)(seen, keys(seen))
    assert view.target is seen
    assert view.seen.silhouette is seen.silhouette
    # The same errors as where masks have some, too: what is drawn for joints comes first.
    both = only(joint_noise=0.02, joint_missing=0.1, spared=0.5, occluder=1.0)(seen, keys(seen)).seen
    assert torch.equal(view.seen.joints2d, both.joints2d)
    assert torch.equal(view.seen.confidence, both.confidence)
    assert not torch.equal(view.seen.joints2d, seen.joints2d)


def test_without_a_silhouette_joints_are_augmented_still() -> None:
    seen = observation()
    view = ObservationAugmentation(spared=0)(Observation(seen.joints2d, seen.confidence), keys(seen))
    assert view.seen.silhouette is None
    assert not torch.equal(view.seen.joints2d, seen.joints2d)


@pytest.mark.parametrize(("name", "value"), [("occluder", 1.5), ("joint_missing", -0.1), ("shift", -1.0)])
def test_settings_that_make_no_sense_are_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        only(**{name: value})


def test_purposes_do_not_share_their_draws() -> None:
    seen = observation()
    given = [keys_for(purpose, keys(seen)) for purpose in Purpose]
    first = [np.random.default_rng(key).random() for part in given for key in part]
    assert len(set(first)) == len(Purpose) * len(seen)
