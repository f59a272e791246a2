"""MediaPipe's landmarks in JSON, in the ways in which people write them.

A list of landmarks per frame, each ``{"x", "y", "z", "visibility"}``; or frames with ``landmarks``,
``pose_landmarks``, ``keypoints`` and the like, and a number, in which landmarks may be rows of numbers as well, or have
names. Frames come as a list, as a dictionary by their numbers, or under ``frames`` beside the frames per second. Those
without landmarks are empty or ``null``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from s2m.errors import FormatError
from s2m.formats.frames import number_frames
from s2m.formats.layouts import MEDIAPIPE, Layout
from s2m.formats.names import joint_set_by_names
from s2m.formats.people import Crowd, Sighting
from s2m.formats.rates import told_rate
from s2m.formats.raw import described
from s2m.skeletons import BLAZEPOSE33, JointSet

_WORLD = ("pose_world_landmarks", "poseWorldLandmarks", "world_landmarks", "worldLandmarks", "keypoints3D")
_PICTURE = ("pose_landmarks", "poseLandmarks", "landmarks", "keypoints", "landmark")
_NUMBERS = ("frameNum", "frame", "frame_id", "frame_number", "frameNumber", "frame_index", "index", "id")
_SURE = ("visibility", "score", "confidence")
_NUMBER = re.compile(r"[0-9]{1,9}")
_ROW = ("x", "y", "z", "visibility", "presence")


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
    frames = _frames(content, dimensions)
    if not isinstance(frames, list) or not any(_people(frame, dimensions) for frame in frames):
        return None
    numbers = [int(n) for n in content] if _is_by_number(content) else [_number(f, n) for n, f in enumerate(frames)]
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
            if who > 50:
                raise FormatError(f"{where}: expected people, found more than 50")
    frames_there = list(numbering.of.values())
    layout = MEDIAPIPE if dimensions == 3 and joint_set is BLAZEPOSE33 else None
    rate = told_rate(content, path)
    layout = layout if rate is None else replace(layout or Layout("MediaPipe"), fps=rate)
    return Crowd(joint_set, sightings, frames_there, {}, numbering.video, (*numbering.notes, *notes), layout)


def _frames(content: Any, dimensions: int) -> Any:
    if not isinstance(content, dict):
        return content
    if _is_by_number(content):
        return list(content.values())
    return content.get("frames", [content] if _people(content, dimensions) else None)


def _is_by_number(content: Any) -> bool:
    return isinstance(content, dict) and bool(content) and all(map(_NUMBER.fullmatch, map(str, content)))


def _people(frame: Any, dimensions: int) -> list[list[Any]]:
    """Lists of landmarks of a frame; several where MediaPipe looks for several people."""
    if isinstance(frame, dict):
        fields = (*_WORLD, *_PICTURE) if dimensions == 3 else (*_PICTURE, *_WORLD)
        frame = _plain(next((frame[field] for field in fields if frame.get(field)), None), dimensions)
    if not isinstance(frame, list) or not frame:
        return []
    if _is_landmark(frame[0]):
        return [frame]
    return [one for one in frame if isinstance(one, list) and one and _is_landmark(one[0])]


def _plain(landmarks: Any, dimensions: int) -> Any:
    """Landmarks as a list of objects, of those that have names as keys, or (in 3D) are rows of numbers."""
    if isinstance(landmarks, dict):
        if isinstance(landmarks.get("landmark"), list):
            return _plain(landmarks["landmark"], dimensions)
        return [{**value, "name": name} for name, value in landmarks.items() if _is_landmark(value)]
    if dimensions != 3 or not isinstance(landmarks, list) or len(landmarks) != len(BLAZEPOSE33):
        return landmarks  # so many rows are some detector's keypoints
    rows = all(map(_is_row, landmarks))
    return [dict(zip(_ROW, row, strict=False)) for row in landmarks] if rows else landmarks


def _is_row(value: Any) -> bool:
    return isinstance(value, list) and 3 <= len(value) <= 5 and all(isinstance(one, (int, float)) for one in value)


def _is_landmark(value: Any) -> bool:
    return isinstance(value, dict) and {"x", "y"} <= set(value)


def _number(frame: Any, place: int) -> int:
    for field in _NUMBERS if isinstance(frame, dict) else ():
        value = frame.get(field)
        if isinstance(value, (int, float)) and value == value and abs(value) < 2**53 and value == int(value):
            return int(value)
    return place


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
