"""Where the root orientation comes from: the skeleton, the silhouette as in the paper (section 3.3), or both."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from s2m.batch import IKOutput
from s2m.geometry.camera import FACING_CAMERA
from s2m.heads.linear import small_linear
from s2m.ik.interface import IKSolver
from s2m.optional import require


class RootHead(nn.Module, ABC):
    """Interface: silhouette features (B, F) to root orientations (B, 3, 3), or ``None``: the solver finds it."""

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor | None:
        """Return the rotation from the body frame to the camera frame.

        Args:
            features: Silhouette features (B, F).
        """

    def solve(self, ik: IKSolver, joints3d: Tensor, features: Tensor) -> IKOutput:
        """All rotations of skeletons (B, J, 3), given this root: the limbs must be solved for the root that is used.

        Args:
            ik: The inverse-kinematics solver.
            joints3d: Skeletons (B, J, 3), metres, camera frame.
            features: Silhouette features (B, F).
        """
        solution: IKOutput = ik(joints3d, self(features), None)
        return solution


class SkeletonRoot(RootHead):
    """The solver's own analysis of hips and torso; far better than a silhouette, which hides front and back.

    Args:
        features: Number F of silhouette features.
    """

    def __init__(self, features: int) -> None:
        super().__init__()

    def forward(self, features: Tensor) -> None:
        """Leave the root to the solver.

        Args:
            features: Silhouette features (B, F).
        """
        return


class SilhouetteRoot(RootHead):
    """The paper's choice: a 6D rotation (Zhou et al., CVPR 2019) from the silhouette, starting face to camera.

    Args:
        features: Number F of silhouette features.
    """

    base: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layer = small_linear(features, 6)
        self.register_buffer("base", FACING_CAMERA.clone())

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, 3, 3).

        Args:
            features: Silhouette features (B, F).
        """
        columns = self.layer(features).unflatten(1, (3, 2)) + torch.eye(3, 2, dtype=features.dtype).to(features.device)
        return self.base @ require("roma").special_gramschmidt(columns)


class ResidualRoot(RootHead):
    """The skeleton's root, turned by a small rotation that is learned from the silhouette; starts at none.

    Args:
        features: Number F of silhouette features.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layer = small_linear(features, 3)

    def forward(self, features: Tensor) -> None:
        """What the silhouette says is a correction, so there is no root without a skeleton.

        Args:
            features: Silhouette features (B, F).
        """
        return

    def solve(self, ik: IKSolver, joints3d: Tensor, features: Tensor) -> IKOutput:
        """Find the root, turn it in the body's own frame, and solve the limbs for the result.

        Args:
            ik: The inverse-kinematics solver.
            joints3d: Skeletons (B, J, 3), metres, camera frame.
            features: Silhouette features (B, F).
        """
        found: IKOutput = ik(joints3d, None, None)
        turn = require("roma").rotvec_to_rotmat(self.layer(features))
        solution: IKOutput = ik(joints3d, found.rotations[:, 0] @ turn, None)
        return solution
