"""Joints of SMPL-H and SMPL-X, in the order in which their files and the package smplx write them.

Source: ``smplx/joint_names.py`` of github.com/vchoutas/smplx (the order alone). The first 22 are SMPL's own.
"""

from __future__ import annotations

from collections.abc import Iterable

from s2m.skeletons.core import SMPL22, SMPL24
from s2m.skeletons.hands import CONTOUR17, FACE51, FINGERS, SIDES, TIP, finger, finger_parents
from s2m.skeletons.joint_set import JointSet

# SMPL-H lists a hand's fingers in this order.
_MANO_ORDER = ("index", "middle", "pinky", "ring", "thumb")
_HANDS = tuple(joint for side in SIDES for name in _MANO_ORDER for joint in finger(side, name, ("1", "2", "3")))
_EYEBALLS = ("left_eyeball", "right_eyeball")
_FEET = tuple(f"{side}_{part}" for side in SIDES for part in ("toe", "small_toe", "heel"))
_TIPS = tuple(joint for side in SIDES for name in FINGERS for joint in finger(side, name, (TIP,)))
_SURFACE = ("nose", "right_eye", "left_eye", "right_ear", "left_ear", *_FEET, *_TIPS)


def _set(name: str, joints: tuple[str, ...]) -> JointSet:
    parents = {
        **SMPL22.parent_of,
        **finger_parents(joints),
        **{foot: f"{foot.split('_')[0]}_ankle" for foot in _FEET},
    }
    parents = {joint: parents.get(joint, "head") for joint in joints if joint != SMPL22.root}
    return JointSet(name, joints, parents, SMPL22.root)


SMPLH52 = _set("smplh52", (*SMPL22.joints, *_HANDS))
SMPLX55 = _set("smplx55", (*SMPL22.joints, "jaw", *_EYEBALLS, *_HANDS))
# With the points on the surface that smplx appends; 144 with the edge of the face (``use_face_contour``).
SMPLX127 = _set("smplx127", (*SMPLX55.joints, *_SURFACE, *FACE51))
SMPLX144 = _set("smplx144", (*SMPLX127.joints, *CONTOUR17))


def is_smpl(joint_set: JointSet) -> bool:
    """Whether a set's joints are SMPL's own, the centres that its limbs turn about, and not a dataset's.

    "left_hip" means another place in SMPL than in Human3.6M. A set is SMPL's when it has spine1, spine2 and spine3 and
    no name that SMPL, SMPL-H and SMPL-X lack (``unused_N`` aside).

    Args:
        joint_set: The set.
    """
    return has_smpl_names(joint for joint in joint_set.joints if not joint.startswith("unused_"))


def has_smpl_names(names: Iterable[str]) -> bool:
    """Whether names are those of SMPL's own joints; see :func:`is_smpl`.

    Args:
        names: Of joints.
    """
    named = set(names)
    return {"spine1", "spine2", "spine3"} <= named <= {*SMPL24.joints, *SMPLX144.joints}
