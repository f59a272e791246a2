"""The terms of Eqn. 4, 5 and 7, and their weighted sum.

Units: 2D in crop units (half the crop's side), 3D in metres, angles in radians, betas in standard deviations. With
the paper's unsquared regularisers these units leave SR and PR at rest (the regulariser's slope is constant and
larger than the mask's); ``norm="squared"`` makes the slope vanish at zero, so that any evidence moves them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from s2m.batch import Observation
from s2m.model import Recovery

Norm = Literal["paper", "squared"]
MaskDistance = Literal["iou", "mse"]


def joints2d_loss(predicted: Tensor, target: Tensor, confidence: Tensor) -> Tensor:
    """L_2D of Eqn. 4: mean distance of (B, J, 2) joints, crop units, weighted by confidence (B, J)."""
    distance = (predicted - target).norm(dim=-1)
    return (confidence * distance).sum() / confidence.sum().clamp_min(1e-6)


def joints3d_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """L_3D of Eqn. 4: mean distance of root-relative (B, J, 3) joints, metres."""
    return (predicted - target).norm(dim=-1).mean()


def iou_loss(soft: Tensor, reference: Tensor) -> Tensor:
    """Eqn. 5 with D = 1 - soft intersection over union of (B, S, S) masks, averaged over the batch."""
    intersection = (soft * reference).sum((1, 2))
    union = (soft + reference - soft * reference).sum((1, 2))
    return (1 - intersection / union.clamp_min(1e-6)).mean()


def mse_loss(soft: Tensor, reference: Tensor) -> Tensor:
    """Eqn. 5 with D = mean squared error."""
    return ((soft - reference) ** 2).mean()


def shape_regulariser(betas: Tensor, norm: Norm) -> Tensor:
    """L_sreg of section 3.3: |beta| per frame, averaged; or its square."""
    return (betas**2).sum(-1).mean() if norm == "squared" else betas.norm(dim=-1).mean()


def pose_regulariser(theta: Tensor, norm: Norm) -> Tensor:
    """L_preg of section 3.2: sum over the refined joints of |theta_PR,i|, averaged; or of its square."""
    squared = (theta**2).sum(-1)
    # The gradient of a norm at zero is not defined; PR starts close to zero.
    size = squared if norm == "squared" else torch.sqrt(squared + 1e-12)
    return size.sum(-1).mean()


MASK_DISTANCES: dict[MaskDistance, Callable[[Tensor, Tensor], Tensor]] = {"iou": iou_loss, "mse": mse_loss}


@dataclass(frozen=True)
class Losses:
    """Named terms, unweighted, and their weighted sum."""

    total: Tensor
    terms: dict[str, Tensor]


class MeshObjective(nn.Module):
    """Eqn. 7. The defaults are this project's convention; ``configs/weights/paper.yaml`` has the paper's.

    A term of weight 0 is not computed. mask_distance: IoU (paper) or MSE. norm: see the module's docstring.
    """

    def __init__(
        self,
        w_2d: float = 1.0,
        w_3d: float = 2.5,
        w_mask: float = 2.0,
        w_sreg: float = 0.003,
        w_wreg: float = 1.0,
        w_preg: float = 0.003,
        mask_distance: MaskDistance = "iou",
        norm: Norm = "squared",
    ) -> None:
        super().__init__()
        self.weights = {"2d": w_2d, "3d": w_3d, "mask": w_mask, "sreg": w_sreg, "wreg": w_wreg, "preg": w_preg}
        negative = [name for name, weight in self.weights.items() if weight < 0]
        if negative:
            raise ValueError(f"MeshObjective: expected weights >= 0, found a negative w_{negative[0]}")
        self.mask_distance = mask_distance
        self.norm = norm

    @property
    def needs_silhouette(self) -> bool:
        """Whether the caller has to render."""
        return self.weights["mask"] > 0

    def forward(
        self, recovery: Recovery, observation: Observation, rendered: Tensor | None, row_sum_penalty: Tensor
    ) -> Losses:
        """Compute the loss of one batch. ``rendered``: soft silhouettes (B, S, S), needed where w_mask > 0."""
        norm = self.norm
        terms = {
            "2d": lambda: joints2d_loss(recovery.joints2d, observation.joints2d, observation.confidence),
            "3d": lambda: joints3d_loss(recovery.joints3d, recovery.lifted.joints3d),
            "mask": lambda: self._mask(rendered, observation.silhouette),
            "sreg": lambda: shape_regulariser(recovery.params.betas, norm),
            "wreg": lambda: row_sum_penalty,
            "preg": lambda: pose_regulariser(recovery.theta_pr, norm),
        }
        values = {name: term() for name, term in terms.items() if self.weights[name] > 0}
        total = torch.stack([self.weights[name] * value for name, value in values.items()]).sum()
        return Losses(total=total, terms=values)

    def _mask(self, rendered: Tensor | None, reference: Tensor | None) -> Tensor:
        if rendered is None or reference is None:
            raise ValueError("MeshObjective: w_mask > 0 needs a rendered and a reference silhouette, found None")
        return MASK_DISTANCES[self.mask_distance](rendered, reference)
