"""Whether doubt is right: how many errors lie within their intervals, and whether reversed depth is found."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import BinaryAUROC

from s2m.geometry.procrustes import scale_align
from s2m.metrics.base import check_finite
from s2m.metrics.joints import depth_cosine
from s2m.skeletons import JointSet

# Frames whose predicted and true depths have a cosine nearer to zero are neither right nor reversed.
NEITHER = 0.2


def scaled_errors(pred: Tensor, true: Tensor, joint_set: JointSet) -> Tensor:
    """Errors (B, J, 3) in metres, root-relative, after the best scale of each frame over all joints.

    Args:
        pred: Predicted skeletons (B, J, 3), metres, camera frame, any origin.
        true: True skeletons (B, J, 3), the same.
        joint_set: Joint set of both.
    """
    found, target = (points - points[:, joint_set.root_index, None] for points in (pred, true))
    return scale_align(found, target) - target


def reversal(pred: Tensor, true: Tensor, joint_set: JointSet) -> Tensor:
    """(B,) 1 where the depth is reversed, 0 where it is not, -1 where it is neither.

    Reversed means, as in :func:`s2m.metrics.joints.reversed_depth`, that the mirrored depth fits the truth better at
    any scale: the cosine of root-relative depths is negative. Within 0.2 of zero, both fit about as badly.

    Args:
        pred: Predicted skeletons (B, J, 3), metres, camera frame, any origin.
        true: True skeletons (B, J, 3), the same.
        joint_set: Joint set of both.
    """
    cosine = depth_cosine(pred, true, joint_set)
    return torch.where(cosine.abs() < NEITHER, -1, (cosine < 0).long())


class Coverage(Metric):
    """Share of errors within their intervals: of all joints, and of the joint with the smallest or largest share.

    A joint's share is that of its three axes together. The root, from which errors are measured, does not count.

    Args:
        joint_set: Joint set of the skeletons.
        of: ``mean``, ``least`` or ``most``: over the joints.
        **kwargs: Passed to :class:`torchmetrics.Metric`.
    """

    full_state_update = False
    is_differentiable = False
    within: Tensor
    count: Tensor

    def __init__(self, joint_set: JointSet, of: str = "mean", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if of not in ("mean", "least", "most"):
            raise ValueError(f"of: expected mean, least or most, found {of}")
        self.joint_set, self.of = joint_set, of
        self.add_state("within", torch.zeros(len(joint_set), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, pred_joints: Tensor, true_joints: Tensor, interval: Tensor) -> None:
        """Add frames.

        Args:
            pred_joints: (B, J, 3) metres, camera frame, any origin.
            true_joints: (B, J, 3) likewise.
            interval: (B, J, 3) metres, the largest |error| that counts as within.
        """
        for name, value in (("pred_joints", pred_joints), ("true_joints", true_joints), ("interval", interval)):
            check_finite(type(self).__name__, name, value)
        error = scaled_errors(pred_joints, true_joints, self.joint_set).abs()
        self.within += (error <= interval).double().mean(2).sum(0)
        self.count += len(interval)

    def compute(self) -> Tensor:
        """The share, 0..1; NaN without frames."""
        counted = torch.arange(len(self.joint_set), device=self.within.device) != self.joint_set.root_index
        shares = (self.within / self.count)[counted]
        chosen = {"mean": shares.mean(), "least": shares.min(), "most": shares.max()}
        return chosen[self.of]


class ReversalAUROC(BinaryAUROC):
    """How well a number tells reversed depth from right: area under the ROC curve, see :func:`reversal`.

    NaN where all frames are right, or all reversed.

    Args:
        joint_set: Joint set of the skeletons.
        **kwargs: Passed to :class:`torchmetrics.classification.BinaryAUROC`.
    """

    def __init__(self, joint_set: JointSet, **kwargs: Any) -> None:
        super().__init__(ignore_index=-1, **kwargs)
        self.joint_set = joint_set

    def update(self, pred_joints: Tensor, true_joints: Tensor, reversed_probability: Tensor) -> None:  # type: ignore[override]
        """Add frames.

        Args:
            pred_joints: (B, J, 3) metres, camera frame, any origin.
            true_joints: (B, J, 3) likewise.
            reversed_probability: (B,) in [0, 1].
        """
        super().update(reversed_probability, reversal(pred_joints, true_joints, self.joint_set))

    def compute(self) -> Tensor:  # type: ignore[override]
        """The area, 0..1."""
        told = [torch.cat(list(self.target))] if len(self.target) else []
        if not told or len(told[0].unique()) < 2:
            return torch.tensor(float("nan"), device=self.device)
        area: Tensor = super().compute()
        return area
