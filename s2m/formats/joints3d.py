"""Reading 3D joints from files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from s2m.errors import UserError
from s2m.formats import bodies3d, humanml, kinect, mediapipe
from s2m.formats.arrays import field_track
from s2m.formats.c3d import read_c3d
from s2m.formats.layouts import HOLOSOMA_JOINTS
from s2m.formats.markers import Markers
from s2m.formats.markers import track_of as track_of_markers
from s2m.formats.people import Choice, Crowd, tracks_of
from s2m.formats.picture_names import to_recover
from s2m.formats.raw import load
from s2m.formats.stored import stored_joint_set, with_stored_labels
from s2m.formats.table_joints import joints_of_table, read_csv
from s2m.formats.tables import table_of_records
from s2m.formats.tracks import Track
from s2m.formats.trc import read_trc
from s2m.formats.upright import upright
from s2m.reading import reading
from s2m.skeletons import JointSet

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
# The up axis of the input -> rotation into SMPL's +y-up world.
UP_AXES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "y": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "z": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "y-down": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "z-down": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
}
_LANDMARKS = ("pose_world_landmarks", "world_landmarks", "landmarks")
JOINT_FIELDS = (
    "joints3d",
    "joints",
    "keypoints3d",
    "keypoints_3d",
    "positions",
    "poses3d",
    HOLOSOMA_JOINTS,
    *_LANDMARKS,
)
"""What files call an array of joints."""
LabelMap = Mapping[str, Sequence[str]]
_MARKERS: dict[str, Callable[[Path], Markers]] = {".trc": read_trc, ".c3d": read_c3d}
_SUFFIXES = (".npy", ".npz", ".json", ".jsonl", ".csv", ".pkl", ".skeleton", *_MARKERS)


def read_joints(
    path: str | Path,
    joint_set: JointSet | None = None,
    key: str | None = None,
    *,
    min_confidence: float = 0.0,
    person: str | None = None,
    labels: LabelMap | None = None,
) -> Track:
    """3D joints of one person, of a file or of a folder with one json file per frame.

    ``.npy``, ``.npz``, ``.json`` and ``.pkl`` hold (T, J, 3), (T, J, 4) with a confidence, or these flattened to two
    axes; ``.csv`` one frame a row, with or without a header. Files of other programs say themselves what they hold
    (docs/formats.md lists them).

    Args:
        path: The file or folder.
        joint_set: Names of the joints; by default those that the file tells, else what the number of joints and the
            person's proportions tell (:mod:`s2m.formats.recognise`).
        key: Field of an npz or json file.
        min_confidence: Joints below it count as missing.
        person: Number of a person, or ``"largest"``; by default whoever is seen in most frames.
        labels: Which markers of a trc or c3d file make a joint (:func:`s2m.formats.markers.read_label_map`).

    Returns:
        The track, in the file's unit and frame; what was not seen is NaN with confidence 0.

    Raises:
        UserError: The message names the file, what was expected and what was found.
    """
    return _tracks(path, joint_set, key, min_confidence, Choice(person=person), labels)[0]


def read_all_joints(
    path: str | Path,
    joint_set: JointSet | None = None,
    key: str | None = None,
    *,
    people: float = float("inf"),
    min_confidence: float = 0.0,
    labels: LabelMap | None = None,
) -> list[Track]:
    """3D joints of several people of a file, those seen in most frames first; see :func:`read_joints`.

    Args:
        path: The file or folder.
        joint_set: Names of the joints; by default those that the file tells, else what the number of joints and the
            person's proportions tell (:mod:`s2m.formats.recognise`).
        key: Field of an npz or json file.
        people: How many at most.
        min_confidence: Joints below it count as missing.
        labels: See :func:`read_joints`.

    Returns:
        One track per person, all over the same frames.

    Raises:
        UserError: See :func:`read_joints`.
    """
    return _tracks(path, joint_set, key, min_confidence, Choice(people=people), labels)


def _tracks(
    path: str | Path,
    joint_set: JointSet | None,
    key: str | None,
    min_confidence: float,
    choice: Choice,
    labels: LabelMap | None,
) -> list[Track]:
    path = Path(path)
    found = _read(path, joint_set, key, labels)
    tracks = tracks_of(found, choice, path) if isinstance(found, Crowd) else [found]
    for track in tracks:
        mediapipe.refuse_picture(track, path)
    return [upright(track).above(min_confidence) for track in tracks]


def _read(path: Path, joint_set: JointSet | None, key: str | None, labels: LabelMap | None) -> Track | Crowd:
    if path.is_dir():
        return _of_set(bodies3d.read_folder(path, joint_set), joint_set, path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    suffix = path.suffix.lower()
    if suffix == ".bvh":
        raise UserError(f"{path}: expected joints, found a BVH file, whose rotations `s2m ik` carries over")
    if suffix not in _SUFFIXES:
        known = ", ".join((*_SUFFIXES, ".bvh", ".glb", ".gltf", ".vrma", ".fbx", ".usd"))
        raise UserError(f"{path}: expected a file that ends in {known}, found '{path.suffix}'{to_recover(path)}")
    if suffix == ".csv":
        return read_csv(path, joint_set, 3)
    if suffix in _MARKERS:
        with reading(path, suffix):
            return track_of_markers(_MARKERS[suffix](path), labels, path)
    if suffix == ".skeleton":
        with reading(path, "NTU RGB+D's skeletons"):
            return _of_set(kinect.read_skeleton(path), joint_set, path)
    content = load(path)
    if key is None:
        table = table_of_records(content, path)
        if table is not None:
            return joints_of_table(table, joint_set, 3, path)
        crowd = bodies3d.crowd_of(content, joint_set, path)
        if crowd is not None:
            return _of_set(crowd, joint_set, path)
        numbers = humanml.track_of(content, path)
        if numbers is not None:
            return numbers
    if joint_set is None:
        joint_set = stored_joint_set(content)
    return with_stored_labels(field_track(content, key, JOINT_FIELDS, joint_set, 3, path), content)


def _of_set(crowd: Crowd, joint_set: JointSet | None, path: Path) -> Crowd:
    if joint_set is not None and joint_set.joints != crowd.joint_set.joints:
        raise UserError(
            f"{path}: expected the joints of {joint_set.name}, found those of {crowd.joint_set.name}, which the file "
            "tells; leave --joint-set out"
        )
    return crowd
