"""Anny's bodies brought into SMPL's convention: axes, T-pose, 24 parts. Only the builder of the open body needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.skeletons import SMPL24

# T-pose directions of the left side (mirrored in x on the right). The thighs run slightly inwards, which brings the
# ankles under the hips; Anny stands with its legs apart.
_THIGH = (-0.03, -1.0, 0.0)
_SHANK = (0.0, -1.0, 0.0)
_ARM = (1.0, 0.0, 0.0)
_FRONT = (0.0, 0.0, 1.0)
_CLAVICLE_RAISE = np.deg2rad(12.0)
_KNUCKLES = (2, 3, 4, 5)
_BATCH = 50
# SMPL's own template has its pelvis about here rather than at the origin.
PELVIS = (0.0, -0.22, 0.03)

_MIDDLE_PARTS = {
    "root": "pelvis",
    "pelvis.L": "pelvis",
    "pelvis.R": "pelvis",
    "spine05": "pelvis",
    "spine04": "spine1",
    "spine03": "spine1",
    "spine02": "spine2",
    "spine01": "spine3",
    "head": "head",
    "eye.L": "head",
    "eye.R": "head",
}
_SIDE_PARTS = (
    ("upperleg", "hip"),
    ("lowerleg", "knee"),
    ("foot", "ankle"),
    ("toe", "foot"),
    ("clavicle", "collar"),
    ("shoulder", "collar"),
    ("upperarm", "shoulder"),
    ("lowerarm", "elbow"),
    ("wrist", "wrist"),
    ("metacarpal", "wrist"),
    ("finger", "hand"),
)


@dataclass(frozen=True, eq=False)
class PosedBodies:
    """Bodies in SMPL's T-pose.

    Attributes:
        vertices: (N, V, 3) metres, SMPL's body frame.
        joints: (N, 24, 3) metres, same frame.
        weights: (V, 24) skinning weights on SMPL's parts.
        bone_weights: (V,) skinning weights on each of Anny's bones, by name.
    """

    vertices: NDArray[np.float32]
    joints: NDArray[np.float32]
    weights: NDArray[np.float64]
    bone_weights: dict[str, NDArray[np.float64]]


def smpl_part(bone: str) -> str:
    """Which of SMPL's 24 parts moves an Anny bone.

    Args:
        bone: Anny's name of the bone.

    Raises:
        KeyError: For an unknown bone.
    """
    if bone in _MIDDLE_PARTS:
        return _MIDDLE_PARTS[bone]
    if bone.startswith("neck"):
        return "neck"
    side = {"L": "left", "R": "right"}[bone[-1]]
    for prefix, part in _SIDE_PARTS:
        if bone.startswith(prefix):
            return f"{side}_{part}"
    raise KeyError(f"no SMPL part for Anny's bone '{bone}'")


def posed_bodies(model: Any, phenotypes: dict[str, Tensor]) -> PosedBodies:
    """Put Anny bodies into SMPL's T-pose.

    Args:
        model: Anny's model.
        phenotypes: Values (N,) of Anny's phenotypes (age, weight, ...), by name.
    """
    weights = bone_weights(model)
    count = len(next(iter(phenotypes.values())))
    vertices, joints = [], []
    for start in range(0, count, _BATCH):
        some = {name: value[start : start + _BATCH] for name, value in phenotypes.items()}
        rest = model.get_rest_model(model.get_phenotype_blendshape_coefficients(**some))
        _, heads, posed = tpose(model, rest, weights)
        found = _smpl_joints(heads, {bone: i for i, bone in enumerate(model.bone_labels)})
        shift = torch.tensor(PELVIS, dtype=found.dtype) - found[:, :1]
        vertices.append((posed + shift).float())
        joints.append((found + shift).float())
    return PosedBodies(
        torch.cat(vertices).numpy(),
        torch.cat(joints).numpy(),
        _part_weights(model.bone_labels, weights).numpy(),
        {bone: weights[:, i].numpy() for i, bone in enumerate(model.bone_labels)},
    )


def bone_weights(model: Any) -> Tensor:
    """(V, bones) skinning weights of Anny's vertices, rows sum to one.

    Args:
        model: Anny's model, made with ``skinning_method="lbs"``.
    """
    weights: Tensor = model.dense_vertex_bone_weights
    return weights / weights.sum(dim=1, keepdim=True)


def tpose(
    model: Any, rest: dict[str, Tensor], weights: Tensor, vertices: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """SMPL's T-pose of Anny bodies.

    Args:
        model: Anny's model.
        rest: N bodies at rest, as ``model.get_rest_model`` gives them.
        weights: (V, bones) skinning weights.
        vertices: (K,) those that are wanted; all by default.

    Returns:
        World rotations (N, bones, 3, 3) from Anny's rest pose, bone heads (N, bones, 3) and vertices (N, V or K, 3),
        metres; all in SMPL's axes, the root where Anny has it.
    """
    bones = _Bones(model, _smpl_axes(rest["rest_bone_heads"]))
    turns = _turns(bones)
    chosen = slice(None) if vertices is None else vertices
    posed, heads = _pose(bones, turns, _smpl_axes(rest["rest_vertices"][:, chosen]), weights[chosen])
    return turns, heads, posed


def pelvis_of(model: Any, heads: Tensor) -> Tensor:
    """(N, 3) SMPL's pelvis joint, of bone heads (N, bones, 3).

    Args:
        model: Anny's model.
        heads: Of its bones.
    """
    return _smpl_joints(heads, {bone: i for i, bone in enumerate(model.bone_labels)})[:, SMPL24.root_index]


def _smpl_axes(points: Tensor) -> Tensor:
    """Anny is z-up and faces -y; SMPL is y-up and faces +z."""
    return torch.stack([points[..., 0], points[..., 2], -points[..., 1]], dim=-1)


def _part_weights(bones: list[str], weights: Tensor) -> Tensor:
    parts = weights.new_zeros(len(weights), len(SMPL24))
    for i, bone in enumerate(bones):
        parts[:, SMPL24.index(smpl_part(bone))] += weights[:, i]
    return parts


class _Bones:
    """Bone heads (N, bones, 3) of a batch of bodies, by name."""

    def __init__(self, model: Any, heads: Tensor) -> None:
        self.labels: list[str] = model.bone_labels
        self.parents: list[int] = model.bone_parents
        self.heads = heads
        self.position_of = {bone: i for i, bone in enumerate(self.labels)}

    def __call__(self, bone: str) -> Tensor:
        return self.heads[:, self.position_of[bone]]

    def constant(self, vector: tuple[float, float, float], sign: float = 1.0) -> Tensor:
        x, y, z = vector
        return self.heads.new_tensor((sign * x, y, z)).expand(len(self.heads), 3)


def _turns(bones: _Bones) -> Tensor:
    """(N, bones, 3, 3) world rotation of every bone into the T-pose."""
    turns = torch.eye(3, dtype=bones.heads.dtype).repeat(*bones.heads.shape[:2], 1, 1)
    for letter, sign in (("L", 1.0), ("R", -1.0)):
        rules = _side_rules(bones, letter, sign)
        for i, bone in enumerate(bones.labels):
            if bone.endswith("." + letter):
                for prefix, turn in rules.items():
                    if bone.startswith(prefix):
                        turns[:, i] = turn
    return turns


def _pose(bones: _Bones, turns: Tensor, vertices: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Linear blend skinning of rest vertices (N, V, 3) into the T-pose; returns vertices and bone heads."""
    heads = bones.heads.clone()
    for i, parent in enumerate(bones.parents):
        if parent >= 0:
            step = bones.heads[:, i] - bones.heads[:, parent]
            heads[:, i] = heads[:, parent] + _turn(turns[:, parent], step)
    shifts = heads - _turn(turns, bones.heads)
    blended_turns = torch.einsum("vk,nkij->nvij", weights, turns)
    blended_shifts = torch.einsum("vk,nki->nvi", weights, shifts)
    return _turn(blended_turns, vertices) + blended_shifts, heads


def _side_rules(bones: _Bones, side: str, sign: float) -> dict[str, Tensor]:
    """World rotation (N, 3, 3) of every bone of a side that moves, by the start of its name.

    The arm is stretched sideways with the elbow's axis vertical and the palm down; half of the forearm's turn about
    its own axis goes to its second bone.
    """
    arm, front = bones.constant(_ARM, sign), bones.constant(_FRONT)
    hinge = torch.cross(arm, front, dim=-1)
    upper = bones(f"lowerarm01.{side}") - bones(f"upperarm01.{side}")
    lower = bones(f"wrist.{side}") - bones(f"lowerarm01.{side}")
    bend = torch.cross(upper, lower, dim=-1)
    palm = _knuckle_centre(bones, side) - bones(f"wrist.{side}")
    across = bones(f"finger2-1.{side}") - bones(f"finger5-1.{side}")
    fore = _align(lower, bend, arm, hinge)
    turned = _align(lower, across, arm, front)
    half = roma.rotmat_slerp(fore, turned, torch.tensor(0.5, dtype=fore.dtype))
    hand = _align(palm, across, arm, front)
    thigh = bones(f"lowerleg01.{side}") - bones(f"upperleg01.{side}")
    shank = bones(f"foot.{side}") - bones(f"lowerleg01.{side}")
    clavicle = roma.rotvec_to_rotmat(front * sign * _CLAVICLE_RAISE)
    return {
        "clavicle": clavicle,
        "shoulder": clavicle,
        "upperarm": _align(upper, bend, arm, hinge),
        "lowerarm01": fore,
        "lowerarm02": half,
        "wrist": hand,
        "metacarpal": hand,
        "finger": hand,
        "upperleg": _swing(thigh, bones.constant(_THIGH, sign)),
        "lowerleg": _swing(shank, bones.constant(_SHANK, sign)),
    }


def _knuckle_centre(bones: Callable[[str], Tensor], side: str) -> Tensor:
    return torch.stack([bones(f"finger{i}-1.{side}") for i in _KNUCKLES]).mean(dim=0)


def _turn(rotations: Tensor, vectors: Tensor) -> Tensor:
    return (rotations @ vectors[..., None])[..., 0]


def _frame(first: Tensor, second: Tensor) -> Tensor:
    frame: Tensor = roma.special_gramschmidt(torch.stack([first, second], dim=-1))
    return frame


def _align(first: Tensor, second: Tensor, to_first: Tensor, to_second: Tensor) -> Tensor:
    """The rotation that takes ``first`` to ``to_first``, and ``second`` as near to ``to_second`` as it goes."""
    return _frame(to_first, to_second) @ _frame(first, second).transpose(-1, -2)


def _swing(start: Tensor, end: Tensor) -> Tensor:
    """The smallest rotation that takes one direction to another."""
    axis = torch.cross(start, end, dim=-1)
    angle = torch.atan2(axis.norm(dim=-1), (start * end).sum(dim=-1))
    rotation: Tensor = roma.rotvec_to_rotmat(torch.nn.functional.normalize(axis, dim=-1) * angle[..., None])
    return rotation


def _smpl_joints(heads: Tensor, position_of: dict[str, int]) -> Tensor:
    """Where SMPL's 24 joints are, given the bone heads: (N, 24, 3)."""

    def at(*bones: str) -> Tensor:
        return torch.stack([heads[:, position_of[bone]] for bone in bones]).mean(dim=0)

    joints = {
        "pelvis": at("root", "spine04"),
        "spine1": at("spine04", "spine03"),
        "spine2": at("spine02"),
        "spine3": at("spine01"),
        "neck": at("neck01"),
        "head": at("head"),
    }
    for side, letter in (("left", "L"), ("right", "R")):
        joints |= {
            f"{side}_hip": at(f"upperleg01.{letter}"),
            f"{side}_knee": at(f"lowerleg01.{letter}"),
            f"{side}_ankle": at(f"foot.{letter}"),
            f"{side}_foot": at(*(f"toe{i}-1.{letter}" for i in range(1, 6))),
            f"{side}_collar": at(f"clavicle.{letter}", f"shoulder01.{letter}"),
            f"{side}_shoulder": at(f"upperarm01.{letter}"),
            f"{side}_elbow": at(f"lowerarm01.{letter}"),
            f"{side}_wrist": at(f"wrist.{letter}"),
            f"{side}_hand": at(*(f"finger{i}-1.{letter}" for i in _KNUCKLES)),
        }
    return torch.stack([joints[name] for name in SMPL24.joints], dim=1)
