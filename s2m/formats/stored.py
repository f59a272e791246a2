"""Which joints a file of this project's own says that it has."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2m.errors import UserError
from s2m.skeletons import JOINT_SETS, JointSet


def stored_joint_set(content: Any) -> JointSet | None:
    """The set that the field ``joint_set`` of an npz file names, as ``s2m lift`` writes it.

    Args:
        content: What stands in the file.

    Returns:
        The joint set; ``None`` where there is no such field, or it names no known set.
    """
    if not isinstance(content, dict) or "joint_set" not in content:
        return None
    try:
        name = content["joint_set"]
    except UserError:
        return None
    name = name.item() if isinstance(name, np.ndarray) and name.ndim == 0 else name
    return JOINT_SETS.get(name) if isinstance(name, str) else None
