"""Doubt: a head beside a frozen lifter learns how far off it is, from people whose truth is known. Optional.

The truth is synthetic people's own, nobody annotated it; and the lifter, which is frozen, never sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics import MetricCollection

from s2m.batch import FrameBatch, Observation
from s2m.errors import UserError
from s2m.files import sha256
from s2m.lifter.committee import AnyLifter, Committee
from s2m.lifter.doubt import DEVIATIONS, SHARE, DoubtHead
from s2m.lifter.normalise import normalise
from s2m.lifter.objective import DetectionNoise
from s2m.lifter.shipped_lifters import read_lifter
from s2m.metrics.doubt import Coverage, ReversalAUROC, reversal, scaled_errors
from s2m.pretrained import load_lifter
from s2m.skeletons import JointSet
from stages.base import Stage
from stages.schedules import CosineTail

# Of a mean bone: what is smaller counts as no error, so that its logarithm stays finite.
_NOTHING = 1e-3


class DoubtStage(Stage):
    """Train a head to say how far off a frozen lifter's skeletons are, and whether front and back are exchanged.

    ``mean rho(log |e| - log q) + w BCE(r)``: e the error of a joint along an axis, root-relative, after the best scale
    per frame; q the head's quantile of it; rho the pinball loss at 0.9, whose minimum is that quantile (of logarithms
    as well as of what they are of); r the logit of reversed depth, see :func:`s2m.metrics.doubt.reversal`.

    Good lifters hardly ever reverse a depth. In a share of frames left and right of all joints are therefore exchanged,
    which reverses depth; these frames teach r alone.

    Args:
        joint_set: Name of the joint set, such as h36m17; it follows from the data.
        lifter: Path of the artifact of stage 1 (lifter.pt); its weights stay frozen.
        core: Path of that of a lifter of some of these joints, where both are asked, as by `s2m lift` of 27 joints.
        width: Neurons per layer of the head.
        blocks: Residual blocks of the head.
        noise: Augmentation: each sample's standard deviation of joint noise is drawn between 0 and this, lifter units.
        missing: Augmentation: probability that a visible joint is hidden.
        outlier: Augmentation: probability that a joint jumps away.
        swap: Augmentation: probability, per sample, that the legs, and that the arms, change sides.
        hidden: Augmentation: probability, per sample, that a part of the body is hidden, and that joints here and there
            are.
        undisturbed: Share of samples that are shown as they are stored.
        exchanged: Share of samples whose left and right are exchanged as a whole.
        with_camera: Share of steps that tell the lifter the camera, where the data know it.
        reversed_weight: Weight w of the loss of reversed depth.
        learning_rate: Peak of Adam's learning rate.
        warmup_steps: Steps of the linear rise at the start; as in stage 1, a cosine to zero follows in the second half.
        body: Path of a body in SMPL's format; the open body, which is shipped, if not given.
    """

    name = "doubt"

    def __init__(
        self,
        joint_set: str,
        lifter: str,
        core: str | None = None,
        width: int = 256,
        blocks: int = 2,
        noise: float = 0.1,
        missing: float = 0.02,
        outlier: float = 0.01,
        swap: float = 0.02,
        hidden: float = 0.5,
        undisturbed: float = 0.3,
        exchanged: float = 0.25,
        with_camera: float = 0.5,
        reversed_weight: float = 0.6,
        learning_rate: float = 2e-3,
        warmup_steps: int = 100,
        body: str | None = None,
    ) -> None:
        super().__init__(joint_set, body)
        shares = {"undisturbed": undisturbed, "exchanged": exchanged, "with_camera": with_camera}
        for share, value in shares.items():
            if not 0 <= value <= 1:
                raise UserError(f"model.{share}: expected a share from 0 to 1, found {value}")
        self.shares = shares
        whole, _ = load_lifter(lifter, joint_set, self.body)
        self.parents = {"lifter": sha256(Path(lifter))}
        self.frozen: AnyLifter = whole
        if core is not None:
            self.frozen = Committee(whole, read_lifter(core))
            self.parents["core"] = sha256(Path(core))
        self.head_arguments: dict[str, Any] = {
            "joint_set": joint_set,
            "rest_bone_length": self.frozen.rest_bone_length,
            "width": width,
            "blocks": blocks,
        }
        self.head = DoubtHead(**self.head_arguments)
        self.noise = DetectionNoise(self.joint_set, noise, missing, outlier, swap, hidden)
        self.reversed_weight, self.learning_rate, self.warmup_steps = reversed_weight, learning_rate, warmup_steps

    def export(self) -> nn.Module:
        """The head; the lifter is an artifact of its own."""
        return self.head

    def spec(self, model_config: dict[str, Any]) -> dict[str, Any]:
        """The head's arguments.

        Args:
            model_config: The resolved section ``model`` of the configuration.
        """
        return {"class_path": "s2m.lifter.doubt.DoubtHead", "init_args": dict(self.head_arguments)}

    def training_step(self, frame: FrameBatch, batch_idx: int) -> Tensor:
        """One step.

        Raises:
            UserError: For a batch without truth.
        """
        if frame.truth is None:
            raise UserError("stage doubt: expected training frames with their truth, found none; use SupervisedFrames")
        true, seen = frame.truth.joints3d, disturbed(frame.observation, self.noise, self.shares["undisturbed"])
        turned = torch.rand(len(true), device=true.device) < self.shares["exchanged"]
        seen = exchanged(seen, turned, self.joint_set)
        if float(torch.rand(())) >= self.shares["with_camera"]:
            seen = replace(seen, camera=None)
        with torch.no_grad():
            lifted = self.frozen(seen.joints2d, seen.confidence, seen.camera)
            errors = scaled_errors(lifted.joints3d, true, self.joint_set).abs() / self.frozen.rest_bone_length
            label = reversal(lifted.joints3d, true, self.joint_set)
        logarithm, logit = self.head.tell(seen.joints2d, seen.confidence, lifted, seen.camera)
        counted = self._counted(~turned)
        misses = pinball(errors.clamp_min(_NOTHING).log() - logarithm, SHARE).mean(2)
        quantile = (misses * counted).sum() / counted.sum().clamp_min(1)
        entropy = nn.functional.binary_cross_entropy_with_logits
        depth = entropy(logit, label.clamp_min(0).to(logit.dtype), weight=(label >= 0).to(logit.dtype))
        loss = quantile + self.reversed_weight * depth
        self.log_terms({"loss": loss, "quantile": quantile, "reversed": depth}, len(true))
        return self.guard(loss, frame.observation)

    def _counted(self, rows: Tensor) -> Tensor:
        """(B, J) in {0, 1}: the joints of these rows (B,), but for the root, which is never off."""
        joints = torch.arange(len(self.joint_set), device=rows.device) != self.joint_set.root_index
        return (rows[:, None] & joints).to(torch.float32)

    def methods(self) -> dict[str, Callable[[], MetricCollection]]:
        """With the camera, where it is known; without; and with as many frames more of exchanged left and right."""
        both = partial(doubt_metrics, self.joint_set)
        return {"full": both, "no_camera": both, "exchanged": partial(doubt_metrics, self.joint_set, coverage=False)}

    def evaluate(self, frame: FrameBatch, split: str) -> None:
        """Record one batch.

        Args:
            frame: Frames (B) with their truth.
            split: Name of the split.
        """
        assert frame.truth is not None
        given, true = frame.observation, frame.truth.joints3d
        all_rows = torch.ones(len(true), dtype=torch.bool, device=true.device)
        shown = {
            "full": [given],
            "no_camera": [replace(given, camera=None)],
            "exchanged": [given, exchanged(given, all_rows, self.joint_set)],
        }
        for method, seen in ((method, seen) for method, several in shown.items() for seen in several):
            self._record(split, method, seen, true)

    def _record(self, split: str, method: str, seen: Observation, true: Tensor) -> None:
        assert self.evaluation is not None
        lifted = self.frozen(seen.joints2d, seen.confidence, seen.camera)
        doubt = self.head(seen.joints2d, seen.confidence, lifted, seen.camera)
        self.evaluation.record(
            split,
            method,
            pred_joints=lifted.joints3d,
            true_joints=true,
            interval=DEVIATIONS * doubt.deviation,
            reversed_probability=doubt.reversed_probability,
        )

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam over the head, the learning rate by step as in stage 1."""
        optimiser = torch.optim.Adam(self.head.parameters(), lr=self.learning_rate)
        total = int(self.trainer.estimated_stepping_batches)
        tail = CosineTail(self.warmup_steps)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: tail.share(step, total, 1))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def pinball(excess: Tensor, share: float) -> Tensor:
    """The pinball loss, whose mean is smallest where a share of values lies below the prediction.

    Args:
        excess: Value minus prediction, any shape.
        share: Between 0 and 1.

    Returns:
        The same shape.
    """
    return torch.maximum(share * excess, (share - 1) * excess)


def disturbed(observation: Observation, noise: DetectionNoise, undisturbed: float) -> Observation:
    """2D joints as a detector might have seen them, in the unit they were in.

    Args:
        observation: Frames (B).
        noise: What disturbs them.
        undisturbed: Share of frames that stay as they are.
    """
    labels = normalise(observation.joints2d, observation.confidence, noise.joint_set)
    found = noise(labels)
    points = labels.origin + labels.scale * (found.origin + found.scale * found.joints2d)
    keep = torch.rand(len(points), 1, device=points.device) < undisturbed
    return replace(
        observation,
        joints2d=torch.where(keep[..., None], observation.joints2d, points),
        confidence=torch.where(keep, observation.confidence, found.visible),
    )


def exchanged(observation: Observation, rows: Tensor, joint_set: JointSet) -> Observation:
    """Left and right change their names.

    Args:
        observation: Frames (B).
        rows: (B,) bool, in which frames.
        joint_set: Joint set of the frames.
    """
    mirror = list(joint_set.mirror)
    points, sure = observation.joints2d, observation.confidence
    return replace(
        observation,
        joints2d=torch.where(rows[:, None, None], points[:, mirror], points),
        confidence=torch.where(rows[:, None], sure[:, mirror], sure),
    )


def doubt_metrics(joint_set: JointSet, coverage: bool = True) -> MetricCollection:
    """Shares of errors within their 90 % intervals, and how well reversed depth is found.

    Args:
        joint_set: Joint set of the skeletons.
        coverage: Whether shares are asked for.
    """
    shares = {f"coverage90_{of}": Coverage(joint_set, of) for of in ("mean", "least", "most")} if coverage else {}
    return MetricCollection({**shares, "reversed_auroc": ReversalAUROC(joint_set)}, compute_groups=False)
