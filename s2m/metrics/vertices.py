"""Errors of the surface: PVE, as predicted, with ground-truth scale and after Procrustes; by vertex or by area."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from s2m.metrics.alignment import Alignment, aligned_distances
from s2m.metrics.base import FrameMean


def vertex_areas(vertices: Tensor, faces: Tensor) -> Tensor:
    """Share of the surface that belongs to each vertex: (V,), sums to 1.

    A third of every triangle goes to each of its corners.

    Args:
        vertices: (V, 3) of the template.
        faces: (F, 3).

    Raises:
        ValueError: For a mesh without area.
    """
    a, b, c = vertices[faces].double().unbind(1)
    corner = torch.linalg.cross(b - a, c - a).norm(dim=-1) / 6
    areas = torch.zeros(len(vertices), dtype=torch.float64, device=vertices.device)
    areas.index_add_(0, faces.flatten(), corner.repeat_interleave(3))
    if not bool(areas.sum() > 0):
        raise ValueError("faces: expected a mesh with area, found none")
    return areas / areas.sum()


def pve(pred: Tensor, true: Tensor, alignment: Alignment = "none", areas: Tensor | None = None) -> Tensor:
    """Per vertex error (B,) in metres.

    Args:
        pred: (B, V, 3) metres, the same frame, each relative to its own body's pelvis.
        true: (B, V, 3) metres, the same frame, each relative to its own body's pelvis.
        alignment: See :func:`aligned_distances` (Procrustes over all vertices alike).
        areas: (V,) weights that sum to 1, see :func:`vertex_areas`; without them every vertex counts alike, and hands
            and face count more than their size.
    """
    distances = aligned_distances(pred, true, alignment)
    if areas is None:
        return distances.mean(-1)
    if areas.shape != distances.shape[1:]:
        raise ValueError(f"areas: expected ({distances.shape[1]},), found {tuple(areas.shape)}")
    return (distances * areas.to(distances)).sum(-1)


class PVE(FrameMean):
    """Per vertex error; PA-PVE with ``alignment="procrustes"``; area-weighted with ``areas`` (V,).

    Args:
        alignment: What is aligned before errors are taken: 'none', 'scale' or 'procrustes'.
        areas: Weights (V,) that sum to 1; all alike if not given.
        unit: Factor on the result, such as MILLIMETRES for a metric fed with metres.
        **kwargs: Passed to :class:`torchmetrics.Metric`.
    """

    areas: Tensor | None

    def __init__(
        self, alignment: Alignment = "none", areas: Tensor | None = None, unit: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(unit, **kwargs)
        self.alignment = alignment
        self.register_buffer("areas", areas, persistent=False)

    def update(self, pred_vertices: Tensor, true_vertices: Tensor | None) -> None:
        """Add vertices (B, V, 3), metres, camera frame, relative to the body's own pelvis.

        Args:
            pred_vertices: Predicted vertices (B, V, 3), metres, relative to the body's own pelvis.
            true_vertices: True vertices (B, V, 3), the same; None passes the batch over.
        """
        self._record(self._per_frame, pred_vertices=pred_vertices, true_vertices=true_vertices)

    def _per_frame(self, pred: Tensor, true: Tensor) -> Tensor:
        return pve(pred, true, self.alignment, self.areas)
