"""The joint sets that the stages work with, and SMPL's own."""

from __future__ import annotations

from dataclasses import replace

from s2m.skeletons.joint_set import JointSet

_SIDES = ("right", "left")

# SMPL joints at the ends of the skeleton: no further joint tells their rotation, PR does (paper section 3.2).
EXTREMITIES = ("head", "left_wrist", "right_wrist", "left_ankle", "right_ankle")
# Human3.6M's two joints of the head lie on the way from the shoulders' middle to the ears' middle, at these shares
# of it (least squares over poses of the open body; 10 and 16 mm are left), and the lower one amid thorax and head.
ON_THE_WAY_TO_THE_EARS = {"neck_nose": 0.69, "head": 1.29}


def limbs(side: str) -> dict[str, str]:
    """Parents of the joints of one leg and one arm.

    Args:
        side: ``left`` or ``right``.
    """
    return {
        f"{side}_hip": "pelvis",
        f"{side}_knee": f"{side}_hip",
        f"{side}_ankle": f"{side}_knee",
        f"{side}_shoulder": "thorax",
        f"{side}_elbow": f"{side}_shoulder",
        f"{side}_wrist": f"{side}_elbow",
    }


def _endpoints(side: str) -> dict[str, str]:
    return {
        f"{side}_ear": "neck_nose",
        f"{side}_heel": f"{side}_ankle",
        f"{side}_toe": f"{side}_ankle",
        f"{side}_index": f"{side}_wrist",
        f"{side}_pinky": f"{side}_wrist",
    }


_H36M17_PARENTS = {
    **limbs("right"),
    **limbs("left"),
    "spine": "pelvis",
    "thorax": "spine",
    "neck_nose": "thorax",
    "head": "neck_nose",
}

H36M17 = JointSet(
    name="h36m17",
    joints=(
        "pelvis",
        "right_hip",
        "right_knee",
        "right_ankle",
        "left_hip",
        "left_knee",
        "left_ankle",
        "spine",
        "thorax",
        "neck_nose",
        "head",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "right_shoulder",
        "right_elbow",
        "right_wrist",
    ),
    parent_of=_H36M17_PARENTS,
    root="pelvis",
)

S2M27 = JointSet(
    name="s2m27",
    joints=H36M17.joints
    + tuple(f"{side}_{part}" for part in ("ear", "heel", "toe", "index", "pinky") for side in _SIDES),
    parent_of={**_H36M17_PARENTS, **_endpoints("right"), **_endpoints("left")},
    root="pelvis",
)

# The same joints with hips and shoulders where detectors have them: what `s2m lift` makes of a detector's file.
H36M17_DETECTED = replace(H36M17, name="h36m17_detected", detected=True)
S2M27_DETECTED = replace(S2M27, name="s2m27_detected", detected=True)

_SMPL_CHAIN = (
    ("left_hip", "pelvis"),
    ("right_hip", "pelvis"),
    ("spine1", "pelvis"),
    ("left_knee", "left_hip"),
    ("right_knee", "right_hip"),
    ("spine2", "spine1"),
    ("left_ankle", "left_knee"),
    ("right_ankle", "right_knee"),
    ("spine3", "spine2"),
    ("left_foot", "left_ankle"),
    ("right_foot", "right_ankle"),
    ("neck", "spine3"),
    ("left_collar", "spine3"),
    ("right_collar", "spine3"),
    ("head", "neck"),
    ("left_shoulder", "left_collar"),
    ("right_shoulder", "right_collar"),
    ("left_elbow", "left_shoulder"),
    ("right_elbow", "right_shoulder"),
    ("left_wrist", "left_elbow"),
    ("right_wrist", "right_elbow"),
    ("left_hand", "left_wrist"),
    ("right_hand", "right_wrist"),
)

SMPL24 = JointSet(
    name="smpl24",
    joints=("pelvis", *(child for child, _ in _SMPL_CHAIN)),
    parent_of=dict(_SMPL_CHAIN),
    root="pelvis",
)

# The joints that SMPL and SMPL-H share, as HumanML3D and MDM write them: SMPL's without the hands.
SMPL22 = JointSet(
    name="smpl22",
    joints=SMPL24.joints[:22],
    parent_of={child: parent for child, parent in _SMPL_CHAIN if not child.endswith("_hand")},
    root="pelvis",
)
