"""What becomes of a body's parts that nobody saw: decided here and nowhere else.

- A trunk of which only one end was seen is completed upright: the pelvis hangs below the shoulders, or the shoulders
  stand above the pelvis, as far as those of the body at rest. One hip or shoulder is enough to tell how the trunk
  leans: its twin is where the lifter believes it to be.
- A joint of a limb whose twin on the other side was seen is where the lifter believes it to be, of people who are seen
  well.
- Other unseen joints rest: arms hang, legs stand below the pelvis, shins below the knees. The ends, head, hands and
  feet, are at rest on their limb as long as no point of theirs was seen.
- The size of the skeleton comes from seen bones alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from s2m.geometry.camera import FACING_CAMERA
from s2m.ik import quaternion as quat
from s2m.ik.rest import RestSkeleton
from s2m.skeletons import SMPL24, JointSet, mirrored_name

_SIDES = ("left", "right")
_LOWER, _UPPER, _KNEES = (tuple(f"{side}_{part}" for side in _SIDES) for part in ("hip", "shoulder", "knee"))
_ALWAYS = ("pelvis", "spine", "thorax", *_LOWER, *_UPPER)  # completed where they were not seen
_ENDS = ("head", "nose", "ear", "heel", "toe", "index", "pinky")
_HEAD = ("head", "nose", "ear")
_LIMB_JOINTS = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("elbow", "wrist", "knee", "ankle"))
_MOST_LIMB_JOINTS = 5  # of the eight: of a person who is seen this well, the lifter may fill in the rest
_FEWEST_BONES = 3
# How people stand who were asked for nothing (radians about the body's x, y, z at rest, left side): arms hang a little
# away from the trunk with the elbows not quite straight, feet are a little apart.
_STANDING = {"shoulder": (0.0, 0.15, -1.25), "elbow": (0.0, -0.3, 0.0), "hip": (0.0, 0.0, 0.06)}
_MOST_BENT = 2.0  # radians, of a knee that nobody saw
_UPRIGHT, _LYING = 0.5, 0.0  # cosine of the pelvis' tilt: legs stand up to the first, follow the trunk from the second


def trusted(seen: Tensor, joint_set: JointSet) -> Tensor:
    """Which joints of a completed skeleton may turn a limb: those that were seen, and what the lifter may fill in.

    Args:
        seen: (B, J) bool.
        joint_set: Names of the joints.

    Returns:
        (B, J) bool.
    """
    found = seen.clone()
    found[:, _places(joint_set, _ALWAYS)] = True
    limbs = _places(joint_set, _LIMB_JOINTS)
    twins = _places(joint_set, [mirrored_name(joint) for joint in _LIMB_JOINTS])
    known = seen[:, limbs].sum(1, keepdim=True) >= _MOST_LIMB_JOINTS
    found[:, limbs] = seen[:, limbs] | (seen[:, twins] & known)
    head = _places(joint_set, [joint for joint in joint_set.joints if joint.split("_")[-1] in _HEAD])
    found[:, head] = seen[:, head].any(1, keepdim=True)
    return found


def completed(skeleton: Tensor, seen: Tensor, rest: RestSkeleton) -> Tensor:
    """Skeletons of the rest skeleton's size with a whole trunk.

    Args:
        skeleton: (B, J, 3) camera frame, any scale; all joints finite.
        seen: (B, J) bool.
        rest: What size the person has, and how far apart the trunk's joints are.

    Returns:
        (B, J, 3) metres, camera frame, the thorax or the pelvis where it was.
    """
    skeleton = skeleton * _scale(skeleton, seen, rest)
    joint_set = rest.joint_set
    lower, upper = (seen[:, _places(joint_set, ends)] for ends in (_LOWER, _UPPER))
    below = upper.all(1) & ~lower.any(1)
    skeleton = _hung(skeleton, below, _UPPER, "thorax", ("pelvis", "spine", *_LOWER), rest)
    above = [
        joint for joint in joint_set.joints if joint in ("spine", "thorax", *_UPPER) or joint.split("_")[-1] in _HEAD
    ]
    return _hung(skeleton, lower.all(1) & ~upper.any(1), _LOWER, "pelvis", above, rest)


def rested(rotations: Tensor, solved: Tensor) -> Tensor:
    """Rotations in which limbs that nobody saw are at rest.

    Args:
        rotations: (B, 24, 3, 3), the root to the camera frame.
        solved: (B, 24) bool, which rotations the trusted joints determined.

    Returns:
        (B, 24, 3, 3).
    """
    usual = torch.eye(3).repeat(len(SMPL24), 1, 1)
    for joint, turn in _standing().items():
        usual[SMPL24.index(joint)] = turn
    resting = usual.to(rotations).expand(len(rotations), -1, -1, -1).clone()
    hips, knees = SMPL24.indices(_LOWER), SMPL24.indices(_KNEES)
    resting[:, hips] = _standing_legs(rotations[:, 0]).unsqueeze(1) @ resting[:, hips]
    found = torch.where(solved[..., None, None], rotations, resting)
    shins = _hanging_shins(rotations[:, :1] @ found[:, hips])
    found[:, knees] = torch.where(solved[:, knees, None, None], found[:, knees], shins)
    return found


def _standing() -> dict[str, Tensor]:
    found = {}
    for part, (x, y, z) in _STANDING.items():
        for side, sign in (("left", 1.0), ("right", -1.0)):
            # A turn is mirrored like a quaternion's vector: x stays, y and z change their signs.
            found[f"{side}_{part}"] = quat.to_matrix(quat.from_axis_angle(torch.tensor([x, sign * y, sign * z])))
    return found


def _standing_legs(root: Tensor) -> Tensor:
    """(B, 3, 3) what turns the legs of a leaning pelvis upright; none for people who lie."""
    up = root[:, :, 1]  # the pelvis' own up, camera frame
    vertical = FACING_CAMERA[:, 1].to(root).expand_as(up)
    cosine = (up * vertical).sum(1, keepdim=True)
    share = ((cosine - _LYING) / (_UPRIGHT - _LYING)).clamp(0, 1)
    aim = torch.nn.functional.normalize(up + share * (vertical - up), dim=1)
    swing = quat.to_matrix(_shortest(up, aim))
    return root.transpose(1, 2) @ swing @ root


def _hanging_shins(thighs: Tensor) -> Tensor:
    """(B, 2, 3, 3) bends of the knees that let the shins hang, as far as knees bend.

    thighs: (B, 2, 3, 3) to the camera frame.
    """
    down = -FACING_CAMERA[:, 1].to(thighs)
    _, y, z = (thighs.transpose(-1, -2) @ down).unbind(-1)  # in the thigh's own frame, where the shin points to -y
    angle = torch.atan2(-z, -y)
    # Bent the wrong way as much as the right way: straight.
    angle = torch.where(angle > 0, angle.clamp(max=_MOST_BENT), torch.zeros_like(angle))
    zero = torch.zeros_like(angle)
    return quat.to_matrix(torch.stack([(angle / 2).sin(), zero, zero, (angle / 2).cos()], -1))


def _shortest(a: Tensor, b: Tensor) -> Tensor:
    turn = torch.cat([torch.linalg.cross(a, b), 1 + (a * b).sum(1, keepdim=True)], 1)
    return torch.nn.functional.normalize(turn, dim=1)


def _scale(skeleton: Tensor, seen: Tensor, rest: RestSkeleton) -> Tensor:
    """(B, 1, 1) so that the seen bones are together as long as at rest."""
    bones = [bone for bone in rest.joint_set.bones if _counts(rest.joint_set.joints[bone[1]])]
    first, second = (torch.tensor(column) for column in zip(*bones, strict=True))
    both = seen[:, first] & seen[:, second]
    both = torch.where(both.sum(1, keepdim=True) < _FEWEST_BONES, torch.ones_like(both), both)
    length = (skeleton[:, first] - skeleton[:, second]).norm(dim=-1)
    wanted = (rest.joints[first] - rest.joints[second]).norm(dim=-1).to(length)
    return ((wanted * both).sum(1) / (length * both).sum(1).clamp_min(1e-6))[:, None, None]


def _counts(joint: str) -> bool:
    return joint.split("_")[-1] not in _ENDS


def _hung(
    skeleton: Tensor, which: Tensor, held: Sequence[str], middle: str, hung: Sequence[str], rest: RestSkeleton
) -> Tensor:
    """The other end of a trunk, upright below or above the pair of joints that was seen."""
    if not bool(which.any()):
        return skeleton
    joint_set = rest.joint_set
    left, right = (skeleton[:, joint_set.index(joint)] for joint in held)
    # Level cameras see people upright: up is -y, and the shoulders (hips) say where left is.
    up = FACING_CAMERA[:, 1].to(skeleton).expand_as(left)
    across = (left - right) * (1 - up.abs())
    across = torch.nn.functional.normalize(across, dim=1)
    frame = torch.stack([across, up, torch.linalg.cross(across, up)], 2)
    places = joint_set.indices(hung)
    offsets = (rest.joints[places] - rest.joints[joint_set.index(middle)]).to(skeleton)
    found = skeleton.clone()
    found[:, places] = (left + right)[:, None] / 2 + offsets @ frame.transpose(1, 2)
    return torch.where(which[:, None, None], found, skeleton)


def _places(joint_set: JointSet, joints: Sequence[str]) -> list[int]:
    return joint_set.indices(joint for joint in joints if joint in joint_set)
