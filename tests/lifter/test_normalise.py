from __future__ import annotations

import pytest
import torch

from s2m.lifter.normalise import normalise
from s2m.skeletons import H36M17


@pytest.fixture
def joints() -> torch.Tensor:
    return torch.randn(6, 17, 2, generator=torch.Generator().manual_seed(0))


def test_root_is_the_origin_and_the_mean_distance_is_one(joints):
    result = normalise(joints, torch.ones(6, 17), H36M17)
    root = H36M17.root_index
    assert torch.equal(result.joints2d[:, root], torch.zeros(6, 2))
    expected = joints - joints[:, root : root + 1]
    expected = expected / torch.linalg.vector_norm(expected, dim=-1).mean(1)[:, None, None]
    torch.testing.assert_close(result.joints2d, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(result.origin + result.scale * result.joints2d, joints)


def test_missing_root_falls_back_to_the_hips_then_to_the_centroid(joints):
    confidence = torch.ones(3, 17)
    confidence[:, H36M17.root_index] = 0
    confidence[1, H36M17.index("left_hip")] = 0
    confidence[2, H36M17.indices(["left_hip", "right_hip"])] = 0
    origin = normalise(joints[:3], confidence, H36M17).origin[:, 0]
    left, right = joints[:, H36M17.index("left_hip")], joints[:, H36M17.index("right_hip")]
    torch.testing.assert_close(origin[0], (left[0] + right[0]) / 2)
    torch.testing.assert_close(origin[1], right[1])
    torch.testing.assert_close(origin[2], joints[2, confidence[2] > 0].mean(0))


def test_missing_joints_have_no_influence_not_even_as_nan(joints):
    confidence = torch.ones(6, 17)
    confidence[:, H36M17.index("left_wrist")] = 0
    spoilt = joints.clone()
    spoilt[:, H36M17.index("left_wrist")] = float("nan")
    clean, other = (normalise(j, confidence, H36M17) for j in (joints, spoilt))
    for name in ("joints2d", "visible", "origin", "scale"):
        assert torch.equal(getattr(clean, name), getattr(other, name))
    assert torch.equal(clean.joints2d[:, H36M17.index("left_wrist")], torch.zeros(6, 2))


def test_size_of_the_confidence_does_not_matter(joints):
    low, high = (normalise(joints, torch.full((6, 17), c), H36M17).joints2d for c in (0.1, 1.0))
    assert torch.equal(low, high)


def test_sample_without_joints_or_extent_stays_finite():
    result = normalise(torch.full((2, 17, 2), 0.3), torch.tensor([[1.0] * 17, [0.0] * 17]), H36M17)
    assert torch.isfinite(result.joints2d).all()
    assert (result.scale > 0).all()
