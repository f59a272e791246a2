"""Which joints of a set play which part of the body: the only thing a new skeleton has to bring.

The units of DIK know *parts* ("left_knee", "thorax", "head"). A joint set gives each part as a weighted sum of its
joints; what it does not mention has the part's own name, and parts that it does not have switch units off. Because
the rest pose goes through the same map, a derived part is calibrated like any other.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from s2m.skeletons import JointSet

Parts = Mapping[str, Mapping[str, float]]

_SMPL24: Parts = {
    # SMPL has no head top, nose or finger tips: the neck follows the head joint, the endpoints the foot and hand.
    "spine": {"spine2": 1.0},
    "thorax": {"neck": 1.0},
    "left_toe": {"left_foot": 1.0},
    "right_toe": {"right_foot": 1.0},
    "left_index": {"left_hand": 1.0},
    "right_index": {"right_hand": 1.0},
}

JOINT_MAPS: dict[str, Parts] = {"smpl24": _SMPL24}


def parts_of(joint_set: JointSet) -> Parts:
    """The joints that make up every part that the joint set has."""
    special = JOINT_MAPS.get(joint_set.name, {})
    return {**{joint: {joint: 1.0} for joint in joint_set.joints}, **special}


def part_matrix(joint_set: JointSet, names: tuple[str, ...]) -> Tensor:
    """(P, J) weights that turn joints into the named parts. KeyError when the set lacks one of them."""
    parts = parts_of(joint_set)
    matrix = torch.zeros(len(names), len(joint_set), dtype=torch.float64)
    for row, name in enumerate(names):
        if name not in parts:
            raise KeyError(f"joint set {joint_set.name} has no '{name}'; it has: {', '.join(sorted(parts))}")
        for joint, weight in parts[name].items():
            matrix[row, joint_set.index(joint)] = weight
    return matrix
