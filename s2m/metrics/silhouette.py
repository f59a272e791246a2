"""Overlap of silhouettes."""

from __future__ import annotations

from torch import Tensor

from s2m.metrics.base import FrameMean


def silhouette_iou(pred: Tensor, true: Tensor) -> Tensor:
    """Intersection over union (B,) of hard masks (B, S, S); values above 0.5 are inside.

    Two empty masks have no overlap and give 0: a body that left the picture is not a perfect fit.

    Args:
        pred: Predicted masks (B, S, S).
        true: True masks (B, S, S).

    Raises:
        ValueError: When the shapes differ.

    Example:
        >>> import torch
        >>> left, top = torch.zeros(2, 1, 4, 4)
        >>> left[:, :, :2], top[:, :2] = 1, 1
        >>> round(float(silhouette_iou(left, top)), 3)
        0.333
    """
    if pred.dim() != 3 or pred.shape != true.shape:
        raise ValueError(f"masks: expected two (B, S, S) alike, found {tuple(pred.shape)} and {tuple(true.shape)}")
    inside, wanted = pred > 0.5, true > 0.5
    shared = (inside & wanted).sum((1, 2))
    union = (inside | wanted).sum((1, 2))
    return shared.double() / union.clamp_min(1)


def soft_iou(soft: Tensor, reference: Tensor) -> Tensor:
    """Intersection over union of masks that may lie between outside and inside; has a gradient.

    Args:
        soft: (B, S, S) in [0, 1].
        reference: (B, S, S) in [0, 1].

    Returns:
        (B,) in [0, 1]; 0 where both are empty.

    Example:
        >>> import torch
        >>> soft_iou(torch.full((1, 2, 2), 0.5), torch.ones(1, 2, 2))
        tensor([0.5000])
    """
    intersection = (soft * reference).sum((1, 2))
    union = (soft + reference - soft * reference).sum((1, 2))
    return intersection / union.clamp_min(1e-6)


class SilhouetteIoU(FrameMean):
    """Mean intersection over union of hard masks, 0..1."""

    higher_is_better = True

    def update(self, pred_mask: Tensor | None, true_mask: Tensor | None) -> None:
        """Add masks (B, S, S), bool or in {0, 1}.

        Args:
            pred_mask: Predicted masks (B, S, S), bool or in {0, 1}; None passes the batch over.
            true_mask: Observed masks (B, S, S), the same.
        """
        self._record(silhouette_iou, pred_mask=pred_mask, true_mask=true_mask)
