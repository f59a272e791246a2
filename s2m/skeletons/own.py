"""Joint sets that users bring themselves."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from s2m.reading import read_yaml
from s2m.skeletons.core import S2M27
from s2m.skeletons.joint_set import JointSet
from s2m.skeletons.known import JOINT_SETS
from s2m.skeletons.places import TRUNK


def read_joint_set(path: str | Path) -> JointSet:
    """A user's own joint set from yaml.

    ::

        name: mine
        joints: [pelvis, left_hip, left_knee, null, ...]   # in the order of the data

    Args:
        path: The yaml file. Joints are called by the names that the shipped sets use (:func:`known_joints` lists
            them); ``null`` is a joint that nobody reads. The tree follows from the names. Names that are all SMPL's,
            with spine1, spine2 and spine3 among them, mean SMPL's own joints (:func:`is_smpl`).

    Returns:
        The joint set.

    Raises:
        ValueError: When the file cannot be used; it names the file and the field.
    """
    content: Any = read_yaml(path)
    if not isinstance(content, dict) or set(content) != {"name", "joints"}:
        raise ValueError(f"{path}: expected the fields 'name' and 'joints', found {type(content).__name__}")
    names = content["joints"]
    if not isinstance(names, list) or not any(names) or not all(isinstance(n, str | None) for n in names):
        raise ValueError(f"{path}: joints: expected a list of names (or null), found {type(names).__name__}")
    known = known_joints()
    unknown = [name for name in names if name is not None and name not in known]
    if unknown:
        raise ValueError(f"{path}: joints: unknown names {str(unknown[:5])[:200]}; known: {', '.join(sorted(known))}")
    joints = tuple(f"unused_{i}" if name is None else name for i, name in enumerate(names))
    repeated = sorted(joint for joint, times in Counter(joints).items() if times > 1)
    if repeated:
        raise ValueError(f"{path}: joints: named twice: {', '.join(repeated)}")
    return joint_set_of(str(content["name"]), joints)


def known_joints() -> set[str]:
    """All joint names of the shipped sets."""
    return {joint for joint_set in JOINT_SETS.values() for joint in joint_set.joints}


def joint_set_of(name: str, joints: tuple[str, ...]) -> JointSet:
    """A joint set of known names (or ``unused_N``) in any order; the tree follows from the names.

    Args:
        name: What it is called.
        joints: Its joints; none twice, and one that is no ``unused_N``.

    Returns:
        The joint set.
    """
    root = "pelvis" if "pelvis" in joints else next(joint for joint in joints if not joint.startswith("unused_"))
    above = {child: parent for s in (*JOINT_SETS.values(), S2M27) for child, parent in s.parent_of.items()}

    def parent(joint: str) -> str:
        seen = {joint}
        while (joint := above.get(joint, root)) not in joints and joint not in seen:
            seen.add(joint)
        return joint if joint in joints else root

    found = {joint: parent(joint) for joint in joints if joint != root}
    # A chain of ancestors that leads back to itself hangs from the root instead.
    # Who names the nose and the hips, but neither Human3.6M's point of the neck nor a Kinect's navel, is a detector.
    detected = {"nose", *TRUNK} <= set(joints) and not {"neck_nose", "navel"} & set(joints)
    return JointSet(name, joints, {j: (root if p == j else p) for j, p in found.items()}, root, detected)
