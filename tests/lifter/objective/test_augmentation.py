from __future__ import annotations

import pytest
import torch

from s2m.lifter.normalise import normalise
from s2m.lifter.objective import DetectionNoise
from s2m.skeletons import H36M17


@pytest.fixture
def target():
    joints = torch.randn(2000, 17, 2, generator=torch.Generator().manual_seed(0))
    confidence = torch.ones(2000, 17)
    confidence[:, 3] = 0
    return normalise(joints, confidence, H36M17)


def disturb(noise, target):
    return noise(target, H36M17, torch.Generator().manual_seed(1))


def test_size_of_the_noise(target):
    result = disturb(DetectionNoise(0.06, 0.0), target)
    offset = (result.origin + result.scale * result.joints2d - target.joints2d)[target.visible > 0]
    # Standard deviations from U(0, s) have the mean square s^2 / 3.
    assert float(offset.pow(2).mean().sqrt()) == pytest.approx(0.06 / 3**0.5, rel=0.05)
    assert float(offset.mean()) == pytest.approx(0.0, abs=1e-3)


def test_joints_go_missing_but_never_appear(target):
    result = disturb(DetectionNoise(0.0, 0.25), target)
    assert torch.equal(result.visible[:, 3], torch.zeros(2000))
    others = [j for j in range(17) if j != 3]
    assert float(result.visible[:, others].mean()) == pytest.approx(0.75, abs=0.01)
    assert torch.equal(result.joints2d[result.visible == 0], torch.zeros_like(result.joints2d[result.visible == 0]))


def test_nothing_to_do(target):
    result = disturb(DetectionNoise(0.0, 0.0), target)
    torch.testing.assert_close(result.joints2d, target.joints2d, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("arguments", [(-0.1, 0.0), (0.1, 1.0), (0.1, -0.1)])
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match="noise >= 0"):
        DetectionNoise(*arguments)
