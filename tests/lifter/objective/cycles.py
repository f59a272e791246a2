"""Cycles made by hand: every field is given, so that a term's value can be worked out."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.lifter.objective import Cycle


def make_cycle(count: int = 3, joints: int = 17, **given: Tensor) -> Cycle:
    flat, solid = torch.zeros(count, joints, 2), torch.zeros(count, joints, 3)
    ones = torch.ones(count, joints)
    fields = {
        **dict.fromkeys(("target", "denoised", "reprojected", "masked", "returned"), flat),
        **dict.fromkeys(("skeleton", "rotated", "relifted"), solid),
        "visible": ones,
        "weight": ones,
    }
    return Cycle(**{**fields, **given})
