"""The baseline that says nothing about depth."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.lifter.network import Lifter
from s2m.lifter.normalise import normalise


def planar_skeleton(lifter: Lifter, joints2d: Tensor, confidence: Tensor) -> Tensor:
    """(B, J, 3) metres, root-relative, camera frame: the 2D joints at constant depth.

    joints2d: (B, J, 2) crop units; confidence: (B, J). Missing joints lie at the origin. The scale is the lifter's.
    """
    flat = normalise(joints2d, confidence, lifter.joint_set).joints2d
    skeleton = torch.cat([flat, torch.zeros_like(flat[..., :1])], dim=-1)
    skeleton = skeleton - skeleton[:, lifter.joint_set.root_index, None]
    return skeleton * lifter.metres_per_unit(skeleton)
