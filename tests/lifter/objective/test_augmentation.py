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
    return noise(target, torch.Generator().manual_seed(1))


def test_size_of_the_noise(target):
    result = disturb(DetectionNoise(H36M17, 0.06, 0.0), target)
    offset = (result.origin + result.scale * result.joints2d - target.joints2d)[target.visible > 0]
    # Standard deviations from U(0, s) have the mean square s^2 / 3, joint shares from U(1/2, 3/2) one of 13 / 12.
    assert float(offset.pow(2).mean().sqrt()) == pytest.approx(0.06 * (13 / 36) ** 0.5, rel=0.05)
    assert float(offset.mean()) == pytest.approx(0.0, abs=1e-3)


def test_joints_go_missing_but_never_appear(target):
    result = disturb(DetectionNoise(H36M17, 0.0, 0.25), target)
    assert torch.equal(result.visible[:, 3], torch.zeros(2000))
    others = [j for j in range(17) if j != 3]
    assert float(result.visible[:, others].mean()) == pytest.approx(0.75, abs=0.01)
    assert torch.equal(result.joints2d[result.visible == 0], torch.zeros_like(result.joints2d[result.visible == 0]))


def test_outliers_jump_as_often_and_as_far_as_told(target):
    result = disturb(DetectionNoise(H36M17, 0.0, 0.0, outlier=0.1), target)
    offset = (result.origin + result.scale * result.joints2d - target.joints2d).norm(dim=-1)[target.visible > 0]
    jumped = offset > 0.05
    # A root that jumps moves the origin, which is taken out again above.
    assert float(jumped.float().mean()) == pytest.approx(0.1, abs=0.01)
    assert float(offset[jumped].min()) > 0.29
    assert float(offset[jumped].max()) < 1.01


def test_limbs_change_sides_as_a_whole(target):
    result = disturb(DetectionNoise(H36M17, 0.0, 0.0, swap=0.3), target)
    back = result.origin + result.scale * result.joints2d
    for limb in (("hip", "knee"), ("shoulder", "elbow", "wrist")):
        here, there = ([H36M17.index(f"{side}_{joint}") for joint in limb] for side in ("left", "right"))
        swapped = (back[:, here] - target.joints2d[:, there]).abs().amax((1, 2)) < 1e-4
        stayed = (back[:, here] - target.joints2d[:, here]).abs().amax((1, 2)) < 1e-4
        assert torch.all(swapped ^ stayed)
        assert float(swapped.float().mean()) == pytest.approx(0.3, abs=0.05)
    middle = [H36M17.index(joint) for joint in ("spine", "thorax", "head")]
    torch.testing.assert_close(back[:, middle], target.joints2d[:, middle], atol=1e-4, rtol=1e-4)


def test_missing_joints_swap_with_the_limb(target):
    ankle = H36M17.index("right_ankle")
    assert H36M17.joints[3] == "right_ankle"  # the missing joint of the fixture
    result = disturb(DetectionNoise(H36M17, 0.0, 0.0, swap=0.5), target)
    other = H36M17.mirror[ankle]
    assert torch.equal(result.visible[:, ankle] + result.visible[:, other], torch.ones(2000))
    assert float(result.visible[:, ankle].mean()) == pytest.approx(0.5, abs=0.05)


def test_nothing_to_do(target):
    result = disturb(DetectionNoise(H36M17, 0.0, 0.0), target)
    torch.testing.assert_close(result.joints2d, target.joints2d, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("arguments", [(-0.1, 0.0), (0.1, 1.0), (0.1, -0.1), (0.1, 0.0, 1.5), (0.1, 0.0, 0.0, -1)])
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match="noise >= 0"):
        DetectionNoise(H36M17, *arguments)
