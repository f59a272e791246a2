"""The rest pose that a solver is calibrated to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from s2m.skeletons import SMPL24, JointSet

if TYPE_CHECKING:
    from s2m.body import Body


@dataclass(frozen=True)
class RestSkeleton:
    """A skeleton at rest: the dataset's joints and the body's own, in one frame.

    The two differ (the paper's "pose mismatching"): a dataset's hip is not the point about which a body's thigh
    turns. DIK needs both.

    joint_set: names of ``joints``.
    joints: (J, 3) metres, body frame (+y up, +z front, +x left), T-pose.
    body_joints: (24, 3) the body's (SMPL's) joints, same frame and origin.
    Raises ValueError when shapes do not fit or a value is not finite.
    """

    joint_set: JointSet
    joints: Tensor
    body_joints: Tensor

    def __post_init__(self) -> None:
        expected = {"joints": (len(self.joint_set), 3), "body_joints": (len(SMPL24), 3)}
        for field, shape in expected.items():
            value: Tensor = getattr(self, field)
            if tuple(value.shape) != shape:
                raise ValueError(f"RestSkeleton.{field}: expected shape {shape}, found {tuple(value.shape)}")
            if not bool(torch.isfinite(value).all()):
                raise ValueError(f"RestSkeleton.{field}: has a value that is not finite")

    @staticmethod
    def of(body: Body, regressor_weights: Tensor, joint_set: JointSet, betas: Tensor | None = None) -> RestSkeleton:
        """The rest skeleton of a body under a joint regressor.

        regressor_weights: (J, V). betas: (1, 10) or ``None`` for the mean shape.
        """
        with torch.no_grad():
            rest = body.rest(betas)
            joints = regressor_weights.to(rest.vertices) @ rest.vertices[0]
        return RestSkeleton(joint_set, joints.clone(), rest.joints[0].clone())
