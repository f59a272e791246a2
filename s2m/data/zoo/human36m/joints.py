"""Human3.6M's 32 joints, of which 17 move."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from s2m.skeletons import H36M17

# In the order of the files (H36M_NAMES of github.com/una-dinosauria/3d-pose-baseline, src/data_utils.py, and the
# toolbox's BVH names). Those that H36M17 has are called as there: "spine" is the toolbox's Spine1, "thorax" its Neck,
# "neck_nose" its Head, "head" the end site above it. The others repeat a joint or are ends that nobody evaluates.
HUMAN36M32 = (
    "pelvis",
    "right_hip",
    "right_knee",
    "right_ankle",
    "right_toe_base",
    "right_toe_site",
    "left_hip",
    "left_knee",
    "left_ankle",
    "left_toe_base",
    "left_toe_site",
    "spine_base",
    "spine",
    "thorax",
    "neck_nose",
    "head",
    "left_collar",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "left_thumb",
    "left_thumb_site",
    "left_wrist_end",
    "left_wrist_site",
    "right_collar",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "right_thumb",
    "right_thumb_site",
    "right_wrist_end",
    "right_wrist_site",
)
_COLUMNS = [HUMAN36M32.index(joint) for joint in H36M17.joints]


def to_h36m17(values: NDArray[Any]) -> NDArray[Any]:
    """(T, 32, C) in the files' order to (T, 17, C) in that of H36M17, by name.

    Args:
        values: Values (T, 32, C).
    """
    return values[:, _COLUMNS]
