"""Joint sets: names, parents, mirror pairs. Data only; nothing else in the project knows a joint by its number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class JointSet:
    """An ordered set of named joints that form a tree.

    ``parent_of`` maps every joint but the root to its parent; ``left_`` and ``right_`` names are mirror pairs.
    """

    name: str
    joints: tuple[str, ...]
    parent_of: dict[str, str]
    root: str

    def __post_init__(self) -> None:
        if len(set(self.joints)) != len(self.joints):
            raise ValueError(f"joint set {self.name}: a joint appears twice")
        expected = set(self.joints) - {self.root}
        if set(self.parent_of) != expected or not set(self.parent_of.values()) <= set(self.joints):
            raise ValueError(f"joint set {self.name}: every joint but {self.root} needs a parent within the set")

    def __len__(self) -> int:
        return len(self.joints)

    def __contains__(self, joint: object) -> bool:
        return joint in self.joints

    @cached_property
    def _position(self) -> dict[str, int]:
        return {joint: i for i, joint in enumerate(self.joints)}

    def index(self, joint: str) -> int:
        """Position of a joint; KeyError that lists the names when there is none."""
        try:
            return self._position[joint]
        except KeyError:
            raise KeyError(f"joint set {self.name} has no joint '{joint}'; it has: {', '.join(self.joints)}") from None

    def indices(self, joints: Iterable[str]) -> list[int]:
        """Positions of several joints."""
        return [self.index(joint) for joint in joints]

    @property
    def root_index(self) -> int:
        """Position of the root."""
        return self.index(self.root)

    @cached_property
    def parents(self) -> tuple[int, ...]:
        """Position of every joint's parent; -1 for the root."""
        return tuple(self.index(self.parent_of[j]) if j in self.parent_of else -1 for j in self.joints)

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) pairs in the order of the children."""
        return tuple((p, c) for c, p in enumerate(self.parents) if p >= 0)

    @cached_property
    def mirror(self) -> tuple[int, ...]:
        """Permutation that swaps left and right: ``joints[:, mirror]`` relabels a mirrored skeleton."""
        return tuple(self.index(mirrored_name(joint)) for joint in self.joints)


def mirrored_name(joint: str) -> str:
    """left_x <-> right_x; other names stay."""
    if joint.startswith("left_"):
        return "right_" + joint.removeprefix("left_")
    if joint.startswith("right_"):
        return "left_" + joint.removeprefix("right_")
    return joint


_SIDES = ("right", "left")


def _limbs(side: str) -> dict[str, str]:
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
        f"{side}_ear": "nose",
        f"{side}_heel": f"{side}_ankle",
        f"{side}_toe": f"{side}_ankle",
        f"{side}_index": f"{side}_wrist",
        f"{side}_pinky": f"{side}_wrist",
    }


_H36M17_PARENTS = {
    **_limbs("right"),
    **_limbs("left"),
    "spine": "pelvis",
    "thorax": "spine",
    "nose": "thorax",
    "head": "nose",
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
        "nose",
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

_MPI_LIMBS = {
    **_limbs("right"),
    **_limbs("left"),
    "spine": "pelvis",
    "thorax": "spine",
}

# MPI-INF-3DHP's test annotation; "nose" is its "head", a point amid the face.
MPI3DHP17 = JointSet(
    name="mpi3dhp17",
    joints=(
        "head",
        "thorax",
        "right_shoulder",
        "right_elbow",
        "right_wrist",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "right_hip",
        "right_knee",
        "right_ankle",
        "left_hip",
        "left_knee",
        "left_ankle",
        "pelvis",
        "spine",
        "nose",
    ),
    parent_of={**_MPI_LIMBS, "nose": "thorax", "head": "nose"},
    root="pelvis",
)


def _mpi28_limbs(side: str) -> dict[str, str]:
    return {
        f"{side}_collar": "spine4",
        f"{side}_shoulder": f"{side}_collar",
        f"{side}_elbow": f"{side}_shoulder",
        f"{side}_wrist": f"{side}_elbow",
        f"{side}_hand": f"{side}_wrist",
        f"{side}_hip": "pelvis",
        f"{side}_knee": f"{side}_hip",
        f"{side}_ankle": f"{side}_knee",
        f"{side}_foot": f"{side}_ankle",
        f"{side}_toe": f"{side}_foot",
    }


# MPI-INF-3DHP's full annotation, in the order of its files.
MPI3DHP28 = JointSet(
    name="mpi3dhp28",
    joints=(
        "spine3",
        "spine4",
        "spine2",
        "spine",
        "pelvis",
        "neck",
        "face",
        "head",
        *(f"{side}_{part}" for side in ("left", "right") for part in ("collar", "shoulder", "elbow", "wrist", "hand")),
        *(f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle", "foot", "toe")),
    ),
    parent_of={
        "spine": "pelvis",
        "spine2": "spine",
        "spine3": "spine2",
        "spine4": "spine3",
        "neck": "spine4",
        "face": "neck",
        "head": "face",
        **_mpi28_limbs("left"),
        **_mpi28_limbs("right"),
    },
    root="pelvis",
)

_COCO_LIMBS = {
    "right_hip": "left_hip",
    "left_shoulder": "left_hip",
    "right_shoulder": "right_hip",
    "nose": "left_shoulder",
    **{
        f"{side}_{child}": f"{side}_{parent}"
        for side in ("left", "right")
        for parent, child in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
    },
}

# COCO has no joint in the middle of the body; its tree hangs from the left hip.
COCO17 = JointSet(
    name="coco17",
    joints=(
        "nose",
        *(
            f"{side}_{part}"
            for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
            for side in ("left", "right")
        ),
    ),
    parent_of={
        **_COCO_LIMBS,
        **{f"{side}_{part}": "nose" for side in ("left", "right") for part in ("eye", "ear")},
    },
    root="left_hip",
)

# Leeds Sports Pose: "thorax" is its "neck", "head" its "head top".
LSP14 = JointSet(
    name="lsp14",
    joints=(
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "thorax",
        "head",
    ),
    parent_of={
        **{
            child: parent
            for child, parent in _COCO_LIMBS.items()
            if child not in ("nose", "left_shoulder", "right_shoulder")
        },
        "thorax": "left_hip",
        "left_shoulder": "thorax",
        "right_shoulder": "thorax",
        "head": "thorax",
    },
    root="left_hip",
)

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
        **_COCO_LIMBS,
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

JOINT_SETS: dict[str, JointSet] = {
    s.name: s for s in (H36M17, S2M27, SMPL24, MPI3DHP17, MPI3DHP28, COCO17, LSP14, BLAZEPOSE33, KINECT32)
}


def get_joint_set(name: str) -> JointSet:
    """Look a joint set up by name; ValueError that lists the known ones."""
    try:
        return JOINT_SETS[name]
    except KeyError:
        raise ValueError(f"unknown joint set '{name}'; known: {', '.join(sorted(JOINT_SETS))}") from None
