"""TRC files (track row column) of OpenSim, OpenCap and Pose2Sim: labelled points as text, tab by tab.

Source: "Marker (.trc) Files" of OpenSim's documentation: five lines of header, of which the third has the rate and the
unit and the fourth the labels; then a row per frame with its number, its time and x, y, z of each marker. +y is up.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from s2m.errors import FormatError
from s2m.formats.layouts import Layout
from s2m.formats.markers import Markers

_LARGEST = 64 * 10**6  # bytes; read, they take several times as much memory
_UNITS = {"mm": "mm", "m": "m", "cm": "cm", "millimeters": "mm", "meters": "m", "centimeters": "cm"}
_HEAD = 5


def read_trc(path: Path) -> Markers:
    """The markers of a TRC file.

    Args:
        path: The file.

    Returns:
        The markers.

    Raises:
        FormatError: The message names the line.
    """
    if path.stat().st_size > _LARGEST:
        found = path.stat().st_size
        raise FormatError(f"{path}: expected at most {_LARGEST} bytes, found {found}; an .npy file may have any size")
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    if len(lines) <= _HEAD or not lines[0].startswith("PathFileType"):
        first = lines[0][:40] if lines else ""
        raise FormatError(f"{path}: line 1: expected TRC's PathFileType and rows below the header, found {first!r}")
    head = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
    labels = tuple(label.strip() for label in lines[3].rstrip().split("\t")[2::3])
    if not labels or not all(labels):
        raise FormatError(f"{path}: line 4: expected Frame#, Time and a label over every three columns")
    rows = [(number, line) for number, line in enumerate(lines[_HEAD:], _HEAD + 1) if line.strip()]
    points = np.stack([_row(line, len(labels), f"{path}: line {number}") for number, line in rows] or [np.zeros(0)])
    if points.ndim != 3:
        raise FormatError(f"{path}: expected rows of numbers below the header, found none")
    return Markers(labels, points, Layout("TRC", _unit(head, path), "y", _rate(head, path)))


def _row(line: str, count: int, where: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    cells = line.rstrip("\n").split("\t")[2 : 2 + 3 * count]
    cells += [""] * (3 * count - len(cells))  # trailing tabs of markers that were not seen are often left out
    try:
        values = np.array([float(cell) if cell.strip() else np.nan for cell in cells])
    except ValueError as error:
        raise FormatError(f"{where}: expected numbers ({error!s:.80})") from error
    return values.reshape(count, 3)


def _unit(head: dict[str, str], path: Path) -> str:
    unit = head.get("Units", "").strip().lower()
    if unit not in _UNITS:
        raise FormatError(f"{path}: line 3: Units: expected one of {', '.join(_UNITS)}, found {unit[:20]!r}")
    return _UNITS[unit]


def _rate(head: dict[str, str], path: Path) -> float | None:
    text = head.get("DataRate", "").strip()
    try:
        rate = float(text)
    except ValueError as error:
        raise FormatError(f"{path}: line 3: DataRate: expected a number, found {text[:20]!r}") from error
    return rate if 0 < rate < 1e5 else None
