"""Where a subject's joints lie beside the places of the skeleton: definitions of joints differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from s2m.data.open.config import Definitions
from s2m.skeletons import JointSet, mirrored_name

FloatArray = NDArray[np.float64]

_GROUPS = {
    "hips": ("pelvis", "hip"),
    "head": ("neck_nose", "head", "ear"),
    "trunk": ("spine", "thorax", "shoulder"),
}


def draw_definition(rng: np.random.Generator, definitions: Definitions, joint_set: JointSet) -> FloatArray:
    """Offsets (J, 3) of one subject's joints, metres, body frame at rest.

    Evenly drawn in each direction; left and right mirror each other, and joints in the middle stay there.

    Args:
        rng: Source of random numbers.
        definitions: How far joints may lie beside their places.
        joint_set: Names and order of the joints.
    """
    offsets = np.zeros((len(joint_set), 3))
    for index, joint in enumerate(joint_set.joints):
        if joint.startswith("right_"):
            continue
        drawn = rng.uniform(-1, 1, 3) * getattr(definitions, _group(joint))
        mirrored = joint_set.index(mirrored_name(joint))
        if mirrored == index:
            drawn[0] = 0.0
        offsets[index] = drawn
        offsets[mirrored] = drawn * (-1.0 if mirrored != index else 1.0, 1.0, 1.0)
    return offsets


def _group(joint: str) -> str:
    part = joint.removeprefix("left_")
    return next((group for group, parts in _GROUPS.items() if part in parts), "limbs")
