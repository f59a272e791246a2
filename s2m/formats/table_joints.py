"""Joints that stand in a table: by the names of its columns, or in their order."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.formats.arrays import shaped
from s2m.formats.frames import number_frames
from s2m.formats.layouts import Layout
from s2m.formats.names import joint_set_by_names
from s2m.formats.people import Crowd, Sighting
from s2m.formats.recognise import Recognised
from s2m.formats.tables import Table, read_table
from s2m.formats.tracks import Track, masked
from s2m.skeletons import BLAZEPOSE33, JOINT_SETS, JointSet

Floats = NDArray[np.float64]


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
