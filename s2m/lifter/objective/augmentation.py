"""Disturb 2D labels as a detector would, so that the lifter learns to undo it."""

from __future__ import annotations

import torch

from s2m.lifter.normalise import Normalised, normalise
from s2m.skeletons import JointSet


class DetectionNoise:
    """Gaussian noise whose size differs from sample to sample, and joints that go missing.

    noise: each sample's standard deviation is drawn from U(0, noise), in lifter units (0.07 is about 5 % of the
    head-root length). missing: probability that a visible joint is hidden.
    """

    def __init__(self, noise: float = 0.07, missing: float = 0.02) -> None:
        if noise < 0 or not 0 <= missing < 1:
            raise ValueError(f"DetectionNoise: expected noise >= 0 and missing in [0, 1), found {noise} and {missing}")
        self.noise, self.missing = noise, missing

    def __call__(self, target: Normalised, joint_set: JointSet, generator: torch.Generator | None = None) -> Normalised:
        """Disturb and normalise again; torch's global generator is used when none is given."""
        points, visible = target.joints2d, target.visible
        device, dtype = points.device, points.dtype
        deviation = self.noise * torch.rand(len(points), 1, 1, device=device, dtype=dtype, generator=generator)
        noisy = points + deviation * torch.randn(points.shape, device=device, dtype=dtype, generator=generator)
        kept = torch.rand(visible.shape, device=device, generator=generator) >= self.missing
        seen = visible * kept
        return normalise(noisy, seen, joint_set)
