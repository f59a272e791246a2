"""Where joints outside of ``s2m27`` and SMPL's own lie on a body, as sums of places that every body has.

An anchor is a joint of ``s2m27`` by its name, one of the body's own joints (``own:left_hip``, a centre that a limb
turns about), or a vertex of its surface by smplx's name (``at:lear``). Weights sum to one; a weight beyond 1 goes past
the anchor.

Sources: Kinect v2's JointType and Azure Kinect's "body tracking joints" (learn.microsoft.com), whose figures show
centres amid the limbs, the base of the spine between the hips, SpineShoulder between the shoulders, a head amid the
skull; MHR's and SOMA's rigs (github.com/facebookresearch/MHR, nvlabs.github.io/SOMA-X), the centres of a rig's joints.
Fingers lie at fixed shares of the way from the wrist to the finger's tip (a hand of ordinary proportions).
"""

from __future__ import annotations

from collections.abc import Mapping

from s2m.skeletons import FINGERS, S2M27, SIDES, SMPL24, JointSet

Place = Mapping[str, float]

# Sets of joint centres: a limb's joint is the body's own, and not a data set's keypoint of that name.
_CENTRES = ("ntu25", "kinect32", "mhr127", "soma77", "bvh")
_LIMBS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
_ALONG_FINGER = {"0": 0.2, "1": 0.5, "2": 0.73, "3": 0.88, "_tip": 1.0}
_ALONG_THUMB = {"0": 0.12, "1": 0.25, "2": 0.55, "3": 0.8, "_tip": 1.0}
_EARS: Place = {"left_ear": 0.5, "right_ear": 0.5}

_TRUNK: dict[str, Place] = {
    "navel": {"own:spine1": 1.0},
    "chest": {"own:spine3": 1.0},
    "spine4": {"own:neck": 1.0},
    **{f"lumbar{number}": {f"own:spine{number + 1}": 1.0} for number in range(3)},
    "lumbar3": {"own:spine3": 0.6, "own:neck": 0.4},
    "neck2": {"own:neck": 0.5, "own:head": 0.5},
    "head_joint": {"own:head": 1.0},
    "upper_neck": {"own:head": 1.0},  # of MPII: where the skull sits
    "face": _EARS,
    "nose": {"at:nose": 1.0},
    "jaw": {"left_ear": 0.35, "right_ear": 0.35, "at:nose": 0.3},
}

_OF_SET: dict[str, dict[str, Place]] = {
    "ntu25": {
        "pelvis": {"own:pelvis": 1.0},
        "spine": {"own:spine1": 0.5, "own:spine2": 0.5},
        "thorax": {"own:neck": 0.5, "own:left_shoulder": 0.25, "own:right_shoulder": 0.25},
        "neck": {"own:neck": 0.6, "own:head": 0.4},
        **{f"{side}_toe": {f"own:{side}_foot": 0.5, f"{side}_toe": 0.5} for side in SIDES},
    },
    "kinect32": {
        "pelvis": {"own:pelvis": 1.0},
        "neck": {"own:neck": 1.0},
        **{f"{side}_collar": {f"own:{side}_collar": 1.0} for side in SIDES},
        **{f"{side}_toe": {f"own:{side}_foot": 0.5, f"{side}_toe": 0.5} for side in SIDES},
    },
    "mhr127": {"pelvis": {"own:pelvis": 1.0}, "neck": {"own:neck": 1.0}},
    "soma77": {"pelvis": {"own:pelvis": 1.0}, "neck": {"own:neck": 1.0}, "chest": {"own:spine3": 1.0}},
    "bvh": {"pelvis": {"own:pelvis": 1.0}, "neck": {"own:neck": 1.0}},
    "mhr70": {"neck": {"own:neck": 1.0}},
}


def _of_side(side: str) -> dict[str, Place]:
    wrist, letter = f"own:{side}_wrist", side[0]
    found: dict[str, Place] = {
        f"{side}_eyeball": {"at:nose": 0.7, f"{side}_ear": 0.3},
        f"{side}_small_toe": {f"{side}_toe": 1.0},
        f"{side}_ball": {f"own:{side}_foot": 1.0},
        f"{side}_handtip": {f"at:{letter}middle": 1.0},
        f"{side}_thumb": {f"at:{letter}thumb": 1.0},
        f"{side}_hand_root": {f"{side}_wrist": 1.0},
        f"{side}_olecranon": {f"{side}_elbow": 1.0},
        f"{side}_cubital_fossa": {f"{side}_elbow": 1.0},
        f"{side}_acromion": {f"{side}_shoulder": 1.0},
    }
    for name in FINGERS:
        for part, share in (_ALONG_THUMB if name == "thumb" else _ALONG_FINGER).items():
            found[f"{side}_{name}{part}"] = {wrist: 1 - share, f"at:{letter}{name}": share}
    return found


_EVERYWHERE: dict[str, Place] = {**_TRUNK, **_of_side("left"), **_of_side("right")}


def place_of(joint: str, joint_set: JointSet) -> Place | None:
    """Where a joint of a set lies.

    Args:
        joint: Its name.
        joint_set: The set; the same name may mean another place in another one.

    Returns:
        Weights of anchors; ``None`` for a joint that is none of ``s2m27``, SMPL's or this table's.
    """
    special = _OF_SET.get(joint_set.name, {}).get(joint)
    if special is not None:
        return special
    if joint_set.name in _CENTRES and joint.split("_", 1)[-1] in _LIMBS:
        return {f"own:{joint}": 1.0}
    if joint in S2M27:
        return {joint: 1.0}
    if joint.startswith("unused_"):
        return {"pelvis": 1.0}
    if joint in _EVERYWHERE:
        return _EVERYWHERE[joint]
    if _is_of_the_face(joint):
        return _contour(joint) if "contour" in joint else _near_the_nose(joint)
    return {f"own:{joint}": 1.0} if joint in SMPL24 else None


def _is_of_the_face(joint: str) -> bool:
    plain = joint.removeprefix("left_").removeprefix("right_")
    return plain.startswith(("eye_brow", "eye", "nose", "mouth", "lip", "contour"))


def _near_the_nose(joint: str) -> Place:
    side = joint.split("_")[0]
    return {"at:nose": 0.85, f"{side}_ear": 0.15} if side in SIDES else {"at:nose": 1.0}


def _contour(joint: str) -> Place:
    """The edge of a face, from an ear (1) over the chin (middle) to the other."""
    side, _, number = joint.partition("_contour_")
    if side not in SIDES:
        return {"at:nose": 0.6, "left_ear": 0.2, "right_ear": 0.2}
    share = int(number) / 9
    return {f"{side}_ear": 1 - share, "at:nose": share}
