"""Distances between point sets after the alignment that a protocol allows."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from s2m.geometry.procrustes import scale_align, similarity_align
from s2m.metrics.base import check_points

Alignment = Literal["none", "scale", "procrustes"]


def aligned_distances(pred: Tensor, true: Tensor, alignment: Alignment) -> Tensor:
    """Euclidean distances (B, N) between corresponding points, in the unit of the input.

    Args:
        pred: (B, N, 3), relative to a common origin.
        true: (B, N, 3), relative to a common origin.
        alignment: ``none``: as predicted; ``scale``: the best scale per frame about the origin; ``procrustes``: the
            best rotation, translation and scale per frame, never a reflection.

    Raises:
        ValueError: For shapes that differ or another alignment.
    """
    check_points("true", true)
    check_points("pred", pred, true.shape[1])
    if alignment == "scale":
        pred = scale_align(pred, true)
    elif alignment == "procrustes":
        pred = similarity_align(pred, true)[0] if len(pred) else pred
    elif alignment != "none":
        raise ValueError(f"alignment: expected none, scale or procrustes, found '{alignment}'")
    distances: Tensor = (pred - true).norm(dim=-1)
    return distances
