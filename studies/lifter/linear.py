"""Supervised linear regression from 2D to 3D: a baseline that the pipeline never uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from s2m.lifter.normalise import Normalised, normalise
from s2m.skeletons import JointSet

# No scale is measured on a skeleton smaller than this (lifter units or metres).
SMALLEST = 1e-6


def in_lifter_units(joints3d: Tensor, target: Normalised, joint_set: JointSet) -> Tensor:
    """True skeletons (B, J, 3), metres, as root-relative ones whose x and y fit the 2D joints best (lifter units).

    The scale per sample is ``s = sum_j v_j x_j . X_j / sum_j v_j |X_j|^2`` over the x and y of visible joints, with
    labels x and truth X, both relative to their origin.

    Args:
        joint_set: The joint set.
    """
    skeleton = joints3d - joints3d[:, joint_set.root_index, None]
    weight = target.visible[..., None]
    flat = skeleton[..., :2]
    # Where the root is missing the labels are measured from elsewhere: compare both from their own centroids.
    count = weight.sum(1, keepdim=True).clamp_min(1)
    labels = (target.joints2d - (weight * target.joints2d).sum(1, keepdim=True) / count) * weight
    centred = (flat - (weight * flat).sum(1, keepdim=True) / count) * weight
    scale = (labels * centred).sum((1, 2)) / (centred * centred).sum((1, 2)).clamp_min(SMALLEST)
    return skeleton * scale.clamp_min(SMALLEST)[:, None, None]


class LinearLifter:
    """``Y = [x, v, 1] W`` with W from ridge regression in closed form.

    x: normalised 2D joints, v: visibility, Y: the root-relative skeleton in lifter units. ridge: added to the
    diagonal of the normal equations, as a share of its mean.

    Args:
        joint_set: The joint set.
    """

    def __init__(self, joint_set: JointSet, weight: Tensor, metres_per_unit: Tensor) -> None:
        self.joint_set, self.weight, self.metres_per_unit = joint_set, weight, metres_per_unit

    def __call__(self, joints2d: Tensor, confidence: Tensor) -> Tensor:
        """(B, J, 3) metres, root-relative, of joints2d (B, J, 2) in crop units and confidence (B, J)."""
        target = normalise(joints2d, confidence, self.joint_set)
        lifted = _features(target).to(self.weight.dtype) @ self.weight
        skeleton = lifted.view(len(joints2d), -1, 3).to(joints2d.dtype)
        return skeleton * self.metres_per_unit.to(joints2d.dtype)


def fit_linear(
    batches: Iterable[tuple[Tensor, Tensor, Tensor]],
    joint_set: JointSet,
    disturb: Callable[[Normalised], Normalised] | None = None,
    ridge: float = 1e-6,
) -> LinearLifter:
    """Fit a :class:`LinearLifter`.

    Args:
        batches: joints2d (B, J, 2) in crop units, confidence (B, J) and true joints (B, J, 3) in metres.
        joint_set: The joint set.
        disturb: What augmentation does to normalised labels; ``None``: the regression sees them as they are. The metric
            scale is the mean over the training frames of metres per lifter unit.

    Raises:
        ValueError: Without a frame.
    """
    size = 3 * len(joint_set)
    gram = torch.zeros(size + 1, size + 1, dtype=torch.float64)
    moment = torch.zeros(size + 1, size, dtype=torch.float64)
    metres, frames = torch.zeros((), dtype=torch.float64), 0
    for joints2d, confidence, joints3d in batches:
        labels = normalise(joints2d, confidence, joint_set)
        skeleton = in_lifter_units(joints3d, labels, joint_set)
        seen = labels
        if disturb is not None:
            # The disturbed sample has its own size, and with it a unit of its own.
            seen = disturb(labels)
            skeleton = skeleton / seen.scale
        features = _features(seen).double()
        gram += features.T @ features
        moment += features.T @ skeleton.flatten(1).double()
        metres += _metres_per_unit(joints3d, skeleton, joint_set).sum()
        frames += len(joints3d)
    if frames == 0:
        raise ValueError("linear baseline: no frame to fit")
    gram += ridge * gram.diagonal().mean() * torch.eye(size + 1, dtype=torch.float64)
    return LinearLifter(joint_set, torch.linalg.solve(gram, moment), metres / frames)


def _features(seen: Normalised) -> Tensor:
    ones = seen.visible.new_ones(len(seen.visible), 1)
    return torch.cat([seen.joints2d.flatten(1), seen.visible, ones], dim=1)


def _metres_per_unit(joints3d: Tensor, skeleton: Tensor, joint_set: JointSet) -> Tensor:
    metric = joints3d - joints3d[:, joint_set.root_index, None]
    return metric.norm(dim=-1).mean(1).double() / skeleton.norm(dim=-1).mean(1).clamp_min(SMALLEST).double()
