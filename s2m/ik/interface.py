"""What every solver of inverse kinematics looks like."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from s2m.batch import IKOutput
from s2m.ik.rest import RestSkeleton
from s2m.skeletons import SMPL24, JointSet


class IKSolver(nn.Module, ABC):
    """3D joints in, SMPL rotations out.

    Calibrated to one rest skeleton, which is kept in buffers so that a saved model restores its calibration.

    Args:
        rest: The rest skeleton that it is calibrated to.
    """

    rest_joints: Tensor
    rest_body_joints: Tensor
    rest_carriers: Tensor | None

    def __init__(self, rest: RestSkeleton) -> None:
        super().__init__()
        self.joint_set: JointSet = rest.joint_set
        self.register_buffer("rest_joints", rest.joints.clone())
        self.register_buffer("rest_body_joints", rest.body_joints.clone())
        self.register_buffer("rest_carriers", None if rest.carriers is None else rest.carriers.clone())

    @property
    def rest(self) -> RestSkeleton:
        """The rest skeleton that this solver is calibrated to."""
        return RestSkeleton(self.joint_set, self.rest_joints, self.rest_body_joints, self.rest_carriers)

    @abstractmethod
    def forward(self, joints: Tensor, root: Tensor | None = None, confidence: Tensor | None = None) -> IKOutput:
        """Solve a batch of skeletons.

        Args:
            joints: (B, J, 3) metres, any right-handed frame, any origin.
            root: (B, 3, 3) rotation from the body frame to the joints' frame; ``None``: solved from the joints.
            confidence: (B, J) in [0, 1]; 0 says that the joint is missing. ``None``: all joints are there. A joint with
                a coordinate that is not finite counts as missing.
        """

    def _sanitised(self, joints: Tensor, confidence: Tensor | None) -> tuple[Tensor, Tensor]:
        """Joints and confidences in the solver's precision, with missing joints at the origin and confidence 0."""
        expected = (len(self.joint_set), 3)
        if joints.ndim != 3 or tuple(joints.shape[1:]) != expected:
            raise ValueError(
                f"joints for the joint set {self.joint_set.name}: expected shape (B, {expected[0]}, 3), "
                f"found {tuple(joints.shape)}"
            )
        joints = joints.to(self.rest_joints.dtype)
        present = torch.isfinite(joints).all(-1)
        if confidence is None:
            confidence = present.to(joints.dtype)
        else:
            if confidence.shape != joints.shape[:2]:
                raise ValueError(
                    f"confidence: expected shape {tuple(joints.shape[:2])}, found {tuple(confidence.shape)}"
                )
            present = present & (confidence > 0)
            confidence = torch.where(present, confidence.to(joints.dtype), torch.zeros_like(joints[..., 0]))
        return torch.where(present[..., None], joints, torch.zeros_like(joints)), confidence


def all_solved(rotations: Tensor) -> Tensor:
    """``solved`` for solvers that always determine every rotation.

    Args:
        rotations: (B, 24, 3, 3).

    Returns:
        (B, 24) bool, all True.
    """
    return torch.ones(rotations.shape[0], len(SMPL24), dtype=torch.bool, device=rotations.device)
