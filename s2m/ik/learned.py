"""What the paper's ablation puts in DIK's place: rotations learned from the skeleton."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.batch import IKOutput
from s2m.ik import quaternion as quat
from s2m.ik.interface import IKSolver, all_solved
from s2m.ik.rest import RestSkeleton
from s2m.ik.solver import DIK
from s2m.skeletons import SMPL24


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, width), nn.LeakyReLU(0.1), nn.Linear(width, width), nn.LeakyReLU(0.1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)  # type: ignore[no-any-return]


class LearnedIK(IKSolver):
    """Residual blocks from joints to local rotations: the paper's "w/o DIK" (Table 7).

    Sees the joints relative to the pelvis, turned into the root's frame and in units of the rest skeleton's size, and
    their confidences; answers with 6D rotations (Zhou et al. 2019), starting at the rest pose. The root is the given
    one, or DIK's.

    Args:
        rest: The skeleton at rest.
        width: Neurons per layer.
        blocks: Residual blocks.
    """

    size: Tensor

    def __init__(self, rest: RestSkeleton, width: int = 512, blocks: int = 2) -> None:
        super().__init__(rest)
        self._root = DIK(rest)
        size = (rest.joints - rest.joints.mean(0)).norm(dim=-1).mean()
        self.register_buffer("size", size)
        self.network = nn.Sequential(
            nn.Linear(4 * len(rest.joint_set), width),
            nn.LeakyReLU(0.1),
            *(_Residual(width) for _ in range(blocks)),
            nn.Linear(width, 6 * (len(SMPL24) - 1)),
        )
        self.network.to(rest.joints.dtype)
        last = self.network[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=0.01)
        with torch.no_grad():
            last.bias.copy_(torch.eye(3)[:, :2].reshape(6).repeat(len(SMPL24) - 1))

    def forward(self, joints: Tensor, root: Tensor | None = None, confidence: Tensor | None = None) -> IKOutput:
        """See :meth:`IKSolver.forward`."""
        joints, seen = self._sanitised(joints, confidence)
        if root is None:
            root = self._root(joints, confidence=seen).rotations[:, 0]
        centred = joints - joints[:, self.joint_set.root_index, None]
        local = centred @ root.to(joints.dtype) / self.size * seen[..., None]
        columns = self.network(torch.cat([local, seen[..., None]], -1).flatten(1)).reshape(len(joints), -1, 3, 2)
        rotations = torch.cat([root[:, None].to(joints.dtype), _gram_schmidt(columns)], 1)
        return IKOutput(rotations, all_solved(rotations))


def _gram_schmidt(columns: Tensor) -> Tensor:
    """(..., 3, 2) to rotation matrices (..., 3, 3)."""
    x = quat.direction(columns[..., 0])
    y = quat.direction(quat.reject(columns[..., 1], x))
    return torch.stack([x, y, quat.cross(x, y)], -1)
