"""What a trained mesh model is printed beside: simpler answers from the same observation, without stage 3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import cast

import roma
import torch
from torch import Tensor, nn

from s2m.batch import BodyParams, Observation
from s2m.body import Body
from s2m.body.regressors import JointRegressor
from s2m.heads import BlindEncoder, FittedCamera, MeanShape, PoseHead, SkeletonRoot, UnrefinedPose
from s2m.ik import DIK
from s2m.lifter import Lifter, planar_skeleton
from s2m.lifter.to_rotations import NOISE
from s2m.model import MeshRecovery, Recovery, assemble
from s2m.skeletons import EXTREMITIES, SMPL24, JointSet


class ConstantPose(PoseHead):
    """The same rotations for every frame; a baseline."""

    rotations: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rotations", torch.eye(3).repeat(24, 1, 1))

    def corrections(self, features: Tensor) -> Tensor:
        """An empty theta_PR (B, 0, 3).

        Args:
            features: Silhouette features (B, F).
        """
        return features.new_zeros(len(features), 0, 3)

    def refine(self, rotations: Tensor, theta: Tensor) -> Tensor:
        """The constant rotations (B, 24, 3, 3).

        Args:
            rotations: Rotation matrices (B, 24, 3, 3): the root's to the camera frame, the others relative to their
                parent.
            theta: Corrections theta_PR (B, P, 3), axis-angle, radians.
        """
        return self.rotations.expand_as(rotations)


class Baselines(nn.Module):
    """Models that need no stage 3.

    - ``dik_mean_shape``: the frozen lifter, DIK, the mean shape and a fitted camera, W as stage 2 left it;
    - ``mean_pose``: the mean over unlabelled training frames of the rotations of the former, root included;
    - :meth:`planar`: 2D joints with constant depth;
    - :meth:`oracle`: no baseline but a ceiling, made with the truth's help.

    Args:
        body: The body model.
        joint_set: Joint set of the frames.
        lifter: The frozen lifter.
        regressor: W as stage 2 left it.
    """

    def __init__(self, body: Body, joint_set: JointSet, lifter: Lifter, regressor: JointRegressor) -> None:
        super().__init__()
        self.lifter = lifter
        self.prepared = False
        regressor.requires_grad_(False)
        simplest: dict[str, Callable[..., nn.Module]] = {
            "ik": partial(DIK, noise=NOISE),
            "encoder": BlindEncoder,
            "shape": MeanShape,
            "root": SkeletonRoot,
            "camera": FittedCamera,
        }

        def model(pose: Callable[[int], PoseHead]) -> MeshRecovery:
            return MeshRecovery.of(body, joint_set, lifter, regressor, {**simplest, "pose": pose})

        self.constant = ConstantPose()
        self.models = nn.ModuleDict(
            {"dik_mean_shape": model(UnrefinedPose), "mean_pose": model(lambda features: self.constant)}
        )

    @torch.no_grad()
    def prepare(self, observation: Observation) -> None:
        """Set the mean pose, once, from unlabelled training frames (chordal mean of the rotations).

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
        """
        if self.prepared:
            return
        rotations = self.models["dik_mean_shape"](observation).params.rotations
        self.constant.rotations.copy_(roma.special_procrustes(rotations.mean(0)))
        self.prepared = True

    @torch.no_grad()
    def recover(self, observation: Observation) -> dict[str, Recovery]:
        """The baselines' bodies, by name.

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
        """
        return {name: model(observation) for name, model in self.models.items()}

    @torch.no_grad()
    def planar(self, observation: Observation) -> Tensor:
        """(B, J, 3) metres, root-relative: the 2D joints at constant depth.

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
        """
        return planar_skeleton(self.lifter, observation.joints2d, observation.confidence)

    @torch.no_grad()
    def oracle(self, recovery: Recovery, truth: BodyParams) -> Recovery:
        """``dik_mean_shape`` with the true extremity rotations and the true betas but the first.

        What is left is the error of the skeleton, so this is what SR and PR could reach at the most on that skeleton.
        The first beta is height, which a single camera does not tell.

        Args:
            recovery: Bodies of ``dik_mean_shape``.
            truth: True parameters.
        """
        extremities, rotations, betas = (
            SMPL24.indices(EXTREMITIES),
            recovery.params.rotations.clone(),
            truth.betas.clone(),
        )
        rotations[:, extremities] = truth.rotations[:, extremities]
        betas[:, 0] = 0
        params = BodyParams.from_rotations(rotations, betas)
        model = cast(MeshRecovery, self.models["dik_mean_shape"])
        body, joints3d = assemble(model.body, model.regressor, model.joint_set.root_index, params)
        return replace(recovery, params=params, body=body, joints3d=joints3d)
