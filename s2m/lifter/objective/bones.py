"""Bone-length ratios as a prior on lifted skeletons."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from s2m.fused import Fused
from s2m.lifter.objective.cycle import Cycle
from s2m.lifter.objective.terms import EPSILON, Term, distances
from s2m.skeletons import JointSet


class BoneRatios(Term):
    """``mean_b (l_b / mean(l) - r_b)^2 + mean_b relu(|r_b - t_b| - q t_b)^2``: people's bones have the same ratios.

    l: lengths of the lifted skeleton's bones. r: the ratios, **learned** with the lifter, because a detector's joints
    are not a template's (its spine alone may lie a third of a bone away), while the ratios of one detector's joints
    differ between people by a few per cent only. t: the template's ratios, where r starts; q: ``reach``, the share of
    t by which r may leave them for free. Dimensionless. Source: bone priors are common in unsupervised lifting (e.g.
    Yu et al., ICCV 2021); learned ratios are this project's.

    Args:
        pairs: (parent, child) positions of each bone's joints.
        lengths: Bones of the template, any unit, one for each of ``pairs``.
        reach: q, the share of a ratio by which it may be learned for free.
    """

    def __init__(self, pairs: Sequence[tuple[int, int]], lengths: Sequence[float], reach: float = 0.4) -> None:
        super().__init__()
        if len(pairs) != len(lengths) or min(lengths) <= 0:
            raise ValueError(f"BoneRatios: expected {len(pairs)} positive lengths, found {list(lengths)}")
        if reach < 0:
            raise ValueError(f"BoneRatios: expected reach >= 0, found {reach}")
        template = torch.tensor(list(lengths), dtype=torch.float32)
        self.register_buffer("pairs", torch.tensor(list(pairs)).T, persistent=False)
        self.register_buffer("template", template / template.mean(), persistent=False)
        self.ratios = nn.Parameter(template / template.mean())
        self.reach = reach
        self._ratios = Fused(self._of_skeleton)
        self.pairs: Tensor
        self.template: Tensor

    def forward(self, cycle: Cycle) -> Tensor:
        """Return the unweighted loss, a scalar.

        Args:
            cycle: One batch's way around the cycle, see :class:`~s2m.lifter.objective.cycle.Cycle`.
        """
        deviation = self._ratios(cycle.skeleton) - self.ratios
        astray = torch.relu((self.ratios - self.template).abs() - self.reach * self.template)
        return deviation.square().mean() + astray.square().mean()

    def _of_skeleton(self, skeleton: Tensor) -> Tensor:
        """(B, J, 3) to (B, P), each length over their mean."""
        parents, children = self.pairs
        length = distances(skeleton[:, children] - skeleton[:, parents])
        return length / length.mean(1, keepdim=True).clamp_min(EPSILON)


def rigid_pairs(joint_set: JointSet) -> list[tuple[int, int]]:
    """Pairs of joints at a fixed distance: all bones, and what closes the triangles of feet, hands and head.

    Args:
        joint_set: Names and order of the joints.
    """
    closing = [("right_ear", "left_ear")]
    for side in ("right", "left"):
        closing += [(f"{side}_toe", f"{side}_heel"), (f"{side}_index", f"{side}_pinky"), (f"{side}_ear", "head")]
    present = [pair for pair in closing if all(joint in joint_set for joint in pair)]
    return [*joint_set.bones, *((joint_set.index(first), joint_set.index(second)) for first, second in present)]
