"""VideoPose3D's ``data_2d_custom_*.npz``: 2D joints of a user's own videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from s2m.errors import UserError
from s2m.formats.people import Crowd, Sighting
from s2m.skeletons import COCO17, H36M17, JointSet

_LAYOUTS = {"coco": COCO17, "h36m": H36M17}


def crowd_of(content: Any, key: str | None, path: Path) -> Crowd | None:
    """The people of one video; ``None`` when a file is none of VideoPose3D's.

    Args:
        content: The fields of the file.
        key: Name of the video, where there are several.
        path: For messages.

    Returns:
        Everybody in the video: each array is a person.

    Raises:
        UserError: For several videos without a key, and for joints that the file does not tell.
    """
    if not isinstance(content, dict) or "positions_2d" not in content:
        return None
    videos = content["positions_2d"]
    if not isinstance(videos, dict):
        return None
    recordings = {
        f"{subject}/{action}" if len(actions) > 1 else str(subject): views
        for subject, actions in videos.items()
        if isinstance(actions, dict)
        for action, views in actions.items()
    }
    shown = ", ".join(list(recordings)[:12]) or "none"
    if key is None and len(recordings) != 1:
        raise UserError(f"{path}: positions_2d: which video? Name it with --key; it has: {shown}")
    if key is not None and key not in recordings:
        raise UserError(f"{path}: positions_2d: has no video '{key}'; it has: {shown}")
    views = next(iter(recordings.values())) if key is None else recordings[key]
    joint_set = _joint_set(content, path)
    people = [_person(view, joint_set, path) for view in (views if isinstance(views, list) else [views])]
    frames = max((len(points) for points, _ in people), default=0)
    if not frames:
        raise UserError(f"{path}: positions_2d: expected people, found none")
    sightings = [
        Sighting(frame, points[frame], sure[frame], 1.0, number)
        for number, (points, sure) in enumerate(people)
        for frame in range(len(points))
    ]
    return Crowd(joint_set, sightings, range(frames))


def _joint_set(content: dict[str, Any], path: Path) -> JointSet:
    metadata = content.get("metadata")
    layout = metadata.get("layout_name") if isinstance(metadata, dict) else None
    if layout not in _LAYOUTS:
        known = ", ".join(_LAYOUTS)
        raise UserError(f"{path}: metadata: expected a layout_name of {known}, found {layout!r:.40}")
    return _LAYOUTS[layout]


def _person(view: Any, joint_set: JointSet, path: Path) -> tuple[Any, Any]:
    try:
        array = np.asarray(view, np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.zeros(0)
    if array.ndim != 3 or array.shape[1] != len(joint_set) or array.shape[2] not in (2, 3):
        raise UserError(f"{path}: positions_2d: expected (frames, {len(joint_set)}, 2), found {array.shape}")
    sure = array[..., 2].clip(0, 1) if array.shape[2] == 3 else np.ones(array.shape[:2])
    return array[..., :2], sure
