"""HumanML3D's numbers of a frame, 263 or 272 of them, back to positions of SMPL's 22 joints.

The 263 (github.com/EricGuo5513/HumanML3D, ``motion_representation.ipynb``): how fast the root turns (half the angle)
and moves, its height, the other joints relative to it, rotations, velocities, contacts. The 272
(github.com/Li-xingXiao/272-dim-Motion-Representation): how the root moves, how its heading changes (the first two rows
of a matrix), positions without heading, velocities, rotations. Both give positions by summing up turns and steps; the
rotations within them are not read, since they belong to another skeleton (263), or are SMPL's with another body (272).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.errors import FormatError
from s2m.formats.layouts import HUMANML3D, MOTION272, Layout
from s2m.formats.tracks import Track, masked
from s2m.skeletons import SMPL22

Floats = NDArray[np.float64]

_JOINTS = len(SMPL22)
WIDTHS = _WIDE_263, _WIDE_272 = 263, 272
_OTHERS = slice(4, 4 + 3 * (_JOINTS - 1))
_CONTACTS = slice(_WIDE_263 - 4, _WIDE_263)
_POSITIONS = slice(8, 8 + 3 * _JOINTS)
_TALLEST = 10.0  # metres, of a height in these files


def track_of(content: Any, path: Path) -> Track | None:
    """The positions of an array of such numbers; ``None`` for another file.

    Args:
        content: What stands in the file.
        path: For messages.

    Returns:
        The track, in metres with +y up.

    Raises:
        FormatError: For normalised numbers, as models work with, and for numbers that are no motion.
    """
    if not isinstance(content, np.ndarray) or content.dtype.kind != "f":
        return None
    numbers = content[0] if content.ndim == 3 and len(content) == 1 else content
    if numbers.ndim != 2 or numbers.shape[1] not in WIDTHS or not len(numbers):
        return None
    values = numbers.astype(np.float64)
    wide = numbers.shape[1]
    _check(values, path)
    points = positions_263(values) if wide == _WIDE_263 else positions_272(values)
    layout = HUMANML3D if wide == _WIDE_263 else MOTION272
    return _track(points, layout, f"{wide} numbers a frame")


def _track(points: Floats, layout: Layout, why: str) -> Track:
    return masked(points, None, SMPL22, why=why, layout=layout)


def _check(values: Floats, path: Path) -> None:
    wide = values.shape[1]
    if not np.isfinite(values).all():
        raise FormatError(f"{path}: expected {wide} finite numbers a frame, found some that are not")
    heights = values[:, 3] if wide == _WIDE_263 else values[:, _POSITIONS].reshape(len(values), _JOINTS, 3)[:, 0, 1]
    contacts = values[:, _CONTACTS] if wide == _WIDE_263 else np.zeros(1)
    if np.abs(heights).max() > _TALLEST or contacts.min() < -0.5 or contacts.max() > 1.5:
        raise FormatError(
            f"{path}: expected {wide} numbers a frame in metres and radians, found heights of the root from "
            f"{heights.min():.3g} to {heights.max():.3g} and contacts from {contacts.min():.3g} to {contacts.max():.3g}"
            "; are they normalised? Multiply by Std.npy and add Mean.npy first"
        )


def positions_263(values: Floats) -> Floats:
    """Positions of the joints from HumanML3D's 263 numbers.

    Args:
        values: (T, 263), not normalised.

    Returns:
        (T, 22, 3) metres, +y up.
    """
    half = np.concatenate([[0.0], np.cumsum(values[:-1, 0])])
    # The file's turn brings the person to face +z; its inverse leads back.
    back = Rotation.from_rotvec(np.outer(-2 * half, [0.0, 1.0, 0.0]))
    steps = np.zeros((len(values), 3))
    steps[1:, [0, 2]] = values[:-1, 1:3]
    root = np.cumsum(back.apply(steps), axis=0)
    others = values[:, _OTHERS].reshape(len(values), _JOINTS - 1, 3)
    points = np.einsum("tij,tkj->tki", back.as_matrix(), others)
    points[..., [0, 2]] += root[:, None, [0, 2]]
    root[:, 1] = values[:, 3]
    return np.concatenate([root[:, None], points], axis=1)


def positions_272(values: Floats) -> Floats:
    """Positions of the joints from the 272 numbers.

    Args:
        values: (T, 272), not normalised.

    Returns:
        (T, 22, 3) metres, +y up.
    """
    turns = _matrices(values[:, 2:8])
    heading = np.empty_like(turns)
    total = np.eye(3)
    for frame, turn in enumerate(turns):
        total = turn @ total
        heading[frame] = total
    back = heading.transpose(0, 2, 1)
    steps = np.zeros((len(values), 3))
    steps[:, [0, 2]] = values[:, :2]
    steps[1:] = np.einsum("tij,tj->ti", back[:-1], steps[1:])
    place = np.cumsum(steps, axis=0)
    points = np.einsum("tij,tkj->tki", back, values[:, _POSITIONS].reshape(len(values), _JOINTS, 3))
    points[..., [0, 2]] += place[:, None, [0, 2]]
    return points


def _matrices(rows: Floats) -> Floats:
    """(T, 3, 3) rotations of their first two rows, made orthogonal."""
    first = rows[:, :3] / np.maximum(np.linalg.norm(rows[:, :3], axis=-1, keepdims=True), 1e-9)
    second = rows[:, 3:] - (first * rows[:, 3:]).sum(-1, keepdims=True) * first
    second /= np.maximum(np.linalg.norm(second, axis=-1, keepdims=True), 1e-9)
    return np.stack([first, second, np.cross(first, second)], axis=1)
