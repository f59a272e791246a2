"""MediaPipe's landmarks in JSON, in the ways in which people write them.

A list of landmarks per frame, each ``{"x", "y", "z", "visibility"}``; or frames with ``landmarks``,
``pose_landmarks``, ``keypoints`` and the like, and a number, in which landmarks may be rows of numbers as well, or have
names, or be a text of JSON. Frames come as a list, as a dictionary by their numbers, under ``frames`` or ``data``
beside the frames per second, or one below the other in the fields of a single one. Those without landmarks are empty or
``null``. TensorFlow.js writes a list of people per frame, each with ``keypoints`` and ``keypoints3D``, FreeMoCap frames
with ``tracked_points`` by name, in millimetres.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from s2m.errors import FormatError
from s2m.formats.frames import number_frames
from s2m.formats.layouts import FREEMOCAP, MEDIAPIPE, Layout
from s2m.formats.names import joint_set_by_names
from s2m.formats.people import Crowd, Sighting
from s2m.formats.rates import told_rate
from s2m.formats.raw import described
from s2m.formats.tracks import Track
from s2m.skeletons import BLAZEPOSE33, JointSet

# The last two are what minified releases for browsers call them.
_WORLD = (
    *("pose_world_landmarks", "poseWorldLandmarks", "world_landmarks", "worldLandmarks", "keypoints3D"),
    *("za", "ea"),
)
_PICTURE = ("pose_landmarks", "poseLandmarks", "landmarks", "keypoints", "landmark")
_TRIANGULATED = "tracked_points"  # FreeMoCap's
_LISTS = ("frames", "data", "results", "poses", "data_by_frame")
_ABOUT = ("metadata", "meta", "info")
_NUMBERS = ("frameNum", "frame", "frame_id", "frame_number", "frameNumber", "frame_index", "index", "id")
_SURE = ("visibility", "score", "confidence")
_NUMBERED = re.compile(r"(\D{0,40})(\d{1,9})(\D{0,10})")
_ROW = ("x", "y", "z", "visibility", "presence")
_PIXELS = ("x", "y", "visibility")
_LARGEST_SHARE = 5.0
_MOST_PEOPLE = 50
_MOST_LANDMARKS = 600  # with hands and face
_BESIDE = 0.25  # of the picture, how far landmarks may lie outside
_OFF = 0.1  # how far the hips of the picture's landmarks are from its corner
_FEWEST_FRAMES = 10  # so many in one field of a single frame are no people


def crowd_of(content: Any, path: Path, dimensions: int) -> Crowd | None:
    """The people of a parsed file; ``None`` when it does not hold MediaPipe's landmarks.

    Args:
        content: The parsed file.
        path: For messages.
        dimensions: 2 for the picture's landmarks, 3 for those of the world where the file has both.

    Returns:
        Everybody in it.

    Raises:
        FormatError: For frames that are not like the first.
    """
    numbered = _by_number(content, dimensions)
    frames = _frames(content, dimensions) if numbered is None else [*numbered.values()]
    if isinstance(frames, dict):
        numbered = _by_number(frames, dimensions)
        frames = None if numbered is None else [*numbered.values()]
    if not isinstance(frames, list) or not any(_people(frame, dimensions) for frame in frames):
        return None
    numbers = [_number(f, n) for n, f in enumerate(frames)] if numbered is None else [*numbered]
    numbering = number_frames(numbers, str(path))
    if len(set(numbers)) < len(numbers):
        raise FormatError(f"{path}: expected frames with numbers of their own, found one number twice")
    joint_set, notes = _joint_set(frames, dimensions, path)
    sightings = []
    for number, frame in zip(numbers, frames, strict=True):
        for who, landmarks in enumerate(_people(frame, dimensions)):
            where = f"{path}: frame {number}"
            points, sure = _values(landmarks, len(joint_set), dimensions, where)
            sightings.append(Sighting(numbering.of[str(number)], points, sure, float(sure.sum())))
            if who > _MOST_PEOPLE:
                raise FormatError(f"{where}: expected people, found more than {_MOST_PEOPLE}")
    frames_there = list(numbering.of.values())
    layout = _layout(frames) if dimensions == 3 and joint_set is BLAZEPOSE33 else None
    rate = _rate(content, path)
    layout = layout if rate is None else replace(layout or Layout("MediaPipe"), fps=rate)
    return Crowd(joint_set, sightings, frames_there, {}, numbering.video, (*numbering.notes, *notes), layout)


def _layout(frames: list[Any]) -> Layout:
    triangulated = any(isinstance(frame, dict) and _TRIANGULATED in frame for frame in frames)
    return FREEMOCAP if triangulated else MEDIAPIPE


def _rate(content: Any, path: Path) -> float | None:
    about = [content.get(name) for name in _ABOUT] if isinstance(content, dict) else []
    return next((rate for told in (content, *about) if (rate := told_rate(told, path)) is not None), None)


def _frames(content: Any, dimensions: int) -> Any:
    """A list of frames, or a dictionary of them; ``None`` where there is none."""
    if isinstance(content, list):
        one = bool(content) and all(map(_is_landmark, content)) and len(content) <= _MOST_LANDMARKS
        return [content] if one else content
    if not isinstance(content, dict):
        return None
    listed = next((content[name] for name in _LISTS if isinstance(content.get(name), (list, dict))), None)
    if listed is not None:
        return listed
    people = _people(content, dimensions)
    field = next((content[name] for name in _fields(dimensions) if content.get(name)), None)
    if isinstance(field, list) and len(field) > _FEWEST_FRAMES and (len(people) > 1 or _has_gaps(field)):
        return field
    return [content] if people else None


def _has_gaps(field: list[Any]) -> bool:
    return any(entry is None or entry == [] for entry in field)


def _by_number(content: Any, dimensions: int) -> dict[int, Any] | None:
    """Frames of a dictionary whose keys are their numbers, with the same text around all of them."""
    if not isinstance(content, dict) or not content:
        return None
    found = [_NUMBERED.fullmatch(str(key)) for key in content]
    if None in found or len({(match.group(1), match.group(3)) for match in found if match is not None}) > 1:
        return None
    if not any(_people(frame, dimensions) for frame in content.values()):
        return None
    numbers = [int(match.group(2)) for match in found if match is not None]
    return dict(zip(numbers, content.values(), strict=True)) if len(set(numbers)) == len(numbers) else None


def _fields(dimensions: int) -> tuple[str, ...]:
    return (*_WORLD, *_PICTURE) if dimensions == 3 else (*_PICTURE, *_WORLD)


def _people(frame: Any, dimensions: int) -> list[list[Any]]:
    """Lists of landmarks of a frame; several where MediaPipe looks for several people."""
    frame = _parsed(frame)
    if isinstance(frame, dict):
        named = next((frame[field] for field in _fields(dimensions) if frame.get(field)), None)
        frame = frame.get(_TRIANGULATED, frame) if named is None else _parsed(named)
    one = _landmarks(frame, dimensions)
    if one:
        return [one]
    if not isinstance(frame, list):
        return []
    each = [_person(entry, dimensions) for entry in frame]
    return [person for person in each if person]


def _person(entry: Any, dimensions: int) -> list[Any]:
    entry = _parsed(entry)
    if isinstance(entry, dict):
        entry = next((entry[field] for field in _fields(dimensions) if entry.get(field)), None)
    return _landmarks(entry, dimensions)


def _parsed(value: Any) -> Any:
    """What a text of JSON says, as ``MessageToJson`` makes it."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _landmarks(value: Any, dimensions: int) -> list[Any]:
    """Landmarks as a list of objects, also of those that have names as keys, or are rows of numbers; else nothing."""
    if isinstance(value, dict):
        if isinstance(value.get("landmark"), list):
            return _landmarks(value["landmark"], dimensions)
        return _of_names(value, dimensions)
    if not isinstance(value, list) or not value:
        return []
    if _is_landmark(value[0]):
        return value
    # In 2D so many rows of three numbers are some detector's keypoints.
    rows = _is_rows(value) and (dimensions == 3 or len(value[0]) > 3)
    return [dict(zip(_ROW, row, strict=False)) for row in value] if rows else []


def _of_names(value: dict[str, Any], dimensions: int) -> list[Any]:
    """Landmarks by their names, or by their numbers."""
    rows = [mark for mark in value.values() if _is_row(mark)]
    parts = _PIXELS if dimensions == 2 and _are_pixels(rows) else _ROW
    marks = {str(key): _mark(mark, parts) for key, mark in value.items() if _is_landmark(mark) or _is_row(mark)}
    if {*marks} == {str(number) for number in range(len(BLAZEPOSE33))}:
        return [marks[str(number)] for number in range(len(BLAZEPOSE33))]
    whole = len(marks) > 1 and joint_set_by_names([*marks], "landmarks") is not None
    return [{**mark, "name": name} for name, mark in marks.items()] if whole else []


def _mark(mark: Any, parts: tuple[str, ...]) -> dict[str, Any]:
    return mark if isinstance(mark, dict) else dict(zip(parts, mark, strict=False))


def _are_pixels(rows: list[Any]) -> bool:
    """Whether rows of three are x, y and a confidence: MediaPipe's own places are shares, or metres."""
    three = all(len(row) == 3 and 0 <= row[2] <= 1 for row in rows)
    return bool(rows) and three and max(max(row[:2]) for row in rows) > _LARGEST_SHARE


def _is_rows(value: Sequence[Any]) -> bool:
    return len(value) == len(BLAZEPOSE33) and all(map(_is_row, value))


def _is_row(value: Any) -> bool:
    return isinstance(value, list) and 3 <= len(value) <= 5 and all(isinstance(one, (int, float)) for one in value)


def _is_landmark(value: Any) -> bool:
    return isinstance(value, dict) and {"x", "y"} <= set(value) and not isinstance(value["x"], (list, dict))


def _number(frame: Any, place: int) -> int:
    for field in _NUMBERS if isinstance(frame, dict) else ():
        value = frame.get(field)
        if isinstance(value, (int, float)) and value == value and abs(value) < 2**53 and value == int(value):
            return int(value)
    return place


def refuse_picture(track: Track, path: Path) -> None:
    """Refuse the picture's landmarks as joints in 3D: x and y are shares of its width and height.

    World landmarks have the hips in the middle along all axes, the picture's along z alone.

    Args:
        track: Joints in 3D.
        path: The file, for messages.

    Raises:
        FormatError: They are the picture's.
    """
    if track.joint_set is not BLAZEPOSE33:
        return
    seen = track.points[np.isfinite(track.points).all((1, 2))]
    if not len(seen):
        return
    hips = seen[:, list(BLAZEPOSE33.indices(("left_hip", "right_hip")))].mean(1)
    low, high = np.quantile(seen[..., :2], (0.05, 0.95), axis=(0, 1))
    shares = (low > -_BESIDE).all() and (high < 1 + _BESIDE).all()
    off, depth = np.median(np.abs(hips[:, :2]).max(1)), np.median(np.abs(hips[:, 2]))
    if shares and off > _OFF and depth < _OFF / 2 and np.median(np.ptp(seen[..., 1], axis=1)) < 1 + _BESIDE:
        raise FormatError(
            f"{path}: expected world landmarks, whose hips are in the middle, found the picture's, which are shares of "
            "its width and height: save MediaPipe's pose_world_landmarks; `s2m lift` takes the picture's"
        )


def _joint_set(frames: list[Any], dimensions: int, path: Path) -> tuple[JointSet, tuple[str, ...]]:
    first = next(people[0] for frame in frames if (people := _people(frame, dimensions)))
    names = [str(landmark["name"]) for landmark in first if isinstance(landmark, dict) and landmark.get("name")]
    if len(names) == len(first):
        by_names = joint_set_by_names(names, "landmarks")
        if by_names is not None:
            return by_names
    if len(first) != len(BLAZEPOSE33):
        raise FormatError(f"{path}: expected {len(BLAZEPOSE33)} landmarks in a frame, found {len(first)}")
    return BLAZEPOSE33, ()


def _values(landmarks: list[Any], count: int, dimensions: int, where: str) -> tuple[Any, Any]:
    if len(landmarks) != count or not all(isinstance(landmark, dict) for landmark in landmarks):
        raise FormatError(f"{where}: expected {count} landmarks, found {len(landmarks)}")
    axes = "xyz"[:dimensions]
    try:
        points = np.array([[_or_nan(landmark[axis]) for axis in axes] for landmark in landmarks], np.float64)
        sure = np.array([_or_nan(next((m[f] for f in _SURE if f in m), 1.0)) for m in landmarks], np.float64)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(
            f"{where}: expected numbers {', '.join(axes)} in {described(landmarks)} ({error!r:.80})"
        ) from error
    return points, np.nan_to_num(sure, nan=0, posinf=0, neginf=0).clip(0, 1)


def _or_nan(value: Any) -> float:
    return float("nan") if value is None else float(value)
