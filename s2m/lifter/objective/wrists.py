"""Hands continue their forearms."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.lifter.objective.cycle import Cycle
from s2m.lifter.objective.terms import EPSILON, Term
from s2m.skeletons import JointSet

_PARTS = ("elbow", "wrist", "index", "pinky")


class StraightWrists(Term):
    """``mean (1 - cos(wrist - elbow, (index + pinky) / 2 - wrist))`` over both sides: wrists rest near their middle.

    A hand is so short that its 2D image hardly tells which way it bends in depth; rigid bones alone let the lifter bend
    every wrist one way or the other by some 20 degrees. Dimensionless. Source: this project; that wrists stay near
    their neutral position in daily activities: Ryu et al., J. Hand Surgery 1991 (40 degrees both ways suffice).

    Raises KeyError for a joint set without knuckles.
    """

    def __init__(self, joint_set: JointSet) -> None:
        super().__init__()
        columns = [joint_set.indices([f"{side}_{part}" for side in ("right", "left")]) for part in _PARTS]
        self.register_buffer("columns", torch.tensor(columns), persistent=False)
        self.columns: Tensor

    def forward(self, cycle: Cycle) -> Tensor:
        """Return the unweighted loss, a scalar."""
        elbow, wrist, index, pinky = (cycle.skeleton[:, columns] for columns in self.columns)
        hand = (index + pinky) / 2 - wrist
        return 1 - torch.nn.functional.cosine_similarity(wrist - elbow, hand, dim=-1, eps=EPSILON).mean()


def has_hands(joint_set: JointSet) -> bool:
    """Whether a joint set has what the term needs."""
    return all(f"{side}_{part}" in joint_set for side in ("right", "left") for part in _PARTS)
