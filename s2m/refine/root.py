"""Where the root orientation comes from: the skeleton, or the silhouette as in the paper (section 3.3)."""

from __future__ import annotations

from abc import ABC, abstractmethod

import roma
import torch
from torch import Tensor, nn

from s2m.geometry.camera import FACING_CAMERA
from s2m.refine.linear import small_linear


class RootHead(nn.Module, ABC):
    """Interface: silhouette features (B, F) to root orientations (B, 3, 3), or ``None``: the solver finds it."""

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor | None:
        """Return the rotation from the body frame to the camera frame."""


class SkeletonRoot(RootHead):
    """The solver's own analysis of hips and torso; far better than a silhouette, which hides front and back."""

    def __init__(self, features: int) -> None:
        super().__init__()

    def forward(self, features: Tensor) -> None:
        """Leave the root to the solver."""
        return


class SilhouetteRoot(RootHead):
    """The paper's choice: a 6D rotation (Zhou et al., CVPR 2019) from the silhouette, starting face to camera."""

    base: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layer = small_linear(features, 6)
        self.register_buffer("base", FACING_CAMERA.clone())

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, 3, 3)."""
        columns = self.layer(features).unflatten(1, (3, 2)) + torch.eye(3, 2, dtype=features.dtype).to(features.device)
        return self.base @ roma.special_gramschmidt(columns)
