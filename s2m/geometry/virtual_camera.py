"""A camera that is turned to the person: what off-centre people look like from straight ahead.

A lifter learns poses in the axes of a camera that looks at the person. Who stands beside the optical axis is seen from
another side, by up to half the angle of view. With known intrinsics the camera can be turned in thought: pixels are
rays, and rays turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Rays further from the axis than this (its cosine) are not projected: they would lie at infinity.
_NEAREST_TO_THE_PLANE = 0.1


@dataclass(frozen=True)
class VirtualCamera:
    """The turn of a camera towards a point of its picture.

    Attributes:
        turn: (B, 3, 3) from the real camera's frame to the turned one's.
        camera: (B, 4) focal lengths x, y and principal point x, y of the real camera, in the unit of its points.
    """

    turn: Tensor
    camera: Tensor

    @staticmethod
    def towards(points: Tensor, camera: Tensor) -> VirtualCamera:
        """The camera turned the shortest way until points lie on its optical axis.

        Args:
            points: (B, 2) in the picture.
            camera: (B, 4) focal lengths x, y and principal point x, y, in the same unit.
        """
        x, y, z = _rays(points[:, None], camera)[:, 0].unbind(-1)
        # The shortest rotation of a unit vector to +z, written out.
        share = 1 / (1 + z)
        rows = [(1 - x * x * share, -x * y * share, -x), (-x * y * share, 1 - y * y * share, -y), (x, y, z)]
        return VirtualCamera(torch.stack([entry for row in rows for entry in row], -1).view(-1, 3, 3), camera)

    def seen(self, points: Tensor) -> Tensor:
        """Points of the real picture as the turned camera sees them, focal length 1, principal point 0.

        Args:
            points: (B, N, 2) in the picture.

        Returns:
            (B, N, 2).
        """
        return _projected(_rays(points, self.camera) @ self.turn.transpose(1, 2))

    def back(self, points: Tensor) -> Tensor:
        """The inverse of :meth:`seen`.

        Args:
            points: (B, N, 2).

        Returns:
            (B, N, 2) in the real picture.
        """
        ones = torch.ones_like(points[..., :1])
        real = _projected(torch.cat([points, ones], -1) @ self.turn)
        return real * self.camera[:, None, :2] + self.camera[:, None, 2:]

    def to_camera(self, vectors: Tensor) -> Tensor:
        """Vectors in the turned camera's frame, in the real one's.

        Args:
            vectors: (B, N, 3) any unit.

        Returns:
            (B, N, 3).
        """
        return vectors @ self.turn

    def from_camera(self, vectors: Tensor) -> Tensor:
        """The inverse of :meth:`to_camera`.

        Args:
            vectors: (B, N, 3) any unit.

        Returns:
            (B, N, 3).
        """
        return vectors @ self.turn.transpose(1, 2)


def _rays(points: Tensor, camera: Tensor) -> Tensor:
    """(B, N, 3) unit vectors."""
    flat = (points - camera[:, None, 2:]) / camera[:, None, :2]
    return torch.nn.functional.normalize(torch.cat([flat, torch.ones_like(flat[..., :1])], -1), dim=-1)


def _projected(rays: Tensor) -> Tensor:
    return rays[..., :2] / rays[..., 2:].clamp_min(_NEAREST_TO_THE_PLANE)
