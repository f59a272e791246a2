"""Frames per second, as files tell them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError

RATES = ("mocap_framerate", "mocap_frame_rate", "fps", "framerate", "frame_rate", "frameRate")
"""What files call them."""
_SLOWEST, _FASTEST = 0.1, 10_000.0


def told_rate(content: Any, path: Path) -> float | None:
    """The frames per second that a field of a file tells.

    Args:
        content: What stands in the file.
        path: The file, for messages.

    Returns:
        Frames per second; ``None`` where no field tells.

    Raises:
        FormatError: For a field that is not one number of frames per second.
    """
    name = next((name for name in RATES if name in content), None) if isinstance(content, dict) else None
    told = None if name is None else content[name]
    if name is None or told is None:
        return None
    if not isinstance(told, (int, float, np.ndarray, np.generic)):
        raise FormatError(f"{path}: {name}: expected a number of frames per second, found {told!r:.40}")
    return rate_of(np.asarray(told), path, name)


def rate_of(values: NDArray[Any], path: Path, name: str) -> float:
    """Frames per second, if they can be meant.

    Args:
        values: What the file has.
        path: The file, for messages.
        name: The field, for messages.

    Raises:
        FormatError: For what is not one number of frames per second.
    """
    if values.dtype.kind not in "fiu":
        raise FormatError(f"{path}: {name}: expected numbers, found {values.dtype}")
    if values.size != 1 or not _SLOWEST <= float(values.reshape(())) <= _FASTEST:
        found = f"{float(values.reshape(())):g}" if values.size == 1 else f"{values.size} numbers"
        raise FormatError(f"{path}: {name}: expected one number of {_SLOWEST:g} to {_FASTEST:g}, found {found}")
    return float(values.reshape(()))
