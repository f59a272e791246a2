"""Joint sets of pose detectors and depth cameras."""

from __future__ import annotations

from s2m.skeletons.datasets import COCO_LIMBS
from s2m.skeletons.joint_set import JointSet

_BLAZEPOSE_FACE = (
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "left_mouth",
    "right_mouth",
)

# The 33 landmarks of BlazePose (MediaPipe Pose); "toe" is its "foot index".
BLAZEPOSE33 = JointSet(
    name="blazepose33",
    joints=(
        "nose",
        *_BLAZEPOSE_FACE,
        *(
            f"{side}_{part}"
            for part in ("shoulder", "elbow", "wrist", "pinky", "index", "thumb", "hip", "knee", "ankle", "heel", "toe")
            for side in ("left", "right")
        ),
    ),
    parent_of={
        **COCO_LIMBS,
        **dict.fromkeys(_BLAZEPOSE_FACE, "nose"),
        **{
            f"{side}_{end}": f"{side}_{joint}"
            for side in ("left", "right")
            for joint, ends in (("wrist", ("pinky", "index", "thumb")), ("ankle", ("heel", "toe")))
            for end in ends
        },
    },
    root="left_hip",
)


def _kinect_arm(side: str) -> dict[str, str]:
    return {
        f"{side}_collar": "chest",
        f"{side}_shoulder": f"{side}_collar",
        f"{side}_elbow": f"{side}_shoulder",
        f"{side}_wrist": f"{side}_elbow",
        f"{side}_hand": f"{side}_wrist",
        f"{side}_handtip": f"{side}_hand",
        f"{side}_thumb": f"{side}_wrist",
    }


def _kinect_leg(side: str) -> dict[str, str]:
    return {
        f"{side}_hip": "pelvis",
        f"{side}_knee": f"{side}_hip",
        f"{side}_ankle": f"{side}_knee",
        f"{side}_toe": f"{side}_ankle",
    }


# Azure Kinect's body tracking; "face" is its "head", a point inside the skull, and "toe" its "foot".
KINECT32 = JointSet(
    name="kinect32",
    joints=(
        "pelvis",
        "navel",
        "chest",
        "neck",
        *_kinect_arm("left"),
        *_kinect_arm("right"),
        *_kinect_leg("left"),
        *_kinect_leg("right"),
        "face",
        "nose",
        "left_eye",
        "left_ear",
        "right_eye",
        "right_ear",
    ),
    parent_of={
        "navel": "pelvis",
        "chest": "navel",
        "neck": "chest",
        **_kinect_arm("left"),
        **_kinect_arm("right"),
        **_kinect_leg("left"),
        **_kinect_leg("right"),
        "face": "neck",
        **dict.fromkeys(("nose", "left_eye", "left_ear", "right_eye", "right_ear"), "face"),
    },
    root="pelvis",
)
