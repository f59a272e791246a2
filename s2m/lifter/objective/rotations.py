"""Random turns of the viewpoint for the re-projection."""

from __future__ import annotations

import math

import roma
import torch
from torch import Tensor


class RandomTurn:
    """Rotations from the camera that took a picture to another camera that might have taken it.

    ``R = Rz(roll) Rx(elevation) Ry(azimuth) Rx(-mean elevation)`` in the camera frame (+x right, +y down, +z forward):
    level the camera, walk around the person, tilt the new camera. Azimuth is uniform on the circle, elevation
    U(mean - range, mean + range), roll U(-range, range). An elevation is positive where the camera looks down.

    **Assumption**: the camera of the real picture is taken to have the mean elevation, which is therefore a statement
    about the data (the open data: -5 to 20 degrees). All arguments in degrees.
    """

    def __init__(self, mean_elevation: float = 7.5, elevation_range: float = 12.5, roll_range: float = 0.0) -> None:
        if elevation_range < 0 or roll_range < 0:
            raise ValueError(f"RandomTurn: expected ranges >= 0, found {elevation_range} and {roll_range}")
        self.mean = math.radians(mean_elevation)
        self.elevation_range = math.radians(elevation_range)
        self.roll_range = math.radians(roll_range)
        self._level: Tensor = roma.euler_to_rotmat("X", torch.tensor([-self.mean]))

    def __call__(self, count: int, device: torch.device, generator: torch.Generator | None = None) -> Tensor:
        """Draw (count, 3, 3) rotations; torch's global generator is used when none is given."""
        uniform = 2 * torch.rand(3, count, device=device, generator=generator) - 1
        roll, elevation, azimuth = uniform
        angles = [self.roll_range * roll, self.mean + self.elevation_range * elevation, math.pi * azimuth]
        turned: Tensor = roma.euler_to_rotmat("ZXY", torch.stack(angles, dim=-1))
        return turned @ self._level.to(device)
