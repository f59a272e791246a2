"""OpenPose's JSON: ``people[].pose_keypoints_2d`` and ``pose_keypoints_3d``, one file per frame.

Pose2Sim and Sports2D write such files with COCO's 17 keypoints and those that begin with them (Halpe's 26 by default);
whom Pose2Sim does not see in a frame is an empty person.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s2m.errors import UserError
from s2m.formats.coco import keypoint_sets
from s2m.formats.people import Sighting
from s2m.skeletons import BODY25, OPENPOSE18, JointSet

SETS = {len(joint_set): joint_set for joint_set in (OPENPOSE18, BODY25, *keypoint_sets())}


def is_openpose(content: Any) -> bool:
    """Whether a parsed file is OpenPose's.

    Args:
        content: What stands in the file.
    """
    return isinstance(content, dict) and "people" in content


def people_of(content: Any, frame: int, image: str, where: str, dimensions: int = 2) -> list[Sighting]:
    """The people of one file.

    Args:
        content: The parsed file.
        frame: Number of its frame.
        image: What the frame is called.
        where: The file, for messages.
        dimensions: 2 or 3.

    Returns:
        Everybody in it.

    Raises:
        UserError: For other numbers of keypoints; the message names the entry.
    """
    field = f"pose_keypoints_{dimensions}d"
    found = []
    try:
        listed = [person for person in content["people"] if person not in ({}, {field: []})]
        raw = [np.asarray(person[field], np.float64) for person in listed]
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise UserError(f"{where}: expected OpenPose's people[].{field} ({error!r:.120})") from error
    for number, (person, flat) in enumerate(zip(listed, raw, strict=True)):
        wide = dimensions + 1
        if flat.ndim != 1 or len(flat) % wide or len(flat) // wide not in SETS:
            *others, last = (str(wide * count) for count in sorted(SETS))
            expected = f"{', '.join(others)} or {last}"
            raise UserError(f"{where}: people[{number}].{field}: expected {expected} numbers, found {flat.size}")
        points = flat.reshape(-1, wide)
        sure = np.nan_to_num(points[:, -1], nan=0, posinf=0, neginf=0).clip(0, 1)
        found.append(Sighting(frame, points[:, :-1], sure, float(sure.sum()), _number(person), image))
    return found


def _number(person: dict[str, Any]) -> int | None:
    """OpenPose's ``person_id`` is [-1] without tracking."""
    value = person.get("person_id")
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, int) and 0 <= value < 2**53 else None


def joint_set_of_people(sightings: Sequence[Sighting], where: Path) -> JointSet:
    """BODY_25, the 18 joints before it, or those of another detector.

    Args:
        sightings: People as :func:`people_of` gives them, of all files.
        where: The file or folder, for messages.

    Returns:
        The joint set that has as many joints as they have.

    Raises:
        UserError: For files of both kinds, or of none.
    """
    counts = {len(sighting.points) for sighting in sightings}
    if len(counts) != 1:
        found = " and ".join(map(str, sorted(counts))) or "no people"
        raise UserError(f"{where}: expected people with one number of keypoints, found {found}")
    return SETS[counts.pop()]
