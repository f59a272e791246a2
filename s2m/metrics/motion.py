"""Smoothness of lifted video: errors of acceleration."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from s2m.metrics.base import FrameMean, check_finite
from s2m.metrics.joints import root_relative
from s2m.skeletons import H36M17, JointSet


def consecutive(sequence: Tensor, frame: Tensor) -> Tensor:
    """(N - 2,) bool: rows i, i + 1, i + 2 are three consecutive frames of one recording.

    Args:
        sequence: (N,) number of the recording, -1 for independent frames.
        frame: (N,) position within it.
    """
    same = (sequence[:-2] == sequence[1:-1]) & (sequence[1:-1] == sequence[2:]) & (sequence[:-2] >= 0)
    return same & (frame[1:-1] == frame[:-2] + 1) & (frame[2:] == frame[1:-1] + 1)


def acceleration_errors(
    pred: Tensor, true: Tensor, sequence: Tensor, frame: Tensor, joint_set: JointSet = H36M17
) -> Tensor:
    """Mean over the 17 joints of ``|a_pred - a_true|``, a the second difference: (M,) metres per frame squared.

    Times fps squared it is in m/s^2. Source: Kanazawa et al., "Learning 3D Human Dynamics from Video", CVPR 2019.

    Args:
        pred: Predicted skeletons (N, J, 3), metres, camera frame; root-relative skeletons are compared as they are,
            since a best scale per frame would add a trembling of its own.
        true: True skeletons (N, J, 3), the same.
        sequence: Number (N,) of each frame's recording, -1 for independent frames.
        frame: Position (N,) of each frame within it.
        joint_set: Joint set of the input.

    Returns:
        (M,), one error per triple of consecutive frames.

    Raises:
        ValueError: For non-finite skeletons or rows that do not match.
    """
    if not len(pred) == len(true) == len(sequence) == len(frame):
        rows = f"{len(pred)}, {len(true)}, {len(sequence)} and {len(frame)}"
        raise ValueError(f"acceleration: expected the same number of rows, found {rows}")
    for name, value in (("pred", pred), ("true", true)):
        check_finite("acceleration", name, value)
    if len(pred) < 3:
        return pred.new_zeros(0)
    difference = root_relative(pred, joint_set) - root_relative(true, joint_set)
    # Differences are linear: the error of the acceleration is the acceleration of the error.
    second = difference[2:] - 2 * difference[1:-1] + difference[:-2]
    return second.norm(dim=-1).mean(-1)[consecutive(sequence, frame)]


def acceleration_error(
    pred: Tensor, true: Tensor, sequence: Tensor, frame: Tensor, joint_set: JointSet = H36M17
) -> Tensor:
    """Mean of :func:`acceleration_errors`, metres per frame squared; NaN without three consecutive frames.

    Args:
        pred: Predicted skeletons (N, J, 3), metres.
        true: True skeletons (N, J, 3), metres.
        sequence: Number (N,) of each frame's recording.
        frame: Number (N,) of each frame in it.
        joint_set: Joint set of the input.
    """
    errors = acceleration_errors(pred, true, sequence, frame, joint_set)
    return errors.mean() if len(errors) else errors.new_full((), torch.nan)


class AccelerationError(FrameMean):
    """Mean of :func:`acceleration_errors` over all triples of frames; an ``update`` is one recording, in order.

    Args:
        joint_set: That of the input.
        unit: See :class:`FrameMean`, e.g. ``MILLIMETRES`` or ``MILLIMETRES * fps**2``.
        **kwargs: Passed to :class:`torchmetrics.Metric`.
    """

    def __init__(self, joint_set: JointSet = H36M17, unit: float = 1.0, **kwargs: Any) -> None:
        super().__init__(unit, **kwargs)
        self.joint_set = joint_set

    def update(self, pred_joints: Tensor, true_joints: Tensor | None) -> None:
        """Add the skeletons (T, J, 3) of one recording, metres, camera frame, any origin.

        Args:
            pred_joints: Predicted joints (T, J, 3), metres, camera frame.
            true_joints: True joints (T, J, 3), metres, camera frame.
        """
        self._record(self._per_triple, pred_joints=pred_joints, true_joints=true_joints)

    def _per_triple(self, pred: Tensor, true: Tensor) -> Tensor:
        frame = torch.arange(len(pred), device=pred.device)
        return acceleration_errors(pred, true, torch.zeros_like(frame), frame, self.joint_set)
