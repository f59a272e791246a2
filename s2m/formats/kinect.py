"""Kinect's files: NTU RGB+D's ``.skeleton`` (Kinect v2), and the JSON of Azure Kinect's body tracking.

Sources: ``Matlab/read_skeleton_file.m`` of github.com/shahroudy/NTURGB-D, which lists the fields; the offline_processor
of github.com/microsoft/Azure-Kinect-Samples, whose JSON has ``joint_names``, ``bone_list`` and ``frames`` with
``bodies``; "Azure Kinect body tracking joints" at learn.microsoft.com (millimetres; +x right, +y down, +z forward).
Kinect v2's camera space is metres, +x to the camera's left, +y up, +z away from the camera.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from s2m.errors import FormatError
from s2m.formats.layouts import AZURE_KINECT, NTU, Layout
from s2m.formats.people import Crowd, Sighting
from s2m.skeletons import KINECT32, NTU25

_LARGEST = 64 * 10**6  # bytes; read, they take several times as much memory
_BODY_FIELDS, _JOINT_FIELDS = 10, 12
_TRACKED = {0: 0.0, 1: 0.5, 2: 1.0}  # not tracked, inferred, tracked
# k4abt_joint_confidence_level_t: none, low, medium, high.
_LEVELS = {0: 0.0, 1: 0.5, 2: 0.9, 3: 1.0}
_MOST_FRAMES, _MOST_BODIES = 10**6, 64


def read_skeleton(path: Path) -> Crowd:
    """The bodies of a ``.skeleton`` file.

    Args:
        path: The file.

    Returns:
        Everybody, numbered by the sensor's tracking id; inferred joints have confidence 0.5.

    Raises:
        FormatError: The message names the line.
    """
    if path.stat().st_size > _LARGEST:
        found = path.stat().st_size
        raise FormatError(f"{path}: expected at most {_LARGEST} bytes, found {found}; an .npy file may have any size")
    try:
        lines = _Lines(path.read_text(encoding="ascii").splitlines(), path)
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: expected NTU RGB+D's text, found other bytes") from error
    frames = lines.whole("the number of frames", _MOST_FRAMES)
    sightings = []
    for frame in range(frames):
        for _ in range(lines.whole(f"the number of bodies of frame {frame}", _MOST_BODIES)):
            sightings.append(_body(lines, frame))
    return Crowd(NTU25, sightings, range(frames), layout=NTU)


class _Lines:
    """Numbers, line by line."""

    def __init__(self, lines: list[str], path: Path) -> None:
        self._lines = [line.split() for line in lines if line.strip()]
        self._next, self.path = 0, path

    def numbers(self, what: str, count: int) -> list[str]:
        if self._next >= len(self._lines):
            raise FormatError(f"{self.path}: expected {what}, found the end of the file: it is cut short")
        cells = self._lines[self._next]
        self._next += 1
        if len(cells) != count:
            raise FormatError(
                f"{self.path}: line {self._next}: expected {what} ({count} numbers), found {len(cells)}: "
                f"{' '.join(cells)[:60]}"
            )
        return cells

    def whole(self, what: str, most: int) -> int:
        (cell,) = self.numbers(what, 1)
        if not cell.isdecimal() or int(cell[:18]) > most:
            raise FormatError(f"{self.path}: line {self._next}: expected {what}, found {cell[:40]!r}")
        return int(cell)

    def floats(self, cells: list[str]) -> list[float]:
        try:
            return [float(cell) for cell in cells]
        except ValueError as error:
            raise FormatError(f"{self.path}: line {self._next}: expected numbers ({error!s:.80})") from error


def _body(lines: _Lines, frame: int) -> Sighting:
    number, *_ = lines.numbers(f"a body of frame {frame}", _BODY_FIELDS)
    count = lines.whole("the number of joints", 1000)
    if count != len(NTU25):
        raise FormatError(f"{lines.path}: frame {frame}: expected {len(NTU25)} joints, found {count}")
    rows = np.array([lines.floats(lines.numbers(f"a joint of frame {frame}", _JOINT_FIELDS)) for _ in range(count)])
    sure = np.array([_TRACKED.get(int(state), 0.0) if np.isfinite(state) else 0.0 for state in rows[:, -1]])
    who = int(number[:19]) if number.isdecimal() else None
    return Sighting(frame, rows[:, :3], sure, float(sure.sum()), who)


def crowd_of(content: Any, path: Path) -> Crowd | None:
    """The bodies of Azure Kinect's JSON; ``None`` for another file.

    Args:
        content: The parsed file.
        path: For messages.

    Returns:
        Everybody, numbered by ``body_id``.

    Raises:
        FormatError: The message names frame and body.
    """
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, list) or not any(_bodies(frame) is not None for frame in frames):
        return None
    sightings = [
        _azure_body(body, place, f"{path}: frames[{place}].bodies[{number}]")
        for place, frame in enumerate(frames)
        for number, body in enumerate(_bodies(frame) or ())
    ]
    return Crowd(KINECT32, sightings, range(len(frames)), layout=_with_rate(frames))


def _bodies(frame: Any) -> list[Any] | None:
    bodies = frame.get("bodies") if isinstance(frame, dict) else None
    if not isinstance(bodies, list) or (
        bodies and not (isinstance(bodies[0], dict) and "joint_positions" in bodies[0])
    ):
        return None
    return bodies


def _azure_body(body: Any, frame: int, where: str) -> Sighting:
    expected = (len(KINECT32), 3)
    try:
        points = np.asarray(body["joint_positions"], np.float64)
        levels = body.get("joint_confidence_levels", body.get("confidence_levels"))
        sure = np.ones(len(points)) if levels is None else np.array([_LEVELS[int(level)] for level in levels])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{where}: expected joint_positions {expected} ({error!r:.80})") from error
    if points.shape != expected or sure.shape != expected[:1]:
        raise FormatError(f"{where}: joint_positions: expected {expected}, found {points.shape}")
    who = body.get("body_id")
    return Sighting(frame, points, sure, float(sure.sum()), who if isinstance(who, int) and who >= 0 else None)


def _with_rate(frames: list[Any]) -> Layout:
    """Frames per second by the median step of ``timestamp_usec``."""
    times = [frame.get("timestamp_usec") for frame in frames if isinstance(frame, dict)]
    stamps = np.array([time for time in times if isinstance(time, (int, float)) and abs(time) < 1e18], np.float64)
    steps = np.diff(stamps)
    steps = steps[steps > 0]
    rate = 1e6 / float(np.median(steps)) if len(steps) else None
    return AZURE_KINECT if rate is None or not 1 <= rate <= 1000 else replace(AZURE_KINECT, fps=round(rate, 3))
