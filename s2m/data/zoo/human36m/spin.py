"""Human3.6M in npz files as SPIN, VIBE and their kin exchange them: one row per picture.

    imgname (N,)  ".../S9_Directions_1.54138969_000001.jpg"; the number counts frames from 1
    part (N, 24, 3)  pixels and visibility, in SPIN's 24 joints
    S (N, 24, 4)     metres, camera frame, relative to the pelvis, and visibility
    pose (N, 72), shape (N, 10)  SMPL parameters, camera frame (optional; has_smpl says where)

as github.com/nkolot/SPIN (datasets/preprocess/h36m.py, constants.py) writes and names them. The distance from the
camera is not in the files: it is solved for from both sets of joints, and the projection check holds the result.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.human36m.cameras import Views, load_views
from s2m.data.zoo.human36m.pictures import find_pictures
from s2m.data.zoo.human36m.protocol import Choice, activity, canonical
from s2m.data.zoo.object_npz import npz_names, read_npz
from s2m.data.zoo.source import BodyTruth, Camera, Recording, RecordingRef, SourceError
from s2m.files import path_part
from s2m.skeletons import H36M17

_PATTERN = re.compile(r"(S\d+)_(.+)\.(\d+)_(\d+)\.\w+$")
# SPIN's names (constants.py) in its order, as far as H36M17 has the joint.
SPIN24 = (
    "right_ankle",
    "right_knee",
    "right_hip",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_wrist",
    "right_elbow",
    "right_shoulder",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "thorax",
    "lsp_head_top",
    "pelvis",
    "mpii_thorax",
    "spine",
    "neck_nose",
    "head",
    "coco_nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
)
_COLUMNS = [SPIN24.index(joint) for joint in H36M17.joints]


class SpinFiles:
    """Reads recordings of all ``h36m_*.npz`` of a folder.

    Args:
        root: Folder of the dataset.
        choice: Cameras and validation subjects.
    """

    settings_name = "spin"
    needed = "h36m_*.npz"

    def __init__(self, root: Path, choice: Choice):
        self.root, self.choice = root, choice
        self._views: Views | None = None

    @staticmethod
    def found_in(root: Path) -> bool:
        """Whether a folder looks like this layout.

        Args:
            root: The folder.
        """
        return any(root.glob("h36m_*.npz"))

    def notes(self) -> list[str]:
        """What the layout cannot give."""
        return ["the distance from the camera is solved for from 2D and 3D joints (the files have it relative only)"]

    def prepare(self, folder: Path) -> None:
        """Nothing: the arrays are small.

        Args:
            folder: Folder of the files.
        """

    def recordings(self) -> list[RecordingRef]:
        """The recordings that the picture names tell.

        Raises:
            SourceError: For a name of another form, or one in two files.
        """
        refs: dict[str, RecordingRef] = {}
        for path in sorted(self.root.glob("h36m_*.npz")):
            rows: dict[tuple[str, str, str], list[int]] = {}
            for row, (subject, action, camera, _) in enumerate(_names(path)):
                if subject in self.choice.subjects and camera in self.choice.cameras:
                    rows.setdefault((subject, action, camera), []).append(row)
            for (subject, action, camera), picked in rows.items():
                name = f"{subject}/{action}.{camera}"
                if name in refs:
                    other = refs[name].payload["file"]
                    raise SourceError(f"{path}: imgname: expected no recording of {other} again, found {name}")
                payload = {"subject": subject, "action": action, "camera": camera, "file": str(path), "rows": picked}
                refs[name] = RecordingRef(name, self.choice.split(subject), payload)
        return sorted(refs.values(), key=lambda ref: ref.key)

    def read(self, ref: RecordingRef) -> Recording:
        """One recording.

        Args:
            ref: The recording to read.
        """
        path, rows = Path(ref.payload["file"]), np.asarray(ref.payload["rows"], np.int64)
        if self._views is None:
            self._views = load_views(self.root)
        view = self._views[ref.payload["subject"], ref.payload["camera"]]
        parts = _rows(path, "part", (len(SPIN24), 3), rows)[:, _COLUMNS]
        joints = _rows(path, "S", (len(SPIN24), 4), rows)[:, _COLUMNS]
        frames = np.array([number for *_, number in _names(path)], np.int64)[rows] - 1
        relative = np.where(joints[..., 3:] > 0, joints[..., :3], np.nan)
        place = _places(relative, parts, view.camera)
        return Recording(
            name=ref.name,
            split=ref.split,
            joint_set=H36M17.name,
            joints2d=parts[..., :2],
            confidence=(parts[..., 2] > 0).astype(np.float32),
            frame=frames,
            image_size=view.image_size,
            camera=view.camera,
            joints3d=relative + place[:, None],
            body=_body(path, rows, place),
            pictures=find_pictures(self.root, *(str(ref.payload[key]) for key in ("subject", "action", "camera"))),
            activity=activity(ref.payload["action"]),
            source_files=(path,),
        )


def _names(path: Path) -> list[tuple[str, str, str, int]]:
    found = []
    for row, name in enumerate(np.asarray(read_npz(path, "imgname")).ravel()):
        match = _PATTERN.search(str(name))
        if match is None:
            raise SourceError(f"{path}: imgname[{row}]: expected S9_Action_1.54138969_000001.jpg, found {str(name)!r}")
        subject, action, camera, number = match.groups()
        action = path_part(canonical(action), f"{path}: imgname[{row}]")
        found.append((subject, action, camera, int(number[-15:])))
    return found


def _rows(path: Path, name: str, shape: tuple[int, ...], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Some rows of an array that has one per picture name."""
    try:
        values = np.asarray(read_npz(path, name), np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise SourceError(f"{path}: {name}: expected numbers, found others ({str(error)[:120]})") from error
    if values.ndim != len(shape) + 1 or values.shape[1:] != shape:
        raise SourceError(f"{path}: {name}: expected shape (N, {', '.join(map(str, shape))}), found {values.shape}")
    if len(values) <= rows.max(initial=-1):
        raise SourceError(f"{path}: {name}: expected a row for each of imgname, found {len(values)} rows")
    return values[rows]


def _places(relative: NDArray[np.float64], parts: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """(T, 3) the translation that projects root-relative joints onto their pixels, by linear least squares.

    The lens is taken out of the pixels by fixed-point steps first. Joints without 2D or 3D do not count.
    """
    counts = (parts[..., 2] > 0) & np.isfinite(relative).all(2)
    # What does not count may lie anywhere, also where no lens can be undone.
    plane = _undistorted(np.where(counts[..., None], parts[..., :2], (camera.cx, camera.cy)), camera)
    points = np.where(counts[..., None], relative, 0.0)
    x, y = plane[..., 0], plane[..., 1]
    zero, one = np.zeros_like(x), np.ones_like(x)
    # x (Z + tz) = X + tx, and the same for y: two equations per joint, linear in the translation.
    rows = np.concatenate([np.stack([one, zero, -x], 2), np.stack([zero, one, -y], 2)], 1)
    right = np.concatenate([x * points[..., 2] - points[..., 0], y * points[..., 2] - points[..., 1]], 1)
    weight = np.concatenate([counts, counts], 1).astype(np.float64)
    normal = np.einsum("tni,tn,tnj->tij", rows, weight, rows) + 1e-12 * np.eye(3)
    solved: NDArray[np.float64] = np.linalg.solve(normal, np.einsum("tni,tn,tn->ti", rows, weight, right)[..., None])
    return solved[..., 0]


def _undistorted(pixels: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    focal, centre = np.array([camera.fx, camera.fy]), np.array([camera.cx, camera.cy])
    wanted = (pixels - centre) / focal
    plane = wanted.copy()
    for _ in range(20):
        seen = camera.project(np.concatenate([plane, np.ones_like(plane[..., :1])], axis=-1))
        plane = plane + wanted - (seen - centre) / focal
    return plane


def _body(path: Path, rows: NDArray[np.int64], place: NDArray[np.float64]) -> BodyTruth | None:
    names = npz_names(path)
    if "pose" not in names or "shape" not in names:
        return None
    has = np.asarray(read_npz(path, "has_smpl")).ravel()[rows] > 0 if "has_smpl" in names else np.ones(len(rows), bool)
    if not has.all():
        return None
    return BodyTruth(_rows(path, "pose", (72,), rows), _rows(path, "shape", (10,), rows), place)
