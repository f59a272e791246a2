"""Where an optimisation starts: local minima (above all: facing the wrong way) make the choice matter."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from s2m.batch import Observation
from s2m.geometry.camera import FACING_CAMERA
from s2m.model import MeshRecovery
from s2m.skeletons import SMPL24


class Start(nn.Module, ABC):
    """Interface: rotations to start from, several for each frame."""

    @abstractmethod
    def forward(self, observation: Observation) -> Tensor:
        """(B, S, 24, 3, 3): S starts for each of B frames; the root maps the body frame to the camera frame."""


class RestStart(Start):
    """The rest pose, upright, turned to ``yaws`` evenly spaced directions; the first faces the camera."""

    rotations: Tensor

    def __init__(self, yaws: int = 4) -> None:
        super().__init__()
        if yaws < 1:
            raise ValueError(f"RestStart: yaws: expected a positive number, found {yaws}")
        angle = torch.arange(yaws) * (2 * torch.pi / yaws)
        zero, one = torch.zeros_like(angle), torch.ones_like(angle)
        rows = (angle.cos(), zero, angle.sin(), zero, one, zero, -angle.sin(), zero, angle.cos())
        rotations = torch.eye(3).repeat(yaws, len(SMPL24), 1, 1)
        rotations[:, SMPL24.root_index] = FACING_CAMERA @ torch.stack(rows, dim=1).view(-1, 3, 3)
        self.register_buffer("rotations", rotations)

    def forward(self, observation: Observation) -> Tensor:
        """See :class:`Start`."""
        return self.rotations.to(observation.joints2d).expand(len(observation), -1, -1, -1, -1)


class SkeletonStart(Start):
    """The rotations that DIK finds in the lifter's skeleton: what a trained lifter adds to a plain optimisation.

    Args:
        model: The trained model.
    """

    def __init__(self, model: MeshRecovery) -> None:
        super().__init__()
        self.model = model

    @torch.no_grad()
    def forward(self, observation: Observation) -> Tensor:
        """See :class:`Start`."""
        rotations: Tensor = self.model.ik(self.model.lift(observation).joints3d, None, None).rotations
        return rotations[:, None]
