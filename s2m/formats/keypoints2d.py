"""Reading the 2D joints of one person from arrays and from what detectors write."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.arrays import short_repr
from s2m.errors import UserError
from s2m.formats.coco import Detection, as_joint_set, read_coco
from s2m.formats.joints3d import read_array
from s2m.skeletons import COCO17, H36M17, S2M27, JointSet

FloatArray = NDArray[np.float32]

_NAMES = ("joints2d", "keypoints2d", "keypoints_2d", "keypoints", "joints", "positions_2d", "poses2d")
_LIMBS = ("shoulder", "elbow", "wrist")
_OPENPOSE_TRUNK = ("nose", "thorax", *(f"{side}_{part}" for side in ("right", "left") for part in _LIMBS))


def _legs(*sides: str) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for side in sides for part in ("hip", "knee", "ankle"))


def _flat(name: str, joints: tuple[str, ...]) -> JointSet:
    """A joint set of which nobody needs the tree."""
    root = joints[0]
    return JointSet(name, joints, {joint: root for joint in joints if joint != root}, root)


_FACE = ("right_eye", "left_eye", "right_ear", "left_ear")
_FEET = ("left_toe", "left_small_toe", "left_heel", "right_toe", "right_small_toe", "right_heel")
# OpenPose's "neck" is the middle of the shoulders, which is what h36m17 calls thorax; "toe" is its big toe.
_OPENPOSE = {
    18: _flat("openpose18", (*_OPENPOSE_TRUNK, *_legs("right", "left"), *_FACE)),
    25: _flat("body25", (*_OPENPOSE_TRUNK, "pelvis", *_legs("right", "left"), *_FACE, *_FEET)),
}
# The joints that a COCO-style file tells, by number of keypoints: COCO, Halpe, COCO-WholeBody.
_COCO_LIKE = {17: H36M17, 26: H36M17, 133: S2M27}


@dataclass(frozen=True)
class Keypoints:
    """2D joints of one person over time.

    points: (T, K, 2) in any unit, +x right, +y down. confidence: (T, K) in [0, 1]; 0 and not finite points are
    missing. images: (T,) names of the pictures, where the file has them.
    """

    points: FloatArray
    confidence: FloatArray
    joint_set: JointSet
    images: tuple[str, ...] = ()

    __repr__ = short_repr

    def above(self, confidence: float) -> Keypoints:
        """The same joints; those of which the detector is less sure are missing."""
        return replace(self, confidence=np.where(self.confidence < confidence, 0, self.confidence))


def read_keypoints(path: str | Path, joint_set: JointSet | None = None, key: str | None = None) -> Keypoints:
    """2D joints of a file, or of a folder with one OpenPose file per frame.

    ``.npy``, ``.npz``, ``.json`` and ``.csv`` hold (frames, joints, 2), or 3 with a confidence in [0, 1], or these
    flattened to two axes; the joints are those of ``joint_set``, h36m17 by default. ``.json`` may also be COCO-style
    (annotations, result lists, MMPose's predictions) or OpenPose's; such a file says itself which joints it has. Of
    several people in a picture the most certain one counts, or, where people are numbered, the one seen most often.
    key: field of an npz or json file with arrays. Raises UserError naming the file, what was expected and found.
    """
    path = Path(path)
    if path.is_dir():
        found = _openpose_folder(path)
    elif path.suffix.lower() == ".json" and key is None and (kind := _kind(path)) is not None:
        found = _openpose([path]) if kind == "openpose" else _coco(path)
    else:
        return _array(path, H36M17 if joint_set is None else joint_set, key)
    if joint_set is not None and joint_set is not COCO17:
        raise UserError(f"{path}: a detector's file says itself which joints it has; leave --joint-set out")
    return found


def _kind(path: Path) -> str | None:
    """Which detector a json file is from; None for plain arrays and what cannot be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    if isinstance(content, dict):
        return (
            "openpose" if "people" in content else "coco" if {"annotations", "instance_info"} & set(content) else None
        )
    return "coco" if isinstance(content, list) and content and isinstance(content[0], dict) else None


def _array(path: Path, joint_set: JointSet, key: str | None) -> Keypoints:
    raw = np.asarray(read_array(path, key, _NAMES))
    if raw.dtype.kind not in "fiu":
        raise UserError(f"{path}: expected numbers, found {raw.dtype}")
    array, count = raw.astype(np.float32), len(joint_set)
    if array.ndim == 2 and array.shape[1] in (2 * count, 3 * count):
        array = array.reshape(len(array), count, -1)
    if array.ndim == 2 and array.shape in ((count, 2), (count, 3)):
        array = array[None]
    if array.ndim != 3 or array.shape[1] != count or array.shape[2] not in (2, 3) or len(array) == 0:
        expected = f"(frames, {count}, 2), or 3 with a confidence, for the joint set {joint_set.name}"
        raise UserError(f"{path}: expected {expected}, found {raw.shape}")
    confidence = array[..., 2] if array.shape[2] == 3 else np.ones(array.shape[:2], np.float32)
    if ((confidence < 0) | (confidence > 1)).any():
        raise UserError(
            f"{path}: confidence (the third column): expected values in [0, 1], found {np.nanmin(confidence):.4g} to "
            f"{np.nanmax(confidence):.4g}; are these 3D joints? `s2m ik` takes them"
        )
    return Keypoints(array[..., :2], confidence, joint_set)


def _coco(path: Path) -> Keypoints:
    people = read_coco(path)
    if not people:
        raise UserError(f"{path}: expected people with keypoints, found none")
    chosen = _one_person(people)
    keypoints = np.stack([person.keypoints for person in chosen])
    joint_set = _COCO_LIKE[keypoints.shape[1]]
    points, confidence = as_joint_set(keypoints, joint_set.name)
    images = tuple(person.image for person in chosen)
    return Keypoints(points.astype(np.float32), confidence.astype(np.float32), joint_set, images)


def _one_person(people: Sequence[Detection]) -> list[Detection]:
    """One detection per picture, in the pictures' order."""
    if all(person.track is not None for person in people):
        track = Counter(person.track for person in people).most_common(1)[0][0]
        people = [person for person in people if person.track == track]
    best: dict[str, Detection] = {}
    for person in people:
        if person.image not in best or person.score > best[person.image].score:
            best[person.image] = person
    return list(best.values())


def _openpose_folder(folder: Path) -> Keypoints:
    files = sorted(folder.glob("*.json"))
    if not files:
        raise UserError(f"{folder}: expected a folder with one OpenPose json file per frame, found no json file")
    return _openpose(files)


def _openpose(files: list[Path]) -> Keypoints:
    """OpenPose's ``people[].pose_keypoints_2d``, one file per frame; a frame without people is all missing."""
    frames = [_openpose_person(file) for file in files]
    counts = {len(frame) for frame in frames if frame is not None}
    if len(counts) != 1:
        found = " and ".join(map(str, sorted(counts))) or "no people"
        raise UserError(f"{files[0].parent}: expected people with one number of keypoints, found {found}")
    joint_set = _OPENPOSE[counts.pop()]
    empty = np.zeros((len(joint_set), 3), np.float32)
    keypoints = np.stack([empty if frame is None else frame for frame in frames])
    confidence = keypoints[..., 2].clip(0, 1)
    return Keypoints(keypoints[..., :2], confidence, joint_set, tuple(file.name for file in files))


def _openpose_person(file: Path) -> FloatArray | None:
    """(K, 3) of the person of whom most is seen; None without people."""
    try:
        content: Any = json.loads(file.read_text())
        people = [np.asarray(person["pose_keypoints_2d"], np.float32) for person in content["people"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: expected OpenPose's people[].pose_keypoints_2d ({error!r})") from error
    for number, person in enumerate(people):
        if person.ndim != 1 or len(person) % 3 or len(person) // 3 not in _OPENPOSE:
            expected = " or ".join(str(3 * count) for count in _OPENPOSE)
            where = f"{file}: people[{number}].pose_keypoints_2d"
            raise UserError(f"{where}: expected {expected} numbers, found {person.size}")
        if not np.isfinite(person).all():
            raise UserError(f"{file}: people[{number}].pose_keypoints_2d: holds values that are not finite")
    return max((person.reshape(-1, 3) for person in people), key=lambda person: float(person[:, 2].sum()), default=None)
