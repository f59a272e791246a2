"""Bone-length ratios as a prior on lifted skeletons."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from s2m.lifter.objective.cycle import Cycle
from s2m.lifter.objective.terms import Term, distances
from s2m.skeletons import JointSet


class BoneRatios(Term):
    """``mean_b (l_b / mean(l) - t_b / mean(t))^2``: bones are as long, relative to each other, as the template's.

    l: lengths of the lifted skeleton's bones, t: the template's. Dimensionless. Source: bone priors are common in
    unsupervised lifting (e.g. Yu et al., ICCV 2021); this form is this project's.

    lengths: template, any unit; one for each (parent, child) pair of ``pairs``. tolerance: deviations up to this share
    of the template's ratio cost nothing: people differ, and a template's joints are not a detector's.
    """

    def __init__(self, pairs: Sequence[tuple[int, int]], lengths: Sequence[float], tolerance: float = 0.0) -> None:
        super().__init__()
        if len(pairs) != len(lengths) or min(lengths) <= 0:
            raise ValueError(f"BoneRatios: expected {len(pairs)} positive lengths, found {list(lengths)}")
        ratios = torch.tensor(list(lengths), dtype=torch.float32)
        self.register_buffer("pairs", torch.tensor(list(pairs)).T, persistent=False)
        self.register_buffer("ratios", ratios / ratios.mean(), persistent=False)
        self.tolerance = tolerance
        self.pairs: Tensor
        self.ratios: Tensor

    def forward(self, cycle: Cycle) -> Tensor:
        """Return the unweighted loss, a scalar."""
        parents, children = self.pairs
        length = distances(cycle.skeleton[:, children] - cycle.skeleton[:, parents])
        deviation = length / length.mean(1, keepdim=True) - self.ratios
        return torch.relu(deviation.abs() - self.tolerance * self.ratios).square().mean()


def rigid_pairs(joint_set: JointSet) -> list[tuple[int, int]]:
    """Pairs of joints at a fixed distance: all bones, and what closes the triangles of feet, hands and head."""
    closing = [("right_ear", "left_ear")]
    for side in ("right", "left"):
        closing += [(f"{side}_toe", f"{side}_heel"), (f"{side}_index", f"{side}_pinky"), (f"{side}_ear", "head")]
    present = [pair for pair in closing if all(joint in joint_set for joint in pair)]
    return [*joint_set.bones, *((joint_set.index(first), joint_set.index(second)) for first, second in present)]
