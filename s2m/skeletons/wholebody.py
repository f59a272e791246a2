"""Joint sets of whole-body detectors: COCO's 17 first, then feet, faces, hands.

Sources: github.com/Fang-Haoshu/Halpe-FullBody (its README lists the 26), github.com/jin-s13/COCO-WholeBody
(``data_format.md``) and the names that MMPose gives the 133 (``configs/_base_/datasets/coco_wholebody.py``).
"""

from __future__ import annotations

from s2m.skeletons.core import limbs
from s2m.skeletons.datasets import COCO17
from s2m.skeletons.hands import CONTOUR17, FACE51, finger_parents, hand21
from s2m.skeletons.joint_set import JointSet

_TOES = ("toe", "small_toe")
_FOOT_PARENTS = {
    f"{side}_{part}": f"{side}_ankle" for side in ("left", "right") for part in ("toe", "small_toe", "heel")
}
_FACE_PARENTS = {f"{side}_{part}": "nose" for side in ("left", "right") for part in ("eye", "ear")}

# "thorax" is its neck (the middle of the shoulders), "head" its head top, "pelvis" its hip.
HALPE26 = JointSet(
    name="halpe26",
    joints=(
        *COCO17.joints,
        *("head", "thorax", "pelvis"),
        *(f"{side}_{part}" for part in (*_TOES, "heel") for side in ("left", "right")),
    ),
    parent_of={
        **limbs("left"),
        **limbs("right"),
        "thorax": "pelvis",
        "nose": "thorax",
        "head": "nose",
        **_FACE_PARENTS,
        **_FOOT_PARENTS,
    },
    root="pelvis",
    detected=True,
)

_HANDS = tuple(joint for side in ("left", "right") for joint in (f"{side}_hand_root", *hand21(side)))
_WHOLE = (
    *COCO17.joints,
    *(f"{side}_{part}" for side in ("left", "right") for part in (*_TOES, "heel")),
    *CONTOUR17,
    *FACE51,
    *_HANDS,
)
WHOLEBODY133 = JointSet(
    name="wholebody133",
    joints=_WHOLE,
    parent_of={
        **dict.fromkeys((*CONTOUR17, *FACE51), "nose"),
        **COCO17.parent_of,
        **_FOOT_PARENTS,
        **finger_parents(_WHOLE),
        **{f"{side}_hand_root": f"{side}_wrist" for side in ("left", "right")},
    },
    root="left_hip",
    detected=True,
)
