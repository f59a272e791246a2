"""Swing-only analytic inverse kinematics: what HybrIK's analytic part does without its network's twists.

Li et al. 2021: the root and the joint that carries three children by Procrustes, every other rotation as the shortest
arc that points a bone at its measured child, walking down the tree from positions already reconstructed (their
"adaptive" variant). It needs all 24 of SMPL's joints.
"""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.batch import IKOutput
from s2m.ik import quaternion as quat
from s2m.ik.interface import IKSolver
from s2m.ik.rest import RestSkeleton
from s2m.skeletons import SMPL24

_CHILDREN = tuple(
    tuple(child for child, parent in enumerate(SMPL24.parents) if parent == joint) for joint in range(len(SMPL24))
)


class SwingIK(IKSolver):
    """Zero-twist analytic solver.

    Args:
        rest: The rest skeleton, of joint set ``smpl24``.

    Raises:
        ValueError: For any other joint set.
    """

    def __init__(self, rest: RestSkeleton) -> None:
        super().__init__(rest)
        if rest.joint_set is not SMPL24:
            raise ValueError(f"SwingIK needs the joint set smpl24, found {rest.joint_set.name}")

    def forward(self, joints: Tensor, root: Tensor | None = None, confidence: Tensor | None = None) -> IKOutput:
        """See :meth:`IKSolver.forward`; confidences are only used to tell missing joints."""
        points, seen = self._sanitised(joints, confidence)
        body = self.rest_body_joints
        frames: dict[int, Tensor] = {}
        places = {0: points[:, 0]}
        local, solved = [], []
        still = torch.eye(3, dtype=points.dtype, device=points.device).expand(len(points), 3, 3)
        for joint, children in enumerate(_CHILDREN):
            parent = SMPL24.parents[joint]
            above = still if parent < 0 else frames[parent]
            if parent >= 0:
                places[joint] = places[parent] + above @ (body[joint] - body[parent])
            rotation = self._rotation(joint, children, above, places[joint], points)
            if joint == 0 and root is not None:
                rotation = root.to(points)
            known = (seen[:, list(children)] > 0).all(1) if children else torch.zeros_like(seen[:, 0], dtype=torch.bool)
            if joint == 0 and root is not None:
                known = torch.ones_like(known)
            rotation = torch.where(known[:, None, None], rotation, still)
            local.append(rotation)
            solved.append(known)
            frames[joint] = above @ rotation
        return IKOutput(torch.stack(local, 1), torch.stack(solved, 1))

    def _rotation(self, joint: int, children: tuple[int, ...], above: Tensor, place: Tensor, points: Tensor) -> Tensor:
        if not children:
            return torch.eye(3, dtype=points.dtype, device=points.device).expand(len(points), 3, 3)
        index = list(children)
        rest = self.rest_body_joints[index] - self.rest_body_joints[joint]
        seen = (points[:, index] - place[:, None]) @ above
        if len(children) > 1:
            return _procrustes(rest, seen)
        a = quat.direction(rest[0])
        normal = quat.direction(quat.cross(a, a.roll(1)))
        return quat.to_matrix(quat.swing(a, quat.direction(seen[:, 0], a), normal))


def _procrustes(rest: Tensor, seen: Tensor) -> Tensor:
    u, _, vh = torch.linalg.svd(seen.transpose(1, 2) @ rest)
    sign = torch.linalg.det(u @ vh)
    flip = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], -1)
    rotation: Tensor = (u * flip[:, None]) @ vh
    return rotation
