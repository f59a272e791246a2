from __future__ import annotations

import torch

from s2m.lifter import Lifter, planar_skeleton
from s2m.skeletons import H36M17


def test_planar_skeleton_is_the_input_at_constant_depth_and_prior_scale():
    joints = torch.randn(4, 17, 2, generator=torch.Generator().manual_seed(0))
    flat = planar_skeleton(Lifter("h36m17", 0.3), joints, torch.ones(4, 17))
    assert torch.equal(flat[..., 2], torch.zeros(4, 17))
    bones = [torch.dist(flat[0, H36M17.index(c)], flat[0, H36M17.index(p)]) for c, p in H36M17.parent_of.items()]
    torch.testing.assert_close(torch.stack(bones).mean(), torch.tensor(0.3))
    centred = joints - joints[:, :1]
    ratio = flat[:, 1:, :2] / centred[:, 1:]
    torch.testing.assert_close(ratio, ratio[:, :1, :1].expand_as(ratio), atol=1e-4, rtol=1e-3)


def test_planar_skeleton_is_relative_to_the_root_even_where_that_is_missing():
    confidence = torch.ones(1, 17)
    confidence[0, H36M17.root_index] = 0
    flat = planar_skeleton(Lifter("h36m17", 0.3), torch.randn(1, 17, 2), confidence)
    assert torch.equal(flat[0, H36M17.root_index], torch.zeros(3))
