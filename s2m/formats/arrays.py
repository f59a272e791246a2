"""Joints of one person as plain numbers: in which field of a file they stand, and in which shape."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.formats.confidences import check_confidence, confidence_field, confidence_notes, counted, unclear_notes
from s2m.formats.frames import number_frames
from s2m.formats.layouts import Layout
from s2m.formats.names import joint_set_by_names
from s2m.formats.people import Crowd, Sighting
from s2m.formats.raw import described
from s2m.formats.recognise import Recognised, counts_of_sets, recognise
from s2m.formats.stored import layout_of
from s2m.formats.tables import Table, read_table
from s2m.formats.tracks import Track, masked
from s2m.skeletons import BLAZEPOSE33, H36M17, JOINT_SETS, JointSet

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


def read_csv(path: Path, joint_set: JointSet | None, dimensions: int) -> Track | Crowd:
    """The joints of a CSV file (:mod:`s2m.formats.tables`), by column names where it has them.

    Args:
        path: The file.
        joint_set: The joints of a table without names, see :func:`shaped`; of one with names, those that are wanted.
        dimensions: 2 or 3.

    Returns:
        A track, or a crowd where a column numbers frames or people.

    Raises:
        UserError: For a file that is no such table, and for joints without the coordinates.
    """
    try:
        table = read_table(path)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except UserError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read: {' '.join(str(error).split())[:200]}") from error
    return joints_of_table(table, joint_set, dimensions, path)


def joints_of_table(table: Table, joint_set: JointSet | None, dimensions: int, path: Path) -> Track | Crowd:
    """The joints of a table, see :func:`read_csv`.

    Args:
        table: The table.
        joint_set: See :func:`read_csv`.
        dimensions: See :func:`read_csv`.
        path: The file, for messages.

    Returns:
        See :func:`read_csv`.

    Raises:
        UserError: For joints without the coordinates.
    """
    points, confidence, told, notes = _table_joints(table, joint_set, dimensions, path)
    found = told.joint_set
    # People turn MediaPipe's axes before they save them, or not: posture tells.
    layout = None if table.rate is None else Layout("a table", up="y", fps=table.rate)
    if dimensions == 3 and found is BLAZEPOSE33:
        layout = Layout("MediaPipe", "m", fps=table.rate)
    if table.unread:
        notes = (*notes, f"columns that name no known joint are not read: {', '.join(table.unread[:12])}")
    if table.frames is None and table.people is None:
        return masked(points, confidence, found, notes=notes, why=told.why, layout=layout)
    sure = np.ones(points.shape[:2]) if confidence is None else confidence
    return replace(_crowd(table, points, sure, found, path, notes), layout=layout, why=told.why)


def _table_joints(
    table: Table, joint_set: JointSet | None, dimensions: int, path: Path
) -> tuple[Floats, Floats | None, Recognised, tuple[str, ...]]:
    if not table.joints:
        return *_bare(table.values, joint_set, dimensions, path), ()
    columns = table.joints
    if dimensions == 3 and any(places[2] is None for places in columns.values()):
        raise UserError(f"{path}: expected columns x, y and z, found x and y alone; `s2m lift` takes 2D joints")
    names = [joint for joint in columns if isinstance(joint, str)]
    if not names:
        order = sorted(columns, key=int)
        chosen = [columns[number] for number in order]
        points, sure = _picked(table, chosen, dimensions)
        whole = points if sure is None else np.concatenate([points, sure[..., None]], -1)
        return *shaped(whole, joint_set, dimensions, path), ()
    notes: tuple[str, ...] = ()
    if joint_set is None:
        by_names = joint_set_by_names(names, "columns")
        if by_names is None:
            raise UserError(f"{path}: expected columns of a whole person, found only {', '.join(names[:12])}")
        joint_set, notes = _known_order(by_names[0]), by_names[1]
    lacking = [j for j in joint_set.joints if j not in columns and not j.startswith("unused_")]
    if 2 * len(lacking) > len(joint_set):
        raise UserError(
            f"{path}: expected columns of the joint set {joint_set.name}, found none for {', '.join(lacking[:12])}"
        )
    if lacking:
        notes = (*notes, f"no columns for {', '.join(lacking[:12])}: missing in all frames")
    points, sure = _picked(table, [columns.get(joint) for joint in joint_set.joints], dimensions)
    return points, sure, Recognised(joint_set, "the names of its columns"), notes


def _bare(
    values: Floats, joint_set: JointSet | None, dimensions: int, path: Path
) -> tuple[Floats, Floats | None, Recognised]:
    """A table without names; where every row ends with a separator, its last column is none."""
    try:
        return shaped(values, joint_set, dimensions, path)
    except UserError:
        if values.shape[1] < 2 or not np.isnan(values[:, -1]).all():
            raise
        return shaped(values[:, :-1], joint_set, dimensions, path)


def _known_order(joint_set: JointSet) -> JointSet:
    """The shipped set with the same joints, in whatever order the columns are."""
    for known in JOINT_SETS.values():
        if set(known.joints) == set(joint_set.joints):
            return known
    return joint_set


def _picked(
    table: Table, chosen: Sequence[tuple[int | None, ...] | None], dimensions: int
) -> tuple[Floats, Floats | None]:
    values = np.concatenate([table.values, np.full((len(table.values), 1), np.nan)], axis=1)
    nowhere = values.shape[1] - 1
    places = [[nowhere if c is None else int(c[axis] or 0) for axis in range(dimensions)] for c in chosen]
    if all(c is None or c[3] is None for c in chosen):
        return values[:, np.array(places)], None
    sure = np.stack([np.ones(len(values)) if c is None or c[3] is None else values[:, c[3]] for c in chosen], 1)
    return values[:, np.array(places)], sure.clip(None, 1)


def _crowd(
    table: Table, points: Floats, sure: Floats, joint_set: JointSet, path: Path, notes: tuple[str, ...]
) -> Crowd:
    rows = np.arange(len(points), dtype=np.float64)
    frames = _whole(rows if table.frames is None else table.frames, "frame", path)
    people = None if table.people is None else _whole(table.people, "person", path)
    who = [0] * len(frames) if people is None else people
    if len(set(zip(frames, who, strict=True))) < len(frames):
        raise UserError(f"{path}: expected one row per frame and person, found a frame twice")
    numbering = number_frames(frames, str(path))
    sightings = [
        Sighting(numbering.of[str(frame)], points[row], sure[row], 1.0, who[row]) for row, frame in enumerate(frames)
    ]
    return Crowd(joint_set, sightings, list(numbering.of.values()), {}, numbering.video, (*notes, *numbering.notes))


def _whole(column: Floats, name: str, path: Path) -> list[int]:
    if not np.isfinite(column).all() or (column != np.round(column)).any() or (np.abs(column) > 2**53).any():
        raise UserError(f"{path}: column of {name} numbers: expected whole numbers, found others")
    return [int(value) for value in column]
