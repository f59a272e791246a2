"""Where the trunk's joints are when the back bends: the forward model behind root, torso and their noise model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.ik import quaternion as quat
from s2m.skeletons import SMPL24

SPINE = ("spine1", "spine2", "spine3")

# Trunk parts and what carries each when the body does not tell.
_CARRIED_BY = {
    "pelvis": "pelvis",
    "left_hip": "pelvis",
    "right_hip": "pelvis",
    "spine": "spine1",
    "thorax": "spine3",
    "left_shoulder": "spine3",
    "right_shoulder": "spine3",
}
TRUNK_PARTS = tuple(_CARRIED_BY)


class TrunkModel(nn.Module):
    """Trunk joints as sums of four moving frames: the pelvis and three spine joints that share a bend evenly.

    rest: (7, 3) the parts of ``TRUNK_PARTS``, spine: (3, 3) the spine joints, both at rest relative to the body's
    pelvis joint, metres. carriers: (7, 24) how far each body joint carries each part, or ``None``.
    """

    moment: Tensor
    share: Tensor
    links: Tensor

    def __init__(self, rest: Tensor, spine: Tensor, carriers: Tensor | None) -> None:
        super().__init__()
        share = _default_shares(rest) if carriers is None else _trunk_shares(carriers)
        origins = torch.cat([torch.zeros_like(spine[:1]), spine])
        self.register_buffer("share", share)
        self.register_buffer("moment", share[..., None] * (rest[:, None] - origins))
        self.register_buffer("links", origins[1:] - origins[:-1])

    def forward(self, bend: Tensor) -> Tensor:
        """Parts (B, 7, 3) in the root's frame when each spine joint turns by the quaternion ``bend`` (B, 4)."""
        frames = [torch.zeros_like(bend) + bend.new_tensor([0.0, 0.0, 0.0, 1.0]), bend]
        frames += [quat.product(bend, bend)]
        frames += [quat.product(frames[2], bend)]
        turn = quat.to_matrix(torch.stack(frames, 1))  # (B, 4, 3, 3)
        steps = (turn[:, :3] @ self.links[..., None])[..., 0]
        places = torch.cat([torch.zeros_like(steps[:, :1]), steps.cumsum(1)], 1)
        return torch.einsum("bkxy,pky->bpx", turn, self.moment) + self.share @ places


def _default_shares(rest: Tensor) -> Tensor:
    joints = ("pelvis", *SPINE)
    return rest.new_tensor([[float(carrier == joint) for joint in joints] for carrier in _CARRIED_BY.values()])


def _trunk_shares(carriers: Tensor) -> Tensor:
    """(7, 24) to (7, 4): what hangs from a spine joint counts as that joint, legs as the pelvis."""
    columns = ("pelvis", *SPINE)
    share = carriers.new_zeros(len(carriers), len(columns))
    for joint in range(len(SMPL24)):
        above = joint
        while SMPL24.joints[above] not in columns:
            above = SMPL24.parents[above]
        share[:, columns.index(SMPL24.joints[above])] += carriers[:, joint]
    return share / share.sum(1, keepdim=True)
