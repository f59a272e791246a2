"""One call from 3D joints to SMPL parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body, load_body
from s2m.ik import quaternion as quat
from s2m.ik.body_joints import rest_skeleton
from s2m.ik.interface import IKSolver
from s2m.ik.solver import DIK
from s2m.skeletons import JointSet, get_joint_set

_ANCHORS = ("pelvis", "left_hip", "right_hip")


@dataclass(frozen=True)
class Solution:
    """SMPL parameters of a batch of skeletons.

    params: rotations as matrices, betas, and the translation that puts the body at the joints; the frame is that of
    the joints. solved: (B, 24) bool: False where the joints did not determine the rotation and it stayed at rest.
    """

    params: BodyParams
    solved: Tensor

    @property
    def axis_angle(self) -> Tensor:
        """(B, 72) SMPL's pose vector: root and 23 local rotations as axis times angle (radians)."""
        return quat.to_axis_angle(quat.from_matrix(self.params.rotations)).flatten(1)


def solve(
    joints: Tensor | NDArray[np.floating],
    joint_set: str | JointSet = "h36m17",
    body: Body | None = None,
    *,
    betas: Tensor | None = None,
    confidence: Tensor | None = None,
    noise: float = 0.0,
    solver: IKSolver | None = None,
) -> Solution:
    """SMPL parameters of 3D joints; no training, no GPU, no licence.

    joints: (B, J, 3) or (J, 3) metres, any right-handed frame; a joint that is not finite counts as missing.
    joint_set: its name or the set itself (:func:`s2m.ik.joint_maps.read_joint_set` reads a user's own).
    body: the body to pose; the shipped open one by default. betas: (1, 10) shape of the person, mean by default.
    confidence: (B, J) in [0, 1]. noise: standard deviation of the joints in metres (0.03 for a lifter's).
    solver: another solver than DIK, calibrated to the joint set.
    """
    points = torch.as_tensor(joints)
    points = points[None] if points.ndim == 2 else points
    points = points.to(torch.float32)
    joint_set = get_joint_set(joint_set) if isinstance(joint_set, str) else joint_set
    body = load_body() if body is None else body
    if solver is None:
        solver = DIK(rest_skeleton(body, joint_set, betas), noise=noise)
    found = solver(points, confidence=confidence)
    shape = (torch.zeros(1, body.num_betas) if betas is None else betas).to(points).expand(len(points), -1)
    transl = _translation(found.rotations[:, 0], points, solver)
    return Solution(BodyParams.from_rotations(found.rotations, shape, transl), found.solved)


def _translation(root: Tensor, points: Tensor, solver: IKSolver) -> Tensor:
    """(B, 3) so that the body's pelvis and hips lie on the joints: a body turns about its own pelvis joint."""
    joint_set = solver.joint_set
    anchors = joint_set.indices(part for part in _ANCHORS if part in joint_set) or [joint_set.root_index]
    pelvis = solver.rest_body_joints[0]
    offset = points[:, anchors] - (solver.rest_joints[anchors] - pelvis) @ root.transpose(1, 2) - pelvis
    seen = torch.isfinite(offset).all(-1, keepdim=True)
    total = torch.where(seen, offset, torch.zeros_like(offset)).sum(1)
    return total / seen.sum(1).clamp_min(1)
