"""Names of joints as other programs spell them, and the joint sets that lists of names make."""

from __future__ import annotations

import re
from collections.abc import Sequence

from s2m.skeletons import JOINT_SETS, JointSet, joint_set_of, known_joints

_ALIASES = {
    "root": "pelvis",
    "hip": "pelvis",
    "hips": "pelvis",
    "mid_hip": "pelvis",
    "midhip": "pelvis",
    "body_center": "pelvis",
    "head_top": "head",
    "top_head": "head",
    "torso": "spine",
    "neck_base": "thorax",
}
_PARTS = {
    "foot_index": "toe",
    "big_toe": "toe",
    "bigtoe": "toe",
    "smalltoe": "small_toe",
    "clavicle": "collar",
    "hand_tip": "handtip",
}
_FEWEST = 6


def known_name(name: str) -> str | None:
    """This project's name of a joint: ``RShoulder``, ``mouth_left`` and ``Left Hip`` are known.

    Args:
        name: As another program spells it.

    Returns:
        The name, such as ``right_shoulder``; ``None`` for an unknown joint.
    """
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    text = re.sub(r"^([LR])(?=[A-Z][a-z])", r"\1_", text)
    words = [word for word in re.split(r"[^A-Za-z0-9]+", text.lower()) if word]
    if words[:1] == ["body"] and words[1:] != ["center"]:  # FreeMoCap's, beside hands and face
        words = words[1:]
    side = next((word for word in words if word in ("left", "right", "l", "r")), None)
    if side is not None:
        words.remove(side)
    part = "_".join(words)
    known = known_joints()
    if side is None:
        plain = part if part in known else _ALIASES.get(part)
        return plain if plain is not None else _unspaced(part)
    sided = f"{'left' if side[0] == 'l' else 'right'}_{_PARTS.get(part, part)}"
    return sided if sided in known else None


def _unspaced(part: str) -> str | None:
    """``lhip``, ``righthip``."""
    found = re.fullmatch(r"(left|right|l|r)([a-z_]+)", part)
    if found is None:
        return None
    side, rest = found.groups()
    sided = f"{'left' if side[0] == 'l' else 'right'}_{_PARTS.get(rest, rest)}"
    return sided if sided in known_joints() else None


def joint_set_by_names(names: Sequence[str], where: str) -> tuple[JointSet, tuple[str, ...]] | None:
    """The joint set of a list of names, in its order.

    Args:
        names: As a file spells them.
        where: What the set is called where no shipped one has these joints.

    Returns:
        The set and notes about names that nobody here knows; ``None`` where too few are known to tell a person.
    """
    found = [known_name(str(name)) for name in names]
    if "thorax" in [known_name(str(n)) for n in names if str(n).lower() != "neck_base"]:
        # Human3.6M's tenth joint, which MMPose calls so.
        found = [
            "neck_nose" if str(name).lower() == "neck_base" else joint for name, joint in zip(names, found, strict=True)
        ]
    found = [None if joint in found[:place] else joint for place, joint in enumerate(found)]
    if sum(joint is not None for joint in found) < min(_FEWEST, len(names)):
        return None
    for known in JOINT_SETS.values():
        if known.joints == tuple(found):
            return known, ()
    unknown = [str(name)[:40] for name, joint in zip(names, found, strict=True) if joint is None]
    notes = (f"joints that nobody here knows are left out: {', '.join(unknown[:12])}",) if unknown else ()
    joints = tuple(f"unused_{i}" if joint is None else joint for i, joint in enumerate(found))
    return joint_set_of(where, joints), notes
