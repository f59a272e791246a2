"""Points of hands and faces, which whole-body sets share.

A finger is ``index1`` (the knuckle), ``index2``, ``index3``, ``index_tip``; ``index0`` is the base of its metacarpal,
where a set has it. A thumb's ``thumb1`` is its base at the wrist (the carpometacarpal joint), ``thumb2`` its knuckle.
Points of a face have the names that smplx gives them; they lie in the order of iBUG's 68 (300-W).
"""

from __future__ import annotations

from collections.abc import Iterable

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
SIDES = ("left", "right")
_PHALANGES = ("1", "2", "3")
_METACARPAL = "0"
TIP = "_tip"


def finger(side: str, name: str, parts: Iterable[str]) -> tuple[str, ...]:
    """Joints of one finger.

    Args:
        side: ``left`` or ``right``.
        name: Such as ``index``.
        parts: What is appended: ``1``, ``2``, ``3`` or ``_tip``.
    """
    return tuple(f"{side}_{name}{part}" for part in parts)


def hand21(side: str) -> tuple[str, ...]:
    """The 21 points of a hand from the wrist to the little finger's tip (OpenPose, MediaPipe, COCO-WholeBody), less
    the wrist.

    Args:
        side: ``left`` or ``right``.
    """
    return tuple(joint for name in FINGERS for joint in finger(side, name, (*_PHALANGES, TIP)))


def finger_parents(joints: Iterable[str]) -> dict[str, str]:
    """Parents of the joints of fingers among some joints: the joint before, or the wrist.

    Args:
        joints: Names of any joints.
    """
    there = set(joints)
    found: dict[str, str] = {}
    for side in SIDES:
        for name in FINGERS:
            last = f"{side}_wrist"
            for joint in finger(side, name, (_METACARPAL, *_PHALANGES, TIP)):
                if joint in there:
                    found[joint], last = last, joint
    return found


def _sided(pattern: str, numbers: Iterable[int]) -> tuple[str, ...]:
    return tuple(pattern.format(number) for number in numbers)


_RISING, _FALLING = (1, 2, 3, 4, 5), (5, 4, 3, 2, 1)
# iBUG's points 17 to 67: brows, nose, eyes, mouth, lips.
FACE51 = (
    *_sided("right_eye_brow{}", _RISING),
    *_sided("left_eye_brow{}", _FALLING),
    *_sided("nose{}", (1, 2, 3, 4)),
    *("right_nose_2", "right_nose_1", "nose_middle", "left_nose_1", "left_nose_2"),
    *_sided("right_eye{}", (1, 2, 3, 4, 5, 6)),
    *_sided("left_eye{}", (4, 3, 2, 1, 6, 5)),
    *_sided("right_mouth_{}", (1, 2, 3)),
    "mouth_top",
    *_sided("left_mouth_{}", (3, 2, 1, 5, 4)),
    "mouth_bottom",
    *_sided("right_mouth_{}", (4, 5)),
    *("right_lip_1", "right_lip_2", "lip_top", "left_lip_2", "left_lip_1", "left_lip_3", "lip_bottom", "right_lip_3"),
)
# iBUG's points 0 to 16, the edge of the face from the right ear over the chin to the left ear.
CONTOUR17 = (
    *_sided("right_contour_{}", range(1, 9)),
    "contour_middle",
    *_sided("left_contour_{}", range(8, 0, -1)),
)
