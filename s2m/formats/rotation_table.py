"""Tables of rotations, as ``s2m ik -o NAME.csv`` writes them: :mod:`s2m.export.csv_table` says which columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError
from s2m.reading import reading
from s2m.skeletons import SMPL24

Floats = NDArray[np.float64]

_PLACE, _TURN = re.compile(r"(.+)_at_([xyz])"), re.compile(r"(.+)_r([xyz])")
_WIDE = 1 << 16  # characters of a first line
_LARGEST = 1e6
_MOST_BYTES = 1 << 28


@dataclass(frozen=True)
class RotationTable:
    """The motion of a body.

    Attributes:
        poses: (T, 72) axis-angle of SMPL's joints.
        pelvis: (T, 3) metres, where the pelvis joint is; +z up.
        fps: Frames per second; ``None`` where the times do not tell.
    """

    poses: NDArray[np.float32]
    pelvis: Floats
    fps: float | None


def is_rotation_table(path: Path) -> bool:
    """Whether a file is a table with the rotations of SMPL's joints.

    Args:
        path: Any file.
    """
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open("rb") as file:
        first = file.readline(_WIDE)
    names = first.decode("utf-8-sig", "replace").strip().split(",")
    return len({match[1] for name in names if (match := _TURN.fullmatch(name))}) == len(SMPL24)


def read_rotation_table(path: Path, schemes: Mapping[str, Sequence[str]]) -> RotationTable:
    """Read a table that :func:`is_rotation_table`.

    Args:
        path: The file.
        schemes: What SMPL's 24 joints may be called, in their order.

    Returns:
        The motion.

    Raises:
        FormatError: The message names the file, what was expected and what was found.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise FormatError(
            f"{path}: expected at most {_MOST_BYTES} bytes, found {path.stat().st_size}; the npz is smaller"
        )
    with reading(path, "a table of rotations"), path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        header = next(lines)
        values = np.array([row for row in lines if row], np.float64)
    if values.ndim != 2 or values.shape[1] != len(header) or not len(values):
        raise FormatError(f"{path}: expected rows of {len(header)} numbers, found {values.shape}")
    place = {name: column for column, name in enumerate(header)}
    roots = {match[1] for name in header if (match := _PLACE.fullmatch(name))}
    turned = {match[1] for name in header if (match := _TURN.fullmatch(name))}
    joints = next((names for names in schemes.values() if set(names) == turned and names[0] in roots), None)
    if joints is None or len(place) != len(header):
        raise FormatError(f"{path}: expected columns of SMPL's joints, found {', '.join(sorted(turned))[:80]}")
    wanted = [f"{joint}_r{axis}" for joint in joints for axis in "xyz"]
    at = [f"{joints[0]}_at_{axis}" for axis in "xyz"]
    if lacking := [name for name in (*wanted, *at) if name not in place]:
        raise FormatError(f"{path}: expected columns of SMPL's joints, found none for {', '.join(lacking[:6])}")
    columns, pelvis = [place[name] for name in wanted], values[:, [place[name] for name in at]]
    if not (np.abs(values[:, columns]) <= _LARGEST).all() or not (np.abs(pelvis) <= _LARGEST).all():
        raise FormatError(f"{path}: holds values that are not finite, or beyond {_LARGEST:g}")
    times = values[:, place["time"]] if "time" in place else np.zeros(len(values))
    return RotationTable(values[:, columns].astype(np.float32), pelvis, _rate(times))


def _rate(times: Floats) -> float | None:
    length = times[-1] - times[0]
    rate = (len(times) - 1) / length if length > 0 else 0.0
    return float(round(rate, 2)) if np.isfinite(rate) and rate > 0 else None
