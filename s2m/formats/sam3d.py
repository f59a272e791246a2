"""What SAM 3D Body's estimator returns for a person, saved as npz or pickle.

Source: ``sam_3d_body/sam_3d_body_estimator.py`` and ``models/heads/mhr_head.py`` of
github.com/facebookresearch/sam-3d-body: ``pred_keypoints_3d`` (70, 3), ``pred_joint_coords`` (127, 3) and
``pred_cam_t`` (3,), in metres, with y and z turned into the camera's frame (+x right, +y down, +z forward); the person
stands at ``pred_cam_t``. ``pred_global_rots`` (127, 3, 3) are the rotations of the same 127 joints, as MHR's rig has
them: y and z are not turned, and the rig's rest frames, which no file tells, are its own
(:mod:`s2m.ik.carried_rotations` finds them from the clip).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError, UserError
from s2m.formats.layouts import SAM3D_BODY
from s2m.formats.people import Crowd, Sighting
from s2m.skeletons import MHR70, MHR127, SIDES, JointSet

Floats = NDArray[np.float64]

_FIELDS = {"pred_keypoints_3d": MHR70, "pred_joint_coords": MHR127}
_PLACE = "pred_cam_t"
_RIG, _TURNS = "pred_joint_coords", "pred_global_rots"
_CAMERA = np.diag([1.0, -1.0, -1.0])  # what the program does to places, and leaves undone to rotations
_OFF = 0.05  # of a rotation matrix from one

RIG_JOINTS = (
    *("pelvis", "lumbar0", "lumbar1", "lumbar2", "lumbar3", "neck", "head_joint"),
    *(
        f"{side}_{part}"
        for side in SIDES
        for part in ("hip", "knee", "ankle", "ball", "collar", "shoulder", "elbow", "wrist")
    ),
)
"""Of MHR's 127 joints, those that have a counterpart among SMPL's."""
_ROWS = MHR127.indices(RIG_JOINTS)


def is_person(content: Any) -> bool:
    """Whether something holds a person as the estimator returns it.

    Args:
        content: What stands in a file.
    """
    return isinstance(content, Mapping) and names_person(content)


def names_person(fields: Collection[Any]) -> bool:
    """Whether fields are those of such a person.

    Args:
        fields: Their names.
    """
    return any(field in fields for field in _FIELDS)


def crowd_of(content: Any, joint_set: JointSet | None, path: Path, first: int = 0) -> Crowd | None:
    """The people of a file; ``None`` for another one.

    Args:
        content: One person of one frame or, with one more axis, of several frames; or a list of people of one frame.
        joint_set: Which joints are wanted; the 70 keypoints by default, which have a face and heels.
        path: For messages.
        first: Number of the first frame.

    Returns:
        Everybody.

    Raises:
        UserError: For arrays of another shape.
    """
    if is_person(content):
        field, chosen = _field(content, joint_set, path)
        points = _points(content, field, chosen, str(path))
        rigs = _rigs(content, len(points), str(path))
        frames = range(first, first + len(points))
        sightings = [_sighting(frame, row, 0, rig) for frame, row, rig in zip(frames, points, rigs, strict=True)]
        return Crowd(chosen, sightings, frames, layout=SAM3D_BODY, rig=RIG_JOINTS)
    if not isinstance(content, list) or not content or not all(is_person(person) for person in content):
        return None
    field, chosen = _field(content[0], joint_set, path)
    sightings = []
    for number, person in enumerate(content):
        points = _points(person, field, chosen, f"{path}: person {number}")
        if len(points) != 1:
            raise FormatError(f"{path}: person {number}: {field}: expected one frame, found {len(points)}")
        (rig,) = _rigs(person, 1, f"{path}: person {number}")
        sightings.append(_sighting(first, points[0], None, rig))
    return Crowd(chosen, sightings, [first], layout=SAM3D_BODY, rig=RIG_JOINTS)


def _sighting(frame: int, points: Floats, who: int | None, rig: Floats | None) -> Sighting:
    return Sighting(frame, points, np.ones(len(points)), 1.0, who, rig=rig)


def _rigs(person: Mapping[str, Any], frames: int, where: str) -> Sequence[Floats | None]:
    """(R, 3, 4) rotation and place of the joints of ``RIG_JOINTS`` in every frame, in the camera's axes."""
    if _RIG not in person or person.get(_TURNS) is None:
        return [None] * frames
    shape = (frames, len(MHR127), 3, 3)
    turns = _numbers(person[_TURNS], f"{where}: {_TURNS}")
    turns = turns[None] if turns.ndim == 3 else turns
    if turns.shape != shape:
        raise FormatError(f"{where}: {_TURNS}: expected {shape[1:]} a frame, found {turns.shape}")
    turns = turns[:, _ROWS]
    if not np.abs(turns @ turns.swapaxes(-1, -2) - np.eye(3)).max() < _OFF:
        raise FormatError(f"{where}: {_TURNS}: expected rotation matrices, found others")
    points = _points(person, _RIG, MHR127, where)
    if len(points) != frames:
        raise FormatError(f"{where}: {_RIG}: expected {frames} frames, found {len(points)}")
    return list(np.concatenate([_CAMERA @ turns, points[:, _ROWS, :, None]], -1))


def _field(person: Mapping[str, Any], joint_set: JointSet | None, path: Path) -> tuple[str, JointSet]:
    there = {field: chosen for field, chosen in _FIELDS.items() if field in person}
    if joint_set is None:
        return next(iter(there.items()))
    found = [(field, chosen) for field, chosen in there.items() if chosen.joints == joint_set.joints]
    if not found:
        raise UserError(
            f"{path}: expected the joints of {joint_set.name}, found {', '.join(s.name for s in there.values())}, as "
            "SAM 3D Body writes; leave --joint-set out"
        )
    return found[0]


def _points(person: Mapping[str, Any], field: str, joint_set: JointSet, where: str) -> Floats:
    expected = (len(joint_set), 3)
    points = _numbers(person[field], f"{where}: {field}")
    points = points[None] if points.ndim == 2 else points
    if points.ndim != 3 or points.shape[1:] != expected or not len(points):
        raise FormatError(f"{where}: {field}: expected {expected}, found {points.shape}")
    if _PLACE not in person:
        return points
    place = _numbers(person[_PLACE], f"{where}: {_PLACE}")
    place = place[None] if place.ndim == 1 else place
    if place.shape != (len(points), 3):
        raise FormatError(f"{where}: {_PLACE}: expected {(len(points), 3)}, found {place.shape}")
    return points + place[:, None]


def _numbers(value: Any, where: str) -> Floats:
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiu":
            raise TypeError(array.dtype)
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{where}: expected numbers ({error!s:.80})") from error
