"""SMPL parameters of skeletons, and how a solver's rotations become them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from s2m.arrays import short_repr
from s2m.batch import BodyParams
from s2m.ik import quaternion as quat
from s2m.ik.interface import IKSolver

_ANCHORS = ("pelvis", "left_hip", "right_hip")


@dataclass(frozen=True)
class Solution:
    """SMPL parameters of a batch of skeletons, as torch tensors or NumPy arrays, whichever the joints were.

    Attributes:
        params: Rotations as matrices, betas, and the translation (metres) that puts the body at the joints; the frame
            is that of the joints.
        solved: (B, 24) bool; False where the joints did not determine the rotation and it stayed at rest.
    """

    params: BodyParams
    solved: Tensor

    __repr__ = short_repr

    def __len__(self) -> int:
        return len(self.solved)

    @property
    def axis_angle(self) -> Tensor:
        """(B, 72) SMPL's pose vector: root and 23 local rotations as axis times angle (radians)."""
        rotations: Any = self.params.rotations
        if isinstance(rotations, np.ndarray):
            pose: Any = _axis_angle(torch.from_numpy(rotations)).numpy()
            return pose
        return _axis_angle(rotations)


def _axis_angle(rotations: Tensor) -> Tensor:
    return quat.to_axis_angle(quat.from_matrix(rotations)).flatten(1)


def solve_with(solver: IKSolver, points: Tensor, betas: Tensor | None, confidence: Tensor | None = None) -> Solution:
    """SMPL parameters of joints with a calibrated solver, unchecked.

    Args:
        solver: Calibrated to the joint set, on the device of the joints.
        points: (B, J, 3) float32, metres, any right-handed frame.
        betas: (1, K) shape of the person; zeros by default.
        confidence: (B, J) in [0, 1].

    Returns:
        The parameters, as tensors.
    """
    if confidence is not None:
        points = torch.where((confidence > 0)[..., None], points, torch.nan)  # the place sees what the solver sees
    found = solver(points, confidence=confidence)
    shape = (torch.zeros(1, 10) if betas is None else betas).to(points).expand(len(points), -1)
    transl = _translation(found.rotations[:, 0], points, solver)
    return Solution(BodyParams.from_rotations(found.rotations, shape, transl), found.solved)


def _translation(root: Tensor, points: Tensor, solver: IKSolver) -> Tensor:
    """(B, 3) so that the body's pelvis and hips lie on the joints; 0 where none of them is there."""
    place = places(root, points, solver)
    return torch.where(torch.isfinite(place), place, torch.zeros_like(place))


def places(root: Tensor, points: Tensor, solver: IKSolver) -> Tensor:
    """Where bodies stand: a body turns about its own pelvis joint.

    Args:
        root: (B, 3, 3) orientation of the bodies.
        points: (B, J, 3) metres, not finite where missing.
        solver: Calibrated to the joint set.

    Returns:
        (B, 3) so that the body's pelvis and hips, those that are there, lie on the joints; NaN where none is.
    """
    offset = anchor_offsets(root, points, solver)
    seen = torch.isfinite(offset).all(-1, keepdim=True)
    total = torch.where(seen, offset, torch.zeros_like(offset)).sum(1)
    count = seen.sum(1)
    return torch.where(count > 0, total / count.clamp_min(1), torch.nan)


def anchor_offsets(root: Tensor, points: Tensor, solver: IKSolver) -> Tensor:
    """Where the body would stand for each of the joints that hold it: of pelvis and hips, those that the joint set has.

    Args:
        root: (B, 3, 3) orientation of the bodies: from the body frame to the joints' frame.
        points: (B, J, 3) metres, not finite where missing.
        solver: Calibrated to the joint set.

    Returns:
        (B, A, 3) metres, joints' frame; not finite for a joint that is missing.
    """
    joint_set = solver.joint_set
    anchors = joint_set.indices(part for part in _ANCHORS if part in joint_set) or [joint_set.root_index]
    pelvis = solver.rest_body_joints[0]
    offset: Tensor = points[:, anchors] - (solver.rest_joints[anchors] - pelvis) @ root.transpose(1, 2) - pelvis
    return offset
