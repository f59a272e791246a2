"""Gradient descent on axis-angles: what people write first."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.batch import IKOutput
from s2m.ik import quaternion as quat
from s2m.ik.baselines.rigid import forward_kinematics, keypoints
from s2m.ik.interface import IKSolver, all_solved
from s2m.ik.rest import RestSkeleton
from s2m.ik.solver import DIK
from s2m.skeletons import SMPL24


class AdamIK(IKSolver):
    """Adam on 24 rotation vectors for the whole batch, from rest with DIK's root.

    Minimises the squared joint error plus ``stiffness`` squared (metres per radian) times the squared angles.

    Args:
        rest: The skeleton at rest.
        steps: Steps of Adam.
        rate: Adam's learning rate.
        stiffness: Weight of the angles against the joint error, metres per radian.
    """

    def __init__(self, rest: RestSkeleton, steps: int = 150, rate: float = 0.05, stiffness: float = 0.01) -> None:
        super().__init__(rest)
        self.steps, self.rate, self.stiffness = steps, rate, stiffness
        self._root = DIK(rest)

    def forward(self, joints: Tensor, root: Tensor | None = None, confidence: Tensor | None = None) -> IKOutput:
        """See :meth:`IKSolver.forward`. The steps carry no gradient to the joints."""
        points, seen = self._sanitised(joints.detach(), confidence)
        start = self._root(points, confidence=seen).rotations[:, 0] if root is None else root.to(points).detach()
        weight = seen[..., None] / seen.sum(1)[:, None, None].clamp_min(1e-6)
        target = points - (weight * points).sum(1, keepdim=True)
        with torch.enable_grad():
            vectors = torch.zeros(len(points), len(SMPL24), 3, dtype=points.dtype, device=points.device)
            vectors.requires_grad_()
            optimiser = torch.optim.Adam([vectors], self.rate)
            for _ in range(self.steps):
                found = keypoints(*forward_kinematics(_compose(vectors, start), self.rest), self.rest)
                found = found - (weight * found).sum(1, keepdim=True)
                data = (weight * (found - target).square()).sum()
                loss = data + (self.stiffness * vectors[:, 1:]).square().sum() / len(self.joint_set)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                if root is not None and vectors.grad is not None:
                    vectors.grad[:, 0] = 0
                optimiser.step()
        rotations = _compose(vectors.detach(), start)
        return IKOutput(rotations, all_solved(rotations))


def _compose(vectors: Tensor, start: Tensor) -> Tensor:
    angle = (quat.dot(vectors, vectors) + 1e-12).sqrt()
    q = torch.cat([vectors / angle * torch.sin(angle / 2), torch.cos(angle / 2)], -1)
    rotations = quat.to_matrix(q)
    return torch.cat([(start @ rotations[:, 0])[:, None], rotations[:, 1:]], 1)
