"""People found by a 2D detector, from COCO-style JSON.

Read are COCO's own annotation files (``images`` and ``annotations``), COCO's result lists (Detectron, MMPose's
``--dump``, and AlphaPose, whose ``image_id`` is a file name), and MMPose's predictions (``instance_info``). Keypoints
are COCO's 17, or Halpe's 26 or COCO-WholeBody's 133, which begin with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError
from s2m.skeletons import COCO17, CROWN, get_joint_set

Array = NDArray[Any]

# Further points by number of keypoints: where they are, under this project's names.
_FURTHER: dict[int, dict[int, str]] = {
    len(COCO17): {},
    26: {17: "head", 18: "thorax", 19: "pelvis", 20: "left_toe", 21: "right_toe", 24: "left_heel", 25: "right_heel"},
    133: {
        17: "left_toe", 19: "left_heel", 20: "right_toe", 22: "right_heel",
        96: "left_index", 108: "left_pinky", 117: "right_index", 129: "right_pinky",
    },
}  # fmt: skip
_TRACK_NAMES = ("track_id", "idx", "person_id")
# An annotator's joint that is hidden, as for Leeds Sports Pose.
_HIDDEN = 0.5
_LARGEST_FLAG = 2


@dataclass(frozen=True)
class Detection:
    """One person in one picture.

    image: file name or number of the picture, as text. keypoints: (K, 3) x, y in pixels of the picture, confidence
    (0 = missing). score: the detector's trust in the person. track: the person's number, where the file has one.
    """

    image: str
    keypoints: Array
    score: float
    track: int | None


def read_coco(file: Path) -> list[Detection]:
    """All people of a file, in its order. FormatError naming file, entry, expected and found."""
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise FormatError(f"{file}: not a readable JSON file ({error})") from error
    entries = _entries(file, content)
    found = [_detection(file, number, entry) for number, entry in enumerate(entries)]
    sizes = {len(detection.keypoints) for detection in found}
    if len(sizes) > 1:
        raise FormatError(f"{file}: expected one number of keypoints, found {', '.join(map(str, sorted(sizes)))}")
    return _graded(found)


def _entries(file: Path, content: Any) -> list[dict[str, Any]]:
    if isinstance(content, dict) and isinstance(content.get("instance_info"), list):
        try:
            return _of_mmpose(content["instance_info"])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            expected = "frame_id and instances with keypoints and keypoint_scores"
            raise FormatError(f"{file}: instance_info: expected {expected} ({error!r})") from error
    listed = content.get("annotations") if isinstance(content, dict) else content
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        expected = "a list of people, or 'images' and 'annotations', or 'instance_info'"
        raise FormatError(f"{file}: expected {expected}, found {type(content).__name__}")
    pictures = content.get("images", []) if isinstance(content, dict) else []
    names = {p.get("id"): p.get("file_name") for p in pictures if isinstance(p, dict)}
    return [
        {**entry, "image": entry.get("file_name") or names.get(entry.get("image_id")) or entry.get("image_id")}
        for entry in listed
        # COCO lists people without keypoints, too
        if entry.get("num_keypoints", 1)
    ]


def _of_mmpose(frames: list[Any]) -> list[dict[str, Any]]:
    """MMPose counts frames from 1."""
    entries = []
    for frame in frames:
        for person in frame.get("instances", []):
            points = np.column_stack([person["keypoints"], person["keypoint_scores"]])
            score = np.ravel(person.get("bbox_score", points[:, 2].mean()))[0]
            flat = points.ravel().tolist()
            entries.append({**person, "image": frame["frame_id"] - 1, "keypoints": flat, "score": float(score)})
    return entries


def _detection(file: Path, number: int, entry: Mapping[str, Any]) -> Detection:
    where = f"{file}: person {number}"
    image = entry.get("image")
    if image is None:
        raise FormatError(f"{where}: expected image_id or file_name, found {', '.join(entry) or 'nothing'}")
    try:
        flat = np.asarray(entry.get("keypoints"), dtype=np.float64).ravel()
    except (TypeError, ValueError):
        flat = np.zeros(0)
    if len(flat) % 3 or len(flat) // 3 not in _FURTHER:
        counts = ", ".join(str(3 * count) for count in _FURTHER)
        raise FormatError(f"{where}: field keypoints: expected {counts} numbers, found {len(flat)}")
    points = flat.reshape(-1, 3)
    if not np.isfinite(points).all():
        raise FormatError(f"{where}: field keypoints: holds values that are not finite")
    score = entry.get("score")
    tracks = [entry[name] for name in _TRACK_NAMES if isinstance(entry.get(name), (int, float))]
    confidence = float(score) if isinstance(score, (int, float)) else float(points[:, 2].mean())
    return Detection(str(image), points, confidence, int(tracks[0]) if tracks else None)


def _graded(found: list[Detection]) -> list[Detection]:
    """Turn third numbers into confidence.

    Annotators write 0 (absent), 1 (hidden), 2 (visible); detectors write scores, some beyond 1.
    """
    if not found:
        return found
    thirds = np.stack([detection.keypoints[:, 2] for detection in found])
    flags = np.isin(thirds, range(_LARGEST_FLAG + 1)).all() and (thirds == _LARGEST_FLAG).any()
    graded = np.where(thirds == 1, _HIDDEN, thirds / _LARGEST_FLAG) if flags else thirds.clip(0, 1)
    return [
        Detection(d.image, np.column_stack([d.keypoints[:, :2], sure]), d.score, d.track)
        for d, sure in zip(found, graded, strict=True)
    ]


def as_joint_set(keypoints: Array, joint_set: str) -> tuple[Array, Array]:
    """Keypoints (T, K, 3) as pixels (T, J, 2) and confidence (T, J) of another joint set, by name.

    Pelvis, thorax and spine are middles (of the hips, the shoulders, and of those two), and the top of the head lies
    beyond the ears, unless the keypoints have them; each is as certain as the least certain point that it comes from.
    What cannot be had has confidence 0.
    """
    names = {i: name for i, name in enumerate(COCO17.joints)} | _FURTHER[keypoints.shape[1]]
    places = {name: (keypoints[:, i, :2], keypoints[:, i, 2]) for i, name in names.items()}
    for name, sides in (("pelvis", "hip"), ("thorax", "shoulder")):
        places.setdefault(name, _between(places[f"left_{sides}"], places[f"right_{sides}"], 0.5))
    ears = _between(places["left_ear"], places["right_ear"], 0.5)
    places.setdefault("head", _between(places["thorax"], ears, 1 + CROWN))
    places.setdefault("spine", _between(places["pelvis"], places["thorax"], 0.5))
    missing = np.zeros_like(keypoints[:, 0, :2]), np.zeros_like(keypoints[:, 0, 2])
    chosen = [places.get(name, missing) for name in get_joint_set(joint_set).joints]
    return np.stack([place for place, _ in chosen], axis=1), np.stack([sure for _, sure in chosen], axis=1)


def _between(first: tuple[Array, Array], second: tuple[Array, Array], share: float) -> tuple[Array, Array]:
    return first[0] + share * (second[0] - first[0]), np.minimum(first[1], second[1])
