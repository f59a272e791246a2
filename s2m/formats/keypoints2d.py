"""Reading 2D joints from arrays and from what detectors write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from s2m.errors import UserError
from s2m.formats import coco, mediapipe, mmpose, openpose, videopose, yolo
from s2m.formats.arrays import field_track
from s2m.formats.frames import number_frames
from s2m.formats.markers import track_of as track_of_markers
from s2m.formats.people import Choice, Crowd, Sighting, tracks_of
from s2m.formats.picture_names import to_recover
from s2m.formats.pixels import in_pixels
from s2m.formats.raw import described, load, load_json
from s2m.formats.stored import stored_joint_set, with_stored_labels
from s2m.formats.table_joints import joints_of_table, read_csv
from s2m.formats.tables import table_of_records
from s2m.formats.tracks import Track
from s2m.formats.trc import read_trc
from s2m.reading import reading
from s2m.skeletons import COCO17, JointSet

Keypoints = Track

JOINT_FIELDS = (
    "joints2d",
    "keypoints2d",
    "keypoints_2d",
    "keypoints",
    "joints",
    "positions_2d",
    "poses2d",
    "landmarks",
)
"""What files call an array of joints."""
_SUFFIXES = (".npy", ".npz", ".json", ".jsonl", ".csv", ".pkl", ".trc")
_FEWEST_PIXELS = 10.0  # of people who are seen; metres are less


def read_keypoints(
    path: str | Path,
    joint_set: JointSet | None = None,
    key: str | None = None,
    *,
    min_confidence: float = 0.0,
    person: str | None = None,
    image_size: tuple[int, int] | None = None,
) -> Track:
    """2D joints of one person, of a file or of a folder with one json file per frame.

    ``.npy``, ``.npz``, ``.json`` and ``.csv`` hold (frames, joints, 2), or 3 with a confidence in [0, 1], or these
    flattened to two axes; the joints are those of ``joint_set``, h36m17 by default, or those that the columns of a
    csv file name. ``.json`` may also be COCO-style (annotations, result lists, MMPose's predictions), OpenPose's or
    MediaPipe's, and ``.npz`` VideoPose3D's ``data_2d_custom``; such files say themselves which joints they have.
    Frames are consecutive: those that a file leaves out are there and have nothing seen.

    Args:
        path: The file or folder.
        joint_set: Names of the joints of an array.
        key: Field of an npz or json file.
        min_confidence: Joints below it count as missing.
        person: Number of a person, or ``"largest"``; by default whoever is seen in most frames.
        image_size: Width and height of the pictures, for coordinates that are shares of these.

    Returns:
        The track; what was not seen is NaN with confidence 0.

    Raises:
        UserError: The message names the file, what was expected and what was found.
    """
    choice = Choice(person=person)
    return _tracks(path, joint_set, key, min_confidence, choice, image_size)[0]


def read_all_keypoints(
    path: str | Path,
    joint_set: JointSet | None = None,
    key: str | None = None,
    *,
    people: float = float("inf"),
    min_confidence: float = 0.0,
    image_size: tuple[int, int] | None = None,
    keep_shares: bool = False,
) -> list[Track]:
    """2D joints of several people of a file, those seen in most frames first; see :func:`read_keypoints`.

    Args:
        path: The file or folder.
        joint_set: Names of the joints of an array.
        key: Field of an npz or json file.
        people: How many at most.
        min_confidence: Joints below it count as missing.
        image_size: Width and height of the pictures, for coordinates that are shares of these.
        keep_shares: Whether shares may stay as they are, for whoever knows the pictures.

    Returns:
        One track per person, all over the same frames.

    Raises:
        UserError: See :func:`read_keypoints`.
    """
    choice = Choice(people=people)
    if keep_shares:
        return [track.above(min_confidence) for track in _found(path, joint_set, key, choice)]
    return _tracks(path, joint_set, key, min_confidence, choice, image_size)


def _tracks(
    path: str | Path,
    joint_set: JointSet | None,
    key: str | None,
    min_confidence: float,
    choice: Choice,
    image_size: tuple[int, int] | None,
) -> list[Track]:
    tracks = _found(path, joint_set, key, choice)
    return [in_pixels(track, image_size, Path(path)).above(min_confidence) for track in tracks]


def _found(path: str | Path, joint_set: JointSet | None, key: str | None, choice: Choice) -> list[Track]:
    """The tracks in the file's own unit."""
    path = Path(path)
    found = _read(path, joint_set, key)
    return tracks_of(found, choice, path) if isinstance(found, Crowd) else [found]


def _read(path: Path, joint_set: JointSet | None, key: str | None) -> Track | Crowd:
    if path.is_dir():
        return _own_joints(_folder(path), joint_set, path)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise UserError(
            f"{path}: expected a file that ends in {', '.join(_SUFFIXES)}, found '{path.suffix}'{to_recover(path)}"
        )
    if suffix == ".csv":
        return read_csv(path, joint_set, 2)
    if suffix == ".trc":
        with reading(path, suffix):
            return _sports2d(track_of_markers(read_trc(path), None, path), path)
    content = load(path)
    if suffix in (".json", ".jsonl") and key is None:
        table = table_of_records(content, path)
        if table is not None:
            return joints_of_table(table, joint_set, 2, path)
        crowd = _detected(content, path)
        if crowd is not None:
            return _own_joints(crowd, joint_set, path)
    custom = videopose.crowd_of(content, key, path)
    if custom is not None:
        return _own_joints(custom, joint_set, path)
    if joint_set is None:
        joint_set = stored_joint_set(content)
    return with_stored_labels(field_track(content, key, JOINT_FIELDS, joint_set, 2, path), content)


def _sports2d(track: Track, path: Path) -> Track:
    """Sports2D's TRC file of pixels, +y down as in the picture, whose third coordinate is zero."""
    seen = track.points[track.confidence > 0]
    if not len(seen) or (np.abs(seen[:, 2]) > 0).any():
        raise UserError(f"{path}: expected 2D joints, found three coordinates; `s2m ik` takes 3D joints")
    if float(np.ptp(seen[:, 1])) < _FEWEST_PIXELS:
        raise UserError(f"{path}: expected pixels, as in the file that Sports2D calls ..._px.trc, found metres")
    layout = None if track.layout is None else replace(track.layout, unit=None, up=None)
    return replace(track, points=track.points[..., :2], layout=layout)


def _own_joints(crowd: Crowd, joint_set: JointSet | None, path: Path) -> Crowd:
    if joint_set is not None and joint_set is not COCO17 and set(joint_set.joints) != set(crowd.joint_set.joints):
        raise UserError(f"{path}: a detector's file says itself which joints it has; leave --joint-set out")
    return crowd


def _detected(content: Any, path: Path) -> Crowd | None:
    """What a detector saw; ``None`` for plain arrays."""
    if openpose.is_openpose(content):
        sightings = openpose.people_of(content, 0, path.name, str(path))
        return Crowd(openpose.joint_set_of_people(sightings, path), sightings, [0], {0: path.name})
    marks = {"annotations", "instance_info", "predictions", "bodies"}
    listed = isinstance(content, list) and any(isinstance(entry, dict) for entry in content[:1000])
    nested = isinstance(content, list) and any(
        isinstance(entry, list) and entry and isinstance(entry[0], dict) for entry in content[:1000]
    )
    crowd = mediapipe.crowd_of(content, path, 2)
    if crowd is not None:
        return crowd
    if isinstance(content, dict) and "bodies" in content:
        raise UserError(f"{path}: expected 2D joints, found Panoptic's 3D bodies; `s2m ik` takes them")
    if listed and isinstance(content[0], dict) and "keypoints3d" in content[0]:
        raise UserError(f"{path}: expected 2D joints, found keypoints3d; `s2m ik` takes them")
    if listed or nested or (isinstance(content, dict) and (marks & set(content) or mmpose.is_sequence(content))):
        return _coco(content, path)
    return None


def _coco(content: Any, path: Path) -> Crowd:
    found = coco.found_in(content, path)
    if not found.detections:
        raise UserError(f"{path}: expected people with keypoints, found none ({described(content)})")
    joint_set, chosen, notes = coco.joints_of(found, path)
    numbering = number_frames(found.images, str(path))
    sightings = [
        Sighting(
            numbering.of[one.image],
            one.keypoints[chosen, :2],
            one.keypoints[chosen, 2],
            one.score,
            one.track,
            one.image,
        )
        for one in found.detections
    ]
    images = {number: name for name, number in numbering.of.items()}
    frames = list(numbering.of.values())
    return Crowd(joint_set, sightings, frames, images, numbering.video, (*notes, *numbering.notes))


def _folder(folder: Path) -> Crowd:
    """One file per frame: json of OpenPose, MMPose, Ultralytics or MediaPipe, or YOLO's labels."""
    files = sorted(folder.glob("*.json"))
    labels = sorted(folder.glob("*.txt"))
    if not files and labels:
        return yolo.crowd_of(labels, folder)
    if not files:
        raise UserError(f"{folder}: expected a folder with one OpenPose json file per frame, found no json file")
    numbering = number_frames([file.name for file in files], str(folder))
    images = {numbering.of[file.name]: file.name for file in files}
    sightings: list[Sighting] = []
    joint_set: JointSet | None = None
    for file in files:
        content, frame = load_json(file), numbering.of[file.name]
        if openpose.is_openpose(content):
            sightings += openpose.people_of(content, frame, file.name, str(file))
            continue
        if content in ([], {}, None):
            continue
        crowd = _detected(content, file)
        if crowd is None or len(set(crowd.frames)) > 1:
            raise UserError(f"{file}: expected the people of one frame, found {described(content)}")
        if joint_set is not None and joint_set.joints != crowd.joint_set.joints:
            raise UserError(f"{file}: expected the joints of the other files, found others")
        joint_set = crowd.joint_set
        sightings += [Sighting(frame, s.points, s.confidence, s.score, s.person, file.name) for s in crowd.sightings]
    if joint_set is None:
        joint_set = openpose.joint_set_of_people(sightings, folder)
    elif any(len(sighting.points) != len(joint_set) for sighting in sightings):
        raise UserError(f"{folder}: expected files of one detector, found several")
    return Crowd(joint_set, sightings, sorted(images), images, numbering.video, numbering.notes)
