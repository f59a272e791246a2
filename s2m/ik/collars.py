"""Collars: the shoulders tell where they point."""

from __future__ import annotations

import math

from torch import Tensor, nn

from s2m.ik import quaternion as quat
from s2m.ik.columns import Swing, constant, directions, power

_SLACK = 0.006  # metres: error of the chest's own position on clean joints


class Collars(nn.Module):
    """Swing of both collar bones from where the shoulders are, shrunk towards rest as far as noise warrants.

    Args:
        collars: (2, 3) the body's left and right collar joint at rest, relative to the thorax keypoint: metres, body
            frame.
        shoulders: (2, 3) the shoulder keypoints, likewise.
        spread: How far collars turn from rest, a standard deviation in radians.
        noise: Standard deviation of the joints, metres.
    """

    collars: Tensor
    gain: Tensor

    def __init__(self, collars: Tensor, shoulders: Tensor, spread: float, noise: float) -> None:
        super().__init__()
        rest = quat.direction(shoulders - collars)
        self.swing = Swing(rest, quat.direction(quat.reject(rest.roll(1, -1), rest)))
        constant(self, "collars", collars.T[..., None])
        lever = float((shoulders - collars).norm(dim=-1).mean())
        constant(self, "gain", rest.new_full((2, 1), shrinkage(math.hypot(noise, _SLACK), lever, spread)))

    def forward(self, shoulders: Tensor) -> Tensor:
        """Solve the collars.

        Args:
            shoulders: (3, 2, B) relative to the thorax keypoint, metres, chest's frame.

        Returns:
            Quaternions (4, 2, B), relative to the chest.
        """
        pointing, _ = directions(shoulders - self.collars)
        return power(self.swing(pointing), self.gain)


def shrinkage(noise: float, lever: float, spread: float) -> float:
    """Share of a measured angle that a prior of ``spread`` radians leaves, with noise at both ends of a lever.

    Args:
        noise: Standard deviation of either end, metres.
        lever: Distance of the ends, metres.
        spread: Standard deviation of the angle itself, radians.

    Returns:
        A factor in [0, 1]; 1 without noise.
    """
    return spread**2 / (spread**2 + 2 * (noise / lever) ** 2)
