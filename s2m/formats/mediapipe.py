"""MediaPipe's landmarks in JSON, in the ways in which people write them.

A list of landmarks per frame, each ``{"x", "y", "z", "visibility"}``; or frames with ``landmarks``,
``pose_landmarks``, ``keypoints`` and the like, and a number. Frames without landmarks are empty or ``null``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from s2m.errors import FormatError
from s2m.formats.frames import number_frames
from s2m.formats.layouts import MEDIAPIPE
from s2m.formats.names import joint_set_by_names
from s2m.formats.people import Crowd, Sighting
from s2m.formats.raw import described
from s2m.skeletons import BLAZEPOSE33, JointSet

_WORLD = ("pose_world_landmarks", "poseWorldLandmarks", "world_landmarks", "worldLandmarks", "keypoints3D")
_PICTURE = ("pose_landmarks", "poseLandmarks", "landmarks", "keypoints", "landmark")
_NUMBERS = ("frameNum", "frame", "frame_id", "frame_number", "frameNumber", "frame_index", "index", "id")
_SURE = ("visibility", "score", "confidence")


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
    frames = content.get("frames") if isinstance(content, dict) else content
    if isinstance(content, dict) and frames is None and _people(content, dimensions):
        frames = [content]
    if not isinstance(frames, list) or not any(_people(frame, dimensions) for frame in frames):
        return None
    numbers = [_number(frame, place) for place, frame in enumerate(frames)]
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
    return Crowd(joint_set, sightings, frames_there, {}, numbering.video, (*numbering.notes, *notes), layout)


def _people(frame: Any, dimensions: int) -> list[list[Any]]:
    """Lists of landmarks of a frame; several where MediaPipe looks for several people."""
    if isinstance(frame, dict):
        fields = (*_WORLD, *_PICTURE) if dimensions == 3 else (*_PICTURE, *_WORLD)
        frame = next((frame[field] for field in fields if frame.get(field)), None)
        if isinstance(frame, dict):
            frame = frame.get("landmark")
    if not isinstance(frame, list) or not frame:
        return []
    if _is_landmark(frame[0]):
        return [frame]
    return [one for one in frame if isinstance(one, list) and one and _is_landmark(one[0])]


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
