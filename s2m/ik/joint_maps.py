"""Which joints of a set play which part of the body: the only thing a new skeleton has to bring.

The units of DIK know *parts* ("left_knee", "thorax", "head"). A joint set has the parts that it names; others are
derived by the rules below, and units whose parts cannot be had are switched off. Because the rest pose goes through
the same map, a derived part is calibrated like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from s2m.skeletons import JOINT_SETS, S2M27, JointSet

Weights = Mapping[str, float]
Parts = Mapping[str, Weights]


def _middle(part: str) -> Weights:
    return {f"left_{part}": 0.5, f"right_{part}": 0.5}


# Part that a set does not name -> what stands for it; the first whose parts (named or derived) are all there.
# COCO, LSP and BlazePose get pelvis, thorax and spine this way; SMPL and Kinect their trunk under other names.
_DERIVED: tuple[tuple[str, tuple[Weights, ...]], ...] = (
    ("pelvis", (_middle("hip"),)),
    ("thorax", ({"neck": 1.0}, _middle("shoulder"))),
    ("spine", ({"navel": 1.0}, {"spine2": 1.0}, {"pelvis": 0.5, "thorax": 0.5})),
    ("head", ({"face": 1.0}, _middle("ear"))),
    # SMPL's foot joint lies at the toes; 3DHP has a toe too, and its foot then plays the heel.
    *((f"{side}_heel", ({f"{side}_foot": 1.0, f"{side}_toe": 0.0},)) for side in ("left", "right")),
    *((f"{side}_toe", ({f"{side}_foot": 1.0},)) for side in ("left", "right")),
    *((f"{side}_index", ({f"{side}_handtip": 1.0}, {f"{side}_hand": 1.0})) for side in ("left", "right")),
    *((f"{side}_pinky", ({f"{side}_thumb": 1.0},)) for side in ("left", "right")),
)


def parts_of(joint_set: JointSet) -> Parts:
    """The joints that make up every part that the joint set names or that can be derived."""
    parts: dict[str, Weights] = {joint: {joint: 1.0} for joint in joint_set.joints}
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


def read_joint_set(path: str | Path) -> JointSet:
    """A user's own joint set from yaml.

    ::

        name: mine
        joints: [pelvis, left_hip, left_knee, null, ...]   # in the order of the data

    Joints are called by the names that the shipped sets use (:func:`known_joints`; the error of an unknown one lists
    them); ``null`` is a joint that nobody reads. The tree follows from the names. Raises ValueError that names the file
    and the field.
    """
    import yaml  # only users' own sets need it

    try:
        content: Any = yaml.safe_load(Path(path).read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: not a readable yaml file: {error}") from error
    if not isinstance(content, dict) or set(content) != {"name", "joints"}:
        raise ValueError(f"{path}: expected the fields 'name' and 'joints', found {content!r:.80}")
    names = content["joints"]
    if not isinstance(names, list) or not names or not all(isinstance(n, str | None) for n in names):
        raise ValueError(f"{path}: joints: expected a list of names (or null), found {names!r:.80}")
    known = known_joints()
    unknown = [name for name in names if name is not None and name not in known]
    if unknown:
        raise ValueError(f"{path}: joints: unknown names {unknown}; known: {', '.join(sorted(known))}")
    joints = tuple(f"unused_{i}" if name is None else name for i, name in enumerate(names))
    repeated = sorted({joint for joint in joints if joints.count(joint) > 1})
    if repeated:
        raise ValueError(f"{path}: joints: named twice: {', '.join(repeated)}")
    return _with_tree(str(content["name"]), joints)


def known_joints() -> set[str]:
    """All joint names of the shipped sets."""
    return {joint for joint_set in JOINT_SETS.values() for joint in joint_set.joints}


def _with_tree(name: str, joints: tuple[str, ...]) -> JointSet:
    root = "pelvis" if "pelvis" in joints else next(joint for joint in joints if not joint.startswith("unused_"))
    above = {child: parent for s in (*JOINT_SETS.values(), S2M27) for child, parent in s.parent_of.items()}

    def parent(joint: str) -> str:
        seen = {joint}
        while (joint := above.get(joint, root)) not in joints and joint not in seen:
            seen.add(joint)
        return joint if joint in joints else root

    found = {joint: parent(joint) for joint in joints if joint != root}
    # A chain of ancestors that leads back to itself hangs from the root instead.
    return JointSet(name, joints, {j: (root if p == j else p) for j, p in found.items()}, root)
