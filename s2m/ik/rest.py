"""The rest pose that a solver is calibrated to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from s2m.arrays import short_repr
from s2m.skeletons import SMPL24, JointSet

if TYPE_CHECKING:
    from s2m.body import Body


@dataclass(frozen=True)
class RestSkeleton:
    """A skeleton at rest: the dataset's joints and the body's own, in one frame.

    The two differ (the paper's "pose mismatching"): a dataset's hip is not the point about which a body's thigh
    turns. DIK needs both.

    Attributes:
        joint_set: Names of ``joints``.
        joints: (J, 3) metres, body frame (+y up, +z front, +x left), T-pose.
        body_joints: (24, 3) the body's (SMPL's) joints, same frame and origin.
        carriers: (J, 24) how far each body joint carries a dataset joint (rows sum to one), where a body tells;
            ``None``: each is fixed to the body part that it is named after.

    Raises:
        ValueError: When shapes do not fit or a value is not finite.
    """

    joint_set: JointSet
    joints: Tensor
    body_joints: Tensor
    carriers: Tensor | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        count = len(self.joint_set)
        expected = {"joints": (count, 3), "body_joints": (len(SMPL24), 3), "carriers": (count, len(SMPL24))}
        for field, shape in expected.items():
            value: Tensor | None = getattr(self, field)
            if value is None:
                continue
            if tuple(value.shape) != shape:
                raise ValueError(f"RestSkeleton.{field}: expected shape {shape}, found {tuple(value.shape)}")
            if not bool(torch.isfinite(value).all()):
                raise ValueError(f"RestSkeleton.{field}: has a value that is not finite")

    @staticmethod
    def of(body: Body, regressor_weights: Tensor, joint_set: JointSet, betas: Tensor | None = None) -> RestSkeleton:
        """The rest skeleton of a body under a joint regressor.

        Args:
            body: A body in SMPL format.
            regressor_weights: (J, V), rows sum to one.
            joint_set: Names and order of the joints.
            betas: (1, 10) shape, in standard deviations; ``None`` for the mean shape.
        """
        with torch.no_grad():
            rest = body.rest(betas)
            weights = regressor_weights.to(rest.vertices)
            joints = weights @ rest.vertices[0]
            carriers = _carriers(body, weights, joint_set)
        return RestSkeleton(joint_set, joints.clone(), rest.joints[0].clone(), carriers)


def _carriers(body: Body, weights: Tensor, joint_set: JointSet) -> Tensor | None:
    if joint_set is SMPL24:
        # The tree's own joints hang from their parents whatever the skin around them does.
        return torch.eye(len(SMPL24)).to(weights)[[max(parent, 0) for parent in SMPL24.parents]]
    return weights @ body.weights.to(weights)
