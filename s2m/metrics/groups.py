"""A metric by group of frames: by activity, action or sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from s2m.metrics.base import check_finite
from s2m.metrics.joints import JointMetric


class ByGroup(Metric):
    """One joint metric, averaged over the frames of each group apart; correct under DDP like the metric itself.

    Args:
        metric: Whose ``per_frame`` and ``unit`` are used.
        groups: Their names; ``update`` takes positions in it.
        **kwargs: Passed to :class:`torchmetrics.Metric`.
    """

    full_state_update = False
    is_differentiable = False
    total: Tensor
    count: Tensor

    def __init__(self, metric: JointMetric, groups: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.metric, self.groups = metric, tuple(groups)
        self.add_state("total", torch.zeros(len(self.groups), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(len(self.groups), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, pred_joints: Tensor, true_joints: Tensor, group: Tensor) -> None:
        """Add skeletons (B, J, 3), metres, camera frame, any origin, and the group (B,) of each.

        Args:
            pred_joints: Predicted joints (B, J, 3), metres, camera frame.
            true_joints: True joints (B, J, 3), metres, camera frame.
            group: Positions (B,) in ``groups``.

        Raises:
            ValueError: For values that are not finite, groups that are not there, or unequal numbers of frames.
        """
        name = type(self.metric).__name__
        check_finite(name, "pred_joints", pred_joints)
        check_finite(name, "true_joints", true_joints)
        if not len(pred_joints) == len(true_joints) == len(group):
            sizes = f"pred_joints {len(pred_joints)}, true_joints {len(true_joints)}, group {len(group)}"
            raise ValueError(f"{name} by group: expected the same number of frames, found {sizes}")
        if len(group) == 0:
            return
        if int(group.min()) < 0 or int(group.max()) >= len(self.groups):
            raise ValueError(
                f"{name} by group: expected 0 to {len(self.groups) - 1}, found {int(group.min())} to {int(group.max())}"
            )
        values = self.metric.per_frame(pred_joints, true_joints).to(self.total.dtype)
        self.total.index_add_(0, group, values)
        self.count.index_add_(0, group, torch.ones_like(values))

    def compute(self) -> Tensor:
        """Means (G,), times the metric's unit; NaN for a group without frames."""
        return self.total / self.count * self.metric.unit
