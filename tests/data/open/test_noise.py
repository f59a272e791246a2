from __future__ import annotations

import numpy as np
import pytest

from s2m.data.open.config import JointNoise, MaskNoise
from s2m.data.open.noise import corrupt_masks, observe_joints
from s2m.skeletons import S2M27


def observe(noise: JointNoise, frames: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    joints = np.random.default_rng(1).uniform(200, 800, (frames, 27, 2))
    found, confidence = observe_joints(np.random.default_rng(2), joints, np.full(frames, 100.0), noise)
    return joints, found, confidence


def test_no_noise_changes_nothing() -> None:
    joints, found, confidence = observe(JointNoise(), 10)
    np.testing.assert_array_equal(found, joints)
    assert (confidence == 1).all()


def test_gaussian_is_a_share_of_the_head_root_length() -> None:
    joints, found, _ = observe(JointNoise(gaussian=0.03))
    assert (found - joints).std() == pytest.approx(3.0, rel=0.02)


def test_outliers_jump_as_far_and_as_often_as_asked() -> None:
    joints, found, _ = observe(JointNoise(outlier=0.05, outlier_reach=(0.2, 0.6)))
    jump = np.linalg.norm(found - joints, axis=2)
    assert (jump > 0).mean() == pytest.approx(0.05, abs=0.005)
    assert jump[jump > 0].min() >= 20 - 1e-9
    assert jump.max() <= 60 + 1e-9


def test_swaps_exchange_whole_limbs() -> None:
    joints, found, _ = observe(JointNoise(swap=1.0), 3)
    for joint in ("hip", "toe", "wrist", "pinky"):
        left, right = S2M27.indices([f"left_{joint}", f"right_{joint}"])
        np.testing.assert_array_equal(found[:, [left, right]], joints[:, [right, left]])
    middle = S2M27.indices(["pelvis", "neck_nose", "left_ear"])
    np.testing.assert_array_equal(found[:, middle], joints[:, middle])


def test_missing_joints_have_no_confidence_and_eight_remain() -> None:
    _, _, confidence = observe(JointNoise(missing=0.1, confidence=(0.6, 0.9)))
    assert (confidence == 0).mean() == pytest.approx(0.1, abs=0.01)
    assert confidence[confidence > 0].min() >= 0.6
    assert confidence.max() <= 0.9
    _, _, confidence = observe(JointNoise(missing=0.8))
    assert ((confidence[:, :17] > 0).sum(1) >= 8).all()


@pytest.fixture
def masks() -> np.ndarray:
    masks = np.zeros((60, 112, 112), bool)
    masks[:, 20:90, 40:70] = True
    return masks


@pytest.mark.parametrize("kind", ["occluder", "hole", "boundary"])
def test_each_corruption_changes_masks_a_little(masks: np.ndarray, kind: str) -> None:
    changed = corrupt_masks(np.random.default_rng(0), masks, MaskNoise(**{kind: 1.0}))
    differing = (changed != masks).sum((1, 2)) / masks.sum((1, 2))
    assert (differing > 0).all()
    assert differing.max() <= 2 / 3
    if kind != "boundary":
        assert not (changed & ~masks).any()


def test_morphology_grows_or_shrinks_by_its_pixels(masks: np.ndarray) -> None:
    changed = corrupt_masks(np.random.default_rng(0), masks, MaskNoise(morphology=1.0, morphology_pixels=2))
    heights = {int(mask.any(1).sum()) for mask in changed}
    assert heights == {66, 68, 72, 74}


def test_masks_survive(masks: np.ndarray) -> None:
    thin = np.zeros_like(masks)
    thin[:, 50, 30:80] = True
    worst = MaskNoise(occluder=1.0, hole=1.0, morphology=1.0, boundary=1.0)
    assert corrupt_masks(np.random.default_rng(0), thin, worst).any((1, 2)).all()
    np.testing.assert_array_equal(corrupt_masks(np.random.default_rng(0), masks, MaskNoise()), masks)
    empty = corrupt_masks(np.random.default_rng(0), np.zeros((2, 16, 16), bool), MaskNoise(occluder=1.0, hole=1.0))
    assert not empty.any()
