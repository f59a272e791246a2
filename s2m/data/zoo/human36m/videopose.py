"""Human3.6M in the files of VideoPose3D: ``data_3d_h36m.npz`` and ``data_2d_h36m_<keypoints>.npz``.

    positions_3d: {subject: {action: (T, 32, 3)}}     metres, the laboratory's frame
    positions_2d: {subject: {action: [4 x (T, 17, 2)]}}  pixels, one array per camera in the order of CAMERA_IDS; or the
                                                         16 joints of MPII (sh_pt_mpii)

both pickled inside the npz, as github.com/facebookresearch/VideoPose3D (data/prepare_data_h36m.py) writes them. Its
dataset has no S11 Directions, and videos may be some frames longer than the motion capture.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.human36m.cameras import CAMERA_IDS, Views, load_views
from s2m.data.zoo.human36m.joints import HUMAN36M32, to_h36m17
from s2m.data.zoo.human36m.layouts import as_h36m17, layout_of
from s2m.data.zoo.human36m.masks import find_masks
from s2m.data.zoo.human36m.official import common_length
from s2m.data.zoo.human36m.pictures import find_pictures
from s2m.data.zoo.human36m.protocol import Choice, activity, spellings
from s2m.data.zoo.object_npz import npz_names, read_npz
from s2m.data.zoo.parts import fingerprint
from s2m.data.zoo.source import Recording, RecordingRef, SourceError
from s2m.files import hidden_name, path_part
from s2m.skeletons import H36M17, JointSet

POSES_3D = "data_3d_h36m.npz"
GROUND_TRUTH = "gt"


class VideoPoseFiles:
    """Reads recordings of VideoPose3D's layout.

    Args:
        root: Folder of the dataset.
        choice: Cameras and validation subjects.
        keypoints: Which 2D file; all but "gt" are a detector's.
    """

    settings_name = "videopose3d"

    def __init__(self, root: Path, choice: Choice, keypoints: str = GROUND_TRUTH):
        self.root, self.choice, self.keypoints = root, choice, keypoints
        self._path3d, self._path2d = root / POSES_3D, root / f"data_2d_h36m_{keypoints}.npz"
        if not self._path2d.is_file():
            there = ", ".join(path.name for path in sorted(root.glob("data_2d_h36m_*.npz"))) or "none"
            raise SourceError(f"{self._path2d}: missing; files of 2D joints in this folder: {there}")
        self._unpacked: Path | None = None
        self._views: Views | None = None

    @staticmethod
    def found_in(root: Path) -> bool:
        """Whether a folder looks like this layout.

        Args:
            root: The folder.
        """
        return (root / POSES_3D).is_file()

    @property
    def needed(self) -> str:
        """For messages."""
        return f"{POSES_3D}, {self._path2d.name}"

    def recordings(self) -> list[RecordingRef]:
        """Every action that both files have, by camera.

        Raises:
            SourceError: When the files disagree on actions.
        """
        poses, keypoints = _actions(self._path3d, "positions_3d"), _actions(self._path2d, "positions_2d")
        refs = []
        for subject, action in sorted(set(poses) & set(keypoints)):
            if subject in self.choice.subjects:
                for camera in self.choice.cameras:
                    payload = {"subject": subject, "action": action, "camera": camera}
                    name = f"{subject}/{action}.{camera}"
                    refs.append(RecordingRef(name, self.choice.split(subject), payload))
        return sorted(refs, key=lambda ref: ref.key)

    def notes(self) -> list[str]:
        """Actions that only one of the files has."""
        poses, keypoints = _actions(self._path3d, "positions_3d"), _actions(self._path2d, "positions_2d")
        lonely = sorted(f"{subject}/{action}" for subject, action in set(poses) ^ set(keypoints))
        if not any(subject == "S11" and activity(action) == "Directions" for subject, action in poses):
            lonely.append("S11/Directions (as in VideoPose3D's preparation)")
        return [f"not in both files: {', '.join(lonely)}"] if lonely else []

    def prepare(self, folder: Path) -> None:
        """Write one npy file per action: reading the pickles in every worker would take gigabytes.

        Args:
            folder: Private folder for what is prepared.
        """
        stamp, self._unpacked = folder / "videopose.json", folder
        files = json.dumps([fingerprint(self._path3d), fingerprint(self._path2d)])
        if stamp.is_file() and stamp.read_text() == files:
            return
        poses = _content(self._path3d, "positions_3d")
        for subject, action in _actions(self._path3d, "positions_3d"):
            np.save(_unpacked(folder, subject, action, "3d"), _checked3d(self._path3d, poses, subject, action))
        del poses
        told, keypoints = self._told(), _content(self._path2d, "positions_2d")
        for subject, action in _actions(self._path2d, "positions_2d"):
            views = keypoints[subject][action]
            if not isinstance(views, list) or len(views) != len(CAMERA_IDS):
                found = f"{len(views)}" if isinstance(views, list) else type(views).__name__
                where = f"{self._path2d}: positions_2d/{subject}/{action}"
                raise SourceError(f"{where}: expected a list of {len(CAMERA_IDS)} cameras, found {found}")
            for camera, pixels in zip(CAMERA_IDS, views, strict=True):
                checked = _checked2d(self._path2d, f"{subject}/{action}/{camera}", pixels, told)
                np.save(_unpacked(folder, subject, action, camera), checked)
        stamp.write_text(files)

    def read(self, ref: RecordingRef) -> Recording:
        """One recording; :meth:`prepare` comes first.

        Args:
            ref: The recording to read.
        """
        if self._unpacked is None:
            raise SourceError(f"{self._path3d}: read before it was unpacked")
        subject, action, camera = (ref.payload[key] for key in ("subject", "action", "camera"))
        if self._views is None:
            self._views = load_views(self.root)
        view = self._views[subject, camera]
        world = np.load(_unpacked(self._unpacked, subject, action, "3d"), allow_pickle=False)
        pixels = np.load(_unpacked(self._unpacked, subject, action, camera), allow_pickle=False)
        count, left_out = common_length(self._path2d, len(pixels), self._path3d, len(world))
        rows = np.arange(count)
        takes = (f"{name}.{camera}" for name in spellings(action))
        found = (find_masks(self.root / subject, take, rows, view.image_size) for take in takes)
        return Recording(
            name=ref.name,
            split=ref.split,
            joint_set=H36M17.name,
            joints2d=pixels[:count],
            confidence=np.ones((count, len(H36M17)), np.float32),
            frame=rows,
            image_size=view.image_size,
            camera=view.camera,
            joints3d=to_h36m17(view.to_camera(world[:count])),
            masks=next((masks for masks in found if masks is not None), None),
            pictures=find_pictures(self.root, subject, action, camera),
            activity=activity(action),
            detected=self.keypoints != GROUND_TRUTH,
            source_files=(self._path2d, self._path3d),
            left_out={reason: frames for reason, frames in left_out.items() if frames},
        )

    def _told(self) -> JointSet | None:
        if "metadata" not in npz_names(self._path2d):
            return None
        try:
            return layout_of(read_npz(self._path2d, "metadata"))
        except ValueError as error:
            raise SourceError(f"{self._path2d}: {error}") from error


def _content(path: Path, field: str) -> dict[str, dict[str, Any]]:
    content = read_npz(path, field)
    if not isinstance(content, dict) or not all(isinstance(actions, dict) for actions in content.values()):
        raise SourceError(
            f"{path}: {field}: expected a dictionary of subjects and actions, found {type(content).__name__}"
        )
    return content


def _actions(path: Path, field: str) -> list[tuple[str, str]]:
    where, content = f"{path}: {field}", _content(path, field)
    return [
        (path_part(subject, where), path_part(action, where))
        for subject, actions in content.items()
        for action in actions
    ]


def _checked3d(path: Path, content: dict[str, dict[str, Any]], subject: str, action: str) -> NDArray[Any]:
    values = _numbers(content[subject][action])
    if values.ndim != 3 or values.shape[1:] != (len(HUMAN36M32), 3) or not len(values):
        where, expected = f"{path}: positions_3d/{subject}/{action}", f"(frames, {len(HUMAN36M32)}, 3)"
        raise SourceError(f"{where}: expected shape {expected}, found {values.shape}")
    return values


def _checked2d(path: Path, entry: str, values: Any, told: JointSet | None) -> NDArray[Any]:
    try:
        # Some detectors' files have the score as a third column.
        return as_h36m17(_numbers(values), told)[..., :2]
    except ValueError as error:
        raise SourceError(f"{path}: positions_2d/{entry}: {error}") from error


def _numbers(values: Any) -> NDArray[Any]:
    """An array without entries where the file has anything but numbers."""
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        return np.zeros(0)


def _unpacked(folder: Path, subject: str, action: str, part: str) -> Path:
    return folder / f"{hidden_name(subject, action, part)}.npy"
