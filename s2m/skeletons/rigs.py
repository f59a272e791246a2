"""Joint sets of Kinect v2 and of the rigs of newer body models, whose joints are the centres that limbs turn about."""

from __future__ import annotations

from s2m.skeletons.hands import FINGERS, SIDES, TIP, finger, finger_parents
from s2m.skeletons.joint_set import JointSet

_ARM = ("shoulder", "elbow", "wrist", "hand")
_LEG = ("hip", "knee", "ankle", "toe")


def _chain(root: str, side: str, parts: tuple[str, ...]) -> dict[str, str]:
    names = [root, *(f"{side}_{part}" for part in parts)]
    return dict(zip(names[1:], names, strict=False))


def _both(root: str, parts: tuple[str, ...]) -> dict[str, str]:
    return {**_chain(root, "left", parts), **_chain(root, "right", parts)}


# Kinect v2 and NTU RGB+D, in the order of Microsoft's enumeration JointType. "face" is its head (amid the skull),
# "thorax" its SpineShoulder, "spine" its SpineMid, "pelvis" its SpineBase, "toe" its foot.
NTU25 = JointSet(
    name="ntu25",
    joints=(
        *("pelvis", "spine", "neck", "face"),
        *(f"{side}_{part}" for side in SIDES for part in _ARM),
        *(f"{side}_{part}" for side in SIDES for part in _LEG),
        "thorax",
        *(f"{side}_{part}" for side in SIDES for part in ("handtip", "thumb")),
    ),
    parent_of={
        **{"spine": "pelvis", "thorax": "spine", "neck": "thorax", "face": "neck"},
        **_both("thorax", (*_ARM, "handtip")),
        **_both("pelvis", _LEG),
        **{f"{side}_thumb": f"{side}_wrist" for side in SIDES},
    },
    root="pelvis",
)

_TO_THE_WRIST = (TIP, "3", "2", "1")
_ELBOW_POINTS = ("olecranon", "cubital_fossa", "acromion")


def _mhr70() -> JointSet:
    """SAM 3D Body's ``pred_keypoints_3d``; source: ``sam_3d_body/metadata/mhr70.py`` of
    github.com/facebookresearch/sam-3d-body. A finger begins with its tip there. The points are regressed from the mesh
    to be compared with clicked ones (issue 53 there), COCO's before all, so they lie where detectors have theirs.
    """
    both = ("left", "right")
    hands = [
        joint
        for side in ("right", "left")
        for joint in (*(j for name in FINGERS for j in finger(side, name, _TO_THE_WRIST)), f"{side}_wrist")
    ]
    body = [f"{side}_{part}" for part in ("shoulder", "elbow", "hip", "knee", "ankle") for side in both]
    feet = [f"{side}_{part}" for side in both for part in ("toe", "small_toe", "heel")]
    face = [f"{side}_{part}" for part in ("eye", "ear") for side in both]
    points = [f"{side}_{part}" for part in _ELBOW_POINTS for side in both]
    joints = ("nose", *face, *body, *feet, *hands, *points, "neck")
    carriers = {"olecranon": "elbow", "cubital_fossa": "elbow", "acromion": "shoulder"}
    parents = {
        **_both("left_hip", ("hip", "knee", "ankle")),
        **_both("neck", ("shoulder", "elbow", "wrist")),
        **{foot: f"{foot.split('_')[0]}_ankle" for foot in feet},
        **dict.fromkeys(face, "nose"),
        **{f"{side}_{part}": f"{side}_{carriers[part]}" for part in _ELBOW_POINTS for side in both},
        **finger_parents(joints),
        "nose": "neck",
        "neck": "left_hip",
    }
    del parents["left_hip"]
    return JointSet("mhr70", joints, parents, "left_hip", detected=True)


def _twists(limb: str, first: int) -> list[str]:
    return [f"{limb}_twist{number}" for number in range(first, 5)]


def _mhr_leg(side: str) -> list[str]:
    chain = [f"{side}_{part}" for part in ("hip", "knee", "foot_root", "ankle", "subtalar", "tarsal", "ball")]
    return [*chain, *_twists(f"{side}_shank", 1), *_twists(f"{side}_thigh", 0)]


def _mhr_arm(side: str) -> list[str]:
    chain = [f"{side}_{part}" for part in ("collar", "shoulder", "elbow", "wrist_twist", "wrist")]
    parts = {"pinky": ("0", "1", "2", "3", TIP), "thumb": ("0", "1", "2", "3", TIP)}
    fingers = [
        joint
        for name in ("pinky", "ring", "middle", "index", "thumb")
        for joint in finger(side, name, parts.get(name, ("1", "2", "3", TIP)))
    ]
    return [*chain, *fingers, *_twists(f"{side}_forearm", 1), *_twists(f"{side}_upper_arm", 0)]


def _mhr127() -> JointSet:
    """The joints of MHR's rig (SAM 3D Body's ``pred_joint_coords``), as the model's ``get_joint_names`` lists them:
    github.com/facebookresearch/MHR. "pelvis" is its root, "ball" its ball, "head_joint" its c_head.
    """
    head = [
        *("neck", "neck_twist1", "neck_twist0", "head_joint", "jaw", "teeth", "jaw_end"),
        *(f"tongue{number}" for number in range(5)),
        *("right_eye", "right_eye_end", "left_eye", "left_eye_end", "head_end"),
    ]
    joints = [
        *("world", "pelvis"),
        *_mhr_leg("left"),
        *_mhr_leg("right"),
        *(f"lumbar{number}" for number in range(4)),
        *_mhr_arm("right"),
        *_mhr_arm("left"),
        *head,
    ]
    unread = ("world", "teeth", "jaw_end", "tongue", "head_end", "neck_twist", "left_eye_end", "right_eye_end")
    unread_parts = ("twist", "foot_root", "subtalar", "tarsal")
    named = tuple(
        f"unused_{number}" if joint.startswith(unread) or any(part in joint for part in unread_parts) else joint
        for number, joint in enumerate(joints)
    )
    parents = {
        **_both("pelvis", ("hip", "knee", "ankle", "ball")),
        **{"lumbar0": "pelvis", "lumbar1": "lumbar0", "lumbar2": "lumbar1", "lumbar3": "lumbar2"},
        **_both("lumbar3", ("collar", "shoulder", "elbow", "wrist")),
        **{"neck": "lumbar3", "head_joint": "neck", "jaw": "head_joint"},
        **dict.fromkeys(("left_eye", "right_eye"), "head_joint"),
        **finger_parents(named),
    }
    return JointSet("mhr127", named, {j: parents.get(j, "pelvis") for j in named if j != "pelvis"}, "pelvis")


def _soma77() -> JointSet:
    """The 77 joints of SOMA that its users see, without the virtual Root; sources: SOMALayer's page at
    nvlabs.github.io/SOMA-X and the names of BONES-SEED's files.
    """
    four = ("0", "1", "2", "3", TIP)
    arms = [
        joint
        for side in SIDES
        for joint in (
            *(f"{side}_{part}" for part in ("collar", "shoulder", "elbow", "wrist")),
            *finger(side, "thumb", ("1", "2", "3", TIP)),
            *(j for name in FINGERS[1:] for j in finger(side, name, four)),
        )
    ]
    legs = [f"{side}_{part}" for side in SIDES for part in ("hip", "knee", "ankle", "ball", "toe")]
    trunk = ("pelvis", "lumbar0", "lumbar1", "chest", "neck", "neck2", "head_joint", "head", "jaw")
    joints = (*trunk, "left_eye", "right_eye", *arms, *legs)
    parents = {
        **dict(zip(trunk[1:], trunk, strict=False)),
        "jaw": "head_joint",
        **dict.fromkeys(("left_eye", "right_eye"), "head_joint"),
        **_both("chest", ("collar", "shoulder", "elbow", "wrist")),
        **_both("pelvis", ("hip", "knee", "ankle", "ball", "toe")),
        **finger_parents(joints),
    }
    return JointSet("soma77", joints, parents, "pelvis")


MHR70, MHR127, SOMA77 = _mhr70(), _mhr127(), _soma77()
