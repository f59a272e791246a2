"""Random turns of the viewpoint for the re-projection."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from s2m.fused import Fused
from s2m.lifter.network import Lifter
from s2m.lifter.normalise import Normalised


class Turn(ABC):
    """Draws rotations from the camera that took a picture to another camera that might have taken it.

    ``R = Rz(roll) Rx(elevation') Ry(azimuth) Rx(-elevation)`` in the camera frame (+x right, +y down, +z forward):
    level the camera, walk around the person, tilt the new camera. Azimuth is uniform on the circle, roll
    U(-range, range). An elevation is positive where the camera looks down. Arguments are in degrees.

    Args:
        roll_range: Largest roll of the new camera, degrees.
    """

    # Width of the lifter's elevation head; 0: the lifter has none.
    elevation_width: int = 0

    def __init__(self, roll_range: float = 0.0) -> None:
        if roll_range < 0:
            raise ValueError(f"{type(self).__name__}: expected roll_range >= 0, found {roll_range}")
        self.roll_range = math.radians(roll_range)

    @abstractmethod
    def elevations(
        self, lifter: Lifter, target: Normalised, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Elevation of the camera that took each picture, and of the new one; (B,) radians.

        Args:
            lifter: The network that is trained; some turns ask it for the elevation.
            target: The normalised joints of the pictures.
            generator: Of random numbers; torch's global one if ``None``.
        """

    def __call__(self, lifter: Lifter, target: Normalised, generator: torch.Generator | None = None) -> Tensor:
        """Draw (B, 3, 3) rotations; torch's global generator is used when none is given."""
        old, new = self.elevations(lifter, target, generator)
        azimuth, roll = _symmetric(2, target, generator)
        turned = _around(new, math.pi * azimuth, old)
        return about_z(self.roll_range * roll) @ turned if self.roll_range else turned


class RandomTurn(Turn):
    """Elevations are assumed: a mean for the picture's camera, a range around it for the new one.

    The mean is therefore a statement about the data (the open data: -5 to 20 degrees). Source: Chen et al. 2019.

    Args:
        mean_elevation: Elevation of the cameras that took the pictures, degrees; positive looks down.
        elevation_range: The new camera's elevation is at most this far from the mean, degrees.
        roll_range: The new camera's roll is at most this far from level, degrees.
    """

    def __init__(self, mean_elevation: float = 7.5, elevation_range: float = 12.5, roll_range: float = 0.0) -> None:
        super().__init__(roll_range)
        if elevation_range < 0:
            raise ValueError(f"RandomTurn: expected elevation_range >= 0, found {elevation_range}")
        self.mean, self.elevation_range = math.radians(mean_elevation), math.radians(elevation_range)

    def elevations(
        self, lifter: Lifter, target: Normalised, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`Turn`."""
        (uniform,) = _symmetric(1, target, generator)
        return torch.full_like(uniform, self.mean), self.mean + self.elevation_range * uniform


class LearnedTurn(Turn):
    """The lifter tells each picture's elevation; the new one is N(m, spread^2), m being the batch's mean of these.

    The elevation head learns from what the discriminator refuses, so nothing is assumed of the cameras' mean. The
    spread is an assumption, because it cannot be learned well. Source: ElePose, Wandt et al., CVPR 2022.

    Args:
        spread: Standard deviation of the new camera's elevation, degrees; null: that of the batch, as in the source,
            which shrinks to a fraction of the truth.
        width: Neurons of the lifter's elevation head.
        roll_range: The new camera's roll is at most this far from level, degrees.
    """

    def __init__(self, spread: float | None = 7.2, width: int = 128, roll_range: float = 0.0) -> None:
        super().__init__(roll_range)
        if width <= 0 or (spread is not None and spread < 0):
            raise ValueError(f"LearnedTurn: expected width > 0 and spread >= 0, found {width} and {spread}")
        self.spread = None if spread is None else math.radians(spread)
        self.elevation_width = width

    def elevations(
        self, lifter: Lifter, target: Normalised, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`Turn`.

        Raises:
            ValueError: For a lifter without an elevation head.
        """
        told = lifter.tell_elevation(target.joints2d, target.visible)
        spread = told.std(correction=0) if self.spread is None else self.spread
        normal = torch.randn(told.shape, device=told.device, dtype=told.dtype, generator=generator)
        return told, told.mean() + spread * normal


def _symmetric(count: int, target: Normalised, generator: torch.Generator | None) -> Tensor:
    """(count, B) from U(-1, 1)."""
    points = target.joints2d
    shape = (count, len(points))
    return 2 * torch.rand(shape, device=points.device, dtype=points.dtype, generator=generator) - 1


@Fused
def _around(new: Tensor, azimuth: Tensor, old: Tensor) -> Tensor:
    """``Rx(new) Ry(azimuth) Rx(-old)``, multiplied out; (B,) radians to (B, 3, 3)."""
    (c, ca, co), (s, sa, so) = ((torch.stack([new, azimuth, old])).cos(), torch.stack([new, azimuth, old]).sin())
    rows = [
        (ca, -sa * so, sa * co),
        (s * sa, c * co + s * ca * so, c * so - s * ca * co),
        (-c * sa, s * co - c * ca * so, s * so + c * ca * co),
    ]
    return torch.stack([entry for row in rows for entry in row], -1).view(-1, 3, 3)


def about_z(angle: Tensor) -> Tensor:
    """Rotations about the z axis.

    Args:
        angle: (B,) radians.

    Returns:
        (B, 3, 3).
    """
    zero, one, cos, sin = torch.zeros_like(angle), torch.ones_like(angle), angle.cos(), angle.sin()
    return torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], -1).view(-1, 3, 3)
