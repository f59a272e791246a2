"""Reading 3D joints from files, and what is wrong with them."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.skeletons import JOINT_SETS, JointSet

FloatArray = NDArray[np.float32]

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
# The up axis of the input -> rotation into SMPL's +y-up world.
UP_AXES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "y": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "z": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "y-down": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "z-down": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
}
_NAMES = ("joints3d", "joints", "keypoints3d", "keypoints_3d", "positions", "poses3d")


def read_joints(path: str | Path, joint_set: JointSet, key: str | None = None) -> tuple[FloatArray, FloatArray]:
    """Joints (T, J, 3) in the file's unit and confidences (T, J).

    ``.npy``, ``.npz`` and ``.json`` hold (T, J, 3), (T, J, 4) with a confidence, or these flattened to two axes;
    ``.csv`` one frame a row, with or without a header. ``key`` names the field of an npz or json file.
    Raises UserError that names the file, what was expected and what was found.
    """
    return _shaped(read_array(path, key), joint_set, Path(path))


def read_array(path: str | Path, key: str | None = None, names: Sequence[str] = _NAMES) -> Any:
    """The numbers of a ``.npy``, ``.npz``, ``.json`` or ``.csv`` file, in whatever shape they have.

    names: fields of an npz or json file that are looked for, in this order, when ``key`` names none.
    Raises UserError that names the file, what was expected and what was found.
    """
    path = Path(path)
    readers = {".npy": _read_npy, ".npz": _read_npz, ".json": _read_json, ".csv": _read_csv}
    if path.suffix.lower() not in readers:
        raise UserError(f"{path}: expected a file that ends in {', '.join(readers)}, found '{path.suffix}'")
    try:
        return readers[path.suffix.lower()](path, key, names)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def _read_npy(path: Path, key: str | None, names: Sequence[str]) -> Any:
    return np.load(path, allow_pickle=False)


def _read_npz(path: Path, key: str | None, names: Sequence[str]) -> Any:
    with np.load(path, allow_pickle=False) as archive:
        return archive[_field(list(archive.files), key, names, path)]


def _read_json(path: Path, key: str | None, names: Sequence[str]) -> Any:
    content = json.loads(path.read_text())
    if isinstance(content, dict):
        content = content[_field(list(content), key, names, path)]
    # null stands for a missing number; numbers in strings are an error.
    return np.array(content, dtype=np.float64)


def _read_csv(path: Path, key: str | None, names: Sequence[str]) -> Any:
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if rows and not all(_is_number(cell) for cell in rows[0]):
        rows = rows[1:]
    return np.array([[float(cell) if cell.strip() else np.nan for cell in row] for row in rows])


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _field(fields: list[str], key: str | None, names: Sequence[str], path: Path) -> str:
    if key is not None:
        if key not in fields:
            raise UserError(f"{path}: has no field '{key}'; it has: {', '.join(fields)}")
        return key
    candidates = [name for name in names if name in fields] or (fields if len(fields) == 1 else [])
    if not candidates:
        raise UserError(f"{path}: which field holds the joints? Name it with --key; it has: {', '.join(fields)}")
    return candidates[0]


def _shaped(raw: Any, joint_set: JointSet, path: Path) -> tuple[FloatArray, FloatArray]:
    array = np.asarray(raw)
    if array.dtype.kind not in "fiu":
        raise UserError(f"{path}: expected numbers, found {array.dtype}")
    array = array.astype(np.float32)
    count = len(joint_set)
    if array.ndim == 2 and array.shape[1] in (3 * count, 4 * count):
        array = array.reshape(len(array), count, -1)
    if array.ndim == 2 and array.shape in ((count, 3), (count, 4)):
        array = array[None]
    if array.ndim != 3 or array.shape[1] != count or array.shape[2] not in (3, 4) or len(array) == 0:
        found = array.shape[1] if array.ndim == 3 else 0
        fitting = sorted(name for name, other in JOINT_SETS.items() if len(other) == found != count)
        hint = f"; {found} joints has: {', '.join(fitting)} (--joint-set)" if fitting else ""
        raise UserError(
            f"{path}: expected (frames, {count}, 3) for the joint set {joint_set.name}, found {np.shape(raw)}{hint}"
        )
    points = array[..., :3]
    confidence = array[..., 3] if array.shape[2] == 4 else np.ones(points.shape[:2], np.float32)
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise UserError(f"{path}: confidence (the fourth column): expected values in [0, 1]")
    return points, confidence
