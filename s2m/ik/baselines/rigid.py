"""Keypoints as rigid attachments of body joints: the forward kinematics that iterative solvers invert."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.ik.rest import RestSkeleton
from s2m.skeletons import SMPL24

# The body joint that carries a keypoint; sided names without their side.
_CARRIER = {
    "pelvis": "pelvis",
    "hip": "pelvis",
    "knee": "hip",
    "ankle": "knee",
    "spine": "spine1",
    "thorax": "spine3",
    "neck_nose": "neck",
    "nose": "head",
    "head": "head",
    "ear": "head",
    "shoulder": "collar",
    "elbow": "shoulder",
    "wrist": "elbow",
    "heel": "ankle",
    "toe": "ankle",
    "index": "wrist",
    "pinky": "wrist",
}
_MIDDLE = ("pelvis", "spine1", "spine3", "head")


def carriers(rest: RestSkeleton) -> list[int]:
    """The body joint (0..23) that carries each joint of the set.

    Args:
        rest: The rest skeleton.

    Returns:
        J positions.

    Raises:
        KeyError: For a joint without one.
    """
    if rest.joint_set is SMPL24:
        return [max(parent, 0) for parent in SMPL24.parents]
    return [_carrier(joint) for joint in rest.joint_set.joints]


def _carrier(joint: str) -> int:
    side, _, part = joint.rpartition("_")
    name = _CARRIER[part]
    return SMPL24.index(name if not side or name in _MIDDLE else f"{side}_{name}")


def forward_kinematics(rotations: Tensor, rest: RestSkeleton) -> tuple[Tensor, Tensor]:
    """Local rotations to global ones and joint positions, pelvis at the origin.

    Args:
        rotations: (B, 24, 3, 3) relative to the parents, root first.
        rest: The rest skeleton.

    Returns:
        (B, 24, 3, 3) rotations, and (B, 24, 3) metres.
    """
    body = rest.body_joints.to(rotations)
    frames, places = [rotations[:, 0]], [torch.zeros_like(rotations[:, 0, :, 0])]
    for joint in range(1, len(SMPL24)):
        parent = SMPL24.parents[joint]
        places.append(places[parent] + frames[parent] @ (body[joint] - body[parent]))
        frames.append(frames[parent] @ rotations[:, joint])
    return torch.stack(frames, 1), torch.stack(places, 1)


def keypoints(frames: Tensor, places: Tensor, rest: RestSkeleton) -> Tensor:
    """Joints of the set that global rotations and positions carry.

    Args:
        frames: (B, 24, 3, 3) global rotations.
        places: (B, 24, 3) joint positions, metres.
        rest: The rest skeleton.

    Returns:
        (B, J, 3) metres.
    """
    carrier = carriers(rest)
    offset = rest.joints.to(places) - rest.body_joints.to(places)[carrier]
    return places[:, carrier] + (frames[:, carrier] @ offset[..., None])[..., 0]
