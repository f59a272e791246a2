"""Stage 1: the lifter learns from 2D joints alone (paper section 4.1, after Chen et al., CVPR 2019)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_only
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics import MeanMetric, MetricCollection

from s2m.batch import FrameBatch
from s2m.body import Body
from s2m.body.regressors import defined_regressor
from s2m.data import FrameDataModule
from s2m.errors import UserError
from s2m.lifter import Lifter, mean_bone_length, planar_skeleton
from s2m.lifter.game import GameWatch
from s2m.lifter.normalise import normalise, straight_ahead
from s2m.lifter.objective import (
    Adversarial,
    Cycle,
    GanRule,
    LearnedTerm,
    NonSaturating,
    RandomTurn,
    SelfSupervision,
    Turn,
    Weights,
    discriminators,
    light_and_heavy,
)
from s2m.lifter.objective.motion_terms import FRAMES, TemporalAdversarial, TemporalDiscriminator
from s2m.lifter.sign import SignWatch
from s2m.metrics import skeleton_metrics
from s2m.skeletons import JOINT_SETS, JointSet
from stages.base import Stage, training_observation
from stages.evaluation import in_any_process
from stages.precision import TrainingPrecision
from stages.schedules import CosineTail, Schedule

_log = logging.getLogger(__name__)


class LifterStage(Stage):
    """Train the lifter against a discriminator of 2D poses, with anatomical priors that need no 3D data.

    The losses of both networks are differentiated at once (each is cut from the other's weights), so one optimiser with
    two parameter groups trains them, and every distributed strategy works as it does for an ordinary network.

    The prior's rest skeleton, for bone-length ratios and absolute scale, is that of the mean body: the places of the
    joint set's joints on it, where the body ships them, else its own joints and landmarks.

    Args:
        joint_set: Name of the joint set, such as h36m17; it follows from the data.
        rest_bone_length: Mean length in metres of the bones between the 17 shared joints. It sets the absolute scale,
            which a single view cannot tell; that of the mean body if not given.
        width: Neurons per layer of the lifter.
        blocks: Residual blocks of the lifter, of two layers each.
        camera_distance: Depth of the root in lifter units for the perspective back-projection; more than 1. The default
            is Chen et al.'s.
        discriminator_width: Neurons per layer of the discriminators; as many as the lifter's if not given.
        discriminator_blocks: Residual blocks of each discriminator, of two layers each.
        discriminator_bones: Whether discriminators are shown the direction and length of every bone beside the joints;
            Chen et al. show the joints alone.
        discriminator_noise: Standard deviation of noise on all that discriminators see, lifter units.
        discriminator_steepness: Weight of the squared gradient of discriminators at the labels (R1).
        discriminator_parts: Names of joint sets that discriminators of their own look at, for data with more joints
            than these. In a large set a discriminator of all joints finds its mistakes in feet and hands and says
            little about elbows.
        weights: Weights of the loss terms; a term of weight 0 is not computed.
        rule: Losses of the game between lifter and discriminators; non-saturating if not given.
        flow: Makes the normalising flow whose likelihood is a prior of 2D poses (ElePose); it needs weights.flow above
            0.
        turn: Where a lifted skeleton is turned to before it is projected again: what is assumed of the cameras. If not
            given, turns are random around the open data's mean elevation.
        noise: Augmentation: each sample's standard deviation of joint noise is drawn between 0 and this, lifter units
            (0.07 is about 5 % of the length from head to root).
        missing: Augmentation: probability that a visible joint is hidden.
        outlier: Augmentation: probability that a joint jumps away.
        swap: Augmentation: probability, per sample, that the legs, and that the arms, change sides.
        hidden: Of the term completion: probability, per sample, that a part of the body is hidden, and that joints here
            and there are; noise is 1.5 times, outliers and swaps are twice as large there.
        learning_rate: Peak of Adam's learning rate.
        betas: Adam's decay rates of the first and second moments; a small first one keeps adversarial training stable.
        schedule: The learning rate over the course of the training, as shares of its peak.
        gradient_clip: Norm at which the lifter's gradient is clipped; the gradients of discriminators and flow are not
            clipped.
        mirrored_limit: Share of skeletons that may look mirrored in depth before the training is given up; null: it
            never is.
        matmul: Precision of matrix products in training. 'medium' lets the hardware multiply in bfloat16 or TF32 where
            it can, which is faster; evaluation is always exact.
        body: Path of a body in SMPL's format; the open body, which is shipped, if not given.
    """

    name = "lifter"

    def __init__(
        self,
        joint_set: str,
        rest_bone_length: float | None = None,
        width: int = 256,
        blocks: int = 3,
        camera_distance: float = 10.0,
        discriminator_width: int | None = None,
        discriminator_blocks: int = 2,
        discriminator_bones: bool = True,
        discriminator_noise: float = 0.0,
        discriminator_steepness: float = 0.0,
        discriminator_parts: Sequence[str] = ("h36m17",),
        weights: Weights = Weights(),  # noqa: B008 (frozen)
        rule: GanRule | None = None,
        flow: Callable[[JointSet], LearnedTerm] | None = None,
        turn: Turn | None = None,
        noise: float = 0.07,
        missing: float = 0.02,
        outlier: float = 0.0,
        swap: float = 0.0,
        hidden: float = 0.5,
        learning_rate: float = 1.5e-3,
        betas: tuple[float, float] = (0.5, 0.99),
        schedule: Schedule = CosineTail(),  # noqa: B008 (frozen)
        gradient_clip: float = 5.0,
        mirrored_limit: float | None = 0.5,
        matmul: Literal["highest", "high", "medium"] = "medium",
        body: str | None = None,
    ) -> None:
        super().__init__(joint_set, body)
        template = _template(self.body, self.joint_set)
        turn = turn or RandomTurn()
        self.lifter_arguments: dict[str, Any] = {
            "joint_set": joint_set,
            "rest_bone_length": rest_bone_length or mean_bone_length(template, self.joint_set),
            "width": width,
            "blocks": blocks,
            "camera_distance": camera_distance,
            "elevation_width": turn.elevation_width,
        }
        self.lifter = Lifter(**self.lifter_arguments)
        parts = [_part(name, self.joint_set) for name in discriminator_parts]
        size = discriminator_width or width, discriminator_blocks
        critics = discriminators(self.joint_set, parts, *size, discriminator_bones)
        learned: dict[str, LearnedTerm] = {
            "adversarial": Adversarial(critics, rule or NonSaturating(), discriminator_noise, discriminator_steepness)
        }
        if flow is not None:
            learned["flow"] = flow(self.joint_set)
        video = weights.temporal > 0
        if video:
            temporal = TemporalDiscriminator(self.joint_set, *size)
            learned["temporal"] = TemporalAdversarial(temporal, rule or NonSaturating())
        light, heavy = light_and_heavy(self.joint_set, noise, missing, outlier, swap, hidden)
        self.objective = SelfSupervision(
            learned=learned,
            template=template,
            lifter=self.lifter,
            weights=weights,
            turn=turn,
            noise=light,
            occlusion=heavy,
            frames_per_turn=FRAMES if video else 1,
        )
        self.learning_rate, self.betas, self.schedule = learning_rate, betas, schedule
        self.gradient_clip, self.matmul = gradient_clip, matmul
        self.sign, self.game = SignWatch(mirrored_limit), GameWatch()
        self.unseen_called_real = MeanMetric()

    def export(self) -> nn.Module:
        """The lifter; the discriminator has done its work."""
        return self.lifter

    def spec(self, model_config: dict[str, Any]) -> dict[str, Any]:
        """The lifter's arguments, with what was worked out from the body filled in.

        Args:
            model_config: The resolved section ``model`` of the configuration.
        """
        return {"class_path": "s2m.lifter.Lifter", "init_args": dict(self.lifter_arguments)}

    def training_step(self, frame: FrameBatch, batch_idx: int) -> Tensor:
        """One step of the lifter and of the networks that judge it."""
        observation = straight_ahead(training_observation(frame), self.joint_set)
        output = self.objective(observation.joints2d, observation.confidence)
        if self._logs_this_step():
            mirrored = self.objective.chirality.suspicious(output.cycle.skeleton.detach()).float().mean()
            self.sign.update(float(mirrored), self.global_step)
            self._follow_game(output.cycle)
            learned = {f"{name}_player": value for name, value in output.learned.items()}
            figures = {"loss": output.lifter, "mirrored_by_labels": mirrored}
            self.log_terms({**figures, **learned, **output.terms}, len(observation))
        return self.guard(output.total, observation)

    def _follow_game(self, cycle: Cycle) -> None:
        """Log what discriminators say of training pictures and of re-projections."""
        if (judges := self.objective.adversarial) is not None:
            shares = [judges.called_real(poses, cycle.visible) for poses in (cycle.target, cycle.masked)]
            self.game.update(*map(float, shares))
            names = ("real_called_real", "reprojections_called_real")
            self.log_terms(dict(zip(names, shares, strict=True)), len(cycle))

    def validation_step(self, frame: FrameBatch, batch_idx: int) -> None:
        """Evaluate, and ask the discriminators for people whom they have not seen."""
        super().validation_step(frame, batch_idx)
        if (judges := self.objective.adversarial) is not None:
            seen = straight_ahead(frame.observation, self.joint_set)
            labels = normalise(seen.joints2d, seen.confidence, self.joint_set)
            self.unseen_called_real.update(judges.called_real(labels.joints2d, labels.visible), len(seen))

    def on_validation_epoch_end(self) -> None:
        """Log the validation split, and say so where the game is lost."""
        super().on_validation_epoch_end()
        if in_any_process(self.unseen_called_real.update_called, self.device):
            unseen = float(self.unseen_called_real.compute())
            self.unseen_called_real.reset()
            self.log("val/real_called_real", unseen, sync_dist=True)  # equal in all processes
            if (verdict := self.game.verdict(unseen, self.global_step)) is not None:
                rank_zero_only(_log.warning)("%s", verdict)

    def on_fit_start(self) -> None:
        """Show the learned terms the labels that they want to see before training.

        Raises:
            UserError: Where pairs of frames are needed and not given.
        """
        window = getattr(self.trainer.datamodule, "window", 1)  # type: ignore[attr-defined]
        if window % self.objective.frames_per_turn:
            raise UserError(
                f"model.weights.temporal: expected data of s2m.data.video.VideoFrames with window: {FRAMES}, "
                f"found windows of {window} frame"
            )
        learned = [term for term in self.objective.terms.values() if isinstance(term, LearnedTerm) and term.sample_size]
        for term in learned:
            data: FrameDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
            seen = straight_ahead(
                self.as_handed_over(data.training_sample(term.sample_size).observation), self.joint_set
            )
            labels = normalise(seen.joints2d, seen.confidence, self.joint_set)
            term.prepare(labels.joints2d, labels.visible)

    def configure_callbacks(self) -> list[Callback]:
        """Matrix products may be rounded in training alone."""
        return [TrainingPrecision(self.matmul)]

    def _logs_this_step(self) -> bool:
        """Logging a dozen figures costs as much as a tenth of a step."""
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return (self.global_step + 1) % max(1, every) == 0

    def methods(self) -> dict[str, Callable[[], MetricCollection]]:
        """The lifter, and the same 2D joints at constant depth."""
        return dict.fromkeys(("full", "planar"), partial(skeleton_metrics, self.joint_set))

    def evaluate(self, frame: FrameBatch, split: str) -> None:
        """Record the lifter and the planar baseline on the same frames.

        Args:
            frame: Frames (B) with their truth.
            split: Name of the split.
        """
        truth, observation = frame.truth, frame.observation
        assert truth is not None
        assert self.evaluation is not None
        inputs = (observation.joints2d, observation.confidence)
        predictions = {
            "full": self.lifter(*inputs, observation.camera).joints3d,
            "planar": planar_skeleton(self.lifter, *inputs),
        }
        for method, joints in predictions.items():
            self.evaluation.record(split, method, pred_joints=joints, true_joints=truth.joints3d)

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
        """Clip the lifter alone: where the discriminator is steep, so is the lifter's loss."""
        norm = nn.utils.get_total_norm([w.grad for w in self.lifter.parameters() if w.grad is not None])
        # On a CPU asking costs nothing and mostly saves a pass over the gradients; a GPU would have to be waited for.
        if norm.is_cuda or norm > self.gradient_clip:
            nn.utils.clip_grads_with_norm_(self.lifter.parameters(), self.gradient_clip, norm)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam over the lifter and the learned terms, the learning rate by step."""
        parameters = [*self.lifter.parameters(), *self.objective.parameters()]
        optimiser = torch.optim.Adam(parameters, lr=self.learning_rate, betas=self.betas, fused=True)
        total, epochs = int(self.trainer.estimated_stepping_batches), int(self.trainer.max_epochs or 1)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: self.schedule.share(step, total, epochs))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _template(body: Body, joint_set: JointSet) -> Tensor:
    """The mean body's joints (J, 3), metres. Raises UserError for joints that the body does not have.

    Where Human3.6M's skeleton has its joints on a body is a definition, like the names; an official body lacks it.
    """
    try:
        return defined_regressor(body, joint_set) @ body.v_template
    except (KeyError, ValueError) as error:
        raise UserError(
            f"data.init_args.joint_set: expected joints that the body has landmarks for (h36m17, s2m27, mpi3dhp17), "
            f"found {joint_set.name} ({error.args[0]})"
        ) from error


def _part(name: str, whole: JointSet) -> JointSet:
    """A joint set whose joints ``whole`` has as well.

    Raises:
        UserError: Names what is wrong, in one sentence.
    """
    if name not in JOINT_SETS or not set(JOINT_SETS[name].joints) <= set(whole.joints):
        fitting = [known for known, part in JOINT_SETS.items() if set(part.joints) <= set(whole.joints)]
        raise UserError(
            f"model.discriminator_parts: expected joint sets that are part of {whole.name} ({', '.join(fitting)}), "
            f"found {name}"
        )
    return JOINT_SETS[name]
