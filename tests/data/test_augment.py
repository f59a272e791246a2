"""Augmentation against geometry done by hand: a disc whose outline is known in any crop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from s2m.batch import Observation
from s2m.data.augment import NoAugmentation, ObservationAugmentation, recrop

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


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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
        view = augmentation(seen, generator())
        for record in (view.seen, view.target):
            for name in ("joints2d", "confidence", "silhouette", "crop"):
                assert torch.equal(getattr(record, name), getattr(seen, name)), name


def test_the_same_state_gives_the_same_view_and_another_another() -> None:
    first, again, other = (ObservationAugmentation()(observation(), generator(seed)).seen for seed in (3, 3, 4))
    assert torch.equal(first.joints2d, again.joints2d)
    assert torch.equal(first.silhouette, again.silhouette)  # type: ignore[arg-type]
    assert not torch.equal(first.silhouette, other.silhouette)  # type: ignore[arg-type]
    torch.manual_seed(7)
    globally = ObservationAugmentation()(observation()).seen
    torch.manual_seed(7)
    assert torch.equal(globally.joints2d, ObservationAugmentation()(observation()).seen.joints2d)


def test_jitter_is_shared_and_bounded() -> None:
    seen = observation(200)
    view = only(shift=0.05, scale=0.1)(seen, generator())
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
    view = only(**{kind: 1.0})(seen, generator())
    lost = seen.silhouette - view.seen.silhouette  # type: ignore[operator]
    assert torch.equal(view.target.silhouette, seen.silhouette)  # type: ignore[arg-type]
    assert lost.min() == 0
    area = lost.sum((1, 2))
    assert (area > 0).all()  # centred on a pixel of the mask
    side = SIZE / 4 if kind == "occluder" else 2 * 0.05 * SIZE
    assert area.max() <= (side + 1) ** 2
    shares = only(**{kind: 0.3})(seen, generator(2)).seen.silhouette != seen.silhouette
    assert 0.15 < shares.flatten(1).any(1).float().mean() < 0.45


def test_resizing_is_erosion_or_dilation() -> None:
    seen = observation(60)
    made = only(resize=1.0, resize_pixels=2)(seen, generator()).seen.silhouette.numpy() > 0.5  # type: ignore[union-attr]
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
    made = only(wobble=1.0, wobble_pixels=1.5)(seen, generator()).seen.silhouette.numpy() > 0.5  # type: ignore[union-attr]
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
    made = only(occluder=1.0)(seen, generator()).seen.silhouette
    assert ((made.sum((1, 2)) * 3) >= tiny.sum((1, 2))).all()  # type: ignore[union-attr]


def test_joints_are_disturbed_for_the_network_alone() -> None:
    seen = observation(400)
    view = only(joint_noise=0.02, joint_missing=0.1)(seen, generator())
    assert torch.equal(view.target.joints2d, seen.joints2d)
    assert torch.equal(view.target.confidence, seen.confidence)
    kept = view.seen.confidence > 0
    assert view.seen.joints2d[~kept].abs().max() == 0
    assert abs(float((view.seen.joints2d - seen.joints2d)[kept].std()) - 0.02) < 0.001
    assert abs(float((~kept).float().mean()) - 0.1) < 0.01
    assert not kept[0, 3]
    almost_all = only(joint_missing=0.9)(seen, generator()).seen.confidence > 0
    assert almost_all.sum(1).min() >= 8


def test_without_a_silhouette_joints_are_augmented_still() -> None:
    seen = observation()
    view = ObservationAugmentation()(Observation(seen.joints2d, seen.confidence), generator())
    assert view.seen.silhouette is None
    assert not torch.equal(view.seen.joints2d, seen.joints2d)


@pytest.mark.parametrize(("name", "value"), [("occluder", 1.5), ("joint_missing", -0.1), ("shift", -1.0)])
def test_settings_that_make_no_sense_are_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        only(**{name: value})
