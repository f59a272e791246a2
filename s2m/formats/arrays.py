"""Joints of one person as plain numbers: in which field of a file they stand, and in which shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.formats.confidences import check_confidence, confidence_field, confidence_notes, counted, unclear_notes
from s2m.formats.raw import described
from s2m.formats.recognise import Recognised, counts_of_sets, recognise
from s2m.formats.stored import layout_of
from s2m.formats.tracks import Track, masked
from s2m.skeletons import H36M17, JOINT_SETS, JointSet

Floats = NDArray[np.float64]


def field_of(content: Any, key: str | None, names: Sequence[str], path: Path) -> Any:
    """The field of a file that holds the joints: the one named by ``key``, or the first of the usual ``names``.

    Args:
        content: What stands in the file; anything but a dictionary is returned as it is.
        key: What ``--key`` names; ``None`` without it.
        names: The usual names, the likeliest first; a file with a single field needs none of them.
        path: The file, for messages.

    Returns:
        The content of the field.

    Raises:
        UserError: For a key that the file lacks, or a file without any of the fields.
    """
    if not isinstance(content, dict):
        if key is not None:
            raise UserError(f"{path}: --key {key}: expected a file with fields, found {described(content)}")
        return content
    value = _named(content, field_name(list(content), key, names, path))
    if isinstance(value, dict):  # people by number, as VIBE and WHAM write them
        return _named(value, field_name(list(value), None, names, path))
    return value


def _named(content: dict[Any, Any], name: str) -> Any:
    """Fields of a pickle may be numbers."""
    return content[next(field for field in content if str(field) == name)]


def field_name(there: Sequence[Any], key: str | None, names: Sequence[str], path: Path) -> str:
    """Which of a file's fields holds the joints; see :func:`field_of`.

    Args:
        there: The fields of the file.
        key: See :func:`field_of`.
        names: See :func:`field_of`.
        path: See :func:`field_of`.

    Returns:
        One of them.

    Raises:
        UserError: See :func:`field_of`.
    """
    fields = [str(field) for field in there]
    shown = ", ".join(field[:60] for field in fields[:20]) or "none"
    if key is not None:
        if key not in fields:
            raise UserError(f"{path}: has no field '{key}'; it has: {shown}")
        return key
    candidates = [name for name in names if name in fields] or (fields if len(fields) == 1 else [])
    if not candidates:
        raise UserError(f"{path}: which field holds the joints? Name it with --key; it has: {shown}")
    return candidates[0]


def numbers(content: Any, path: Path) -> Floats:
    """An array of float64.

    Args:
        content: An array of numbers, or nested lists of one length; ``None`` in them is a missing number.
        path: The file, for messages.

    Returns:
        The numbers; NaN for missing ones.

    Raises:
        UserError: For anything that is no array of numbers.
    """
    if isinstance(content, np.ndarray):
        if content.dtype.kind not in "fiu":
            raise UserError(f"{path}: expected numbers, found {content.dtype}")
        return content.astype(np.float64)
    if not isinstance(content, (list, tuple, int, float)) or _holds_objects(content):
        raise UserError(
            f"{path}: cannot be read: expected an array of numbers, found {described(content)}; save the joints alone, "
            "as numpy.save('joints.npy', joints)"
        )
    try:
        # null, or an empty list, stands for a missing number, joint or frame
        return np.array(_with_nothing(content), dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        text = " ".join(str(error).split())[:120]
        raise UserError(f"{path}: cannot be read: expected lists of numbers of one length ({text})") from error


def _with_nothing(content: Any, depth: int = 2) -> Any:
    """Nested lists with lists of NaN where one of their kind is null or empty."""
    if depth == 0 or not isinstance(content, list):
        return content
    found = [_with_nothing(entry, depth - 1) for entry in content]
    like = next((entry for entry in found if isinstance(entry, list) and entry), None)
    if like is None:
        return found
    nothing = [[np.nan] * len(part) if isinstance(part, list) else np.nan for part in like]
    return [nothing if entry is None or entry == [] else entry for entry in found]


def _holds_objects(content: Any) -> bool:
    for _ in range(64):
        if isinstance(content, (list, tuple)) and content:
            content = content[0]
    return isinstance(content, dict)


def shaped(
    array: Floats, joint_set: JointSet | None, dimensions: int, path: Path, whole: tuple[int, ...] = ()
) -> tuple[Floats, Floats | None, Recognised]:
    """Points (T, K, D) and confidence (T, K) of an array that may be flat and may have one frame.

    Args:
        array: Numbers.
        joint_set: Its joints; by default h36m17 in 2D, and in 3D what the number of joints and the person's
            proportions tell.
        dimensions: D, 2 or 3.
        path: For messages.
        whole: Shape of the array of which some frames are given; by default they are all.

    Returns:
        The points, their confidence where the array has D + 1 columns, and the joint set.

    Raises:
        UserError: For another shape, confidences beyond [0, 1], and joints that tell no set.
    """
    if joint_set is not None or dimensions == 2:
        chosen = Recognised(H36M17 if joint_set is None else joint_set, "")
        found = _as_frames(array, chosen.joint_set, dimensions, path, whole or array.shape)
    else:
        found = _told_by_shape(array)
        _check_columns(found, dimensions, path, whole or found.shape)
        chosen = recognise(found[..., :dimensions], path)
    if found.shape[2] == dimensions:
        return found, None, chosen
    check_confidence(found[..., dimensions], dimensions, path)
    return found[..., :dimensions], found[..., dimensions], chosen


def _as_frames(array: Floats, wanted: JointSet, dimensions: int, path: Path, given: tuple[int, ...]) -> Floats:
    count = len(wanted)
    if array.ndim == 2 and array.shape[1] in (dimensions * count, (dimensions + 1) * count):
        array = array.reshape(len(array), count, -1)
    if array.ndim == 2 and array.shape in ((count, dimensions), (count, dimensions + 1)):
        array = array[None]
    fitting = array.ndim == 3 and array.shape[1] == count and array.shape[2] in (dimensions, dimensions + 1)
    if not fitting or len(array) == 0:
        sure = ", or 3 with a confidence," if dimensions == 2 else ""
        expected = f"(frames, {count}, {dimensions}){sure} for the joint set {wanted.name}"
        raise UserError(f"{path}: expected {expected}, found {given}{_hint(given, dimensions)}")
    return array


def _told_by_shape(array: Floats) -> Floats:
    """(T, K, 3 or 4) of an array of unknown joints: of three axes, one frame, or flat."""
    counts = counts_of_sets()
    if array.ndim == 2 and array.shape[1] in (3, 4) and len(array) in counts:
        return array[None]
    if array.ndim != 2:
        return array
    wide = array.shape[1]
    fitting = [array.reshape(len(array), -1, n) for n in (3, 4) if wide % n == 0 and wide // n in counts]
    if len(fitting) < 2:
        return fitting[0] if fitting else array
    with_sure = fitting[1][..., 3]
    # Fourth columns that are all confidences are no coordinates.
    return fitting[1] if bool(((with_sure >= 0) & (with_sure <= 1) | np.isnan(with_sure)).all()) else fitting[0]


def _check_columns(array: Floats, dimensions: int, path: Path, given: tuple[int, ...]) -> None:
    if array.ndim != 3 or array.shape[2] not in (dimensions, dimensions + 1) or not array.size:
        hint = _hint(array.shape, dimensions)
        raise UserError(f"{path}: expected (frames, joints, {dimensions}), found {given}{hint}")


def _hint(shape: tuple[int, ...], dimensions: int) -> str:
    if len(shape) == 4:
        return "; of several people save one: numpy.save('one.npy', joints[0]), or joints[:, 0]"
    if len(shape) != 3:
        return ""
    if dimensions == 3 and shape[2] == 2:
        return "; these are 2D joints, which `s2m lift` takes"
    if dimensions == 2 and shape[2] == 4:
        return "; of x, y, z and a confidence `s2m lift` takes x, y and the confidence"
    fitting = [name for name, known in JOINT_SETS.items() if len(known) == shape[1]]
    return f"; {shape[1]} joints: --joint-set {' or '.join(fitting)}?" if fitting else ""


def array_track(
    content: Any, joint_set: JointSet | None, dimensions: int, path: Path, sure: tuple[str, Any] | None = None
) -> Track:
    """The track of an array.

    Args:
        content: The array, or nested lists; the shapes are those of :func:`shaped`.
        joint_set: Its joints; see :func:`shaped`.
        dimensions: Coordinates of a joint, 2 or 3.
        path: The file, for messages.
        sure: Name and content of a field with confidences, for an array without.

    Returns:
        The joints in the file's unit and frame; NaN and confidence 0 where one was not seen.

    Raises:
        UserError: For what is no array of such joints.
    """
    points, confidence, found = shaped(_of_one(numbers(content, path)), joint_set, dimensions, path)
    notes: tuple[str, ...] = ()
    if sure is not None and confidence is None:
        given = numbers(counted(sure[1]), path)
        notes = confidence_notes(sure[0], given.shape, points.shape[:2])
        confidence = None if notes else given.reshape(points.shape[:2]).clip(None, 1)
    return masked(points, confidence, found.joint_set, why=found.why, notes=notes)


def _of_one(array: Floats) -> Floats:
    """The three axes of an array that has one person, or one clip, along a fourth."""
    alone = [axis for axis in (0, 1) if array.ndim == 4 and array.shape[axis] == 1]
    return array.squeeze(alone[0]) if alone else array


def field_track(
    content: Any, key: str | None, names: Sequence[str], joint_set: JointSet | None, dimensions: int, path: Path
) -> Track:
    """The track of the field of a file that holds the joints, with the confidences of another field.

    Args:
        content: What stands in the file; see :func:`field_of`.
        key: See :func:`field_of`.
        names: See :func:`field_of`.
        joint_set: See :func:`array_track`.
        dimensions: See :func:`array_track`.
        path: The file, for messages.

    Returns:
        See :func:`array_track`.

    Raises:
        UserError: See :func:`field_of` and :func:`array_track`.
    """
    array = field_of(content, key, names, path)
    fields = content if isinstance(content, dict) else {}
    field = confidence_field(fields)
    track = array_track(array, joint_set, dimensions, path, None if field is None else (field, content[field]))
    return replace(track, notes=(*track.notes, *unclear_notes(fields)), layout=layout_of(fields, path))
