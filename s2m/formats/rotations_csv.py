"""CSV files of rotations, as `s2m convert` writes them (:mod:`s2m.export.csv_table`).

A row for every frame: ``frame``, ``time``, where the pelvis is, and SMPL's 24 rotations as vectors in SMPL's order,
whatever the joints are called. +z up, metres, radians.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError
from s2m.formats.motion_npz import MotionFile
from s2m.formats.spool import Spool
from s2m.skeletons import SMPL24

_TIMES = ["frame", "time"]
_FIRST = len(_TIMES) + 3  # column of the first rotation
_COLUMNS = _FIRST + 3 * len(SMPL24)
_ROWS = 4096
_LARGEST = 1e6
_LONGEST_HEADER = 1 << 16


def is_rotations_csv(path: Path) -> bool:
    """Whether a file is a table of rotations.

    Args:
        path: Any file.
    """
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    try:
        with path.open(encoding="utf-8-sig") as file:
            names = file.readline(_LONGEST_HEADER).strip().split(",")
    except (OSError, UnicodeDecodeError):
        return False
    turns = names[_FIRST:]
    return (
        len(names) == _COLUMNS
        and names[:2] == _TIMES
        and all(name.endswith(f"_at_{axis}") for name, axis in zip(names[2:_FIRST], "xyz", strict=True))
        and all(name.endswith(f"_r{'xyz'[n % 3]}") for n, name in enumerate(turns))
    )


def read_rotations_csv(path: Path, folder: Path) -> MotionFile:
    """Read a table of rotations, in little memory.

    Args:
        path: The file.
        folder: Where poses wait on the disk.

    Returns:
        The motion, whose ``trans`` is where the pelvis joint is; whoever asked closes its ``poses``.

    Raises:
        FormatError: The message names the file, the row, what was expected and what was found.
    """
    spool, times, places = Spool(folder), [], []
    try:
        with path.open(encoding="utf-8-sig") as file:
            file.readline()
            while len(rows := _rows(file, path, len(spool))):
                times.append(rows[:, 1])
                places.append(rows[:, 2:_FIRST])
                spool.append(rows[:, _FIRST:].astype(np.float32))
        if not len(spool):
            raise FormatError(f"{path}: expected frames, found none")
        hands = bool(spool.read(0, 1)[:, -6:].any())
    except BaseException:
        spool.close()
        raise
    betas, valid = np.zeros(10, np.float32), np.ones(len(spool), bool)
    fps = _rate(np.concatenate(times))
    trans = np.concatenate(places)
    return MotionFile(spool, trans, betas, fps, "neutral", "smpl", "", valid, hands, of_pelvis=True)


def _rows(file: IO[str], path: Path, before: int) -> NDArray[np.float64]:
    lines = [line for line in islice(file, _ROWS) if line.strip()]
    if not lines:
        return np.zeros((0, _COLUMNS))
    try:
        rows = np.loadtxt(lines, delimiter=",", ndmin=2)
    except ValueError as error:
        raise FormatError(f"{path}: rows from {before + 2} on: expected numbers ({error!s:.80})") from error
    if rows.shape[1] != _COLUMNS:
        raise FormatError(f"{path}: row {before + 2}: expected {_COLUMNS} columns, found {rows.shape[1]}")
    if not (np.abs(rows[:, 2:]) <= _LARGEST).all():
        raise FormatError(f"{path}: rows from {before + 2} on: expected finite numbers up to {_LARGEST:g}")
    return rows


def _rate(times: NDArray[np.float64]) -> float | None:
    """Frames per second; times are rounded to microseconds."""
    if len(times) < 2 or not times[-1] > times[0]:
        return None
    rate = float((len(times) - 1) / (times[-1] - times[0]))
    return round(rate, 2 if abs(rate - round(rate, 2)) < 1e-3 else 4)
