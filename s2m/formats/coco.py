"""People found by a 2D detector, from COCO-style JSON.

Read are COCO's own annotation files (``images`` and ``annotations``), COCO's result lists (Detectron, MMPose's
``--dump``, and AlphaPose, whose ``image_id`` is a file name), and MMPose's predictions (:mod:`s2m.formats.mmpose`).
Keypoints are COCO's 17, or Halpe's 26 or 136 or COCO-WholeBody's 133, which begin with them; where a file names its
keypoints (``categories[].keypoints``), the names count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError, UserError
from s2m.formats import mmpose
from s2m.formats.names import joint_set_by_names, known_name
from s2m.formats.raw import described, load_json
from s2m.skeletons import COCO17, ON_THE_WAY_TO_THE_EARS, JointSet, get_joint_set, joint_set_of
from s2m.skeletons.places import moved, to_human36m

Array = NDArray[Any]

# Further points by number of keypoints: where they are, under this project's names.
_HALPE = {17: "head", 18: "thorax", 19: "pelvis", 20: "left_toe", 21: "right_toe", 24: "left_heel", 25: "right_heel"}
_FURTHER: dict[int, dict[int, str]] = {
    len(COCO17): {},
    26: _HALPE,
    133: {
        17: "left_toe", 19: "left_heel", 20: "right_toe", 22: "right_heel",
        96: "left_index", 108: "left_pinky", 117: "right_index", 129: "right_pinky",
    },
    136: _HALPE,
}  # fmt: skip
_TRACK_NAMES = ("track_id", "idx", "person_id")
# An annotator's joint that is hidden, as for Leeds Sports Pose.
_HIDDEN = 0.5
_LARGEST_FLAG = 2
_LARGEST_SCORE, _PERCENT = 20, 100  # scores that are no shares hardly reach the former


@dataclass(frozen=True)
class Detection:
    """One person in one picture.

    Attributes:
        image: File name or number of the picture, as text.
        keypoints: (K, 3) x, y in pixels of the picture, confidence (0 = missing).
        score: The detector's trust in the person.
        track: The person's number, where the file has one.
    """

    image: str
    keypoints: Array
    score: float
    track: int | None


@dataclass(frozen=True)
class Found:
    """What a COCO-style file tells.

    Attributes:
        detections: All people, in the file's order.
        names: What the keypoints are, where the file says so.
        images: All pictures that it names, also those without a person.
        counted: Whether ``images`` are places in a sequence, counted from 0, instead of the pictures' own numbers.
        notes: What was made of its confidences, for the user.
    """

    detections: list[Detection]
    names: tuple[str, ...] | None
    images: tuple[str, ...]
    counted: bool = False
    notes: tuple[str, ...] = ()


def read_coco(file: Path) -> list[Detection]:
    """All people of a file, see :func:`read_coco_file`.

    Args:
        file: The JSON file.

    Returns:
        The people, in the file's order.

    Raises:
        FormatError: See :func:`read_coco_file`.
    """
    return read_coco_file(file).detections


def read_coco_file(file: Path) -> Found:
    """People and pictures of a file whose keypoints are COCO's, or begin with them.

    Args:
        file: The JSON file.

    Returns:
        What the file tells.

    Raises:
        FormatError: For anything else, also for keypoints that the file itself names otherwise; the message names
            file, entry, expected and found.
    """
    try:
        content = load_json(file)
    except UserError as error:
        raise FormatError(str(error).replace("cannot be read", "not a readable JSON file", 1)) from error
    found = found_in(content, file)
    if found.names is not None and not _begin_with_coco(found.names):
        shown = ", ".join(found.names[:6])
        raise FormatError(
            f"{file}: expected COCO's keypoints, found others: {shown} ...; `s2m lift` reads them by name"
        )
    sizes = {len(detection.keypoints) for detection in found.detections}
    unknown = sorted(sizes - set(_FURTHER))
    if unknown:
        counts = ", ".join(str(3 * count) for count in _FURTHER)
        raise FormatError(f"{file}: person 0: field keypoints: expected {counts} numbers, found {3 * unknown[0]}")
    return found


def found_in(content: Any, file: Path) -> Found:
    """The people of a parsed file, whatever their keypoints are; see :func:`read_coco`.

    Args:
        content: What stands in the file.
        file: For messages.

    Returns:
        The people, the keypoints' names and the pictures.

    Raises:
        FormatError: For another form, and for people with different numbers of keypoints.
    """
    entries, names, images = _entries(file, content)
    found = [_detection(file, number, entry, names) for number, entry in enumerate(entries)]
    sizes = {len(detection.keypoints) for detection in found}
    if len(sizes) > 1:
        raise FormatError(f"{file}: expected one number of keypoints, found {', '.join(map(str, sorted(sizes)))}")
    if names is not None and sizes and sizes != {len(names)}:
        raise FormatError(f"{file}: expected {len(names)} keypoints, as it names them, found {sizes.pop()}")
    every = tuple(dict.fromkeys([*images, *(d.image for d in found)]))
    graded, notes = _graded(found)
    return Found(graded, names, every, mmpose.is_sequence(content) or _from_zero(every), notes)


def joints_of(found: Found, file: Path) -> tuple[JointSet, list[int], tuple[str, ...]]:
    """The joint set of a file's keypoints.

    Args:
        found: What the file tells.
        file: For messages.

    Returns:
        The joint set, which of the keypoints its joints are, and notes about confidences, and names that nobody knows.

    Raises:
        FormatError: When the file names keypoints that nobody here knows.
    """
    count = len(found.detections[0].keypoints) if found.detections else len(COCO17)
    if found.names is None or (_begin_with_coco(found.names) and count in _FURTHER):
        if count == len(COCO17):
            return COCO17, list(range(count)), found.notes
        places = dict(enumerate(COCO17.joints)) | _FURTHER[count]
        return joint_set_of(f"coco{count}", tuple(places.values())), list(places), found.notes
    by_names = joint_set_by_names(found.names, "named")
    if by_names is None:
        shown = ", ".join(found.names[:20])
        raise FormatError(f"{file}: expected keypoints with names of joints, found {shown}")
    joint_set, notes = by_names
    named = [i for i, joint in enumerate(joint_set.joints) if not joint.startswith("unused_")]
    if len(named) < len(joint_set):
        joint_set = joint_set_of(joint_set.name, tuple(joint_set.joints[i] for i in named))
    return joint_set, named, (*found.notes, *notes)


def keypoint_sets() -> list[JointSet]:
    """COCO's 17 joints, and the larger sets that begin with them, with every keypoint in its place."""
    sets = [COCO17]
    for count, further in _FURTHER.items():
        names = dict(enumerate(COCO17.joints)) | further
        if count > len(COCO17):
            sets.append(joint_set_of(f"coco{count}", tuple(names.get(i, f"unused_{i}") for i in range(count))))
    return sets


def _from_zero(images: Sequence[str]) -> bool:
    return "0" in images and all(image.isdecimal() for image in images)


def _begin_with_coco(names: Sequence[str]) -> bool:
    return tuple(known_name(name) for name in names[: len(COCO17)]) == COCO17.joints


def _entries(file: Path, content: Any) -> tuple[list[dict[str, Any]], tuple[str, ...] | None, list[str]]:
    """People with their picture's name as ``image``; names of the keypoints; names of all pictures."""
    try:
        frames = mmpose.frames(content)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        expected = "frame_id and instances with keypoints and keypoint_scores"
        raise FormatError(f"{file}: instance_info: expected {expected} ({error!r:.120})") from error
    if frames is not None:
        return _of_mmpose(file, frames), mmpose.names(content), [str(number) for number, _ in frames]
    listed = content.get("annotations") if isinstance(content, dict) else content
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        expected = "a list of people, or 'images' and 'annotations', or 'instance_info'"
        raise FormatError(f"{file}: expected {expected}, found {described(content)}")
    pictures = [p for p in _listed(content, "images") if isinstance(p, dict)]
    called = {str(p.get("id")): p.get("file_name") for p in pictures}
    entries = [
        {**entry, "image": entry.get("file_name") or called.get(str(entry.get("image_id"))) or entry.get("image_id")}
        for entry in listed
        # COCO lists people without keypoints, too
        if entry.get("num_keypoints", 1)
    ]
    return entries, _category_names(content), [str(p.get("file_name") or p.get("id")) for p in pictures]


def _listed(content: Any, field: str) -> list[Any]:
    listed = content.get(field, []) if isinstance(content, dict) else []
    return listed if isinstance(listed, list) else []


def _category_names(content: Any) -> tuple[str, ...] | None:
    for category in _listed(content, "categories"):
        names = category.get("keypoints") if isinstance(category, dict) else None
        if isinstance(names, list) and names:
            return tuple(map(str, names))
    return None


def _of_mmpose(file: Path, frames: list[tuple[int, list[Any]]]) -> list[dict[str, Any]]:
    entries = []
    for number, instances in frames:
        for person in instances:
            try:
                if isinstance(person["keypoints"], dict):
                    score = person.get("confidence", 1.0)
                    entries.append({**person, "image": number, "score": score})
                    continue
                points = np.asarray(person["keypoints"], np.float64)
                scores = person.get("keypoint_scores")
                sure = np.ones(len(points)) if scores is None else np.asarray(scores, np.float64)
                if points.ndim == 2 and points.shape[1] == 3:
                    raise FormatError(f"{file}: expected 2D keypoints, found 3D ones; `s2m ik` takes them")
                flat = np.column_stack([points, sure]).ravel().tolist()
                score = float(np.ravel(person.get("bbox_score", np.nanmean(sure)))[0])
            except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
                if isinstance(error, FormatError):
                    raise
                expected = "frame_id and instances with keypoints and keypoint_scores"
                raise FormatError(f"{file}: instance_info: expected {expected} ({error!r:.120})") from error
            entries.append({**person, "image": number, "keypoints": flat, "score": score})
    return entries


def _detection(file: Path, number: int, entry: Mapping[str, Any], names: Sequence[str] | None = None) -> Detection:
    where = f"{file}: person {number}"
    image = entry.get("image")
    if not isinstance(image, (str, int, float)):
        found = ", ".join(list(entry)[:8]) or "nothing" if image is None else described(image)
        raise FormatError(f"{where}: expected image_id or file_name, found {found}")
    flat = _numbers(entry.get("keypoints"))
    known = [len(names)] if names is not None else list(_FURTHER)
    if len(flat) % 3 or len(flat) // 3 not in known:
        counts = ", ".join(str(3 * count) for count in known)
        boxes = "; these are a detector's boxes, without keypoints" if not len(flat) and "bbox" in entry else ""
        raise FormatError(f"{where}: field keypoints: expected {counts} numbers, found {len(flat)}{boxes}")
    points = flat.reshape(-1, 3)
    # What is not finite is not seen.
    points = np.where(
        np.isfinite(points).all(1, keepdims=True) & (np.abs(points) < 1e18).all(1, keepdims=True), points, 0
    )
    score = entry.get("score")
    confidence = float(points[:, 2].mean())
    if isinstance(score, (int, float)) and abs(score) < 1e18:
        confidence = float(score)
    return Detection(str(image), points, confidence, _track(entry))


def _track(entry: Mapping[str, Any]) -> int | None:
    """AlphaPose's ``idx`` may be a list of one."""
    for name in _TRACK_NAMES:
        value = entry.get(name)
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(value, (int, float)) and abs(value) < 2**53 and value == int(value):
            return int(value)
    return None


def _numbers(keypoints: Any) -> Array:
    """Flat x, y, confidence; empty for what is none. Ultralytics writes one list for each of these."""
    try:
        if isinstance(keypoints, dict):
            sure: Any = keypoints.get("visible", keypoints.get("confidence", np.ones(len(keypoints["x"]))))
            keypoints = np.column_stack([keypoints["x"], keypoints["y"], sure])
        return np.asarray([] if keypoints is None else keypoints, dtype=np.float64).ravel()
    except (TypeError, ValueError, KeyError, OverflowError):
        return np.zeros(0)


def _graded(found: list[Detection]) -> tuple[list[Detection], tuple[str, ...]]:
    """Turn third numbers into confidence; and what to say of it.

    Annotators write 0 (absent), 1 (hidden), 2 (visible); detectors write scores, some beyond 1, or percent.
    """
    if not found:
        return found, ()
    thirds = np.stack([detection.keypoints[:, 2] for detection in found])
    flags = np.isin(thirds, range(_LARGEST_FLAG + 1)).all() and (thirds == _LARGEST_FLAG).any()
    highest = float(np.nanmax(thirds, initial=0))
    percent = _LARGEST_SCORE < highest <= _PERCENT
    scores = (thirds / _PERCENT if percent else thirds).clip(0, 1)
    graded = np.where(thirds == 1, _HIDDEN, thirds / _LARGEST_FLAG) if flags else scores
    notes = (f"confidences go up to {highest:g}: read as percent",) if percent else ()
    return [
        Detection(d.image, np.column_stack([d.keypoints[:, :2], sure]), d.score, d.track)
        for d, sure in zip(found, graded, strict=True)
    ], notes


def as_joint_set(keypoints: Array, joint_set: str) -> tuple[Array, Array]:
    """Keypoints as those of another joint set, by name.

    Hips and shoulders go to the places of the other set (:mod:`s2m.skeletons.places`), where all four are there.
    Pelvis, thorax and spine are middles (of the hips, the shoulders, and of those two), and Human3.6M's joints of the
    head lie on the line from the shoulders to the ears, unless the keypoints have them; each is as certain as the least
    certain point that it comes from.
    What cannot be had has confidence 0.

    Args:
        keypoints: (T, K, 3) COCO's keypoints, and what may follow them: x and y in pixels, confidence in [0, 1].
        joint_set: Name of the joint set.

    Returns:
        Pixels (T, J, 2) and confidence (T, J).
    """
    names = {i: name for i, name in enumerate(COCO17.joints)} | _FURTHER[keypoints.shape[1]]
    wanted, sure = get_joint_set(joint_set), keypoints[..., 2]
    points = keypoints[..., :2]
    if not wanted.detected:
        points = moved(points, sure, [names.get(i, "") for i in range(points.shape[1])], to_human36m())
    places = {name: (points[:, i], sure[:, i]) for i, name in names.items()}
    for name, sides in (("pelvis", "hip"), ("thorax", "shoulder")):
        places.setdefault(name, _between(places[f"left_{sides}"], places[f"right_{sides}"], 0.5))
    ears = _between(places["left_ear"], places["right_ear"], 0.5)
    for name, share in ON_THE_WAY_TO_THE_EARS.items():
        places.setdefault(name, _between(places["thorax"], ears, share))
    places.setdefault("spine", _between(places["pelvis"], places["thorax"], 0.5))
    missing = np.zeros_like(keypoints[:, 0, :2]), np.zeros_like(keypoints[:, 0, 2])
    chosen = [places.get(name, missing) for name in wanted.joints]
    return np.stack([place for place, _ in chosen], axis=1), np.stack([certain for _, certain in chosen], axis=1)


def _between(first: tuple[Array, Array], second: tuple[Array, Array], share: float) -> tuple[Array, Array]:
    return first[0] + share * (second[0] - first[0]), np.minimum(first[1], second[1])
