"""Where the weak-perspective camera comes from (paper section 3.1): regressed, fitted, or fitted and corrected."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from s2m.geometry.camera import fit_weak_perspective
from s2m.heads.linear import small_linear

# A person of 1.7 m fills two thirds of a crop that is two units high (crop margin 1.5).
TYPICAL_SCALE = 2 / 1.5 / 1.7


class CameraHead(nn.Module, ABC):
    """Interface: the camera pi = (scale in crop units per metre, tx, ty in metres) of each frame, (B, 3).

    ``forward`` takes silhouette features (B, F), the mesh's joints (B, J, 3) in metres relative to the root, the 2D
    joints (B, J, 2) in crop units and their confidence (B, J).
    """

    @abstractmethod
    def forward(self, features: Tensor, joints3d: Tensor, joints2d: Tensor, confidence: Tensor) -> Tensor:
        """Return the camera (B, 3).

        Args:
            features: Silhouette features (B, F).
            joints3d: Joints (B, J, 3), metres, camera frame, relative to the root.
            joints2d: Joints (B, J, 2), crop units.
            confidence: Confidence (B, J) of the 2D joints; 0 where a joint was not found.
        """


class RegressedCamera(CameraHead):
    """The paper's choice: learned from the silhouette alone.

    Args:
        features: Number F of silhouette features.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layer = small_linear(features, 3)

    def forward(self, features: Tensor, joints3d: Tensor, joints2d: Tensor, confidence: Tensor) -> Tensor:
        """Return the camera (B, 3); the scale is positive by construction.

        Args:
            features: Silhouette features (B, F).
            joints3d: Joints (B, J, 3), metres, camera frame, relative to the root.
            joints2d: Joints (B, J, 2), crop units.
            confidence: Confidence (B, J) of the 2D joints; 0 where a joint was not found.
        """
        return corrected(torch.tensor([[TYPICAL_SCALE, 0.0, 0.0]]).to(features), self.layer(features))


class FittedCamera(CameraHead):
    """The camera that best maps the mesh's joints onto the 2D joints, in closed form. Nothing is learned.

    Args:
        features: Number F of silhouette features.
    """

    def __init__(self, features: int) -> None:
        super().__init__()

    def forward(self, features: Tensor, joints3d: Tensor, joints2d: Tensor, confidence: Tensor) -> Tensor:
        """Return the camera (B, 3).

        Args:
            features: Silhouette features (B, F).
            joints3d: Joints (B, J, 3), metres, camera frame, relative to the root.
            joints2d: Joints (B, J, 2), crop units.
            confidence: Confidence (B, J) of the 2D joints; 0 where a joint was not found.
        """
        return fit_weak_perspective(joints3d, joints2d, confidence)


class CorrectedCamera(CameraHead):
    """The fitted camera, corrected from the silhouette: joints fix it to first order, the outline refines it.

    Args:
        features: Number F of silhouette features.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layer = small_linear(features, 3)

    def forward(self, features: Tensor, joints3d: Tensor, joints2d: Tensor, confidence: Tensor) -> Tensor:
        """Return the camera (B, 3).

        Args:
            features: Silhouette features (B, F).
            joints3d: Joints (B, J, 3), metres, camera frame, relative to the root.
            joints2d: Joints (B, J, 2), crop units.
            confidence: Confidence (B, J) of the 2D joints; 0 where a joint was not found.
        """
        return corrected(fit_weak_perspective(joints3d, joints2d, confidence), self.layer(features))


def corrected(camera: Tensor, change: Tensor) -> Tensor:
    """Multiply the scale by exp(change_0) and move the translation by change_1,2 metres.

    Args:
        camera: Cameras (B, 3): scale in crop units per metre, translation in metres.
        change: Changes (B, 3): logarithm of the scale's factor, translation in metres.
    """
    return torch.cat([camera[:, :1] * torch.exp(change[:, :1]), camera[:, 1:] + change[:, 1:]], dim=1)
