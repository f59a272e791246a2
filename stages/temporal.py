"""The temporal head, trained on 2D recordings alone: no 3D truth, no new lifter. Optional; for video."""

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
from s2m.data.video import VideoFrames
from s2m.errors import UserError
from s2m.files import sha256
from s2m.lifter.normalise import normalise, straight_ahead
from s2m.lifter.objective import DetectionNoise
from s2m.lifter.objective.terms import confident_distance, distances
from s2m.lifter.projection import project
from s2m.lifter.temporal_head import TemporalHead, TemporalLifter
from s2m.metrics import skeleton_metrics
from s2m.metrics.base import MILLIMETRES
from s2m.metrics.motion import AccelerationError
from s2m.pretrained import load_lifter
from s2m.skeletons import JointSet
from stages.base import Stage, training_observation
from stages.schedules import CosineTail

# Of the recordings; frame stores say nothing of it.
FPS = 30.0


class TemporalStage(Stage):
    """Train a temporal head to find, in noisy recordings, what the frozen lifter finds in the same without that noise.

    ``mean |Y - X| / b + w_2d sum c |y - x| / sum c + w_a mean |a(Y)| / (b s^2)``: Y from the head; X the frozen
    lifter's skeleton of the labels; b the mean bone length; y the projection of Y in the units of x, the labels; c
    their confidence; a the second difference in time; s the step's stride.

    Args:
        joint_set: Name of the joint set, such as h36m17; it follows from the data.
        lifter: Path of the artifact of stage 1 (lifter.pt); its weights stay frozen.
        radius: Frames before and after each frame that the head looks at.
        width: Neurons of the head's small network.
        noise: Augmentation: each sample's standard deviation of joint noise is drawn between 0 and this, lifter units.
            Deviations differ from frame to frame.
        missing: Augmentation: probability that a visible joint is hidden.
        outlier: Augmentation: probability that a joint jumps away.
        swap: Augmentation: probability, per frame, that the legs, and that the arms, change sides.
        lingering: Augmentation: scale of errors that stay for some frames, as a detector's do, lifter units.
        memory: Share of such an error that stays until the next frame.
        reprojection: Weight w_2d of the distance of the projected skeleton from the 2D labels.
        acceleration: Weight w_a of the skeleton's acceleration.
        strides: A step takes every frame of its windows, or every second one, and so on up to every strides-th, as
            slower cameras would; 1 or more.
        learning_rate: Peak of Adam's learning rate.
        warmup_steps: Steps of the linear rise at the start; as in stage 1, a cosine to zero follows in the second half.
        body: Path of a body in SMPL's format; the open body, which is shipped, if not given.
    """

    name = "temporal"

    def __init__(
        self,
        joint_set: str,
        lifter: str,
        radius: int = 6,
        width: int = 32,
        noise: float = 0.085,
        missing: float = 0.03,
        outlier: float = 0.01,
        swap: float = 0.01,
        lingering: float = 0.03,
        memory: float = 0.73,
        reprojection: float = 0.5,
        acceleration: float = 1.0,
        strides: int = 2,
        learning_rate: float = 1e-3,
        warmup_steps: int = 100,
        body: str | None = None,
    ) -> None:
        super().__init__(joint_set, body)
        if strides < 1:
            raise UserError(f"model.strides: expected 1 or more, found {strides}")
        self.frozen, _ = load_lifter(lifter, joint_set, self.body)
        self.parents = {"lifter": sha256(Path(lifter))}
        self.head_arguments: dict[str, Any] = {
            "joint_set": joint_set,
            "rest_bone_length": self.frozen.rest_bone_length,
            "radius": radius,
            "width": width,
            "fps": FPS,
            "slowest": FPS / strides,
        }
        self.model = TemporalLifter(self.frozen, TemporalHead(**self.head_arguments))
        self.noise = DetectionNoise(self.joint_set, noise, missing, outlier, swap)
        self.lingering, self.memory = lingering, memory
        self.weights = {"distance": 1.0, "reprojection": reprojection, "acceleration": acceleration}
        self.strides, self.learning_rate, self.warmup_steps = strides, learning_rate, warmup_steps

    @property
    def window(self) -> int:
        """Frames per training window."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, VideoFrames):
            raise UserError("stage temporal: expected data of s2m.data.video.VideoFrames, whose batches are recordings")
        return data.window

    def export(self) -> nn.Module:
        """The head; the lifter is an artifact of its own."""
        return self.model.head

    def spec(self, model_config: dict[str, Any]) -> dict[str, Any]:
        """The head's arguments.

        Args:
            model_config: The resolved section ``model`` of the configuration.
        """
        return {"class_path": "s2m.lifter.temporal_head.TemporalHead", "init_args": dict(self.head_arguments)}

    def training_step(self, frame: FrameBatch, batch_idx: int) -> Tensor:
        """One step on windows of recordings."""
        stride = int(torch.randint(1, self.strides + 1, ()))
        observation = straight_ahead(every(stride, training_observation(frame), self.window), self.joint_set)
        labels = normalise(observation.joints2d, observation.confidence, self.joint_set)
        windows = -1, len(range(0, self.window, stride))
        errors = lingering_errors(labels.joints2d.unflatten(0, windows), self.memory**stride).flatten(0, 1)
        seen = labels.visible[..., None]
        disturbed = self.noise(replace(labels, joints2d=labels.joints2d + self.lingering * errors * seen))
        with torch.no_grad():
            target = self.frozen(labels.joints2d, labels.visible).joints3d
            _, units = self.frozen.lift(labels.joints2d, labels.visible)
            lifted = self.frozen(disturbed.joints2d, disturbed.visible).joints3d
        refined = self.model.head(*(value.unflatten(0, windows) for value in (lifted, disturbed.visible)))
        projected = project(refined.flatten(0, 1) / self.frozen.metres_per_unit(units), self.frozen.camera_distance)
        bone, second = self.frozen.rest_bone_length, refined[:, 2:] - 2 * refined[:, 1:-1] + refined[:, :-2]
        terms = {
            "distance": distances(refined.flatten(0, 1) - target).mean() / bone,
            "reprojection": confident_distance(projected, labels.joints2d, observation.confidence),
            "acceleration": distances(second).mean() / bone / stride**2,
        }
        loss = torch.stack([self.weights[name] * value for name, value in terms.items()]).sum()
        self.log_terms({"loss": loss, **terms}, len(observation))
        return self.guard(loss, observation)

    def methods(self) -> dict[str, Callable[[], MetricCollection]]:
        """With the head, and the frozen lifter alone."""
        return dict.fromkeys(("full", "frame_wise"), partial(video_metrics, self.joint_set))

    def evaluate(self, frame: FrameBatch, split: str) -> None:
        """Record one recording.

        Args:
            frame: Frames (B) with their truth.
            split: Name of the split.
        """
        truth, observation = frame.truth, frame.observation
        assert truth is not None
        assert self.evaluation is not None
        inputs = (observation.joints2d, observation.confidence)
        camera = observation.camera
        predictions = {
            "full": self.model(*inputs, camera=camera).joints3d,
            "frame_wise": self.frozen(*inputs, camera).joints3d,
        }
        for method, joints in predictions.items():
            self.evaluation.record(split, method, pred_joints=joints, true_joints=truth.joints3d)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam over the head, the learning rate by step as in stage 1."""
        optimiser = torch.optim.Adam(self.model.head.parameters(), lr=self.learning_rate)
        total = int(self.trainer.estimated_stepping_batches)
        tail = CosineTail(self.warmup_steps)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: tail.share(step, total, 1))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def lingering_errors(like: Tensor, memory: float) -> Tensor:
    """Errors of joints in windows of frames that stay for a while, of scale 1 and with heavy tails.

    Student's t with four degrees of freedom for each joint of a window, smoothed over time as an autoregression.

    Args:
        like: (W, T, J, 2).
        memory: Share of an error that stays until the next frame.

    Returns:
        (W, T, J, 2).
    """
    fresh = torch.randn_like(like)
    errors = [fresh[:, 0]]
    for frame in range(1, like.shape[1]):
        errors.append(memory * errors[-1] + (1 - memory**2) ** 0.5 * fresh[:, frame])
    trouble = torch.randn(len(like), 1, like.shape[2], 4, dtype=like.dtype, device=like.device).square().mean(-1)
    return torch.stack(errors, 1) / trouble.sqrt().clamp_min(0.2)[..., None]


def every(stride: int, observation: Observation, window: int) -> Observation:
    """Every ``stride``-th frame of windows that follow one another, (W * window, ...), from each one's first.

    Args:
        stride: Every how many frames one is taken.
        observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
        window: Frames per window.
    """
    rows = torch.arange(len(observation), device=observation.joints2d.device)
    return observation.rows(rows.view(-1, window)[:, ::stride].flatten())


def video_metrics(joint_set: JointSet) -> MetricCollection:
    """:func:`s2m.metrics.skeleton_metrics` and the acceleration error, per recording.

    Args:
        joint_set: Joint set of the skeletons.
    """
    metrics = skeleton_metrics(joint_set)
    metrics.add_metrics(
        {
            "accel_mm_per_frame2": AccelerationError(joint_set, MILLIMETRES),
            "accel_mm_per_s2": AccelerationError(joint_set, MILLIMETRES * FPS**2),
        }
    )
    return metrics
