"""Joint sets of pose detectors and depth cameras."""

from __future__ import annotations

from s2m.skeletons.core import limbs
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
    detected=True,
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

_FACE = ("right_eye", "left_eye", "right_ear", "left_ear")
_ARMS = tuple(f"{side}_{part}" for side in ("right", "left") for part in ("shoulder", "elbow", "wrist"))
_LEGS = tuple(f"{side}_{part}" for side in ("right", "left") for part in ("hip", "knee", "ankle"))
_FEET = ("left_toe", "left_small_toe", "left_heel", "right_toe", "right_small_toe", "right_heel")
_NECK = {"nose": "thorax", **dict.fromkeys(_FACE, "nose")}
_WITH_PELVIS = {**limbs("right"), **limbs("left"), "thorax": "pelvis", **_NECK}

# OpenPose's "neck" is the middle of the shoulders, which is what h36m17 calls thorax; "toe" is its big toe.
OPENPOSE18 = JointSet(
    name="openpose18",
    joints=("nose", "thorax", *_ARMS, *_LEGS, *_FACE),
    parent_of={
        **{child: parent for child, parent in _WITH_PELVIS.items() if parent != "pelvis"},
        "right_hip": "thorax",
        "left_hip": "thorax",
    },
    root="thorax",
    detected=True,
)

BODY25 = JointSet(
    name="body25",
    joints=("nose", "thorax", *_ARMS, "pelvis", *_LEGS, *_FACE, *_FEET),
    parent_of={**_WITH_PELVIS, **{foot: f"{foot.split('_')[0]}_ankle" for foot in _FEET}},
    root="pelvis",
    detected=True,
)

# CMU Panoptic's body3DScene: "thorax" is its neck, "pelvis" its body centre.
PANOPTIC19 = JointSet(
    name="panoptic19",
    joints=(
        *("thorax", "nose", "pelvis"),
        *(
            f"{side}_{part}"
            for side in ("left", "right")
            for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        ),
        *("left_eye", "left_ear", "right_eye", "right_ear"),
    ),
    parent_of=_WITH_PELVIS,
    root="pelvis",
    detected=True,
)
