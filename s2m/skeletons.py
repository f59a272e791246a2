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

JOINT_SETS: dict[str, JointSet] = {s.name: s for s in (H36M17, S2M27, SMPL24)}


def get_joint_set(name: str) -> JointSet:
    """Look a joint set up by name; ValueError that lists the known ones."""
    try:
        return JOINT_SETS[name]
    except KeyError:
        raise ValueError(f"unknown joint set '{name}'; known: {', '.join(sorted(JOINT_SETS))}") from None
