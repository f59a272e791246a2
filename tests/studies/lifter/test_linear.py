"""The linear baseline against a model it can represent, and against numpy's least squares."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from s2m.lifter.normalise import Normalised, normalise
from s2m.skeletons import H36M17
from studies.lifter.linear import fit_linear, in_lifter_units

Sample = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def orthographic(count: int, seed: int = 0) -> Sample:
    """Skeletons whose depth is a linear function of x and y, seen without perspective: exactly learnable."""
    generator = torch.Generator().manual_seed(seed)
    flat = torch.randn(count, 17, 2, generator=generator)
    flat = flat - flat[:, H36M17.root_index, None]
    mixing = torch.randn(34, 17, generator=torch.Generator().manual_seed(9)) / 6
    depth = (flat.flatten(1) @ mixing).view(count, 17)
    depth = depth - depth[:, H36M17.root_index, None]
    joints3d = torch.cat([flat, depth[..., None]], dim=-1) * 0.4 + torch.tensor([0.3, 0.1, 5.0])
    return flat * 0.2 + 0.05, torch.ones(count, 17), joints3d


def shape(joints: torch.Tensor) -> torch.Tensor:
    relative = joints - joints[:, H36M17.root_index, None]
    return relative / relative.flatten(1).norm(dim=1)[:, None, None]


def test_a_linear_world_is_learned_exactly() -> None:
    lifter = fit_linear([orthographic(300, seed) for seed in range(3)], H36M17, ridge=1e-10)
    joints2d, confidence, joints3d = orthographic(50, 77)
    torch.testing.assert_close(shape(lifter(joints2d, confidence)), shape(joints3d), atol=1e-4, rtol=0)


def test_weights_are_those_of_least_squares() -> None:
    generator = torch.Generator().manual_seed(3)
    joints2d, confidence = torch.randn(400, 17, 2, generator=generator), torch.ones(400, 17)
    confidence[torch.rand(400, 17, generator=generator) < 0.1] = 0
    joints3d = torch.randn(400, 17, 3, generator=generator) + torch.tensor([0.0, 0.0, 6.0])
    lifter = fit_linear([(joints2d, confidence, joints3d)], H36M17, ridge=1e-12)
    seen = normalise(joints2d, confidence, H36M17)
    inputs = np.concatenate([seen.joints2d.flatten(1), seen.visible, np.ones((400, 1))], axis=1)
    target = in_lifter_units(joints3d, seen, H36M17).flatten(1).numpy()
    expected = inputs @ np.linalg.lstsq(inputs, target, rcond=None)[0]
    found = lifter(joints2d, confidence) / lifter.metres_per_unit
    np.testing.assert_allclose(found.flatten(1).numpy(), expected, atol=2e-4)


def test_scale_and_place_in_the_image_do_not_matter_and_metres_are_learned() -> None:
    lifter = fit_linear([orthographic(300)], H36M17)
    joints2d, confidence, joints3d = orthographic(20, 5)
    torch.testing.assert_close(
        lifter(joints2d * 3 - 0.4, confidence), lifter(joints2d, confidence), atol=1e-4, rtol=1e-4
    )
    size = [(x - x[:, :1]).norm(dim=-1).mean() for x in (lifter(joints2d, confidence), joints3d)]
    assert float(size[0] / size[1]) == pytest.approx(1, abs=0.1)


def test_augmentation_sees_the_size_that_the_disturbed_sample_has() -> None:
    """An augmentation that only doubles a sample must leave the answer as it is, normalised again or not."""

    def double(labels: Normalised) -> Normalised:
        return normalise(2 * labels.joints2d, labels.visible, H36M17)

    plain, doubled = (fit_linear([orthographic(300)], H36M17, disturb) for disturb in (None, double))
    torch.testing.assert_close(doubled.weight, plain.weight / 2)
    joints2d, confidence, _ = orthographic(20, 5)
    ratio = doubled(joints2d, confidence).norm() / plain(joints2d, confidence).norm()
    # Metres per unit undoes the unit: the metric answer is the same.
    assert float(ratio) == pytest.approx(1, abs=1e-3)


def test_a_missing_root_does_not_spoil_the_scale() -> None:
    joints2d, confidence, joints3d = orthographic(30)
    whole = in_lifter_units(joints3d, normalise(joints2d, confidence, H36M17), H36M17)
    confidence[:, H36M17.root_index] = 0
    labels = normalise(joints2d, confidence, H36M17)
    partial = in_lifter_units(joints3d, labels, H36M17)
    flat = partial[..., :2] - partial[:, 1:, :2].mean(1, keepdim=True)
    expected = labels.joints2d - labels.joints2d[:, 1:].mean(1, keepdim=True)
    torch.testing.assert_close(flat[:, 1:], expected[:, 1:], atol=1e-4, rtol=0)
    torch.testing.assert_close(shape(partial), shape(whole), atol=1e-5, rtol=0)


def test_no_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="no frame to fit"):
        fit_linear([], H36M17)
