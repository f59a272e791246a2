"""Shape refinement (SR, paper section 3.3): betas from silhouette features, and its null version."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from s2m.heads.linear import small_linear


class ShapeHead(nn.Module, ABC):
    """Interface: silhouette features (B, F) to betas (B, 10).

    Args:
        features: Number F of silhouette features.
        num_betas: Number of shape parameters.
    """

    def __init__(self, features: int, num_betas: int) -> None:
        super().__init__()
        self.num_betas = num_betas

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Return betas (B, 10), in standard deviations.

        Args:
            features: Silhouette features (B, F).
        """


class SilhouetteShape(ShapeHead):
    """SR: one fully connected layer, starting at the mean shape.

    Args:
        features: Number F of silhouette features.
        num_betas: Number of shape parameters.
    """

    def __init__(self, features: int, num_betas: int) -> None:
        super().__init__(features, num_betas)
        self.layer = small_linear(features, num_betas)

    def forward(self, features: Tensor) -> Tensor:
        """Return betas (B, 10).

        Args:
            features: Silhouette features (B, F).
        """
        return self.layer(features)


class MeanShape(ShapeHead):
    """Without SR: everybody has the mean shape."""

    def forward(self, features: Tensor) -> Tensor:
        """Return zeros (B, 10).

        Args:
            features: Silhouette features (B, F).
        """
        return torch.zeros(len(features), self.num_betas, dtype=features.dtype, device=features.device)
