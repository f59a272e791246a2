"""C3D files of motion capture, read by the package ezc3d (extra ``c3d``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from s2m.errors import FormatError
from s2m.formats.layouts import Layout
from s2m.formats.markers import Markers
from s2m.optional import require
from s2m.reading import reading

_UNITS = {"mm": "mm", "m": "m", "cm": "cm"}
_LARGEST = 2 * 10**9


def read_c3d(path: Path) -> Markers:
    """The markers of a C3D file. Which axis points up no C3D file tells.

    Args:
        path: The file.

    Returns:
        The markers; a marker without a residual, or at exactly zero, is missing.

    Raises:
        MissingPackageError: ezc3d is not installed.
        FormatError: The file is no C3D file with points.
    """
    ezc3d: Any = require("ezc3d")
    if path.stat().st_size > _LARGEST:
        raise FormatError(f"{path}: expected at most {_LARGEST} bytes, found {path.stat().st_size}")
    with path.open("rb") as file:
        if file.read(2)[1:] != b"\x50":
            raise FormatError(f"{path}: expected C3D, whose second byte is 80, found another file")
    with reading(path, "C3D"):
        content = ezc3d.c3d(str(path))
        point = content["parameters"]["POINT"]
        labels = tuple(str(label).strip() for label in point["LABELS"]["value"])
        values = np.asarray(content["data"]["points"], np.float64)[:3].transpose(2, 1, 0)
        unit = str(next(iter(point.get("UNITS", {}).get("value", [])), "mm")).strip().lower()
        rate = float(np.ravel(content["header"]["points"]["frame_rate"])[0])
    if values.ndim != 3 or not values.size or len(labels) < values.shape[1]:
        raise FormatError(f"{path}: expected labelled points, found {values.shape} and {len(labels)} labels")
    if unit not in _UNITS:
        raise FormatError(f"{path}: POINT:UNITS: expected one of {', '.join(_UNITS)}, found {unit[:20]!r}")
    fps = rate if 0 < rate < 1e5 else None
    return Markers(labels[: values.shape[1]], values, Layout("C3D", _UNITS[unit], None, fps))
