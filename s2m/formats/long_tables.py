"""Tables with one landmark a row: frame, landmark, x, y, z, as MediaPipe's users write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from s2m.errors import FormatError

_AXES = ("x", "y", "z")
# The likeliest first: names tell more than numbers.
_LANDMARKS = (
    *("landmark_name", "joint_name", "keypoint_name", "name", "landmark", "joint", "keypoint", "point", "part"),
    *("landmark_id", "landmark_index", "landmark_idx", "joint_id", "joint_index", "keypoint_id", "keypoint_index"),
    *("id", "index", "idx"),
)
_SURE = ("visibility", "confidence", "score", "conf", "likelihood", "presence", "v", "c")
_FRAMES = ("frame", "frame_id", "frame_number", "frame_num", "frame_no", "frame_index", "frame_idx")
_TIMES = ("timestamp", "timestamp_ms", "time", "time_ms", "time_s")
_PEOPLE = ("person", "person_id", "track", "track_id", "pose_id", "subject_id")
_MOST_LANDMARKS = 2000


@dataclass(frozen=True)
class _Columns:
    landmark: int
    axes: tuple[int, ...]
    sure: int | None
    kept: tuple[int, ...]
    frame: tuple[int, ...]


def is_long(header: Sequence[str]) -> bool:
    """Whether a table has one landmark a row.

    Args:
        header: Names of the columns.
    """
    return _columns(header) is not None


def widened(
    header: Sequence[str], rows: Sequence[Sequence[str]], path: Path
) -> tuple[list[str], list[list[str]]] | None:
    """The same table with one frame a row.

    Args:
        header: Names of the columns.
        rows: Cells.
        path: For messages.

    Returns:
        Header and rows with columns such as ``left_knee_x`` or ``x25``; ``None`` for a table of another kind.

    Raises:
        FormatError: For a landmark twice in a frame.
    """
    columns = _columns(header)
    if columns is None:
        return None
    frames: dict[tuple[str, ...], dict[str, list[str]]] = {}
    kept: dict[tuple[str, ...], list[str]] = {}
    landmarks: dict[str, None] = {}
    number = 0
    for row in rows:
        if len(row) != len(header):
            raise FormatError(f"{path}: expected {len(header)} cells a row, found {len(row)}")
        landmark = row[columns.landmark].strip()
        if not columns.frame and landmark in frames.get((str(number),), {}):
            number += 1
        frame = tuple(row[column].strip() for column in columns.frame) or (str(number),)
        there = frames.setdefault(frame, {})
        if landmark in there:
            where = f"{path}: frame {', '.join(frame)[:40]}"
            raise FormatError(f"{where}: expected each landmark once, found {landmark[:40]} twice")
        there[landmark] = [row[axis] for axis in columns.axes] + ([] if columns.sure is None else [row[columns.sure]])
        kept.setdefault(frame, [row[column] for column in columns.kept])
        landmarks[landmark] = None
        if len(landmarks) > _MOST_LANDMARKS:
            raise FormatError(f"{path}: expected landmarks, found more than {_MOST_LANDMARKS}")
    suffixes = [*("xyz"[: len(columns.axes)]), *([] if columns.sure is None else ["confidence"])]
    named = [_column(landmark, suffix) for landmark in landmarks for suffix in suffixes]
    nothing = [""] * len(suffixes)
    wide = [
        [*kept[frame], *(cell for name in landmarks for cell in there.get(name, nothing))]
        for frame, there in frames.items()
    ]
    return [*(header[column] for column in columns.kept), *named], wide


def _columns(header: Sequence[str]) -> _Columns | None:
    plain = [re.sub(r"[ .-]+", "_", name.strip().lower()) for name in header]
    place = {name: i for i, name in reversed(list(enumerate(plain)))}
    landmark = next((place[name] for name in _LANDMARKS if name in place), None)
    axes = tuple(place[axis] for axis in _AXES if axis in place)
    if landmark is None or len(axes) < 2:
        return None
    sure = next((place[name] for name in _SURE if name in place), None)
    frame, time, person = (
        next((place[name] for name in names if name in place and place[name] != landmark), None)
        for names in (_FRAMES, _TIMES, _PEOPLE)
    )
    kept = tuple(column for column in (frame, time, person) if column is not None)
    key = tuple(column for column in (time if frame is None else frame, person) if column is not None)
    return _Columns(landmark, axes, sure, kept, key if frame is not None or time is not None else ())


def _column(landmark: str, suffix: str) -> str:
    return f"joint_{landmark}_{suffix}" if landmark.isdecimal() else f"{landmark}_{suffix}"
