"""Which joints of a set play which part of the body: the only thing a new skeleton has to bring.

The units of DIK know *parts* ("left_knee", "thorax", "head"). A joint set has the parts that it names; others are
derived by the rules below, and units whose parts cannot be had are switched off. Because the rest pose goes through
the same map, a derived part is calibrated like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor

from s2m.skeletons import JointSet

Weights = Mapping[str, float]
Parts = Mapping[str, Weights]


def _middle(part: str) -> Weights:
    return {f"left_{part}": 0.5, f"right_{part}": 0.5}


# Part that a set does not name -> what stands for it; the first whose parts (named or derived) are all there.
# COCO, LSP and BlazePose get pelvis, thorax and spine this way; SMPL and Kinect their trunk under other names.
_DERIVED: tuple[tuple[str, tuple[Weights, ...]], ...] = (
    ("pelvis", (_middle("hip"),)),
    ("thorax", ({"neck": 1.0}, _middle("shoulder"))),
    ("spine", ({"navel": 1.0}, {"spine2": 1.0}, {"lumbar1": 1.0}, {"pelvis": 0.5, "thorax": 0.5})),
    ("head", ({"face": 1.0}, _middle("ear"), {"head_joint": 1.0})),
    # A rig has eyes in its head, and no nose.
    ("nose", (_middle("eye"),)),
    # SMPL's foot joint lies at the toes; 3DHP has a toe too, and its foot then plays the heel.
    *((f"{side}_heel", ({f"{side}_foot": 1.0, f"{side}_toe": 0.0},)) for side in ("left", "right")),
    *((f"{side}_toe", ({f"{side}_foot": 1.0}, {f"{side}_ball": 1.0})) for side in ("left", "right")),
    *(
        (f"{side}_index", tuple({f"{side}_{point}": 1.0} for point in ("index1", "handtip", "hand")))
        for side in ("left", "right")
    ),
    *((f"{side}_pinky", ({f"{side}_pinky1": 1.0}, {f"{side}_thumb": 1.0})) for side in ("left", "right")),
)


def parts_of(joint_set: JointSet) -> Parts:
    """The joints that make up every part that the joint set names or that can be derived.

    Args:
        joint_set: Names and order of the joints.
    """
    return _parts(joint_set.joints)


@lru_cache(maxsize=64)
def _parts(joints: tuple[str, ...]) -> Parts:
    parts: dict[str, Weights] = {joint: {joint: 1.0} for joint in joints}
    for part, choices in _DERIVED:
        chosen = next((choice for choice in choices if choice.keys() <= parts.keys()), None)
        if part not in parts and chosen is not None:
            parts[part] = _expand(chosen, parts)
    return parts


def _expand(weights: Weights, parts: Parts) -> Weights:
    """A sum of parts as a sum of joints."""
    total: dict[str, float] = {}
    for part, weight in weights.items():
        for joint, share in parts[part].items():
            total[joint] = total.get(joint, 0.0) + weight * share
    return {joint: weight for joint, weight in total.items() if weight}


def part_of(joint_set: JointSet, parts: Parts, name: str) -> Weights:
    """The joints that make up a part.

    Args:
        joint_set: The set, for the message.
        parts: Of the set, see :func:`parts_of`.
        name: Of the part.

    Raises:
        KeyError: When the set lacks it.
    """
    if name not in parts:
        raise KeyError(f"joint set {joint_set.name} has no '{name}'; it has: {', '.join(sorted(parts))}")
    return parts[name]


def part_matrix(joint_set: JointSet, names: tuple[str, ...]) -> Tensor:
    """Weights that turn joints into the named parts.

    Args:
        joint_set: Names and order of the joints.
        names: Of the P parts.

    Returns:
        (P, J) weights.

    Raises:
        KeyError: When the set lacks one of them.
    """
    parts = parts_of(joint_set)
    matrix = torch.zeros(len(names), len(joint_set), dtype=torch.float64)
    for row, name in enumerate(names):
        for joint, weight in part_of(joint_set, parts, name).items():
            matrix[row, joint_set.index(joint)] = weight
    return matrix
