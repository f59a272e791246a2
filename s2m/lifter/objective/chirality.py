"""What tells a skeleton from its mirrored depth."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from s2m.fused import Fused
from s2m.lifter.objective.cycle import Cycle
from s2m.lifter.objective.terms import EPSILON, Term, distances
from s2m.skeletons import JointSet


class Chirality(Term):
    """People bend forwards: the depth sign, which the cycle leaves open, is fixed by anatomy alone.

    f = unit((thorax - pelvis) x ((right hip - left hip) + (right shoulder - left shoulder))) points out of the chest
    (camera frame, +y down). A mirrored depth turns f around relative to the body, so of a skeleton and its mirror
    image one pays: ``mean relu(-f.(knee - (hip + ankle) / 2))`` for both knees, plus ``mean relu(m - f.(a - b))`` for
    every pair of joints of which a lies in front of b by a margin m: the middle of the neck before its base; where the
    set has them, toes before heels. Unit: lifter units. Source: this project.

    Args:
        joint_set: Names and order of the joints.
        margin: m, lifter units.
    """

    def __init__(self, joint_set: JointSet, margin: float = 0.02) -> None:
        super().__init__()
        self.margin = margin
        self.joints = {joint: joint_set.index(joint) for joint in ("thorax", "pelvis")}
        sides = [[joint_set.index(f"{side}_{part}") for side in ("right", "left")] for part in ("hip", "shoulder")]
        self.hips, self.shoulders = sides
        legs = [joint_set.indices([f"{side}_{p}" for p in ("knee", "hip", "ankle")]) for side in ("right", "left")]
        fronts = [joint_set.indices(pair) for pair in front_pairs(joint_set)]
        self.register_buffer("legs", torch.tensor(legs).T, persistent=False)
        self.register_buffer("fronts", torch.tensor(fronts).T, persistent=False)
        self.legs: Tensor
        self.fronts: Tensor
        self._penalties = Fused(self._penalties_of)

    def forward(self, cycle: Cycle) -> Tensor:
        """Return the unweighted loss, a scalar.

        Args:
            cycle: One batch's way around the cycle, see :class:`~s2m.lifter.objective.cycle.Cycle`.
        """
        loss: Tensor = self._penalties(cycle.skeleton).mean()
        return loss

    def _penalties_of(self, skeleton: Tensor) -> Tensor:
        """(B, J, 3) to (B,)."""
        knees, fronts = self.evidence(skeleton)
        return torch.relu(-knees).sum(1) + torch.relu(self.margin - fronts).sum(1)

    def evidence(self, skeleton: Tensor) -> tuple[Tensor, Tensor]:
        """How far knees and front joints lie in front; negative is suspicious.

        Args:
            skeleton: (B, J, 3) lifter units, camera frame.

        Returns:
            Knees (B, 2), and front joints (B, P), lifter units.
        """
        forward = self.facing(skeleton)[:, None]
        knees, hips, ankles = self.legs
        bend = skeleton[:, knees] - (skeleton[:, hips] + skeleton[:, ankles]) / 2
        front, back = self.fronts
        offset = skeleton[:, front] - skeleton[:, back]
        return (bend * forward).sum(-1), (offset * forward).sum(-1)

    def facing(self, skeleton: Tensor) -> Tensor:
        """Unit vector out of the chest; zero for a torso without extent.

        Args:
            skeleton: (B, J, 3) lifter units, camera frame.

        Returns:
            (B, 3).
        """
        up = skeleton[:, self.joints["thorax"]] - skeleton[:, self.joints["pelvis"]]
        rightwards = right_minus_left(skeleton, self.hips) + right_minus_left(skeleton, self.shoulders)
        normal: Tensor = torch.linalg.cross(up, rightwards)
        return normal / distances(normal)[:, None].clamp_min(EPSILON)

    def suspicious(self, skeleton: Tensor) -> Tensor:
        """(B,) bool: more of the evidence speaks for the mirrored depth. A diagnostic that needs no truth.

        Args:
            skeleton: (B, J, 3) lifter units, camera frame.
        """
        knees, fronts = self.evidence(skeleton)
        return knees.sum(1) + fronts.sum(1) < 0


def front_pairs(joint_set: JointSet) -> list[tuple[str, str]]:
    """(front, back) joints that the set has, of those whose order is anatomically given.

    Args:
        joint_set: Names and order of the joints.
    """
    pairs = [("neck_nose", "thorax")]
    pairs += [(f"{side}_toe", f"{side}_heel") for side in ("right", "left")]
    return [pair for pair in pairs if all(joint in joint_set for joint in pair)]


def right_minus_left(skeleton: Tensor, sides: Sequence[int]) -> Tensor:
    """Right minus left, (B, 3).

    Args:
        skeleton: (B, J, 3) lifter units, camera frame.
        sides: Positions of the left and of the right joint.

    Returns:
        (B, 3).
    """
    right, left = sides
    return skeleton[:, right] - skeleton[:, left]
