"""Errors of joints: MPJPE, PCK, AUC and the direction of depth.

All of them are taken over the 17 joints of ``h36m17``, picked by name from the joint set of the input, so that the
numbers of different joint sets compare.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from s2m.metrics.alignment import Alignment, aligned_distances
from s2m.metrics.base import FrameMean, check_points
from s2m.skeletons import H36M17, JointSet

PCK_THRESHOLD = 0.15
# MPI-INF-3DHP's evaluation: 31 thresholds, 0 to 150 mm in steps of 5 mm.
AUC_THRESHOLDS = tuple(step * 0.005 for step in range(31))


def root_relative(joints: Tensor, joint_set: JointSet) -> Tensor:
    """The 17 joints of ``h36m17`` relative to their pelvis: (B, J, 3) to (B, 17, 3). ValueError for another J."""
    check_points(f"joints of {joint_set.name}", joints, len(joint_set))
    shared = joints[:, joint_set.indices(H36M17.joints)]
    return shared - shared[:, H36M17.root_index, None]


def joint_errors(pred: Tensor, true: Tensor, alignment: Alignment = "none", joint_set: JointSet = H36M17) -> Tensor:
    """Root-relative errors (B, 17) in metres; the root itself counts as one joint.

    pred, true: (B, J, 3) metres, the same frame, any origin. alignment: see :func:`aligned_distances`.
    """
    return aligned_distances(root_relative(pred, joint_set), root_relative(true, joint_set), alignment)


def mpjpe(pred: Tensor, true: Tensor, alignment: Alignment = "none", joint_set: JointSet = H36M17) -> Tensor:
    """Mean per joint position error (B,) in metres.

    ``none``: MPJPE as predicted; ``scale``: N-MPJPE, with ground-truth scale; ``procrustes``: PA-MPJPE.
    """
    return joint_errors(pred, true, alignment, joint_set).mean(-1)


def share_within(errors: Tensor, thresholds: Tensor) -> Tensor:
    """Mean over thresholds of the share of points with error <= threshold: (B, N) and (T,) to (B,)."""
    return (errors[..., None] <= thresholds).to(errors.dtype).mean((-2, -1))


def reversed_depth(pred: Tensor, true: Tensor, joint_set: JointSet = H36M17) -> Tensor:
    """Whether (B,) a mirrored depth would fit the truth better, at any scale: 1 or 0.

    That is where ``sum_j z_j z*_j < 0`` over root-relative depths: mirroring z changes no length, so this sign alone
    decides which of the two fits better in the least-squares sense. A flat skeleton is not reversed.
    """
    pred_z, true_z = root_relative(pred, joint_set)[..., 2], root_relative(true, joint_set)[..., 2]
    return ((pred_z * true_z).sum(-1) < 0).to(pred.dtype)


def depth_cosine(pred: Tensor, true: Tensor, joint_set: JointSet = H36M17) -> Tensor:
    """Cosine (B,) between root-relative depths: 1 is right up to scale, 0 knows nothing (flat), -1 is mirrored."""
    return cosine_similarity(root_relative(pred, joint_set)[..., 2], root_relative(true, joint_set)[..., 2], dim=-1)


class _JointMetric(FrameMean):
    """joint_set: that of the input. alignment: see :func:`aligned_distances`. unit: see :class:`FrameMean`."""

    def __init__(
        self, alignment: Alignment = "none", joint_set: JointSet = H36M17, unit: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(unit, **kwargs)
        self.alignment, self.joint_set = alignment, joint_set

    def update(self, pred_joints: Tensor, true_joints: Tensor | None) -> None:
        """Add skeletons (B, J, 3), metres, camera frame, any origin."""
        self._record(self._per_frame, pred_joints=pred_joints, true_joints=true_joints)

    @abstractmethod
    def _per_frame(self, pred: Tensor, true: Tensor) -> Tensor: ...


class MPJPE(_JointMetric):
    """Mean per joint position error; N-MPJPE with ``alignment="scale"``, PA-MPJPE with ``"procrustes"``."""

    def _per_frame(self, pred: Tensor, true: Tensor) -> Tensor:
        return mpjpe(pred, true, self.alignment, self.joint_set)


class AUC(_JointMetric):
    """Mean share of joints (0..1) within each of 31 thresholds, 0 to 150 mm in steps of 5 mm."""

    higher_is_better = True
    thresholds: tuple[float, ...] = AUC_THRESHOLDS

    def _per_frame(self, pred: Tensor, true: Tensor) -> Tensor:
        errors = joint_errors(pred, true, self.alignment, self.joint_set)
        return share_within(errors, torch.tensor(self.thresholds, dtype=errors.dtype, device=errors.device))


class PCK(AUC):
    """Share of joints (0..1) within a threshold in metres, 150 mm by default."""

    def __init__(self, threshold: float = PCK_THRESHOLD, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.thresholds = (threshold,)


class ReversedDepth(_JointMetric):
    """Share of frames (0..1) whose mirrored depth would fit better, see :func:`reversed_depth`."""

    def _per_frame(self, pred: Tensor, true: Tensor) -> Tensor:
        return reversed_depth(pred, true, self.joint_set)


class DepthCosine(_JointMetric):
    """Mean cosine between predicted and true root-relative depths, see :func:`depth_cosine`."""

    higher_is_better = True

    def _per_frame(self, pred: Tensor, true: Tensor) -> Tensor:
        return depth_cosine(pred, true, self.joint_set)
