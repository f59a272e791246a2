"""Where the trunk's joints are when the back bends: the forward model behind root, torso and their noise model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.ik.columns import Columns, constant, outer
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
    """Trunk joints as sums of four moving frames: the pelvis and three spine joints.

    A sum of rotation matrices, that is: linear in the products of the quaternions' components, so one table.

    Args:
        rest: (7, 3) the parts of ``TRUNK_PARTS`` at rest, relative to the body's pelvis joint: metres, body frame.
        spine: (3, 3) the spine joints, likewise.
        carriers: (7, 24) how far each body joint carries each part; ``None``: each part hangs from one joint.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, rest: Tensor, spine: Tensor, carriers: Tensor | None) -> None:
        super().__init__()
        share = _default_shares(rest) if carriers is None else _trunk_shares(carriers)  # (7, 4)
        origins = torch.cat([torch.zeros_like(spine[:1]), spine])
        arm = share[..., None] * (rest[:, None] - origins)  # (7, 4, 3)
        # A link between spine joints turns with its lower end and carries all that hangs above.
        above = share.flip(1).cumsum(1).flip(1)[:, 1:]
        arm[:, :3] += above[..., None] * (origins[1:] - origins[:-1])
        table = Columns(rest).matrix_table.view(3, 3, 16)
        weight = torch.einsum("xya,pky->xpak", table, arm[:, 1:])
        constant(self, "weight", weight)  # (3, 7, 16, 3)
        constant(self, "bias", arm[:, 0].T)  # (3, 7)

    def forward(self, bends: Tensor) -> Tensor:
        """Where the parts are.

        Args:
            bends: (4, 3, B) unit quaternions of the three spine joints, root's frame.

        Returns:
            (3, 7, B) metres, relative to the pelvis joint, root's frame.
        """
        moved = torch.mm(self.weight.view(21, 48), outer(bends, bends).view(48, -1)).view(3, 7, -1)
        return moved + self.bias[..., None]


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
