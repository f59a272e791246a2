"""The terms of Eqn. 4, 5 and 7, and their weighted sum.

Units: 2D in crop units (half the crop's side), 3D in metres, angles in radians, betas in standard deviations. With
the paper's unsquared regularisers these units leave SR and PR at rest (the regulariser's slope is constant and
larger than the mask's); ``norm="squared"`` makes the slope vanish at zero, so that any evidence moves them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from s2m.batch import Observation
from s2m.geometry.procrustes import scale_align
from s2m.geometry.windows import cut_windows
from s2m.metrics.silhouette import soft_iou
from s2m.model import Recovery

# Windows around extremities: pixels, and half a side in crop units (a hand is 0.15 long, a foot 0.2).
END_WINDOW, END_REACH = 24, 0.2

Norm = Literal["paper", "squared"]
MaskDistance = Literal["iou", "mse"]
JointScale = Literal["given", "best"]


def joints2d_loss(predicted: Tensor, target: Tensor, confidence: Tensor) -> Tensor:
    """L_2D of Eqn. 4: mean distance of 2D joints, weighted by confidence.

    Args:
        predicted: Projected joints (B, J, 2), crop units.
        target: Observed joints (B, J, 2), crop units.
        confidence: Weights (B, J) from 0 to 1.

    Returns:
        A scalar, crop units.

    Example:
        >>> target = torch.zeros(1, 2, 2)
        >>> predicted = torch.tensor([[[0.3, 0.4], [9.0, 9.0]]])
        >>> round(float(joints2d_loss(predicted, target, torch.tensor([[1.0, 0.0]]))), 3)
        0.5
    """
    distance = (predicted - target).norm(dim=-1)
    return (confidence * distance).sum() / confidence.sum().clamp_min(1e-6)


def joints3d_loss(predicted: Tensor, target: Tensor, scale: JointScale = "given") -> Tensor:
    """L_3D of Eqn. 4: mean distance of root-relative 3D joints.

    Args:
        predicted: The body's joints (B, J, 3), metres, camera frame.
        target: The lifted joints (B, J, 3), metres, camera frame.
        scale: 'given': sizes as they are; 'best': each sample of ``predicted`` is first brought to the size that fits
            best, so that a target whose size means nothing does not pull on that of the body.

    Returns:
        A scalar, metres.
    """
    if scale == "best":
        predicted = scale_align(predicted, target)
    return (predicted - target).norm(dim=-1).mean()


def iou_loss(soft: Tensor, reference: Tensor) -> Tensor:
    """Eqn. 5 with D = 1 - soft intersection over union of (B, S, S) masks, averaged over the batch.

    Args:
        soft: Rendered masks (B, S, S), 0 to 1.
        reference: Observed masks (B, S, S), 0 to 1.

    Returns:
        A scalar from 0 (equal hard masks) to 1.
    """
    return (1 - soft_iou(soft, reference)).mean()


def mse_loss(soft: Tensor, reference: Tensor) -> Tensor:
    """Eqn. 5 with D = mean squared error.

    Args:
        soft: Rendered masks (B, S, S), 0 to 1.
        reference: Observed masks (B, S, S), 0 to 1.

    Returns:
        A scalar from 0 to 1.
    """
    return ((soft - reference) ** 2).mean()


@dataclass(frozen=True)
class Pictures:
    """Both masks of a batch, and where the extremities are in them.

    Args:
        soft: Rendered masks (B, S, S), 0 to 1.
        reference: Observed masks (B, S, S), 0 to 1.
        predicted: The extremities' joints (B, E, 2) in the rendered masks, crop units.
        target: The extremities' joints (B, E, 2) in the observed masks, crop units.
        confidence: Confidence (B, E) of the target.
    """

    soft: Tensor
    reference: Tensor
    predicted: Tensor
    target: Tensor
    confidence: Tensor

    @staticmethod
    def of(
        recovery: Recovery, observation: Observation, rendered: Tensor | None, extremities: Sequence[int]
    ) -> Pictures:
        """Collect what the mask terms need.

        Args:
            recovery: What the model made of the frames.
            observation: The frames (B), with silhouettes.
            rendered: Soft silhouettes (B, S, S) of the recovered bodies.
            extremities: Positions of the extremities' joints in the joint set.

        Raises:
            ValueError: When a mask is missing.
        """
        if rendered is None or observation.silhouette is None:
            raise ValueError(
                "MeshObjective: w_mask and w_extremities need a rendered and an observed silhouette, found None"
            )
        chosen = list(extremities)
        joints = recovery.joints2d[:, chosen], observation.joints2d[:, chosen], observation.confidence[:, chosen]
        return Pictures(rendered, observation.silhouette, *joints)


def extremities_loss(pictures: Pictures) -> Tensor:
    """``1 - IoU`` in windows around extremities, each mask's own joint in the middle of its window.

    A mask of the whole body turns a hand to cover for a forearm that is a few pixels off; with the joints on top of
    each other the hand's own direction is left to explain a difference. Values between 0 and 1 do not quite cover
    themselves, so that equal soft masks cost more than nothing. Source: this project.

    Args:
        pictures: Both masks, and where the extremities are in them.

    Returns:
        A scalar from 0 to 1, weighted by the confidence of the extremities.
    """
    ours = cut_windows(pictures.soft[:, None], pictures.predicted, END_WINDOW, END_REACH)[:, :, 0]
    theirs = cut_windows(pictures.reference[:, None], pictures.target, END_WINDOW, END_REACH)[:, :, 0]
    intersection = (ours * theirs).sum((2, 3))
    union = (ours + theirs - ours * theirs).sum((2, 3))
    missed = 1 - intersection / union.clamp_min(1e-6)
    return (pictures.confidence * missed).sum() / pictures.confidence.sum().clamp_min(1e-6)


def elsewhere(target: Tensor, confidence: Tensor, size: int) -> Tensor:
    """Where in a mask the surroundings of extremities are not.

    Args:
        target: Joints (B, E, 2) of extremities, crop units.
        confidence: Their confidence (B, E); one of confidence 0 covers nothing.
        size: Side S of the mask, pixels.

    Returns:
        (B, S, S): 0 within ``END_REACH`` of an extremity, 1 elsewhere.
    """
    step = (torch.arange(size, device=target.device, dtype=target.dtype) + 0.5) * (2 / size) - 1
    near_x = (target[..., 0, None] - step).abs() < END_REACH
    near_y = (target[..., 1, None] - step).abs() < END_REACH
    covered = near_y[..., :, None] & near_x[..., None, :] & (confidence > 0)[..., None, None]
    return 1 - covered.any(1).to(target.dtype)


def shape_regulariser(betas: Tensor, norm: Norm) -> Tensor:
    """L_sreg of section 3.3: |beta| per frame, averaged; or its square.

    Args:
        betas: Shape parameters (B, 10), standard deviations.
        norm: 'paper': the norm itself; 'squared': its square.

    Returns:
        A scalar.
    """
    return (betas**2).sum(-1).mean() if norm == "squared" else betas.norm(dim=-1).mean()


def pose_regulariser(theta: Tensor, norm: Norm) -> Tensor:
    """L_preg of section 3.2: sum over the refined joints of |theta_PR,i|, averaged; or of its square.

    Args:
        theta: Corrections theta_PR (B, P, 3), axis-angle, radians.
        norm: 'paper': the norms themselves; 'squared': their squares.

    Returns:
        A scalar.
    """
    squared = (theta**2).sum(-1)
    # The gradient of a norm at zero is not defined; PR starts close to zero.
    size = squared if norm == "squared" else torch.sqrt(squared + 1e-12)
    return size.sum(-1).mean()


MASK_DISTANCES: dict[MaskDistance, Callable[[Tensor, Tensor], Tensor]] = {"iou": iou_loss, "mse": mse_loss}


@dataclass(frozen=True)
class Losses:
    """Named terms, unweighted, and their weighted sum.

    Args:
        total: Scalar, the weighted sum.
        terms: Unweighted scalars by name.
    """

    total: Tensor
    terms: dict[str, Tensor]


class MeshObjective(nn.Module):
    """The weighted terms of Eqn. 7, and a term for extremities.

    The defaults are this project's, for a model that is trained on synthetic bodies as well; without these it needs
    regularisers: ``configs/ablation/no_synthetic_supervision.yaml``. The paper's weights:
    ``configs/weights/paper.yaml``. A term of weight 0 is not computed.

    Args:
        w_2d: Weight of L_2D, the distance of the projected joints from the 2D joints, crop units.
        w_3d: Weight of L_3D, the distance of the body's joints from the lifted skeleton, metres.
        w_mask: Weight of the distance between the rendered and the observed silhouette.
        w_extremities: Weight of 1 - IoU in windows around head, wrists and ankles; where it is not 0 the mask term
            leaves the surroundings of extremities to it.
        w_sreg: Weight of the regulariser of the shape, L_sreg, of betas in standard deviations.
        w_wreg: Weight of the term that keeps the rows of W at a sum of 1, L_wreg.
        w_preg: Weight of the regulariser of the pose corrections, L_preg, radians.
        mask_distance: Distance between silhouettes: 'iou', 1 - intersection over union (paper), or 'mse', the mean
            squared error.
        scale_3d: Size at which L_3D compares skeletons: 'given', as they are (paper), or 'best', each body's skeleton
            at the size that fits best, so that the lifter's size does not pull on the body's.
        norm: Norm of the regularisers: 'paper', unsquared, or 'squared', whose slope vanishes at zero so that any
            evidence moves shape and pose.

    Raises:
        ValueError: For a negative weight.
    """

    def __init__(
        self,
        w_2d: float = 1.0,
        w_3d: float = 2.5,
        w_mask: float = 2.0,
        w_extremities: float = 2.0,
        w_sreg: float = 0.0,
        w_wreg: float = 1.0,
        w_preg: float = 0.0,
        mask_distance: MaskDistance = "iou",
        scale_3d: JointScale = "best",
        norm: Norm = "squared",
    ) -> None:
        super().__init__()
        pictures = {"mask": w_mask, "extremities": w_extremities}
        self.weights = {"2d": w_2d, "3d": w_3d, **pictures, "sreg": w_sreg, "wreg": w_wreg, "preg": w_preg}
        negative = [name for name, weight in self.weights.items() if weight < 0]
        if negative:
            raise ValueError(f"MeshObjective: expected weights >= 0, found a negative w_{negative[0]}")
        self.mask_distance, self.scale_3d = mask_distance, scale_3d
        self.norm = norm

    @property
    def needs_silhouette(self) -> bool:
        """Whether the caller has to render."""
        return self.weights["mask"] > 0 or self.weights["extremities"] > 0

    def forward(
        self,
        recovery: Recovery,
        observation: Observation,
        rendered: Tensor | None,
        row_sum_penalty: Tensor,
        extremities: Sequence[int],
    ) -> Losses:
        """Compute the loss of one batch.

        Args:
            recovery: What the model made of the frames; its vertices are not used.
            observation: The frames (B) that the losses compare with.
            rendered: Soft silhouettes (B, S, S) of the recovered bodies; None if :attr:`needs_silhouette` is False.
            row_sum_penalty: Scalar, how far the rows of W are from a sum of 1.
            extremities: Positions of the extremities' joints in the joint set.

        Returns:
            The weighted sum and the unweighted terms by name.

        Raises:
            ValueError: When a silhouette is needed and missing.
        """
        norm = self.norm
        terms = {
            "2d": lambda: joints2d_loss(recovery.joints2d, observation.joints2d, observation.confidence),
            "3d": lambda: joints3d_loss(recovery.joints3d, recovery.lifted.joints3d, self.scale_3d),
            "mask": lambda: self._mask(Pictures.of(recovery, observation, rendered, extremities)),
            "extremities": lambda: extremities_loss(Pictures.of(recovery, observation, rendered, extremities)),
            "sreg": lambda: shape_regulariser(recovery.params.betas, norm),
            "wreg": lambda: row_sum_penalty,
            "preg": lambda: pose_regulariser(recovery.theta_pr, norm),
        }
        values = {name: term() for name, term in terms.items() if self.weights[name] > 0}
        total = torch.stack([self.weights[name] * value for name, value in values.items()]).sum()
        return Losses(total=total, terms=values)

    def _mask(self, pictures: Pictures) -> Tensor:
        soft, reference = pictures.soft, pictures.reference
        if self.weights["extremities"] > 0:
            counted = elsewhere(pictures.target, pictures.confidence, soft.shape[-1])
            soft, reference = soft * counted, reference * counted
        return MASK_DISTANCES[self.mask_distance](soft, reference)
