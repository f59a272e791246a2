"""What every silhouette renderer shares: the interface, the default softness, the sign of a face."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

# (image side in pixels, sigma) pairs that were measured: softer fits worse (the mask dilates), harder loses gradient.
_MEASURED_SIGMA = ((112, 3e-5), (224, 1e-5))

# Twice the area, in crop units, up to which a face counts as degenerate; the same as PyTorch3D's.
SMALLEST_AREA = 1e-8


def default_sigma(size: int) -> float:
    """Softness of the edge for an image side in pixels, in squared crop units.

    Measured: 3e-5 at 112 px and 1e-5 at 224 px. Between and beyond them the power law through both points is used,
    about size**-1.6: the soft band stays roughly as many pixels wide.

    Args:
        size: Pixels of the image's side.

    Returns:
        Squared crop units.

    Raises:
        ValueError: For a size below 1.
    """
    if size < 1:
        raise ValueError(f"the image side must be at least 1 pixel, got {size}")
    (low, sigma_low), (high, sigma_high) = _MEASURED_SIGMA
    slope = torch.log(torch.tensor(sigma_high / sigma_low)) / torch.log(torch.tensor(high / low))
    return float(sigma_low * (size / low) ** slope.item())


def signed_area(corners: Tensor) -> Tensor:
    """Twice the signed area of triangles, in crop units (+y down).

    Negative for a face that looks at the camera. SMPL's faces are counter-clockwise from outside, so (b - a) x (c - a)
    points outward; rotations keep that, the camera frame (+x right, +y down, +z forward) is right-handed, and this area
    is the z component of that product: below zero, the normal points to the camera.

    Args:
        corners: (..., 3, 2 or more).

    Returns:
        (...).
    """
    ab, ac = corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    return ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0]


def check_mesh(points: Tensor, faces: Tensor, size: int) -> None:
    """Refuse tensors of another shape or kind.

    Args:
        points: (B, V, 2 or more), floating.
        faces: (F, 3), whole numbers.
        size: Pixels of the image's side, positive.

    Raises:
        ValueError: Says what was expected and what was found.
    """
    if points.dim() != 3 or points.shape[-1] < 2 or not points.is_floating_point():
        raise ValueError(f"points: expected a (B, V, 3) float tensor, got {tuple(points.shape)} {points.dtype}")
    if faces.dim() != 2 or faces.shape[-1] != 3 or faces.is_floating_point():
        raise ValueError(f"faces: expected an (F, 3) integer tensor, got {tuple(faces.shape)} {faces.dtype}")
    if size < 1:
        raise ValueError(f"the image side must be at least 1 pixel, got {size}")


class SilhouetteRenderer(nn.Module, ABC):
    """Turns projected meshes into soft silhouettes, differentiable in x and y.

    Args:
        sigma: Softness of the edge in squared crop units (SoftRas); ``None`` picks :func:`default_sigma` of the size.
    """

    def __init__(self, sigma: float | None = None) -> None:
        super().__init__()
        if sigma is not None and not sigma > 0:
            raise ValueError(f"sigma must be positive, got {sigma}")
        self.sigma = sigma

    def sigma_at(self, size: int) -> float:
        """The softness used for an image side in pixels.

        Args:
            size: Pixels of the image's side.

        Returns:
            Squared crop units.
        """
        return default_sigma(size) if self.sigma is None else self.sigma

    @abstractmethod
    def forward(self, points: Tensor, faces: Tensor, size: int) -> Tensor:
        """Soft silhouettes of projected meshes.

        Args:
            points: (B, V, 3), x and y in crop units ([-1, 1] is visible, +x right, +y down), z depth in metres (larger
                is farther). They are already projected: a vertex behind the camera must not get here.
            faces: (F, 3), wound like SMPL's.
            size: Pixels of the image's side.

        Returns:
            (B, size, size) in [0, 1]; row 0 is the top.

        Raises:
            ValueError: For tensors of another shape.
        """
