"""The silhouette encoder: ResNet-18 on a one-channel mask (paper section 4.1)."""

from __future__ import annotations

import torch.nn.functional as F
import torchvision
from torch import Tensor, nn


class SilhouetteEncoder(nn.Module):
    """ResNet-18 features of a silhouette.

    size: side in pixels to which the mask is reduced (by area) before the network; the cost grows with its square.
    """

    features = 512

    def __init__(self, size: int = 112) -> None:
        super().__init__()
        self.size = size
        network = torchvision.models.resnet18(weights=None)
        network.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
        network.fc = nn.Identity()
        self.network = network

    def forward(self, silhouette: Tensor) -> Tensor:
        """Map (B, S, S) masks in [0, 1] to (B, 512) features."""
        image = silhouette[:, None]
        if image.shape[-1] != self.size:
            image = F.interpolate(image, size=(self.size, self.size), mode="area")
        return self.network(image)


class BlindEncoder(nn.Module):
    """Looks at nothing: for models that use the skeleton alone."""

    features = 1

    def forward(self, frames: Tensor) -> Tensor:
        """Return zeros (B, 1) for B frames."""
        return frames.new_zeros(len(frames), 1)
