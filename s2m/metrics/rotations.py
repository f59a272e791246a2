"""Joint angle errors: 3dpw-eval's nine global parts, and the ten local rotations that inverse kinematics solves."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from s2m.body.skinning import global_rotations
from s2m.geometry.procrustes import similarity_align
from s2m.metrics.base import FrameMean
from s2m.metrics.joints import root_relative
from s2m.skeletons import H36M17, SMPL24, JointSet

# The parts that 3dpw-eval counts. Head, wrists and feet are not among them.
GLOBAL_PARTS = (
    "pelvis", "left_hip", "right_hip", "left_knee", "right_knee",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
)  # fmt: skip
# Eight limb rotations, the neck, and spine1 for the torso, whose bend three spine joints share alike.
LOCAL_PARTS = (
    "spine1", "neck", "left_hip", "right_hip", "left_knee", "right_knee",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
)  # fmt: skip


def geodesic_angle(first: Tensor, second: Tensor) -> Tensor:
    """Angle in radians, 0..pi, between rotation matrices (..., 3, 3): (...).

    By atan2 of the sine (length of the skew part) and the cosine (from the trace), in float64: acos alone loses half of
    the digits at 0, asin at pi.

    Args:
        first: Rotation matrices (..., 3, 3).
        second: Rotation matrices (..., 3, 3).

    Example:
        >>> quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        >>> round(float(geodesic_angle(torch.eye(3), quarter).rad2deg()), 6)
        90.0
    """
    difference = first.double().transpose(-1, -2) @ second.double()
    skew = difference - difference.transpose(-1, -2)
    axis = torch.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], dim=-1)
    sine = axis.norm(dim=-1) / 2
    cosine = (difference.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    return torch.atan2(sine, cosine)


def global_angle_error(pred: Tensor, true: Tensor, turn: Tensor | None = None) -> Tensor:
    """Mean angle (B,) in radians over :data:`GLOBAL_PARTS` between global rotations, as in 3dpw-eval.

    Args:
        pred: (B, 24, 3, 3) local rotations.
        true: (B, 24, 3, 3) local rotations.
        turn: (B, 3, 3), applied to the predicted global rotations from the left (3dpw-eval's alignment).
    """
    parts = SMPL24.indices(GLOBAL_PARTS)
    pred_global, true_global = global_rotations(pred)[:, parts], global_rotations(true)[:, parts]
    if turn is not None:
        pred_global = turn[:, None].to(pred_global) @ pred_global
    return geodesic_angle(pred_global, true_global).mean(-1)


def local_angle_error(pred: Tensor, true: Tensor) -> Tensor:
    """Mean angle (B,) in radians over :data:`LOCAL_PARTS` between rotations (B, 24, 3, 3) relative to the parent.

    Args:
        pred: Predicted rotation matrices (B, 24, 3, 3).
        true: True rotation matrices (B, 24, 3, 3).
    """
    parts = SMPL24.indices(LOCAL_PARTS)
    return geodesic_angle(pred[:, parts], true[:, parts]).mean(-1)


class JointAngleError(FrameMean):
    """Joint angle error in radians: nine global parts of 3dpw-eval, or the ten local rotations.

    Args:
        kind: 'global': nine global parts of 3dpw-eval; 'local': ten local rotations.
        unit: Factor on the result, such as MILLIMETRES for a metric fed with metres.
        **kwargs: Passed to :class:`torchmetrics.Metric`.
    """

    def __init__(self, kind: Literal["global", "local"] = "global", unit: float = 1.0, **kwargs: Any) -> None:
        super().__init__(unit, **kwargs)
        errors = {"global": global_angle_error, "local": local_angle_error}
        if kind not in errors:
            raise ValueError(f"kind: expected global or local, found '{kind}'")
        self._error = errors[kind]

    def update(self, pred_rotations: Tensor, true_rotations: Tensor | None) -> None:
        """Add rotations (B, 24, 3, 3): the root to the camera frame, the others relative to their parent.

        Args:
            pred_rotations: Predicted rotation matrices (B, 24, 3, 3).
            true_rotations: True rotation matrices (B, 24, 3, 3); None passes the batch over.
        """
        self._record(self._error, pred_rotations=pred_rotations, true_rotations=true_rotations)


class AlignedJointAngleError(FrameMean):
    """Joint angle error in radians over the nine global parts, after the Procrustes rotation of the skeletons.

    3dpw-eval aligns by the body's 24 joints; here the 17 joints of ``h36m17`` do it, which every dataset has.

    Args:
        joint_set: Joint set of the skeletons.
        unit: Factor on the result, such as MILLIMETRES for a metric fed with metres.
        **kwargs: Passed to :class:`torchmetrics.Metric`.
    """

    def __init__(self, joint_set: JointSet = H36M17, unit: float = 1.0, **kwargs: Any) -> None:
        super().__init__(unit, **kwargs)
        self.joint_set = joint_set

    def update(
        self,
        pred_rotations: Tensor,
        true_rotations: Tensor | None,
        pred_joints: Tensor,
        true_joints: Tensor | None,
    ) -> None:
        """Add rotations (B, 24, 3, 3) and skeletons (B, J, 3), all in the camera frame.

        Args:
            pred_rotations: Predicted rotation matrices (B, 24, 3, 3).
            true_rotations: True rotation matrices (B, 24, 3, 3); None passes the batch over.
            pred_joints: Predicted joints (B, J, 3), metres, camera frame.
            true_joints: True joints (B, J, 3), metres, camera frame.
        """
        self._record(
            self._per_frame,
            pred_rotations=pred_rotations,
            true_rotations=true_rotations,
            pred_joints=pred_joints,
            true_joints=true_joints,
        )

    def _per_frame(self, pred: Tensor, true: Tensor, pred_joints: Tensor, true_joints: Tensor) -> Tensor:
        points = root_relative(pred_joints, self.joint_set), root_relative(true_joints, self.joint_set)
        return global_angle_error(pred, true, similarity_align(*points)[1])
