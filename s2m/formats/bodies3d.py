"""3D joints of other programs that say themselves which joints they have.

EasyMocap (``keypoints3d`` of people), MMPose's 3D predictions, CMU Panoptic (``bodies[].joints19``; its toolbox's
README: centimetres, +y down), OpenPose's ``pose_keypoints_3d``, MDM's ``results.npy``, AIST++'s pickles
(google.github.io/aistplusplus_dataset: centimetres, 60 frames per second), Azure Kinect and SAM 3D Body.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError, UserError
from s2m.formats import kinect, mediapipe, mmpose, openpose, sam3d
from s2m.formats.frames import number_frames
from s2m.formats.layouts import AIST, HUMANML3D, PANOPTIC
from s2m.formats.names import joint_set_by_names
from s2m.formats.people import Crowd, Sighting
from s2m.formats.raw import described, load, load_json
from s2m.formats.recognise import counts_of_sets
from s2m.skeletons import BODY25, COCO17, H36M17, JOINT_SETS, PANOPTIC19, SMPL22, SMPL24, JointSet

Floats = NDArray[np.float64]

_AIST = "keypoints3d_optim"


def crowd_of(content: Any, joint_set: JointSet | None, path: Path) -> Crowd | None:
    """The people of a parsed file; ``None`` for plain arrays and their fields.

    Args:
        content: What stands in the file.
        joint_set: What the user said; counts where the file does not tell.
        path: For messages.

    Returns:
        Everybody in it.

    Raises:
        UserError: For people of another form; the message names the entry.
    """
    if _is_mdm(content):
        return _mdm(content, path)
    if isinstance(content, dict) and isinstance(content.get(_AIST), np.ndarray):
        return _aist(content, path)
    persons = sam3d.crowd_of(content, joint_set, path)
    if persons is not None:
        return persons
    return _people_of_json(content, joint_set, 0, path) if path.suffix.lower() in (".json", ".jsonl") else None


def names_people(fields: Collection[Any]) -> bool:
    """Whether the fields of an npz file are those of people, and not an array's.

    Args:
        fields: Their names.
    """
    return {"motion", "lengths"} <= set(fields) or _AIST in fields or sam3d.names_person(fields)


def read_folder(folder: Path, joint_set: JointSet | None) -> Crowd:
    """A folder with one file per frame: json of EasyMocap, Panoptic, OpenPose, MMPose, or npz of SAM 3D Body.

    Args:
        folder: The folder; other files in it are passed over.
        joint_set: What the user said; counts where the files do not tell.

    Returns:
        Everybody in it, in the files' unit and frame.

    Raises:
        UserError: For a folder without such files, and a file that does not hold the people of one frame with the
            joints of the others.
    """
    files = sorted(folder.glob("*.json")) or sorted((*folder.glob("*.npz"), *folder.glob("*.pkl")))
    if not files:
        raise UserError(f"{folder}: expected a folder with one json (or npz) file per frame, found none")
    numbering = number_frames([file.name for file in files], str(folder))
    sightings: list[Sighting] = []
    found: Crowd | None = None
    for file in files:
        content = load_json(file) if file.suffix == ".json" else load(file)
        if content in ([], {}, None):
            continue
        frame = numbering.of[file.name]
        crowd = _of_frame(content, joint_set, frame, file)
        if crowd is None or len(set(crowd.frames)) > 1:
            raise UserError(f"{file}: expected the people of one frame, found {described(content)}")
        if crowd.sightings and found is not None and found.joint_set.joints != crowd.joint_set.joints:
            raise UserError(f"{file}: expected the joints of the other files, found others")
        found = crowd if crowd.sightings else found
        sightings += [replace(sighting, frame=frame) for sighting in crowd.sightings]
    images = {numbering.of[file.name]: file.name for file in files}
    chosen, layout = (H36M17, None) if found is None else (found.joint_set, found.layout)
    rig = () if found is None else found.rig
    return Crowd(chosen, sightings, sorted(images), images, numbering.video, numbering.notes, layout, rig=rig)


def _of_frame(content: Any, joint_set: JointSet | None, frame: int, file: Path) -> Crowd | None:
    if file.suffix == ".json":
        return _people_of_json(content, joint_set, frame, file)
    return sam3d.crowd_of(content, joint_set, file, frame)


def _people_of_json(content: Any, joint_set: JointSet | None, frame: int, path: Path) -> Crowd | None:
    if isinstance(content, dict) and "bodies" in content:
        return Crowd(PANOPTIC19, _panoptic(content, frame, path), [frame], layout=PANOPTIC)
    if isinstance(content, dict) and {"annotations", "categories"} & set(content):
        raise FormatError(f"{path}: expected 3D joints, found COCO's annotations of pictures; `s2m lift` takes them")
    if openpose.is_openpose(content):
        people = openpose.people_of(content, frame, path.name, str(path), 3)
        return Crowd(openpose.joint_set_of_people(people, path) if people else BODY25, people, [frame])
    if isinstance(content, list) and content and all(isinstance(p, dict) and "keypoints3d" in p for p in content):
        people = [_easymocap(person, number, frame, path) for number, person in enumerate(content)]
        return Crowd(_one_set(people, joint_set, path), people, [frame])
    crowd = kinect.crowd_of(content, path) or mediapipe.crowd_of(content, path, 3)
    if crowd is not None:
        return crowd
    try:
        frames = mmpose.frames(content)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FormatError(f"{path}: expected frames of instances with keypoints ({error!r:.120})") from error
    if frames is not None:
        return _mmpose(content, frames, joint_set, path, frame)
    objects = isinstance(content, list) and content and isinstance(content[0], dict)
    if objects:
        expected = "people with keypoints3d (EasyMocap) or frames of instances (MMPose)"
        raise FormatError(f"{path}: expected lists of numbers, {expected}, found {described(content)}")
    return None


def _flat(values: Any, wide: int, where: str) -> tuple[Floats, Floats]:
    """(K, 3) and (K,) of numbers in rows of 3 or, with a confidence, 4."""
    try:
        array = np.asarray(values, np.float64)
        array = array.reshape(-1, wide) if array.ndim == 1 else array
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{where}: expected rows of numbers ({' '.join(str(error).split())[:80]})") from error
    if array.ndim != 2 or array.shape[1] not in (3, 4) or not len(array):
        hint = "; 2D joints go to `s2m lift`" if array.ndim == 2 and array.shape[1] == 2 else ""
        raise FormatError(f"{where}: expected (joints, 3) or (joints, 4), found {array.shape}{hint}")
    sure = array[:, 3] if array.shape[1] == 4 else np.ones(len(array))
    return array[:, :3], np.nan_to_num(sure, nan=0, posinf=0, neginf=0).clip(0, 1)


def _easymocap(person: dict[str, Any], number: int, frame: int, path: Path) -> Sighting:
    points, sure = _flat(person["keypoints3d"], 4, f"{path}: person {number}: keypoints3d")
    who = person.get("id", person.get("personID"))
    return Sighting(frame, points, sure, float(sure.sum()), who if isinstance(who, int) else None, path.name)


def _panoptic(content: dict[str, Any], frame: int, path: Path) -> list[Sighting]:
    bodies = content["bodies"]
    if not isinstance(bodies, list) or not all(isinstance(body, dict) for body in bodies):
        raise FormatError(f"{path}: bodies: expected a list of bodies, found {described(bodies)}")
    found = []
    for number, body in enumerate(bodies):
        where = f"{path}: bodies[{number}].joints19"
        if "joints19" not in body:
            raise FormatError(f"{where}: expected 76 numbers, found {described(body)}")
        points, sure = _flat(body["joints19"], 4, where)
        if len(points) != len(PANOPTIC19):
            raise FormatError(f"{where}: expected {4 * len(PANOPTIC19)} numbers, found {4 * len(points)}")
        who = body.get("id")
        found.append(Sighting(frame, points, sure, float(sure.sum()), who if isinstance(who, int) else None, path.name))
    return found


def _mmpose(content: Any, frames: mmpose.Frames, joint_set: JointSet | None, path: Path, first: int) -> Crowd:
    sightings = []
    for number, instances in frames:
        for person in instances:
            where = f"{path}: frame {number}"
            if not isinstance(person, dict) or "keypoints" not in person:
                raise FormatError(f"{where}: expected instances with keypoints, found {described(person)}")
            rows = person["keypoints"]
            rows = rows[0] if isinstance(rows, list) and len(rows) == 1 and isinstance(rows[0], list) else rows
            if isinstance(rows, dict) and "z" not in rows:
                raise FormatError(f"{where}: expected 3D joints, found x and y alone; `s2m lift` takes 2D joints")
            points, _ = _flat(rows, 3, where)
            try:
                sure = np.asarray(person.get("keypoint_scores", np.ones(len(points))), np.float64).reshape(len(points))
            except (TypeError, ValueError, OverflowError) as error:
                raise FormatError(f"{where}: expected {len(points)} keypoint_scores") from error
            who = person.get("track_id")
            sure = np.nan_to_num(sure, nan=0, posinf=0, neginf=0).clip(0, 1)
            who = who if isinstance(who, int) else None
            sightings.append(Sighting(first + number, points, sure, float(sure.sum()), who))
    names = mmpose.names(content)
    by_names = None if names is None else joint_set_by_names(names, "named")
    found = _one_set(sightings, joint_set, path) if by_names is None else by_names[0]
    if any(len(sighting.points) != len(found) for sighting in sightings):
        raise FormatError(f"{path}: expected {len(found)} keypoints, as it names them, found others")
    numbering = number_frames([first + number for number, _ in frames], str(path))
    return Crowd(found, sightings, [first + n for n, _ in frames], {}, numbering.video, by_names[1] if by_names else ())


def _one_set(people: Sequence[Sighting], joint_set: JointSet | None, path: Path) -> JointSet:
    """What the user said; else what these programs write: BODY_25, Human3.6M's 17, or the only set with so many."""
    counts = {len(person.points) for person in people}
    if len(counts) > 1:
        raise FormatError(f"{path}: expected one number of joints, found {', '.join(map(str, sorted(counts)))}")
    count = counts.pop() if counts else len(H36M17)
    chosen = _usual(count) if joint_set is None else joint_set
    if len(chosen) != count:
        fitting = [name for name, known in JOINT_SETS.items() if len(known) == count]
        hint = f"; --joint-set {' or '.join(fitting)}?" if fitting else ""
        raise FormatError(f"{path}: expected {len(chosen)} joints of {chosen.name}, found {count}{hint}")
    return chosen


def _usual(count: int) -> JointSet:
    fitting = counts_of_sets().get(count, [])
    return BODY25 if count == len(BODY25) else JOINT_SETS[fitting[0]] if len(fitting) == 1 else H36M17


def _is_mdm(content: Any) -> bool:
    return isinstance(content, dict) and "motion" in content and "lengths" in content


def _mdm(content: dict[str, Any], path: Path) -> Crowd:
    """``motion`` (samples, joints, 3, frames) of SMPL's joints; each sample counts as a person."""
    motion, lengths = np.asarray(content["motion"]), np.asarray(content["lengths"])
    sets = {len(SMPL22): SMPL22, len(SMPL24): SMPL24}
    fitting = motion.dtype.kind in "fiu" and motion.ndim == 4 and motion.shape[2] == 3
    if (
        not fitting
        or motion.shape[1] not in sets
        or lengths.shape != motion.shape[:1]
        or lengths.dtype.kind not in "iu"
    ):
        raise FormatError(
            f"{path}: motion: expected (samples, 22, 3, frames) with as many lengths, found {motion.shape} and "
            f"{lengths.shape}"
        )
    longest = motion.shape[3]
    clips = np.moveaxis(motion.astype(np.float64), 3, 1)
    sightings = [
        Sighting(frame, clip[frame], np.ones(clip.shape[1]), 1.0, number)
        for number, (clip, length) in enumerate(zip(clips, lengths, strict=True))
        for frame in range(min(int(length), longest))
    ]
    used = max((sighting.frame for sighting in sightings), default=0) + 1
    return Crowd(sets[motion.shape[1]], sightings, range(used), layout=HUMANML3D)


def _aist(content: dict[str, Any], path: Path) -> Crowd:
    """``keypoints3d_optim`` (frames, 17, 3): COCO's joints in cm."""
    points = np.asarray(content[_AIST])
    if points.dtype.kind not in "fiu" or points.ndim != 3 or points.shape[1:] != (len(COCO17), 3):
        raise FormatError(f"{path}: {_AIST}: expected (frames, 17, 3), found {points.shape}")
    values = points.astype(np.float64)
    return Crowd(
        COCO17,
        [Sighting(frame, row, np.ones(len(COCO17)), 1.0, 0) for frame, row in enumerate(values)],
        range(len(values)),
        layout=AIST,
    )
