"""2D joints of a detector in place of a dataset's own: COCO-style JSON, or VideoPose3D's npz for Human3.6M."""

from __future__ import annotations

import dataclasses
import json
import shutil
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.human36m.cameras import CAMERA_IDS
from s2m.data.zoo.human36m.layouts import as_h36m17
from s2m.data.zoo.human36m.protocol import canonical
from s2m.data.zoo.object_npz import read_npz
from s2m.data.zoo.parts import fingerprint
from s2m.data.zoo.source import Array, Recording, RecordingRef, Source, SourceError
from s2m.data.zoo.wrapped import WrappedSource
from s2m.files import hidden_name, path_part
from s2m.formats.coco import Detection, as_joint_set, read_coco
from s2m.skeletons import H36M17

# (frame numbers (T,), joints (T, J, 3): pixels and confidence) of one recording.
Detected = tuple[NDArray[np.int64], NDArray[np.float32]]
_STAMP = "detections.json"


def with_detections(source: Source, file: Path) -> Source:
    """The source with the 2D joints of a file, whose kind is known by its suffix.

    Args:
        source: The dataset that is read.
        file: File of detected joints.

    Raises:
        SourceError: For another one.
    """
    kinds: dict[str, type[WithDetections]] = {".json": WithCocoDetections, ".npz": WithVideoPoseDetections}
    if file.suffix.lower() not in kinds:
        raise SourceError(f"{file}: expected detections in {' or '.join(kinds)}, found '{file.suffix}'")
    if not file.is_file():
        raise SourceError(f"{file}: expected a file of detections, found nothing")
    return kinds[file.suffix.lower()](source, file)


class WithDetections(WrappedSource):
    """Another source with its 2D joints exchanged; what the file does not have is missing (confidence 0).

    Joints go by name; see :func:`s2m.formats.coco.as_joint_set` for those that a detector lacks. Nothing of the
    dataset's own 2D joints reaches the store.

    Args:
        source: The dataset that is read.
        file: File of detected joints.
    """

    def __init__(self, source: Source, file: Path):
        super().__init__(source)
        self._file = file
        self._unpacked: Path | None = None

    @abstractmethod
    def _detections(self) -> Iterator[tuple[str, Detected]]:
        """Everything in the file, by name of the recording."""

    @abstractmethod
    def _mapped(self, keypoints: Array, wanted: str) -> tuple[Array, Array]:
        """Keypoints (T, K, 3) as pixels (T, J, 2) and confidence (T, J) of the wanted joint set."""

    def _called(self, recording: str) -> str:
        """One name for a recording that is spelled in several ways."""
        return recording

    def prepare(self, folder: Path) -> None:
        """Split the file by recording, once.

        Args:
            folder: Private folder for what is prepared.

        Raises:
            SourceError: The message names the entry that cannot be read.
        """
        super().prepare(folder)
        own = folder / "detections"
        self._unpacked, stamp, files = own, own / _STAMP, json.dumps(fingerprint(self._file))
        if stamp.is_file() and stamp.read_text() == files:
            return
        shutil.rmtree(own, ignore_errors=True)
        own.mkdir()
        for name, (frames, joints) in self._detections():
            np.save(_place(own, self._called(name), "frames"), frames)
            np.save(_place(own, self._called(name), "joints"), joints)
        if len(absent := self._absent()) == len(self.source.recordings()):
            raise SourceError(f"{self._file}: expected detections of recording {absent[0]}, found none")
        stamp.write_text(files)

    def read(self, ref: RecordingRef) -> Recording:
        """The recording with detected joints; without any where the file has nothing of it, which the notes say.

        Args:
            ref: The recording to read.

        Raises:
            SourceError: Before :meth:`prepare`.
        """
        if self._unpacked is None:
            raise SourceError(f"{self._file}: read before it was unpacked")
        recording = self.source.read(ref)
        name = self._called(recording.name)
        place = _place(self._unpacked, name, "frames")
        if place.is_file():
            frames = np.load(place, allow_pickle=False)
            joints = np.load(_place(self._unpacked, name, "joints"), allow_pickle=False)
            found = _by_frame(frames, joints, recording.frame)
            pixels, confidence = self._mapped(found, recording.joint_set)
        else:
            pixels, confidence = np.zeros_like(recording.joints2d), np.zeros_like(recording.confidence)
        return dataclasses.replace(
            recording,
            joints2d=pixels,
            confidence=confidence,
            detected=True,
            source_files=(*recording.source_files, self._file),
        )

    def _absent(self) -> list[str]:
        """Names of the recordings that the file has nothing of."""
        folder = self._unpacked
        names = [ref.name for ref in self.source.recordings()]
        return [name for name in names if folder and not _place(folder, self._called(name), "frames").is_file()]

    @property
    def notes(self) -> list[str]:
        """Those of the other source, and the recordings that the file has nothing of."""
        absent = self._absent()
        said = [f"no detections in {self._file.name}: {', '.join(absent)}"] if absent else []
        return [*self.source.notes, *said]

    @property
    def settings(self) -> dict[str, Any]:
        """Those of the other source, and which detections."""
        return {**self.source.settings, "detections": self._file.name}


class WithVideoPoseDetections(WithDetections):
    """``positions_2d`` of VideoPose3D: {subject: {action: [one (T, 17 or 16, 2 or 3) array per camera]}}.

    VideoPose3D writes "Photo 1" where the official files of some subjects say "TakingPhoto 1".
    """

    def _called(self, recording: str) -> str:
        subject, _, take = recording.partition("/")
        action, _, camera = take.rpartition(".")
        return f"{subject}/{canonical(action)}.{camera}"

    def _mapped(self, keypoints: Array, wanted: str) -> tuple[Array, Array]:
        if wanted != H36M17.name:
            raise SourceError(f"{self._file}: expected recordings with the joints of {H36M17.name}, found {wanted}")
        return keypoints[..., :2], keypoints[..., 2]

    def _detections(self) -> Iterator[tuple[str, Detected]]:
        content = read_npz(self._file, "positions_2d")
        if not isinstance(content, dict):
            raise SourceError(f"{self._file}: positions_2d: expected a dictionary, found {type(content).__name__}")
        for subject, action, views in _takes(f"{self._file}: positions_2d", content):
            for camera, values in zip(CAMERA_IDS, views, strict=True):
                name = f"{subject}/{action}.{camera}"
                joints = _numbers(f"{self._file}: positions_2d/{name}", values)
                try:
                    joints = as_h36m17(joints)
                except ValueError as error:
                    raise SourceError(f"{self._file}: positions_2d/{name}: {error}") from error
                if joints.shape[2] == 2:
                    joints = np.concatenate([joints, np.ones_like(joints[..., :1])], axis=2)
                yield name, (np.arange(len(joints)), joints)


class WithCocoDetections(WithDetections):
    """People of a COCO-style JSON file (see :mod:`s2m.formats.coco`); the file is read as a whole.

    A picture is called ``<recording name>/<frame number>.<suffix>``. Of several people in a picture the one with the
    highest score counts.
    """

    def _detections(self) -> Iterator[tuple[str, Detected]]:
        best: dict[str, dict[int, Detection]] = {}
        for person in read_coco(self._file):
            recording, _, number = str(Path(person.image).with_suffix("")).rpartition("/")
            if not recording or not number.isdigit():
                expected = "<recording>/<frame number>.<suffix>"
                raise SourceError(f"{self._file}: expected pictures called {expected}, found {person.image!r}")
            frames = best.setdefault(recording, {})
            if int(number) not in frames or frames[int(number)].score < person.score:
                frames[int(number)] = person
        for recording, frames in best.items():
            numbers = sorted(frames)
            keypoints = np.stack([frames[number].keypoints for number in numbers]).astype(np.float32)
            yield recording, (np.array(numbers), keypoints)

    def _mapped(self, keypoints: Array, wanted: str) -> tuple[Array, Array]:
        return as_joint_set(keypoints, wanted)


def _by_frame(frames: NDArray[np.int64], joints: NDArray[np.float32], wanted: NDArray[Any]) -> NDArray[np.float32]:
    """The joints of the wanted frames; a frame that was not detected is all missing."""
    position = np.searchsorted(frames, wanted).clip(0, len(frames) - 1)
    found = joints[position].copy()
    found[frames[position] != wanted] = 0.0
    return found


def _takes(where: str, content: dict[Any, Any]) -> Iterator[tuple[str, str, list[Any]]]:
    """Subject, action, and what each camera sees."""
    for subject, actions in content.items():
        if not isinstance(actions, dict):
            raise SourceError(f"{where}: expected a dictionary of actions by subject, found {type(actions).__name__}")
        for action, views in actions.items():
            names = path_part(subject, where), path_part(action, where)
            if not isinstance(views, (list, tuple)) or len(views) != len(CAMERA_IDS):
                found = len(views) if isinstance(views, (list, tuple)) else type(views).__name__
                raise SourceError(f"{where}/{subject}/{action}: expected {len(CAMERA_IDS)} cameras, found {found}")
            yield *names, list(views)


def _numbers(where: str, values: Any) -> NDArray[np.float32]:
    try:
        return np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise SourceError(f"{where}: expected an array of numbers, found {type(values).__name__}") from error


def _place(folder: Path, recording: str, part: str) -> Path:
    return folder / f"{hidden_name(recording)}.{part}.npy"
