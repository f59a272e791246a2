"""Reading 3D joints from files."""

from __future__ import annotations

from pathlib import Path

from s2m.errors import UserError
from s2m.formats import bodies3d
from s2m.formats.arrays import array_track, field_of, read_csv
from s2m.formats.people import Choice, Crowd, tracks_of
from s2m.formats.raw import load
from s2m.formats.stored import stored_joint_set, with_stored_labels
from s2m.formats.tracks import Track
from s2m.skeletons import JointSet

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
# The up axis of the input -> rotation into SMPL's +y-up world.
UP_AXES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "y": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "z": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "y-down": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "z-down": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
}
_NAMES = ("joints3d", "joints", "keypoints3d", "keypoints_3d", "positions", "poses3d")
_SUFFIXES = (".npy", ".npz", ".json", ".csv", ".pkl")


def read_joints(
    path: str | Path,
    joint_set: JointSet | None = None,
    key: str | None = None,
    *,
    min_confidence: float = 0.0,
    person: str | None = None,
) -> Track:
    """3D joints of one person, of a file or of a folder with one json file per frame.

    ``.npy``, ``.npz``, ``.json`` and ``.pkl`` hold (T, J, 3), (T, J, 4) with a confidence, or these flattened to two
    axes; ``.csv`` one frame a row, with or without a header. EasyMocap's, MMPose's, Panoptic's, OpenPose's and
    MediaPipe's json, MDM's results and AIST++'s pickles are read as well (:mod:`s2m.formats.bodies3d`).

    Args:
        path: The file or folder.
        joint_set: Names of the joints; those that the file tells, else h36m17.
        key: Field of an npz or json file.
        min_confidence: Joints below it count as missing.
        person: Number of a person, or ``"largest"``; by default whoever is seen in most frames.

    Returns:
        The track, in the file's unit and frame; what was not seen is NaN with confidence 0.

    Raises:
        UserError: The message names the file, what was expected and what was found.
    """
    return _tracks(path, joint_set, key, min_confidence, Choice(person=person))[0]


def read_all_joints(
    path: str | Path,
    joint_set: JointSet | None = None,
    key: str | None = None,
    *,
    people: float = float("inf"),
    min_confidence: float = 0.0,
) -> list[Track]:
    """3D joints of several people of a file, those seen in most frames first; see :func:`read_joints`.

    Args:
        path: The file or folder.
        joint_set: Names of the joints; those that the file tells, else h36m17.
        key: Field of an npz or json file.
        people: How many at most.
        min_confidence: Joints below it count as missing.

    Returns:
        One track per person, all over the same frames.

    Raises:
        UserError: See :func:`read_joints`.
    """
    return _tracks(path, joint_set, key, min_confidence, Choice(people=people))


def _tracks(
    path: str | Path, joint_set: JointSet | None, key: str | None, min_confidence: float, choice: Choice
) -> list[Track]:
    path = Path(path)
    found = _read(path, joint_set, key)
    tracks = tracks_of(found, choice, path) if isinstance(found, Crowd) else [found]
    return [track.above(min_confidence) for track in tracks]


def _read(path: Path, joint_set: JointSet | None, key: str | None) -> Track | Crowd:
    if path.is_dir():
        return bodies3d.read_folder(path, joint_set)
    suffix = path.suffix.lower()
    if suffix == ".skeleton":
        raise UserError(
            f"{path}: NTU RGB+D's skeletons are not read; save their joints as (frames, 25, 3) in an .npy file"
        )
    if suffix not in _SUFFIXES:
        raise UserError(f"{path}: expected a file that ends in {', '.join(_SUFFIXES)}, found '{path.suffix}'")
    if suffix == ".csv":
        return read_csv(path, joint_set, 3)
    content = load(path)
    crowd = bodies3d.crowd_of(content, joint_set, path) if key is None else None
    if crowd is None:
        if joint_set is None:
            joint_set = stored_joint_set(content)
        track = array_track(field_of(content, key, _NAMES, path), joint_set, 3, path)
        return with_stored_labels(track, content)
    if joint_set is not None and joint_set.joints != crowd.joint_set.joints:
        raise UserError(
            f"{path}: expected the joints of {joint_set.name}, found those of {crowd.joint_set.name}, which the file "
            "tells; leave --joint-set out"
        )
    return crowd
