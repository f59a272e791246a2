"""Errors of joints: MPJPE, PCK, AUC and the direction of depth.

Joints are picked by name from the joint set of the input: the 17 of ``h36m17`` unless a protocol names others, so that
the numbers of different joint sets compare.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from s2m.metrics.alignment import Alignment, aligned_distances
from s2m.metrics.base import FrameMean, check_points
from s2m.skeletons import H36M17, JointSet

PCK_THRESHOLD = 0.15
# MPI-INF-3DHP's evaluation (mpii_compute_3d_pck.m): 31 thresholds, 0 to 150 mm in steps of 5 mm.
AUC_THRESHOLDS = tuple(step * 0.005 for step in range(31))
# The public code of the paper's authors takes 11, in steps of 15 mm.
COARSE_AUC_THRESHOLDS = tuple(step * 0.015 for step in range(11))


def root_relative(joints: Tensor, joint_set: JointSet, counted: Sequence[str] = H36M17.joints) -> Tensor:
    """The counted joints relative to the pelvis, which need not be one of them: (B, J, 3) to (B, len(counted), 3).

    Args:
        joints: Skeletons (B, J, 3), metres.
        joint_set: Joint set of the input.
        counted: Names of the joints that errors are taken over.

    Raises:
        ValueError: For another J.
    """
    check_points(f"joints of {joint_set.name}", joints, len(joint_set))
    return joints[:, joint_set.indices(counted)] - joints[:, joint_set.index(H36M17.root), None]


def joint_errors(
    pred: Tensor,
    true: Tensor,
    alignment: Alignment = "none",
    joint_set: JointSet = H36M17,
    counted: Sequence[str] = H36M17.joints,
) -> Tensor:
    """Errors (B, len(counted)) in metres, relative to the pelvis; where the root is counted, it is one joint of many.

    Args:
        pred: (B, J, 3) metres, the same frame, any origin.
        true: (B, J, 3) metres, the same frame, any origin.
        alignment: See :func:`aligned_distances`; it sees the counted joints alone.
        joint_set: Joint set of the input.
        counted: Names of the joints that errors are taken over.
    """
    points = root_relative(pred, joint_set, counted), root_relative(true, joint_set, counted)
    return aligned_distances(*points, alignment)


def mpjpe(
    pred: Tensor,
    true: Tensor,
    alignment: Alignment = "none",
    joint_set: JointSet = H36M17,
    counted: Sequence[str] = H36M17.joints,
) -> Tensor:
    """Mean per joint position error (B,) in metres.

    ``none``: MPJPE as predicted; ``scale``: N-MPJPE, with ground-truth scale; ``procrustes``: PA-MPJPE.

    Args:
        pred: Predicted skeletons (B, J, 3), metres, camera frame, any origin.
        true: True skeletons (B, J, 3), the same.
        alignment: What is aligned before errors are taken: 'none', 'scale' or 'procrustes'.
        joint_set: Joint set of the input.
        counted: Names of the joints that errors are taken over.

    Example:
        >>> true = torch.randn(1, 17, 3)
        >>> pred = true * torch.tensor([1.0, 1.0, -1.0])  # depth mirrored
        >>> bool(mpjpe(pred, true) > 0), float(mpjpe(true + 5, true).round(decimals=3))
        (True, 0.0)
    """
    return joint_errors(pred, true, alignment, joint_set, counted).mean(-1)


def share_within(errors: Tensor, thresholds: Tensor, strict: bool = False) -> Tensor:
    """Mean over thresholds of the share of points with error <= threshold (< if strict): (B, N) and (T,) to (B,).

    MPI-INF-3DHP's own script is strict: no joint is within 0 mm, not even the root.

    Args:
        errors: Errors (B, N), metres.
        thresholds: Thresholds (T,), metres.
        strict: Whether an error must be below the threshold, not at it.
    """
    within = errors[..., None] < thresholds if strict else errors[..., None] <= thresholds
    return within.to(errors.dtype).mean((-2, -1))


def reversed_depth(pred: Tensor, true: Tensor, joint_set: JointSet = H36M17) -> Tensor:
    """Whether (B,) a mirrored depth would fit the truth better, at any scale: 1 or 0.

    That is where ``sum_j z_j z*_j < 0`` over root-relative depths: mirroring z changes no length, so this sign alone
    decides which of the two fits better in the least-squares sense. A flat skeleton is not reversed.

    Args:
        pred: Predicted skeletons (B, J, 3), metres, camera frame, any origin.
        true: True skeletons (B, J, 3), the same.
        joint_set: Joint set of the input.
    """
    pred_z, true_z = root_relative(pred, joint_set)[..., 2], root_relative(true, joint_set)[..., 2]
    return ((pred_z * true_z).sum(-1) < 0).to(pred.dtype)


def depth_cosine(pred: Tensor, true: Tensor, joint_set: JointSet = H36M17) -> Tensor:
    """Cosine (B,) between root-relative depths: 1 is right up to scale, 0 knows nothing (flat), -1 is mirrored.

    Args:
        pred: Predicted skeletons (B, J, 3), metres, camera frame, any origin.
        true: True skeletons (B, J, 3), the same.
        joint_set: Joint set of the input.
    """
    return cosine_similarity(root_relative(pred, joint_set)[..., 2], root_relative(true, joint_set)[..., 2], dim=-1)


class JointMetric(FrameMean):
    """Interface: a mean over frames of one number per skeleton.

    Args:
        alignment: See :func:`aligned_distances`.
        joint_set: That of the input.
        unit: See :class:`FrameMean`.
        counted: Names of the joints that errors are taken over.
        **kwargs: Passed to :class:`torchmetrics.Metric`.
    """

    def __init__(
        self,
        alignment: Alignment = "none",
        joint_set: JointSet = H36M17,
        unit: float = 1.0,
        counted: Sequence[str] = H36M17.joints,
        **kwargs: Any,
    ) -> None:
        super().__init__(unit, **kwargs)
        self.alignment, self.joint_set, self.counted = alignment, joint_set, tuple(counted)

    def update(self, pred_joints: Tensor, true_joints: Tensor | None) -> None:
        """Add skeletons (B, J, 3), metres, camera frame, any origin.

        Args:
            pred_joints: Predicted joints (B, J, 3), metres, camera frame.
            true_joints: True joints (B, J, 3), metres, camera frame.
        """
        self._record(self.per_frame, pred_joints=pred_joints, true_joints=true_joints)

    @abstractmethod
    def per_frame(self, pred: Tensor, true: Tensor) -> Tensor:
        """Values (B,) of single frames, before ``unit``.

        Args:
            pred: Predicted skeletons (B, J, 3), metres, camera frame, any origin.
            true: True skeletons (B, J, 3), the same.
        """


class MPJPE(JointMetric):
    """Mean per joint position error; N-MPJPE with ``alignment="scale"``, PA-MPJPE with ``"procrustes"``."""

    def per_frame(self, pred: Tensor, true: Tensor) -> Tensor:
        """See :meth:`JointMetric.per_frame`."""
        return mpjpe(pred, true, self.alignment, self.joint_set, self.counted)


class AUC(JointMetric):
    """Mean share of joints (0..1) within each of several thresholds in metres.

    Args:
        alignment: What is aligned before errors are taken: 'none', 'scale' or 'procrustes'.
        joint_set: Joint set of the input.
        unit: Factor on the result, such as MILLIMETRES for a metric fed with metres.
        counted: Names of the joints that errors are taken over.
        thresholds: 31 by default, 0 to 150 mm in steps of 5 mm.
        strict: See :func:`share_within`.
        **kwargs: Passed to :class:`torchmetrics.Metric`.
    """

    higher_is_better = True

    def __init__(
        self,
        alignment: Alignment = "none",
        joint_set: JointSet = H36M17,
        unit: float = 1.0,
        counted: Sequence[str] = H36M17.joints,
        thresholds: Sequence[float] = AUC_THRESHOLDS,
        strict: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(alignment, joint_set, unit, counted, **kwargs)
        self.thresholds, self.strict = tuple(thresholds), strict

    def per_frame(self, pred: Tensor, true: Tensor) -> Tensor:
        """See :meth:`JointMetric.per_frame`."""
        errors = joint_errors(pred, true, self.alignment, self.joint_set, self.counted)
        thresholds = torch.tensor(self.thresholds, dtype=errors.dtype, device=errors.device)
        return share_within(errors, thresholds, self.strict)


class PCK(AUC):
    """Share of joints (0..1) within a threshold.

    Args:
        threshold: Largest error, metres.
        **kwargs: Passed to :class:`torchmetrics.Metric`.
    """

    def __init__(self, threshold: float = PCK_THRESHOLD, **kwargs: Any) -> None:
        super().__init__(thresholds=(threshold,), **kwargs)


class ReversedDepth(JointMetric):
    """Share of frames (0..1) whose mirrored depth would fit better, see :func:`reversed_depth`."""

    def per_frame(self, pred: Tensor, true: Tensor) -> Tensor:
        """See :meth:`JointMetric.per_frame`."""
        return reversed_depth(pred, true, self.joint_set)


class DepthCosine(JointMetric):
    """Mean cosine between predicted and true root-relative depths, see :func:`depth_cosine`."""

    higher_is_better = True

    def per_frame(self, pred: Tensor, true: Tensor) -> Tensor:
        """See :meth:`JointMetric.per_frame`."""
        return depth_cosine(pred, true, self.joint_set)
