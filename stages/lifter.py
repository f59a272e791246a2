"""Stage 1: the lifter learns from 2D joints alone (paper section 4.1, after Chen et al., CVPR 2019)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics import MetricCollection

from s2m.batch import Frame
from s2m.body.regressors import own_regressor
from s2m.lifter import Lifter, mean_bone_length, planar_skeleton
from s2m.lifter.objective import DetectionNoise, Discriminator, RandomTurn, SelfSupervision, Weights
from s2m.metrics import skeleton_metrics
from stages.base import Stage, training_observation


class LifterStage(Stage):
    """Train the lifter against a discriminator of 2D poses, with anatomical priors that need no 3D data.

    Both players' losses are differentiated at once (each is cut from the other's weights), so one optimiser with two
    parameter groups trains them, and every distributed strategy works as it does for an ordinary network.

    The prior's rest skeleton, for bone-length ratios and absolute scale, is the mean body's own joints and surface
    landmarks (``own_regressor``), not the skeleton of any dataset.

    joint_set: name; comes from the data. rest_bone_length: metres, see :class:`Lifter`; that of the mean body if not
    given. width, blocks, camera_distance: see :class:`Lifter`. discriminator_blocks: its width is the lifter's.
    weights: of the loss terms. bone_tolerance: see :class:`BoneRatios`. mean_elevation, elevation_range, roll_range:
    degrees, what is assumed of the cameras, see :class:`RandomTurn`. noise, missing: augmentation, see
    :class:`DetectionNoise`. learning_rate: Adam's; it rises over warmup_steps and falls along a cosine over the second
    half of the training. gradient_clip: norm at which the lifter's gradient is clipped (the discriminator's is not).
    body: path of a body in SMPL format; the open body if not given.
    """

    name = "lifter"

    def __init__(
        self,
        joint_set: str,
        rest_bone_length: float | None = None,
        width: int = 256,
        blocks: int = 3,
        camera_distance: float = 10.0,
        discriminator_blocks: int = 2,
        weights: Weights = Weights(),  # noqa: B008 (frozen)
        bone_tolerance: float = 0.1,
        mean_elevation: float = 7.5,
        elevation_range: float = 12.5,
        roll_range: float = 0.0,
        noise: float = 0.07,
        missing: float = 0.02,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.5, 0.99),
        warmup_steps: int = 200,
        gradient_clip: float = 5.0,
        body: str | None = None,
    ) -> None:
        super().__init__(joint_set, body)
        template = own_regressor(self.body, self.joint_set) @ self.body.v_template
        self.lifter_arguments: dict[str, Any] = {
            "joint_set": joint_set,
            "rest_bone_length": rest_bone_length or mean_bone_length(template, self.joint_set),
            "width": width,
            "blocks": blocks,
            "camera_distance": camera_distance,
        }
        self.lifter = Lifter(**self.lifter_arguments)
        self.objective = SelfSupervision(
            discriminator=Discriminator(len(self.joint_set), width, discriminator_blocks),
            template=template,
            lifter=self.lifter,
            weights=weights,
            turn=RandomTurn(mean_elevation, elevation_range, roll_range),
            noise=DetectionNoise(noise, missing),
            bone_tolerance=bone_tolerance,
        )
        self.learning_rate, self.betas = learning_rate, betas
        self.warmup_steps, self.gradient_clip = warmup_steps, gradient_clip

    def export(self) -> nn.Module:
        """The lifter; the discriminator has done its work."""
        return self.lifter

    def spec(self, model_config: dict[str, Any]) -> dict[str, Any]:
        """The lifter's arguments, with what was worked out from the body filled in."""
        return {"class_path": "s2m.lifter.Lifter", "init_args": dict(self.lifter_arguments)}

    def training_step(self, frame: Frame, batch_idx: int) -> Tensor:
        """One step of both players."""
        observation = training_observation(frame)
        output = self.objective(self.lifter, observation.joints2d, observation.confidence)
        loss: Tensor = output.lifter + output.discriminator
        if self._logs_this_step():
            mirrored = self.objective.chirality.suspicious(output.cycle.skeleton.detach()).float().mean()
            figures = {"loss": output.lifter, "discriminator": output.discriminator, "mirrored_by_labels": mirrored}
            self.log_terms({**figures, **output.terms}, len(observation))
        return self.guard(loss, observation)

    def _logs_this_step(self) -> bool:
        """Logging a dozen figures costs as much as a tenth of a step."""
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return (self.global_step + 1) % max(1, every) == 0

    def methods(self) -> dict[str, Callable[[], MetricCollection]]:
        """The lifter, and the same 2D joints at constant depth."""
        return dict.fromkeys(("full", "planar"), partial(skeleton_metrics, self.joint_set))

    def evaluate(self, frame: Frame, split: str) -> None:
        """Record the lifter and the planar baseline on the same frames."""
        truth, observation = frame.truth, frame.observation
        assert truth is not None
        assert self.evaluation is not None
        inputs = (observation.joints2d, observation.confidence)
        predictions = {"full": self.lifter(*inputs).joints3d, "planar": planar_skeleton(self.lifter, *inputs)}
        for method, joints in predictions.items():
            self.evaluation.record(split, method, pred_joints=joints, true_joints=truth.joints3d)

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
        """Clip the lifter alone: where the discriminator is steep, so is the lifter's loss."""
        nn.utils.clip_grad_norm_(self.lifter.parameters(), self.gradient_clip)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam over both players, the learning rate by step."""
        parameters = [*self.lifter.parameters(), *self.objective.discriminator.parameters()]
        optimiser = torch.optim.Adam(parameters, lr=self.learning_rate, betas=self.betas, fused=True)
        total = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, total, self.warmup_steps))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def rate(step: int, total: int, warmup: int) -> float:
    """Share of the learning rate: linear warm-up, constant, then a cosine to zero over the second half."""
    half = total / 2
    decay = 1.0 if step < half else 0.5 * (1 + math.cos(math.pi * min(1.0, (step - half) / half)))
    return min(1.0, (step + 1) / max(1, warmup)) * decay
