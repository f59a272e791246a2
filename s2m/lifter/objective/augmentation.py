"""Disturb 2D labels as a detector would, so that the lifter learns to undo it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from s2m.fused import Fused
from s2m.lifter.normalise import Normalised, normalise
from s2m.skeletons import JointSet

# How far outliers jump, in lifter units: about 0.2 to 0.6 of the head-root length.
_OUTLIER_REACH = (0.3, 1.0)
# Joints differ in how well they are found: each one's noise is this much of its sample's.
_JOINT_SHARE = (0.5, 1.5)
# Of joints that are hidden here and there, the largest share of a sample; and what is left at least.
_MOST_HIDDEN, _FEWEST_SHOWN = 0.7, 4
# Limbs whose left and right a detector confuses as a whole.
_LIMBS = (("hip", "knee", "ankle", "heel", "toe"), ("shoulder", "elbow", "wrist", "index", "pinky"))


# What a picture's edge or an occluder hides at once, by words that the names of joints contain.
_LEGS, _FEET, _HANDS = ("knee", "ankle", "heel", "toe"), ("ankle", "heel", "toe"), ("wrist", "index", "pinky")
_ARMS = ("elbow", *_HANDS)
_HIDDEN: tuple[tuple[str, ...], ...] = (
    _FEET,
    _LEGS,
    ("hip", "pelvis", *_LEGS),
    ("hip", "pelvis", "spine", *_HANDS, *_LEGS),
    ("hip", "pelvis", "spine", *_ARMS, *_LEGS),
    _HANDS,
    _ARMS,
    ("shoulder", "thorax", "neck_nose", "head", "ear", *_ARMS),
    ("neck_nose", "head", "ear"),
    tuple(f"left_{part}" for part in _LEGS),
    tuple(f"right_{part}" for part in _LEGS),
    tuple(f"left_{part}" for part in _ARMS),
    tuple(f"right_{part}" for part in _ARMS),
    ("left_",),
    ("right_",),
)


class DetectionNoise:
    """Gaussian noise that differs between samples and joints, outliers, swapped limbs, and joints that go missing.

    Args:
        joint_set: Of the poses.
        noise: Each sample's standard deviation is drawn from U(0, noise), in lifter units (0.07 is about 5 % of the
            head-root length).
        missing: Probability that a visible joint is hidden.
        outlier: Probability that a joint jumps.
        swap: Probability, per sample, that the legs, and that the arms, change sides.
        hidden: Probability, per sample, that a part of the body is hidden, as by the picture's edge (legs, an arm, all
            but the head and shoulders, ...); and, apart from that, that a share of its joints is, which is even.
    """

    def __init__(
        self,
        joint_set: JointSet,
        noise: float = 0.07,
        missing: float = 0.02,
        outlier: float = 0.0,
        swap: float = 0.0,
        hidden: float = 0.0,
    ) -> None:
        shares = {"missing": missing, "outlier": outlier, "swap": swap, "hidden": hidden}
        wrong = [f"{name}={value}" for name, value in shares.items() if not 0 <= value < 1]
        if noise < 0 or wrong:
            raise ValueError(
                f"DetectionNoise: expected noise >= 0 and probabilities in [0, 1), found noise={noise}"
                + "".join(f", {text}" for text in wrong)
            )
        self.joint_set, self.noise, self.missing, self.outlier, self.swap = joint_set, noise, missing, outlier, swap
        self.hidden = hidden
        self._shown = torch.tensor([_shown(joint_set, words) for words in _HIDDEN])
        self._limbs = [_exchange(joint_set, limb) for limb in _LIMBS]
        self._disturb = Fused(self._disturbed)

    def __call__(self, target: Normalised, generator: torch.Generator | None = None) -> Normalised:
        """Disturb and normalise again; torch's global generator is used when none is given."""
        points, dice = target.joints2d, _Dice(target.joints2d, generator)
        visible = target.visible * self._shown_of(target.visible, dice) if self.hidden else target.visible
        swaps = [dice.uniform(len(points), 1) for _ in self._limbs] if self.swap else []
        gauss = [dice.uniform(len(points), 1), dice.uniform(*visible.shape), dice.normal(*points.shape)]
        jumps = [dice.uniform(*visible.shape) for _ in range(3)] if self.outlier else []
        return Normalised(*self._disturb(points, visible, dice.uniform(*visible.shape), *gauss, *swaps, *jumps))

    def _shown_of(self, visible: Tensor, dice: _Dice) -> Tensor:
        """(B, J) in {0, 1}: what edges and occluders leave; all of a sample of which fewer than four would be left."""
        self._shown = self._shown.to(visible)
        chosen = (dice.uniform(len(visible)) * len(self._shown)).long().clamp_max(len(self._shown) - 1)
        by_part = torch.where(dice.uniform(len(visible), 1) < self.hidden, self._shown[chosen], 1.0)
        share = dice.uniform(len(visible), 1) * (dice.uniform(len(visible), 1) < self.hidden) * _MOST_HIDDEN
        shown = by_part * (dice.uniform(*visible.shape) >= share)
        return torch.where((shown * visible).sum(1, keepdim=True) >= _FEWEST_SHOWN, shown, 1.0)

    def _disturbed(self, points: Tensor, visible: Tensor, *dice: Tensor) -> tuple[Tensor, ...]:
        """The same with the dice thrown: from U(0, 1), but for ``normal``; the rest are those of swaps, then jumps."""
        kept, sample, joint, normal, *rest = dice
        swaps = rest[: len(self._limbs)] if self.swap else []
        for chance, other in zip(swaps, self._limbs, strict=False):
            chosen = chance < self.swap
            points = torch.where(chosen[..., None], points[:, other], points)
            visible = torch.where(chosen, visible[:, other], visible)
        deviation = self.noise * sample * _between(_JOINT_SHARE, joint)
        points = points + deviation[..., None] * normal
        if self.outlier:
            points = points + _jumps(self.outlier, *rest[len(swaps) :])
        return normalise(points, visible * (kept >= self.missing), self.joint_set).tensors()


def light_and_heavy(
    joint_set: JointSet, noise: float, missing: float, outlier: float, swap: float, hidden: float
) -> tuple[DetectionNoise, DetectionNoise]:
    """What people are shown with who go around the cycle, and those who are to be completed.

    For the latter noise is half as large again, outliers and swaps are twice as frequent, and parts are hidden.

    Args:
        joint_set: Of the poses.
        noise: See :class:`DetectionNoise`.
        missing: See :class:`DetectionNoise`.
        outlier: See :class:`DetectionNoise`.
        swap: See :class:`DetectionNoise`.
        hidden: See :class:`DetectionNoise`.
    """
    light = DetectionNoise(joint_set, noise, missing, outlier, swap)
    return light, DetectionNoise(joint_set, 1.5 * noise, missing, 2 * outlier, 2 * swap, hidden)


class _Dice:
    """Random numbers like a given tensor."""

    def __init__(self, like: Tensor, generator: torch.Generator | None) -> None:
        self._options = {"device": like.device, "dtype": like.dtype, "generator": generator}

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, **self._options)  # type: ignore[call-overload, no-any-return]

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, **self._options)  # type: ignore[call-overload, no-any-return]


def _shown(joint_set: JointSet, words: tuple[str, ...]) -> list[float]:
    return [0.0 if any(word in joint for word in words) else 1.0 for joint in joint_set.joints]


def _exchange(joint_set: JointSet, limb: tuple[str, ...]) -> list[int]:
    """Where each joint comes from when a limb's sides are exchanged."""
    names = [
        joint_set.joints[mirror] if joint.split("_", 1)[-1] in limb else joint
        for joint, mirror in zip(joint_set.joints, joint_set.mirror, strict=True)
    ]
    return joint_set.indices(names)


def _between(limits: tuple[float, float], uniform: Tensor) -> Tensor:
    low, high = limits
    return low + (high - low) * uniform


def _jumps(probability: float, chance: Tensor, reach: Tensor, turn: Tensor) -> Tensor:
    """(B, J, 2) from three throws (B, J), uniform on [0, 1]."""
    length, angle = (chance < probability) * _between(_OUTLIER_REACH, reach), 2 * math.pi * turn
    return length[..., None] * torch.stack([angle.cos(), angle.sin()], -1)
