"""Rotations of somebody's skeleton as SMPL's: carried over where the tree gives them, joint by joint.

A joint's rotation in the world is that of a body part, up to a constant turn between the joint's frame and SMPL's part.
Where the file's rest pose (all angles zero) is a person with straight legs and arms held out or down to the side, the
turn follows from it. Where it is none, as LAFAN's, whose bones all lie along one axis at zero, the turn is the mean
over the clip of the one against what DIK finds from the joints' positions, and exact about the bones' directions. Both
ways thighs, shanks, arms and forearms point where the file's do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from s2m.body import Body
from s2m.formats.joints3d import UP_AXES
from s2m.formats.upright import told_up
from s2m.ik.body_joints import rest_skeleton
from s2m.ik.rig import Rig, rig_of
from s2m.ik.solver import DIK
from s2m.ik.turning import between, direction, nearest_rotation, swing
from s2m.skeletons import SIDES, SMPL24, JointSet

Floats = NDArray[np.float64]

# A limb's joint and the next: their bone has a direction at rest.
_BONES = {
    f"{side}_{start}": f"{side}_{end}"
    for side in SIDES
    for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
}
_LIKE_PARENT = {f"{side}_wrist": f"{side}_elbow" for side in SIDES}  # hands lie along forearms at rest
_SPINE, _SHARES = ("spine1", "spine2", "spine3"), (1 / 3, 2 / 3, 1.0)
_LEGS_DOWN, _ARMS_OUT, _ARMS_UP = 0.85, 0.25, 0.5  # cosines of a rest pose: with down, with the side, with up
_FRAMES = 512  # that the mean against DIK is taken over
# Metres in a unit; CMU's is 1/0.45 inch.
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "CMU's 1/0.45 inch": 0.0254 / 0.45}
_FITS = (0.75, 1.35)  # legs beside the body's that a unit may give


class Posed(Protocol):
    """A tree of joints and its motion, as BVH and GLB have them."""

    @property
    def names(self) -> tuple[str, ...]:
        """(J,) of the joints, parents before children."""
        ...

    @property
    def parents(self) -> tuple[int, ...]:
        """(J,) position of each joint's parent; -1 for the root."""
        ...

    def posed(self) -> tuple[Floats, Floats]:
        """Rotations (T, J, 3, 3) from the axes at rest and positions (T, J, 3), both in the file's world."""
        ...

    def at_rest(self) -> Floats:
        """(J, 3) positions without any rotation."""
        ...


@dataclass(frozen=True)
class Retargeted:
    """The motion of SMPL's body.

    Attributes:
        rotations: (T, 24, 3, 3), relative to the parents; the root's in the file's axes turned so that +y is up.
        places: (T, 3) of the pelvis joint, metres, same axes.
        notes: What was taken from where.
    """

    rotations: Floats
    places: Floats
    notes: tuple[str, ...]


def retarget(tree: Posed, body: Body, where: str, up: str | None = None, keep_scale: bool = False) -> Retargeted:
    """The motion of SMPL's body from a BVH or GLB file.

    Args:
        tree: The file's content.
        body: The body to pose.
        where: The file, for messages.
        up: The axis that points up; by default the one along which the person mostly stands, else +y.
        keep_scale: Whether paths keep the file's metres instead of fitting the body's legs.

    Returns:
        The motion.

    Raises:
        UserError: The tree is no person's.
    """
    turns, points = tree.posed()
    rig = rig_of(tree.names, tree.parents, points[0], where)
    frame, rest_up = _rest_frame(tree.at_rest(), rig)
    chosen = up or _told_up(points, rig) or rest_up or "y"
    axes = np.array(UP_AXES[chosen], np.float64)
    turns, points = axes @ turns, np.einsum("ij,tkj->tki", axes, points)
    scale, size_note = _scale(points, rig, body, keep_scale)
    points = points * scale
    joints = {**rig.parts, **{f"back{number}": joint for number, joint in enumerate(rig.spine)}}
    if frame is not None:
        constants = _from_rest(tree.at_rest(), joints, body, frame)
        how = "the turns between its joints and SMPL's from its rest pose"
    else:
        constants = _from_clip(turns, points, rig, joints, body)
        how = "its rest pose is no person's: the turns between its joints and SMPL's from the clip's joints (DIK)"
    world = {part: turns[:, joint] @ constants[part] for part, joint in joints.items()}
    back = [world["pelvis"], *(world.pop(f"back{number}") for number in range(len(rig.spine)))]
    world |= {part: between(back, share) for part, share in zip(_SPINE, _SHARES, strict=True)}
    lacking = [joint for joint in SMPL24.joints if joint not in world and not joint.endswith("_hand")]
    notes = (
        f"rotations are the file's, retargeted; {how}",
        *((f"no joint for {', '.join(lacking)}: they follow their parents",) if lacking else ()),
        *((f"{chosen} is up, by the person's posture",) if up is None and chosen != "y" else ()),
        *size_note,
    )
    return Retargeted(_relative(world, len(points)), _places(points, rig, world["pelvis"], body), notes)


def _told_up(points: Floats, rig: Rig) -> str | None:
    low = [rig.parts[f"{side}_{part}"] for side in SIDES for part in ("knee", "ankle")]
    high = [rig.parts[f"{side}_shoulder"] for side in SIDES]
    return told_up(points, low, high)


def _leg(points: Floats, rig: Rig) -> float:
    """Median length of thigh and shank together."""
    lengths = [
        np.linalg.norm(points[:, rig.parts[f"{side}_{a}"]] - points[:, rig.parts[f"{side}_{b}"]], axis=-1)
        for side in SIDES
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    ]
    return float(np.median(lengths, axis=1).sum() / 2)


def _scale(points: Floats, rig: Rig, body: Body, keep: bool) -> tuple[float, tuple[str, ...]]:
    """Metres in the file's unit, so that the legs are as long as the body's."""
    own = _leg(_rest_joints(body)[None], Rig({joint: place for place, joint in enumerate(SMPL24.joints)}, ()))
    legs = max(_leg(points[:: max(1, len(points) // _FRAMES)], rig), 1e-9)
    fitting = {unit: size for unit, size in UNITS.items() if _FITS[0] < legs * size / own < _FITS[1]}
    if not fitting:
        return own / legs, ("the file's unit is none of a person's: the person was made as large as the body",)
    unit, size = min(fitting.items(), key=lambda item: abs(np.log(legs * item[1] / own)))
    ratio = legs * size / own
    if keep:
        return size, (f"lengths were read as {unit}; the legs are {ratio:.2f} times as long as the body's",)
    return own / legs, (
        f"lengths were read as {unit}; the legs are {ratio:.2f} times as long as the body's, and paths were scaled to "
        "the body's (--keep-scale keeps them)",
    )


def _rest_joints(body: Body) -> Floats:
    with torch.no_grad():
        found: Floats = body.rest().joints[0].double().numpy()
    return found


def _rest_frame(rest: Floats, rig: Rig) -> tuple[Floats | None, str | None]:
    """(3, 3) from the body's axes to the file's and the axis that points up, where the rest pose is a person's."""
    for up in UP_AXES:
        frame = _upright_frame(rest, rig, np.array(UP_AXES[up][1], np.float64))
        if frame is not None:
            return frame, up
    return None, None


def _upright_frame(rest: Floats, rig: Rig, up: Floats) -> Floats | None:
    at = {part: rest[joint] for part, joint in rig.parts.items()}
    across = at["left_hip"] - at["right_hip"]
    across = across - up * (across @ up)
    if np.linalg.norm(across) < 1e-9:
        return None
    across = direction(across)
    for side, sign in zip(SIDES, (1, -1), strict=True):
        for start, end in (("hip", "knee"), ("knee", "ankle")):
            if direction(at[f"{side}_{end}"] - at[f"{side}_{start}"]) @ up > -_LEGS_DOWN:
                return None
        for start, end in (("shoulder", "elbow"), ("elbow", "wrist")):
            bone = direction(at[f"{side}_{end}"] - at[f"{side}_{start}"])
            if sign * bone @ across < _ARMS_OUT or bone @ up > _ARMS_UP:
                return None
    return np.stack([across, up, np.cross(across, up)], axis=1)


def _from_rest(rest: Floats, joints: dict[str, int], body: Body, frame: Floats) -> dict[str, Floats]:
    """Part -> turn from SMPL's part to the joint's own axes, by the rest pose."""
    own = _rest_joints(body)
    found: dict[str, Floats] = {}
    for part, joint in joints.items():
        turn = np.eye(3)
        if part in _BONES and _BONES[part] in joints:
            turn = swing(_own_bone(own, part), frame.T @ (rest[joints[_BONES[part]]] - rest[joint]))
        found[part] = frame @ turn
    return found | {part: found[like] for part, like in _LIKE_PARENT.items() if part in found}


def _own_bone(own: Floats, part: str) -> Floats:
    bone: Floats = own[SMPL24.index(_BONES[part])] - own[SMPL24.index(part)]
    return bone


def _from_clip(turns: Floats, points: Floats, rig: Rig, joints: dict[str, int], body: Body) -> dict[str, Floats]:
    """Part -> turn, by the mean of what DIK finds from the joints' positions."""
    some = np.unique(np.linspace(0, len(points) - 1, min(len(points), _FRAMES)).astype(int))
    turns, points = turns[some], points[some]
    own = _rest_joints(body)
    solved = _solved(points, rig, body)
    back = [solved[part] for part in ("pelvis", *_SPINE)]
    found: dict[str, Floats] = {}
    for part, joint in joints.items():
        target = solved[part] if part in solved else between(back, (int(part[4:]) + 1) / len(rig.spine))
        mean = nearest_rotation(np.einsum("tji,tjk->ik", turns[:, joint], target))
        if part in _BONES and _BONES[part] in joints:
            bone = points[:, joints[_BONES[part]]] - points[:, joint]
            local = np.einsum("tji,tj->ti", turns[:, joint], bone).mean(0)
            mean = swing(mean @ _own_bone(own, part), local) @ mean
        found[part] = mean
    return found


def _solved(points: Floats, rig: Rig, body: Body) -> dict[str, Floats]:
    """Rotations (T, 3, 3) of SMPL's parts in the world, by DIK from the rig's joints."""
    names = {"head": "head_joint"} | {f"{side}_foot": f"{side}_ball" for side in SIDES}
    used = [part for part in rig.parts if not part.endswith("_collar")]
    joints = tuple(names.get(part, part) for part in used)
    joint_set = JointSet("bvh", joints, dict.fromkeys(set(joints) - {"pelvis"}, "pelvis"), "pelvis")
    with torch.inference_mode():
        given = torch.from_numpy(points[:, [rig.parts[part] for part in used]]).float()
        found = DIK(rest_skeleton(body, joint_set))(given).rotations.double().numpy()
    world: list[Floats] = []
    for joint, parent in enumerate(SMPL24.parents):
        world.append(found[:, joint] if parent < 0 else world[parent] @ found[:, joint])
    return dict(zip(SMPL24.joints, world, strict=True))


def _relative(world: dict[str, Floats], frames: int) -> Floats:
    rotations = np.tile(np.eye(3), (frames, len(SMPL24), 1, 1))
    total: list[Floats] = []
    for number, (joint, parent) in enumerate(zip(SMPL24.joints, SMPL24.parents, strict=True)):
        above = np.tile(np.eye(3), (frames, 1, 1)) if parent < 0 else total[parent]
        total.append(world.get(joint, above))
        rotations[:, number] = above.transpose(0, 2, 1) @ total[-1]
    return rotations


def _places(points: Floats, rig: Rig, root: Floats, body: Body) -> Floats:
    """(T, 3) of the pelvis, so that the middle of the hips is where the file's is."""
    own = _rest_joints(body)
    hips = [SMPL24.index(f"{side}_hip") for side in SIDES]
    offset = own[hips].mean(0) - own[SMPL24.root_index]
    middle = points[:, [rig.parts[f"{side}_hip"] for side in SIDES]].mean(1)
    return np.asarray(middle - root @ offset)
