"""Which joints the 2D files of VideoPose3D's Human3.6M have, and how they become ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.skeletons import H36M17, MPII16, JointSet

Array = NDArray[Any]

# By ``metadata/layout_name``, as VideoPose3D's preparation writes it.
LAYOUTS = {"h36m": H36M17, "mpii": MPII16}
# Joints that MPII lacks, half way between two that it has; its upper neck lies below Human3.6M's neck or nose.
_HALF_WAY = {"spine": ("pelvis", "thorax"), "neck_nose": ("thorax", "head")}


def layout_of(metadata: Any) -> JointSet | None:
    """The joints that a file says it has; ``None`` where it says nothing.

    Args:
        metadata: The file's field of that name.

    Raises:
        ValueError: For another layout.
    """
    name = metadata.get("layout_name") if isinstance(metadata, Mapping) else None
    if name is None:
        return None
    if name not in LAYOUTS:
        raise ValueError(f"metadata/layout_name: expected {' or '.join(LAYOUTS)}, found {name}")
    return LAYOUTS[name]


def as_h36m17(joints: Array, told: JointSet | None = None) -> Array:
    """Joints of either layout as those of h36m17; spine and neck of MPII's are middles.

    Args:
        joints: (T, K, 2) pixels, or (T, K, 3) with a score.
        told: The layout that the file says; by the number of joints if ``None``.

    Returns:
        (T, 17, 2 or 3); a middle is as certain as the less certain of its two joints.

    Raises:
        ValueError: For another shape.
    """
    fitting = [told] if told is not None else list(LAYOUTS.values())
    given = next((known for known in fitting if joints.ndim == 3 and joints.shape[1] == len(known)), None)
    if given is None or joints.shape[2] not in (2, 3) or not len(joints):
        expected = " or ".join(f"(frames, {len(known)}, 2)" for known in fitting)
        raise ValueError(f"expected shape {expected}, found {joints.shape}")
    if given is H36M17:
        return joints
    return np.stack([_joint(name, joints, given) for name in H36M17.joints], axis=1)


def _joint(name: str, joints: Array, given: JointSet) -> Array:
    if name in given:
        return joints[:, given.index(name)]
    first, second = (joints[:, given.index(end)] for end in _HALF_WAY[name])
    middle: Array = (first + second) / 2
    middle[:, 2:] = np.minimum(first, second)[:, 2:]
    return middle
