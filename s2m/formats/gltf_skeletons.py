"""Which nodes of a glTF file are somebody's skeleton.

A body, its hair and its clothes may have a skin each, with some of the joints: skins below one another are one
person's. Files of motion alone have no skin; there, the tree below whatever is animated is the skeleton.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from s2m.formats.gltf_file import GltfFile

_MOVING = ("translation", "rotation", "scale")
_BODY = 15  # joints that a person has at least; props have fewer
_VRM = ("VRMC_vrm", "VRMC_vrm_animation", "VRM")


@dataclass(frozen=True)
class Skeleton:
    """One person's joints.

    Attributes:
        joints: Nodes.
        skin: The one that has most of them, which tells their rest pose; ``None`` without skins.
    """

    joints: tuple[int, ...]
    skin: dict[str, Any] | None


def skeletons_of(file: GltfFile) -> list[Skeleton]:
    """The skeletons of a file, in its order.

    Args:
        file: The file.

    Raises:
        FormatError: Its nodes are no tree.
    """
    if not file.skins:
        return [Skeleton(tuple(_below(file, root)), None) for root in _animated_roots(file)]
    tops = [_top(file, skin["joints"]) for skin in file.skins]
    groups: dict[int | None, list[dict[str, Any]]] = {}
    for skin, top in zip(file.skins, tops, strict=True):
        chain = [] if top is None else file.with_ancestors([top])
        groups.setdefault(next((node for node in chain if node in tops), None), []).append(skin)
    return [one for skins in groups.values() for one in _apart(file, _merged(skins))]


def _apart(file: GltfFile, skeleton: Skeleton) -> list[Skeleton]:
    """The people of a skeleton: Blender makes one of all that an FBX has below one node."""
    joints = set(skeleton.joints)
    trees: dict[int, list[int]] = {}
    for joint in skeleton.joints:
        root = joint
        while (above := file.next_above(root, joints)) is not None:
            root = above
        trees.setdefault(root, []).append(joint)
    most = max(len(tree) for tree in trees.values())
    bodies = [tree for tree in trees.values() if len(tree) >= max(_BODY, most / 2)]
    return [skeleton] if len(bodies) < 2 else [Skeleton(tuple(tree), skeleton.skin) for tree in bodies]


def _merged(skins: list[dict[str, Any]]) -> Skeleton:
    largest = max(skins, key=lambda skin: len(skin["joints"]))
    joints = dict.fromkeys(joint for skin in (largest, *skins) for joint in skin["joints"])
    return Skeleton(tuple(joints), largest)


def _top(file: GltfFile, joints: list[int]) -> int | None:
    """The lowest node that all joints are or hang on."""
    shared: list[int] | None = None
    for joint in joints:
        chain = file.with_ancestors([joint])
        shared = chain if shared is None else [node for node in shared if node in chain]
    return shared[-1] if shared else None


def _animated_roots(file: GltfFile) -> list[int]:
    moved = [
        channel["target"]["node"]
        for animation in file.animations
        for channel in animation["channels"]
        if channel["target"]["path"] in _MOVING and "node" in channel["target"]
    ]
    return list(dict.fromkeys(file.with_ancestors([node])[0] for node in moved))


def _below(file: GltfFile, root: int) -> Iterator[int]:
    """A node and those below it, less what is no joint."""
    node = file.nodes[root]
    if "mesh" not in node and "camera" not in node:
        yield root
    for child in node.get("children", []):
        yield from _below(file, child)


def vrm_names(file: GltfFile) -> dict[int, str]:
    """Node -> what it is of a person, where VRM's extensions say so (``leftUpperArm``).

    Args:
        file: The file.
    """
    found: dict[int, str] = {}
    for name in _VRM:
        bones = file.extensions.get(name, {}).get("humanoid", {}).get("humanBones", {})
        pairs = bones.items() if isinstance(bones, dict) else ((bone["bone"], bone) for bone in bones)
        found |= {bone["node"]: part for part, bone in pairs}
    return found
