"""MMPose's predictions, in every form that its demos and its Inferencer write.

A video: ``{"meta_info", "instance_info": [{"frame_id", "instances": [...]}]}`` (demos), the same list alone
(Inferencer), or a list of instances per frame. A picture: a list of instances, alone or as ``instance_info``. An
instance has ``keypoints`` (two or three numbers each), ``keypoint_scores``, ``bbox`` and, with tracking, ``track_id``.

Ultralytics' results are people's own lists of what ``to_json`` or ``summary`` gives for each frame, in the same forms,
or by number; there ``keypoints`` are ``{"x": [...], "y": [...], "visible": [...]}``.
"""

from __future__ import annotations

from typing import Any

Frames = list[tuple[int, list[Any]]]

_PEOPLE = ("instances", "detections", "predictions", "results", "persons", "objects")
_NUMBERS = ("frame", "frame_number", "frame_index", "frame_idx")


def frames(content: Any) -> Frames | None:
    """Number (from 0) and instances of every frame; ``None`` for what is none of MMPose's forms.

    MMPose counts ``frame_id`` from 1; a file with a frame 0 counts from there.

    Args:
        content: What stands in the file.

    Raises:
        KeyError, TypeError, ValueError: For an entry of another form.
    """
    listed = content.get("instance_info", content.get("predictions")) if isinstance(content, dict) else content
    marked = isinstance(content, dict) and "instance_info" in content
    if not marked and isinstance(content, dict) and "predictions" not in content:
        return _by_number(content)
    if not isinstance(listed, list) or (not listed and not marked):
        return None
    if all(isinstance(entry, dict) and "instances" in entry for entry in listed) and not _numbered(listed):
        numbers = [int(entry.get("frame_id", place + 1)) for place, entry in enumerate(listed)]
        first = 0 if 0 in numbers else 1
        return [(n - first, _instances(entry["instances"])) for n, entry in zip(numbers, listed, strict=True)]
    if _numbered(listed):
        return [(int(entry[_key(entry, _NUMBERS)]), _instances(entry[_key(entry, _PEOPLE)])) for entry in listed]
    if all(isinstance(entry, dict) and "keypoints" in entry and _has_no_picture(entry) for entry in listed):
        return [(0, listed)]
    if all(isinstance(entry, list) for entry in listed):
        people = [person for entry in listed for person in entry]
        if people and all(isinstance(person, dict) and "keypoints" in person for person in people):
            return list(enumerate(listed))
    if marked:
        raise ValueError("instance_info: neither frames nor instances")
    return None


def _by_number(content: dict[Any, Any]) -> Frames | None:
    """Frames that are fields, called by their numbers."""
    if not content or not all(str(key).isdecimal() and isinstance(listed, list) for key, listed in content.items()):
        return None
    people = [person for listed in content.values() for person in listed]
    if not people or not all(isinstance(person, dict) and "keypoints" in person for person in people):
        return None
    return [(int(key), listed) for key, listed in content.items()]


def _numbered(listed: list[Any]) -> bool:
    """Whether frames have a number and a list of people, under names of people's own."""
    fitting = (isinstance(entry, dict) and _key(entry, _NUMBERS) and _key(entry, _PEOPLE) for entry in listed)
    return bool(listed) and all(fitting)


def _key(entry: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((name for name in names if name in entry), "")


def is_sequence(content: Any) -> bool:
    """Whether :func:`frames` numbers what stands in a file: these are MMPose's places in a sequence.

    Args:
        content: What stands in a file that :func:`frames` read.

    Returns:
        False as well for what is none of MMPose's forms.
    """
    return frames(content) is not None


def _instances(listed: Any) -> list[Any]:
    if not isinstance(listed, list):
        raise TypeError(f"instances: a {type(listed).__name__} instead of a list")
    return listed


def _has_no_picture(entry: dict[str, Any]) -> bool:
    scored = "keypoint_scores" in entry or isinstance(entry["keypoints"], dict)
    return scored and not {"image_id", "file_name", "image"} & set(entry)


def names(content: Any) -> tuple[str, ...] | None:
    """Names of the keypoints, where the file tells them (``meta_info.keypoint_id2name``).

    Args:
        content: What stands in the file.

    Returns:
        The names in the keypoints' order; ``None`` where the file does not tell them.
    """
    meta = content.get("meta_info") if isinstance(content, dict) else None
    listed = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if not isinstance(listed, dict) or not listed:
        return None
    try:
        return tuple(str(name) for _, name in sorted(listed.items(), key=lambda entry: int(entry[0])))
    except (TypeError, ValueError, OverflowError):
        return None
