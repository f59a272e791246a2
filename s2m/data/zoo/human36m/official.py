"""Human3.6M in its official files: CDF poses, MATLAB masks, metadata.xml.

    S9/MyPoseFeatures/D2_Positions/<action>.<camera>.cdf        Pose, 1 x T x 64, pixels
    S9/MyPoseFeatures/D3_Positions_mono/<action>.<camera>.cdf   Pose, 1 x T x 96, mm, camera frame
    S9/MyPoseFeatures/D3_Positions/<action>.cdf                 the same in the laboratory's frame
    S9/MySegmentsMat/ground_truth_bs/<action>.<camera>.mat      Masks, a cell of T pictures
    S9/Videos/<action>.<camera>.mp4                             looked at for the contact sheet, if it is there
    metadata.xml

as github.com/nkolot/SPIN (datasets/preprocess/h36m.py), github.com/open-mmlab/mmpose (preprocess_h36m.py) and
github.com/anibali/h36m-fetch read them; the last one unpacks into S9/Poses_D2_Positions and so on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.human36m.cameras import METADATA, Views, load_views
from s2m.data.zoo.human36m.joints import HUMAN36M32, to_h36m17
from s2m.data.zoo.human36m.masks import find_masks
from s2m.data.zoo.human36m.mosh import mosh_file, read_mosh
from s2m.data.zoo.human36m.pictures import find_pictures
from s2m.data.zoo.human36m.protocol import KNOWN_GAPS, Choice, activity
from s2m.data.zoo.source import BodyTruth, Recording, RecordingRef, SourceError
from s2m.skeletons import H36M17

POSES_2D, POSES_MONO, POSES_WORLD = "D2_Positions", "D3_Positions_mono", "D3_Positions"
_ALL_ACTIONS = "_ALL"
_MM = 1e-3
# Poses and videos of a take may differ by some frames at the end; more means that files do not belong together.
_LARGEST_DIFFERENCE = 0.05


class OfficialFiles:
    """Reads recordings of the official layout.

    Args:
        root: Folder of S1, S5, ...
        choice: Cameras and validation subjects.
        mosh: Folder of MoSh's files.
    """

    settings_name = "official"

    def __init__(self, root: Path, choice: Choice, mosh: Path | None = None):
        self.root, self.choice, self.mosh = root, choice, mosh
        self._views: Views | None = None

    @staticmethod
    def found_in(root: Path) -> bool:
        """Whether a folder looks like this layout.

        Args:
            root: The folder.
        """
        return any(_pose_folder(subject, POSES_2D).is_dir() for subject in root.glob("S*"))

    def prepare(self, folder: Path) -> None:
        """Nothing: every recording has files of its own.

        Args:
            folder: Folder of the files.
        """

    def recordings(self) -> list[RecordingRef]:
        """All recordings with 2D joints.

        Raises:
            SourceError: When the 3D joints of one are missing.
        """
        refs = []
        for name, subject, action, camera in self._listed():
            if self.mosh is None or mosh_file(self.mosh, subject, action, camera).is_file():
                payload = {"subject": subject, "action": action, "camera": camera}
                refs.append(RecordingRef(name, self.choice.split(subject), payload))
        return sorted(refs, key=lambda ref: ref.key)

    def notes(self) -> list[str]:
        """What is missing."""
        listed = self._listed()
        names = {name for name, *_ in listed}
        wanted = {f"S11/Directions.{camera}" for camera in self.choice.cameras}
        notes = [f"{gap} is missing, as in the official release" for gap in KNOWN_GAPS if gap in wanted - names]
        if self.mosh is not None:
            lacking = [name for name, *parts in listed if not mosh_file(self.mosh, *parts).is_file()]
            if lacking:
                notes.append(
                    f"{len(lacking)} recordings without MoSh parameters are left out: {', '.join(lacking[:8])}"
                )
            notes.append(
                "MoSh gives no translation: transl is the pelvis of D3_Positions; measure relative to the root"
            )
        return notes

    def read(self, ref: RecordingRef) -> Recording:
        """One recording.

        Args:
            ref: The recording to read.
        """
        subject, action, camera = (ref.payload[key] for key in ("subject", "action", "camera"))
        folder, take = self.root / subject, f"{action}.{camera}"
        view = self._view(subject, camera)
        path2d, path3d = _pose_file(folder, POSES_2D, take), self._pose_file_3d(folder, action, camera)
        pixels = read_poses(path2d, 2)
        points = read_poses(path3d, 3) * _MM
        if path3d.name == f"{action}.cdf":
            points = view.to_camera(points)
        count, left_out = common_length(path2d, len(pixels), path3d, len(points))
        rows, body, files = np.arange(count), None, [path2d, path3d]
        if self.mosh is not None:
            path = mosh_file(self.mosh, subject, action, camera)
            rows, body = read_mosh(path, to_h36m17(points)[:count, H36M17.root_index])
            left_out["frames without MoSh parameters"] = count - len(rows)
            files.append(path)
        masks = find_masks(folder, take, rows, view.image_size)
        files += [] if masks is None else [masks.path]  # type: ignore[attr-defined]
        return self._recording(ref, pixels[rows], points[rows], rows, body, masks, files, left_out)

    def _recording(
        self,
        ref: RecordingRef,
        pixels: NDArray[np.float64],
        points: NDArray[np.float64],
        rows: NDArray[np.int64],
        body: BodyTruth | None,
        masks: Any,
        files: list[Path],
        left_out: dict[str, int],
    ) -> Recording:
        view = self._view(ref.payload["subject"], ref.payload["camera"])
        joints2d = to_h36m17(pixels)
        return Recording(
            name=ref.name,
            split=ref.split,
            joint_set=H36M17.name,
            joints2d=joints2d,
            confidence=np.ones(joints2d.shape[:2], np.float32),
            frame=rows,
            image_size=view.image_size,
            camera=view.camera,
            joints3d=to_h36m17(points),
            body=body,
            masks=masks,
            pictures=find_pictures(self.root, *(str(ref.payload[key]) for key in ("subject", "action", "camera"))),
            activity=activity(ref.payload["action"]),
            source_files=tuple(files),
            left_out={reason: count for reason, count in left_out.items() if count},
        )

    def _listed(self) -> list[tuple[str, str, str, str]]:
        """Name, subject, action and camera of every 2D file."""
        found = []
        for subject in self.choice.subjects:
            for path in sorted(_pose_folder(self.root / subject, POSES_2D).glob("*.cdf")):
                action, _, camera = path.stem.rpartition(".")
                if action != _ALL_ACTIONS and camera in self.choice.cameras:
                    found.append((f"{subject}/{path.stem}", subject, action, camera))
        return found

    def _pose_file_3d(self, folder: Path, action: str, camera: str) -> Path:
        mono = _pose_file(folder, POSES_MONO, f"{action}.{camera}")
        world = _pose_file(folder, POSES_WORLD, action)
        for path in (mono, world):
            if path.is_file():
                return path
        raise SourceError(f"{mono}: expected 3D joints for the 2D joints of {folder.name}/{action}, found no file")

    def _view(self, subject: str, camera: str) -> Any:
        if self._views is None:
            self._views = load_views(self.root)
        return self._views[subject, camera]

    @property
    def needed(self) -> str:
        """For messages."""
        return f"S9/MyPoseFeatures/{POSES_2D}/<action>.<camera>.cdf, .../{POSES_MONO}/, {METADATA}"


def read_poses(path: Path, dimensions: int) -> NDArray[np.float64]:
    """``Pose`` of a CDF file as (T, 32, dimensions).

    Args:
        path: File to read.
        dimensions: Numbers per joint: 2 or 3.

    Raises:
        SourceError: The message names file and shape.
    """
    import cdflib

    try:
        values = np.asarray(cdflib.CDF(path).varget("Pose"), np.float64)
    # cdflib raises nearly anything on damaged files.
    except Exception as error:
        raise SourceError(f"{path}: Pose: expected a CDF file with this variable, found {_short(error)}") from error
    width = len(HUMAN36M32) * dimensions
    if values.ndim != 3 or values.shape[0] != 1 or values.shape[2] != width or not values.shape[1]:
        raise SourceError(f"{path}: Pose: expected shape (1, frames, {width}), found {values.shape}")
    return values[0].reshape(-1, len(HUMAN36M32), dimensions)


def common_length(first: Path, frames: int, second: Path, others: int) -> tuple[int, dict[str, int]]:
    """How many frames two files share from the start, and what is left out.

    Args:
        first: Name of the first file.
        frames: Its number of frames.
        second: Name of the second file.
        others: Its number of frames.

    Raises:
        SourceError: When they differ by much.
    """
    shorter, longer = sorted((frames, others))
    if longer - shorter > _LARGEST_DIFFERENCE * longer:
        raise SourceError(f"{second}: expected about the {frames} frames of {first}, found {others}")
    return shorter, {"frames without a counterpart in 2D or 3D": longer - shorter}


def _pose_folder(subject: Path, kind: str) -> Path:
    unpacked = subject / f"Poses_{kind}"
    return unpacked if unpacked.is_dir() else subject / "MyPoseFeatures" / kind


def _pose_file(subject: Path, kind: str, take: str) -> Path:
    return _pose_folder(subject, kind) / f"{take}.cdf"


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
