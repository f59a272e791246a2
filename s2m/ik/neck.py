"""Neck and head: one bend seen by the joints, two rotations of the body."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.ik import quaternion as quat
from s2m.ik.units import Axis

_SEEN = 0.2  # of the lever from thorax to head: with less beyond the head's own joint its turn is not seen
_LARGEST = 2.0  # how far a turn may be extrapolated from the direction of the lever


def neck_shares(neck: Axis, thorax: Tensor, head: Tensor, neck_joint: Tensor, head_joint: Tensor) -> Tensor:
    """Factors (3, 2, 1), about x, y, z, that turn the head's direction seen from the thorax into rotations.

    The part of the lever between the body's neck and head joints turns with the neck, what lies beyond with the head
    as well: its direction turns by less than the head does. A turn about the lever itself is the nose's, all of it.

    Args:
        neck: Share (3,) of the head's turn that the neck takes.
        thorax: Keypoint (3,) at rest, metres, where the lever starts.
        head: Keypoint (3,) at rest where it ends.
        neck_joint: The body's neck joint (3,) at rest.
        head_joint: The body's head joint (3,) at rest.

    Returns:
        First the factors of the neck's own rotation, then those of neck and head together.
    """
    lever = head - thorax
    along = quat.direction(lever)
    carried = torch.stack([head_joint - neck_joint, head - head_joint]) @ along / lever.norm()
    by_neck, by_head = carried.tolist()
    if by_head < _SEEN:
        return thorax.new_ones(3, 2, 1)
    factors = []
    for axis, share in enumerate(neck):
        whole = 1.0 if axis == 1 else min(1 / (share * by_neck + by_head), _LARGEST)
        factors.append([share * whole, whole])
    return thorax.new_tensor(factors)[..., None]
