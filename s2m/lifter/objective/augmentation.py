"""Disturb 2D labels as a detector would, so that the lifter learns to undo it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from s2m.lifter.normalise import Normalised, normalise
from s2m.skeletons import JointSet

# How far outliers jump, in lifter units: about 0.2 to 0.6 of the head-root length.
_OUTLIER_REACH = (0.3, 1.0)
# Joints differ in how well they are found: each one's noise is this much of its sample's.
_JOINT_SHARE = (0.5, 1.5)
# Limbs whose left and right a detector confuses as a whole.
_LIMBS = (("hip", "knee", "ankle", "heel", "toe"), ("shoulder", "elbow", "wrist", "index", "pinky"))


class DetectionNoise:
    """Gaussian noise that differs between samples and joints, outliers, swapped limbs, and joints that go missing.

    noise: each sample's standard deviation is drawn from U(0, noise), in lifter units (0.07 is about 5 % of the
    head-root length). missing: probability that a visible joint is hidden. outlier: probability that a joint jumps.
    swap: probability, per sample, that the legs, and that the arms, change sides.
    """

    def __init__(self, noise: float = 0.07, missing: float = 0.02, outlier: float = 0.0, swap: float = 0.0) -> None:
        shares = {"missing": missing, "outlier": outlier, "swap": swap}
        wrong = [f"{name}={value}" for name, value in shares.items() if not 0 <= value < 1]
        if noise < 0 or wrong:
            raise ValueError(
                f"DetectionNoise: expected noise >= 0 and probabilities in [0, 1), found noise={noise}"
                + "".join(f", {text}" for text in wrong)
            )
        self.noise, self.missing, self.outlier, self.swap = noise, missing, outlier, swap

    def __call__(self, target: Normalised, joint_set: JointSet, generator: torch.Generator | None = None) -> Normalised:
        """Disturb and normalise again; torch's global generator is used when none is given."""
        points, visible = target.joints2d, target.visible
        dice = _Dice(points, generator)
        if self.swap:
            points, visible = _swapped(points, visible, joint_set, dice, self.swap)
        deviation = self.noise * dice.uniform(len(points), 1, 1) * dice.between(_JOINT_SHARE, *visible.shape)[..., None]
        noisy = points + deviation * dice.normal(*points.shape)
        if self.outlier:
            noisy = noisy + _jumps(dice, visible, self.outlier)
        kept = dice.uniform(*visible.shape) >= self.missing
        return normalise(noisy, visible * kept, joint_set)


class _Dice:
    """Random numbers like a given tensor."""

    def __init__(self, like: Tensor, generator: torch.Generator | None) -> None:
        self._options = {"device": like.device, "dtype": like.dtype, "generator": generator}

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, **self._options)  # type: ignore[call-overload, no-any-return]

    def between(self, limits: tuple[float, float], *shape: int) -> Tensor:
        low, high = limits
        return low + (high - low) * self.uniform(*shape)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, **self._options)  # type: ignore[call-overload, no-any-return]


def _swapped(
    points: Tensor, visible: Tensor, joint_set: JointSet, dice: _Dice, probability: float
) -> tuple[Tensor, Tensor]:
    for limb in _LIMBS:
        chosen = dice.uniform(len(points), 1) < probability
        other = _exchange(joint_set, limb)
        points = torch.where(chosen[..., None], points[:, other], points)
        visible = torch.where(chosen, visible[:, other], visible)
    return points, visible


def _exchange(joint_set: JointSet, limb: tuple[str, ...]) -> list[int]:
    """Where each joint comes from when a limb's sides are exchanged."""
    names = [
        joint_set.joints[mirror] if joint.split("_", 1)[-1] in limb else joint
        for joint, mirror in zip(joint_set.joints, joint_set.mirror, strict=True)
    ]
    return joint_set.indices(names)


def _jumps(dice: _Dice, visible: Tensor, probability: float) -> Tensor:
    jumping = dice.uniform(*visible.shape) < probability
    reach, angle = dice.between(_OUTLIER_REACH, *visible.shape), 2 * math.pi * dice.uniform(*visible.shape)
    return (jumping * reach)[..., None] * torch.stack([angle.cos(), angle.sin()], -1)
