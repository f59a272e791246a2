"""From how many sides recordings show their people."""

from __future__ import annotations

import math

import torch

from s2m.adaptation.recordings import Frames
from s2m.lifter.network import Lifter

SIDES = 8
# So many of them are enough for a discriminator to tell odd people from people who are seen from elsewhere: single
# cameras before somebody who walks by have 2 to 3 (as mirrors show them as well), two from opposite sides 5 to 6.
ENOUGH = 4.0


@torch.no_grad()
def sides_seen(lifter: Lifter, frames: Frames) -> float:
    """How many of eight sides people are seen from, as pictures and as a mirror shows these.

    The sides count by how often each is seen: the exponential of the entropy of their shares.

    Args:
        lifter: Says how people are turned.
        frames: Of the recordings.

    Returns:
        1 (always from the front, say) to 8 (from everywhere alike).
    """
    skeletons = lifter(frames.joints2d, frames.confidence).joints3d
    left, right = lifter.joint_set.indices(("left_hip", "right_hip"))
    across = skeletons[:, left] - skeletons[:, right]
    heading = torch.atan2(across[:, 2], across[:, 0])
    side = torch.round(torch.cat([heading, -heading]) * SIDES / (2 * math.pi)).long() % SIDES
    share = torch.bincount(side, minlength=SIDES) / len(side)
    return float(torch.exp(-torch.xlogy(share, share).sum()))
