"""Stage 3: end-to-end mesh training (Eqn. 7). The lifter is frozen, W keeps learning."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics import MetricCollection

from s2m.artifact import ArtifactError
from s2m.batch import FrameBatch, Observation
from s2m.body import Body
from s2m.body.regressors import JointRegressor
from s2m.data import FrameDataModule
from s2m.data.augment import Augmentation, NoAugmentation, TrainingView
from s2m.data.keys import Purpose, frame_keys, keys_for
from s2m.errors import UserError
from s2m.evaluation.baselines import Baselines
from s2m.evaluation.methods import MEANS_REPLACED, ORACLE, MeanRecorder, OutputMeans, compare
from s2m.files import sha256
from s2m.heads import CameraHead, Encoder, PoseHead, RootHead, ShapeHead
from s2m.ik import IKSolver, RestSkeleton
from s2m.losses import Losses, MeshObjective
from s2m.metrics import body_metrics, skeleton_metrics, vertex_areas
from s2m.metrics.joints import mpjpe
from s2m.metrics.shape import BetaCorrelation
from s2m.model import PARTS, MeshRecovery, Recovery
from s2m.pretrained import load_lifter, load_mesh_model, load_regressor
from s2m.render import SilhouetteRenderer
from s2m.report.examples import save_examples
from s2m.report.gallery import example_picture
from s2m.skeletons import EXTREMITIES, JointSet
from s2m.synthetic.objective import SyntheticSupervision
from stages.base import Stage, training_observation
from stages.evaluation import MAIN
from stages.schedules import EpochDecay, Schedule
from stages.showcase import Showcase, captions, make_examples

STATISTICS_FRAMES = 512
BETAS = "betas"


class MeshStage(Stage):
    """Train the heads for shape, extremities, root and camera, and W: on synthetic bodies, and by the terms of Eqn. 7.

    The gradient is clipped by the trainer (``trainer.gradient_clip_val``).

    Args:
        joint_set: Name of the joint set, such as h36m17; it follows from the data.
        lifter: Path of the artifact of stage 1 (lifter.pt); its weights stay frozen.
        pretrained_regressor: Path of the artifact of stage 2 (regressor.pt), the regressor W that training goes on
            with.
        ik: Makes the inverse-kinematics solver from the rest skeleton of body and joint set.
        encoder: Makes the network that reads features off a silhouette, which all heads share.
        shape: Makes the head for the shape parameters (betas); the paper's SR.
        pose: Makes the head that corrects rotations which the skeleton leaves open; the paper's PR.
        root: Makes the head for the global orientation.
        camera: Makes the head for the weak-perspective camera.
        renderer: Differentiable renderer of soft silhouettes, for the mask terms.
        objective: The terms of Eqn. 7 and their weights.
        regressor: Makes a regressor that takes the place of stage 2's W (an ablation); null: W itself.
        render_faces: About how many faces the decimated mesh has that is rendered in training (the paper, too,
            down-samples the mesh for it). The image is as large as the silhouettes of the data.
        augmentation: What is done to the training frames that the network is shown; nothing if not given.
        synthetic_supervision: Training on synthetic bodies, whose shape and pose are known: alone in the first epochs,
            beside Eqn. 7 after them. None if not given.
        learning_rate: Adam's learning rate in the epochs after those of the synthetic supervision alone.
        schedule: The learning rate over the course of these epochs, as shares of it.
        warm_start: Path of mesh.pt of another run with the same parts, whose weights training starts from (the lifter's
            excepted); null: fresh weights.
        body: Path of a body in SMPL's format; the open body, which is shipped, if not given.
    """

    name = "mesh"
    render_vertices: Tensor
    render_faces: Tensor

    def __init__(
        self,
        joint_set: str,
        lifter: str,
        pretrained_regressor: str,
        ik: Callable[[RestSkeleton], IKSolver],
        encoder: Callable[[JointSet], Encoder],
        shape: Callable[[int, int], ShapeHead],
        pose: Callable[[int], PoseHead],
        root: Callable[[int], RootHead],
        camera: Callable[[int], CameraHead],
        renderer: SilhouetteRenderer,
        objective: MeshObjective,
        regressor: Callable[[Body, JointSet], JointRegressor] | None = None,
        render_faces: int = 2000,
        augmentation: Augmentation | None = None,
        synthetic_supervision: SyntheticSupervision | None = None,
        learning_rate: float = 3e-5,
        schedule: Schedule = EpochDecay(),  # noqa: B008 (frozen)
        warm_start: str | None = None,
        body: str | None = None,
    ) -> None:
        super().__init__(joint_set, body)
        frozen_lifter, lifter_artifact = load_lifter(lifter, joint_set, self.body)
        stage_two, regressor_artifact = load_regressor(pretrained_regressor, joint_set, self.body)
        self.parents = {"lifter": sha256(Path(lifter)), "regressor": sha256(Path(pretrained_regressor))}
        self.parent_specs = {"lifter": lifter_artifact.spec, "regressor": regressor_artifact.spec}
        chosen = regressor(self.body, self.joint_set) if regressor else stage_two
        parts: dict[str, Callable[..., Any]] = {
            "ik": ik,
            "encoder": encoder,
            "shape": shape,
            "pose": pose,
            "root": root,
            "camera": camera,
        }
        self.model = MeshRecovery.of(self.body, self.joint_set, frozen_lifter, chosen, parts)
        self.renderer = renderer
        self.objective = objective
        self.augmentation = augmentation or NoAugmentation()
        self.synthetic_supervision = synthetic_supervision
        self.learning_rate, self.schedule = learning_rate, schedule
        self.baselines = Baselines(self.body, self.joint_set, frozen_lifter, copy.deepcopy(stage_two))
        if warm_start is not None:
            self._start_from(Path(warm_start))
        vertices, faces = self.body.render_mesh(render_faces)
        self.register_buffer("render_vertices", vertices, persistent=False)
        self.register_buffer("render_faces", faces, persistent=False)
        self.showcase = Showcase()
        self.means: dict[str, OutputMeans] = {}

    def export(self) -> nn.Module:
        """The whole model."""
        return self.model

    def spec(self, model_config: dict[str, Any]) -> dict[str, Any]:
        """Specs of all the parts; those of the lifter and of W come from the artifacts of their stages.

        Args:
            model_config: The resolved section ``model`` of the configuration.
        """
        parts = {part: model_config[part] for part in PARTS}
        replaced = model_config.get("regressor")
        return {**self.parent_specs, **parts, **({"regressor": replaced} if replaced else {})}

    def _start_from(self, path: Path) -> None:
        other, artifact = load_mesh_model(path, self.body)
        if artifact.joint_set != self.joint_set.name:
            raise ArtifactError(f"{path}: field joint_set: expected {self.joint_set.name}, found {artifact.joint_set}")
        for part in (*PARTS, "regressor"):
            try:
                getattr(self.model, part).load_state_dict(getattr(other, part).state_dict())
            except RuntimeError as error:
                raise ArtifactError(
                    f"{path}: {part}: expected the part that this run trains, found another: {error}"
                ) from error
        self.parents["mesh"] = sha256(path)

    def render(self, recovery: Recovery, size: int) -> Tensor:
        """Soft silhouettes (B, S, S) of the decimated mesh, whose vertices ``recovery`` holds.

        Args:
            recovery: What the model made of the frames.
            size: Side of the image, pixels.
        """
        silhouettes: Tensor = self.renderer(recovery.projected(), self.render_faces, size)
        return silhouettes

    def training_step(self, frame: FrameBatch, batch_idx: int) -> Tensor:
        """Synthetic bodies in the poses of one batch, and after the first epochs Eqn. 7 on it."""
        observation = training_observation(frame)
        return self.learn(self.equation7, observation)

    def learn(self, objective: Callable[[Observation], Losses], observation: Observation) -> Tensor:
        """The loss of one step: that of the synthetic supervision, and after its epochs ``objective``'s.

        Args:
            objective: Computes the terms that join the synthetic supervision.
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
        """
        parts: list[Losses] = []
        if self.synthetic_supervision is not None:
            parts.append(self.synthetic_supervision(self.model, observation, self.augmentation, *self._seeds()))
        parts.append(self._rest() if self.only_synthetic else objective(observation))
        total = torch.stack([part.total for part in parts]).sum()
        terms = {name: value for part in parts for name, value in part.terms.items()}
        self.log_terms({"loss": total, **terms}, len(observation))
        return self.guard(total, observation)

    def equation7(self, observation: Observation) -> Losses:
        """The terms of Eqn. 7.

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
        """
        view = self.view(observation)
        recovery = self.model(view.seen, self.render_vertices)
        rendered = self._rendered(recovery, view.target)
        row_sums, extremities = self.model.regressor.row_sum_penalty(), self.joint_set.indices(EXTREMITIES)
        losses: Losses = self.objective(recovery, view.target, rendered, row_sums, extremities)
        return losses

    def view(self, observation: Observation) -> TrainingView:
        """What the network is shown of frames in this epoch, and what its losses compare with.

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
        """
        keys = frame_keys(observation, *self._seeds())
        return self.augmentation(observation, keys_for(Purpose.SHOWN_FRAME, keys))

    def _seeds(self) -> tuple[int, int]:
        data: FrameDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        return data.seed, self.current_epoch

    @property
    def only_synthetic(self) -> bool:
        """Whether this epoch is one of the first."""
        return self.synthetic_supervision is not None and self.current_epoch < self.synthetic_supervision.epochs

    def _rest(self) -> Losses:
        """Gradients of zero, which move nothing, for parts that no other term reaches: DDP waits for those of all."""
        return Losses(total=0 * torch.stack([weights.sum() for weights in self._trained()]).sum(), terms={})

    def _trained(self) -> list[nn.Parameter]:
        return [weights for weights in self.model.parameters() if weights.requires_grad]

    def _rendered(self, recovery: Recovery, observation: Observation) -> Tensor | None:
        if not self.objective.needs_silhouette or observation.silhouette is None:
            return None
        return self.render(recovery, observation.silhouette.shape[-1])

    def methods(self) -> dict[str, Callable[[], MetricCollection]]:
        """The full model, and the baselines that it is printed beside."""
        skeletons = dict.fromkeys(("planar", "lifter"), partial(skeleton_metrics, self.joint_set))
        areas = vertex_areas(self.body.v_template, self.body.faces)
        bodies = partial(body_metrics, self.joint_set, areas)
        methods = dict.fromkeys(("mean_pose", "dik_mean_shape", "full", *MEANS_REPLACED, ORACLE), bodies)
        return {**skeletons, **methods, BETAS: lambda: MetricCollection({"correlation": BetaCorrelation()})}

    def on_validation_start(self) -> None:
        """Baselines that need statistics of unlabelled training frames get them."""
        data: FrameDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        self.baselines.prepare(self.as_handed_over(data.training_sample(STATISTICS_FRAMES).observation))

    def on_test_start(self) -> None:
        """As before validation; and the means over each test split of what the model reads off silhouettes."""
        self.on_validation_start()
        self.means = {}
        limits: list[float] = list(self.trainer.num_test_batches)
        loaders: list[Any] = self.trainer.test_dataloaders  # type: ignore[assignment]
        for split, loader, limit in zip(self.test_names, loaders, limits, strict=True):
            recorder = MeanRecorder()
            for frame in islice(loader, int(limit)):
                recorder.record(self.model.read(self.as_handed_over(frame.observation)))
            self.means[split] = recorder.means()

    def evaluate(self, frame: FrameBatch, split: str) -> None:
        """Record the full model and every baseline on the same frames.

        Args:
            frame: Frames (B) with their truth.
            split: Name of the split.
        """
        assert self.evaluation is not None
        values = compare(self.model, self.baselines, frame, self.means.get(split))
        for method, inputs in values.items():
            self.evaluation.record(split, method, **inputs)
        self.evaluation.record(split, BETAS, **values[MAIN])
        shown = frame.truth is not None and frame.truth.params is not None  # pictures show the true body beside ours
        if shown and split == self.test_names[0] and frame.observation.index is not None:
            full = values[MAIN]
            errors = mpjpe(full["pred_joints"], full["true_joints"], "procrustes", self.joint_set)  # type: ignore[arg-type]
            self.showcase.record(frame.observation.index, errors)

    def on_test_epoch_end(self) -> None:
        """Log the figures, and keep the best, median and worst frames for the report."""
        super().on_test_epoch_end()
        chosen = self.showcase.choose()
        if chosen and self.trainer.is_global_zero:
            labels, rows = zip(*chosen, strict=True)
            self._save_examples(list(labels), list(rows))

    def _save_examples(self, labels: list[str], rows: list[int]) -> None:
        data: FrameDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        split = self.test_names[0]
        frame = self.as_handed_over(data.test_frames(split, rows))
        with torch.no_grad():
            examples = make_examples(self.model, frame, labels, split)
        save_examples(Path(self.trainer.default_root_dir) / "examples.npz", examples)
        for logger in self.loggers:
            if isinstance(logger, WandbLogger):
                pictures = [example_picture(examples, row) for row in range(len(examples))]
                logger.log_image("examples", pictures, caption=captions(examples))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam (section 4.1), the learning rate by step.

        Raises:
            UserError: Where the synthetic supervision leaves no epoch to Eqn. 7.
        """
        self._check_epochs()
        optimiser = torch.optim.Adam(self._trained(), lr=1.0)  # times the rate of the step
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_epoch_start(self) -> None:
        """Adam counts the steps that a part has rested, and would move it by many times its rate afterwards."""
        if self.synthetic_supervision is not None and self.current_epoch == self.synthetic_supervision.epochs:
            for moments in self.trainer.optimizers[0].state.values():
                if not bool(moments["exp_avg_sq"].any()):
                    moments["step"].zero_()

    def _check_epochs(self) -> None:
        first, epochs = (
            0 if self.synthetic_supervision is None else self.synthetic_supervision.epochs,
            self.trainer.max_epochs,
        )
        if first and epochs is not None and 0 < epochs <= first:
            raise UserError(
                f"stage {self.name}: trainer.max_epochs: expected more than "
                f"model.synthetic_supervision.init_args.epochs ({first}), "
                f"since Eqn. 7 is trained in the epochs after these; found {epochs}"
            )

    def _rate(self, step: int) -> float:
        """The learning rate; the schedule starts where the synthetic supervision no longer is alone."""
        trainer = self.trainer
        total, epochs = int(trainer.estimated_stepping_batches), int(trainer.max_epochs or 1)
        if self.synthetic_supervision is None:
            return self.learning_rate * self.schedule.share(step, total, epochs)
        per_epoch = -(-int(trainer.num_training_batches) // trainer.accumulate_grad_batches)
        first, after = self.synthetic_supervision.epochs, self.synthetic_supervision.then * self.learning_rate
        before = first * per_epoch
        if step < before:
            return self.synthetic_supervision.rate(step, before, after)
        return after * self.schedule.share(step - before, total - before, epochs - first)
