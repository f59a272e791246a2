"""Stage 2: the adaptive joint regressor is pretrained against the frozen lifter's skeletons (Eqn. 6)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics import MetricCollection

from s2m.batch import BodyParams, FrameBatch, Observation
from s2m.body import Body
from s2m.body.regressors import FixedRegressor, JointRegressor
from s2m.files import sha256
from s2m.ik import IKSolver, RestSkeleton
from s2m.metrics import skeleton_metrics
from s2m.model import assemble
from s2m.pretrained import load_lifter
from s2m.skeletons import JointSet
from stages.base import Stage, training_observation

RegressorFactory = Callable[[Body, JointSet], JointRegressor]
IKFactory = Callable[[RestSkeleton], IKSolver]


class RegressorStage(Stage):
    """Fit W so that it reads the lifter's skeleton off the body that DIK poses, at the mean shape.

    Args:
        joint_set: Name of the joint set, such as h36m17; it follows from the data.
        lifter: Path of the artifact of stage 1 (lifter.pt); its weights stay frozen.
        regressor: Makes W, the matrix that reads a skeleton off a body's vertices: its parameterisation and the
            settings of it.
        ik: Makes the inverse-kinematics solver. It is calibrated with the body's own coarse regressor, since W is not
            known yet.
        penalty: Lambda of Eqn. 6: weight of the term that keeps the rows of W at a sum of 1.
        learning_rate: Adam's learning rate in the first epoch. The default is the paper's, for a free matrix; softmax
            logits need far more.
        decay: Factor on the learning rate after every epoch.
        body: Path of a body in SMPL's format; the open body, which is shipped, if not given.
    """

    name = "regressor"

    def __init__(
        self,
        joint_set: str,
        lifter: str,
        regressor: RegressorFactory,
        ik: IKFactory,
        penalty: float = 0.4,
        learning_rate: float = 3e-5,
        decay: float = 0.95,
        body: str | None = None,
    ) -> None:
        super().__init__(joint_set, body)
        self.lifter, _ = load_lifter(lifter, joint_set, self.body)
        self.parents = {"lifter": sha256(Path(lifter))}
        self.regressor = regressor(self.body, self.joint_set)
        self.coarse = FixedRegressor(self.body, self.joint_set).requires_grad_(False)
        self.ik = ik(RestSkeleton.of(self.body, self.coarse.weights(), self.joint_set)).requires_grad_(False)
        self.penalty = penalty
        self.learning_rate, self.decay = learning_rate, decay

    def export(self) -> nn.Module:
        """W."""
        return self.regressor

    def spec(self, model_config: dict[str, Any]) -> dict[str, Any]:
        """W's class and arguments.

        Args:
            model_config: The resolved section ``model`` of the configuration.
        """
        return dict(model_config["regressor"])

    def lift(self, observation: Observation) -> Tensor:
        """The frozen lifter's skeleton: the pseudo ground truth of Eqn. 6.

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
        """
        with torch.no_grad():
            joints3d: Tensor = self.lifter(observation.joints2d, observation.confidence, observation.camera).joints3d
        return joints3d

    def pose_body(self, skeleton: Tensor) -> BodyParams:
        """The mean-shape body that DIK poses after a skeleton; no gradient flows into it.

        Args:
            skeleton: Skeletons (B, J, 3), metres, root-relative, camera frame.
        """
        with torch.no_grad():
            rotations = self.ik(skeleton, None, None).rotations
        return BodyParams.from_rotations(rotations, rotations.new_zeros(len(rotations), self.body.num_betas))

    def read(self, regressor: JointRegressor, params: BodyParams) -> Tensor:
        """The root-relative skeleton (B, J, 3) that a regressor reads off a posed body.

        Args:
            regressor: W, which reads a skeleton off vertices.
            params: Parameters of the bodies (B).
        """
        nothing_else = self.body.faces.new_zeros(0)
        return assemble(self.body, regressor, self.joint_set.root_index, params, nothing_else)[1]

    def training_step(self, frame: FrameBatch, batch_idx: int) -> Tensor:
        """Eqn. 6 on one batch."""
        observation = training_observation(frame)
        target = self.lift(observation)
        fit = (self.read(self.regressor, self.pose_body(target)) - target).norm(dim=-1).mean()
        row_sum = self.regressor.row_sum_penalty()
        loss = fit + self.penalty * row_sum
        self.log_terms({"loss": loss, "fit_m": fit, "row_sum": row_sum}, len(target))
        return self.guard(loss, observation)

    def methods(self) -> dict[str, Callable[[], MetricCollection]]:
        """W and the coarse regressor, on predicted meshes (what W is for) and on true ones (paper Fig. 7)."""
        metrics = partial(skeleton_metrics, self.joint_set)
        return dict.fromkeys(("full", "fixed", "true_mesh", "true_mesh_fixed"), metrics)

    def evaluate(self, frame: FrameBatch, split: str) -> None:
        """Record how well both regressors find the true skeleton.

        Args:
            frame: Frames (B) with their truth.
            split: Name of the split.
        """
        truth, root = frame.truth, self.joint_set.root_index
        assert truth is not None
        assert self.evaluation is not None
        target = truth.joints3d - truth.joints3d[:, root : root + 1]
        meshes = {("full", "fixed"): self.pose_body(self.lift(frame.observation))}
        if truth.params is not None:
            meshes["true_mesh", "true_mesh_fixed"] = truth.params
        for (adaptive, fixed), params in meshes.items():
            for method, regressor in ((adaptive, self.regressor), (fixed, self.coarse)):
                self.evaluation.record(split, method, pred_joints=self.read(regressor, params), true_joints=target)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam with an exponential decay per epoch (section 4.1)."""
        optimiser = torch.optim.Adam(self.regressor.parameters(), lr=self.learning_rate)
        return [optimiser], [torch.optim.lr_scheduler.ExponentialLR(optimiser, self.decay)]
