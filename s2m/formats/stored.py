"""What a file of this project's own says of its joints, its frames and its person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from s2m.errors import UserError
from s2m.formats.layouts import HOLOSOMA, HOLOSOMA_JOINTS, Layout
from s2m.formats.rates import told_rate
from s2m.formats.tracks import Labels, Track
from s2m.skeletons import JOINT_SETS, JointSet

_UNIT, _UP = ("unit", "units"), ("up", "up_axis")
_UNITS, _AXES = ("m", "cm", "mm"), ("y", "z", "y-down", "z-down")


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


def layout_of(content: Any, path: Path) -> Layout | None:
    """What a file with fields says of its rate, its unit and its axes, in words that are known here.

    Args:
        content: What stands in the file.
        path: The file, for messages.

    Returns:
        The layout; ``None`` where it says nothing.

    Raises:
        FormatError: For a rate that cannot be meant.
    """
    if not isinstance(content, dict):
        return None
    rate, known = told_rate(content, path), HOLOSOMA if HOLOSOMA_JOINTS in content else Layout("the file")
    unit, up = (next((_word(content[name]) for name in names if name in content), None) for names in (_UNIT, _UP))
    unit, up = unit if unit in _UNITS else known.unit, up if up in _AXES else known.up or "y"
    found = replace(known, unit=unit, up=up, fps=known.fps if rate is None else rate)
    return None if found == Layout("the file", up="y") else found


def _word(value: Any) -> Any:
    """A number or word, also where it stands in an array of one; ``None`` for anything else."""
    value = value.reshape(()).item() if isinstance(value, np.ndarray) and value.size == 1 else value
    return value if isinstance(value, (int, float, str)) else None


def with_stored_labels(track: Track, content: Any) -> Track:
    """A track of an npz that ``s2m lift`` wrote, with the frames, pictures and person that the file names.

    Args:
        track: The joints of the file.
        content: What stands in the file.

    Returns:
        The track; the same one for other files, and for fields that do not fit the joints.
    """
    labels = stored_labels(content, len(track.points))
    if labels is None:
        return track
    person = track.person if labels.person is None else labels.person
    return replace(track, frames=labels.frames, images=labels.images or track.images, person=person)


def stored_labels(content: Any, count: int) -> Labels | None:
    """What an npz that ``s2m lift`` wrote calls its frames, pictures and person.

    Args:
        content: What stands in the file.
        count: Number of its frames.

    Returns:
        The labels; ``None`` for other files, and for fields that do not fit the joints.
    """
    if not isinstance(content, dict) or not {"joint_set", "frames"} <= set(content):
        return None
    frames, images, person = (_plain(content.get(name)) for name in ("frames", "images", "person"))
    if frames is None or frames.dtype.kind not in "iu" or frames.shape != (count,) or (np.diff(frames) <= 0).any():
        return None
    known = images is not None and images.dtype.kind == "U" and images.shape == frames.shape
    numbered = person is not None and person.ndim == 0 and person.dtype.kind in "iuU"
    return Labels(
        frames.astype(np.int64),
        tuple(images.tolist()) if known and images is not None else (),
        person.item() if numbered and person is not None else None,
    )


def _plain(value: Any) -> np.ndarray[Any, Any] | None:
    return value if isinstance(value, np.ndarray) else None
