"""Motion of the user's own: folders of AMASS-style npz files.

Read fields: ``poses`` (T, 72) for SMPL, (T, 156) for SMPL-H ("SMPL+H G" at amass.is.tue.mpg.de) or (T, 165) for SMPL-X
("SMPL-X G" and "SMPL-X N", ``*_stageii.npz``), ``trans`` (T, 3), ``betas`` (10 or more), and the frame rate, which is
``mocap_framerate`` in the former and ``mocap_frame_rate`` in the latter. AMASS's world is +z up; clips here are +y up,
so root and position are turned by -90 degrees about x. The first 22 joints of SMPL-H and SMPL-X are SMPL's; SMPL's two
hand joints stay at rest then. ``shape.npz`` and ``*_stagei.npz`` beside the motions hold no ``poses``: passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from s2m.data.motion.clips import JOINTS, Clip, MotionError
from s2m.reading import check_archive, reading

_WIDTHS = {72: JOINTS, 156: JOINTS - 2, 165: JOINTS - 2}
_FIELDS = ("poses", "trans", "betas", "mocap_framerate")
_SMPLX_NAMES = {"mocap_framerate": "mocap_frame_rate"}
# Beyond these, a file is no recording: resampling one of a frame in a week would fill the memory.
_SLOWEST, _FASTEST = 1.0, 10_000.0
_LARGEST = 1e5
_Z_UP_TO_Y_UP = Rotation.from_euler("x", -90, degrees=True)


@dataclass(frozen=True)
class AmassMotion:
    """One file: the clip (+y up) and the shape coefficients of its subject (at least 10, SMPL's own space).

    Args:
        clip: The motion, +y up.
        betas: Shape parameters of the subject, in SMPL's own space, 10 or more.
    """

    clip: Clip
    betas: NDArray[np.float32]


def is_motion_file(path: str | Path) -> bool:
    """Whether an npz looks like a motion (AMASS keeps ``shape.npz`` and similar beside the motions).

    Args:
        path: An npz file.
    """
    with reading(path, "a readable npz", MotionError), np.load(path, allow_pickle=False) as archive:
        return "poses" in archive.files


def read(path: str | Path, name: str | None = None) -> AmassMotion:
    """Read one file.

    Args:
        path: An npz file.
        name: The clip's name; that of the file if not given.

    Raises:
        MotionError: The message names the file, the field, what was expected and what was found.
    """
    path = Path(path)
    fields = _fields(path)
    poses, trans, betas = fields["poses"], fields["trans"], fields["betas"]
    if poses.ndim != 2 or poses.shape[1] not in _WIDTHS or len(poses) == 0:
        widths = ", ".join(f"(frames, {width})" for width in _WIDTHS)
        raise MotionError(f"{path}: poses: expected one of {widths}, found {poses.shape}")
    if trans.shape != (len(poses), 3):
        raise MotionError(f"{path}: trans: expected {(len(poses), 3)}, found {trans.shape}")
    if betas.ndim != 1 or len(betas) < 10:
        raise MotionError(f"{path}: betas: expected one row of at least 10 values, found {betas.shape}")
    for field, value in (("poses", poses), ("trans", trans), ("betas", betas)):
        if not np.isfinite(value).all():
            raise MotionError(f"{path}: {field}: holds values that are not finite")
        if len(value) and np.abs(value.astype(np.float64)).max() > _LARGEST:
            raise MotionError(f"{path}: {field}: expected radians and metres, found values beyond {_LARGEST:g}")
    rate = fields["mocap_framerate"]
    if rate.size != 1 or not _SLOWEST <= float(rate.reshape(())) <= _FASTEST:
        raise MotionError(
            f"{path}: mocap_framerate: expected one positive number of {_SLOWEST:g} to {_FASTEST:g}, found "
            f"{rate.tolist()!r:.80}"
        )
    joints = _WIDTHS[poses.shape[1]]
    full = np.zeros((len(poses), JOINTS, 3))
    full[:, :joints] = poses[:, : joints * 3].reshape(-1, joints, 3)
    full[:, 0] = (_Z_UP_TO_Y_UP * Rotation.from_rotvec(full[:, 0])).as_rotvec()
    clip = Clip(
        name or path.stem,
        full.astype(np.float32),
        _Z_UP_TO_Y_UP.apply(trans).astype(np.float32),
        float(rate.reshape(())),
    )
    return AmassMotion(clip, betas.astype(np.float32))


def read_folder(folder: str | Path, fps: float = 30.0) -> list[Clip]:
    """Every motion below ``folder``, resampled to ``fps``; names are paths relative to it.

    Args:
        folder: Folder that is searched for npz files.
        fps: Frames per second of the result.

    Raises:
        MotionError: If none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MotionError(f"{folder}: no such folder")
    paths = [path for path in sorted(folder.rglob("*.npz")) if is_motion_file(path)]
    if not paths:
        raise MotionError(f"{folder}: no npz with a field 'poses' below this folder")
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in paths]
    return [resample(read(path, name).clip, fps) for path, name in zip(paths, names, strict=True)]


def resample(clip: Clip, fps: float) -> Clip:
    """Interpolate a clip to another constant rate (slerp for rotations).

    Args:
        clip: The motion, +y up.
        fps: Frames per second of the result.
    """
    if len(clip) < 2 or clip.fps == fps:
        return Clip(clip.name, clip.poses, clip.trans, fps)
    old = np.arange(len(clip)) / clip.fps
    new = np.arange(0.0, old[-1] + 1e-9, 1.0 / fps)
    poses = np.stack([Slerp(old, Rotation.from_rotvec(clip.poses[:, j]))(new).as_rotvec() for j in range(JOINTS)], 1)
    trans = np.stack([np.interp(new, old, clip.trans[:, k]) for k in range(3)], 1)
    return Clip(clip.name, poses.astype(np.float32), trans.astype(np.float32), fps)


def _fields(path: Path) -> dict[str, NDArray[Any]]:
    with reading(path, "a readable npz", MotionError):
        check_archive(path)
        with np.load(path, allow_pickle=False) as archive:
            present = set(archive.files)
            names = {field: field if field in present else _SMPLX_NAMES.get(field, field) for field in _FIELDS}
            missing = [field for field, name in names.items() if name not in present]
            if missing:
                raise MotionError(f"{path}: fields missing: {', '.join(missing)}; found: {', '.join(sorted(present))}")
            fields = {field: np.asarray(archive[name]) for field, name in names.items()}
    for field, value in fields.items():
        if value.dtype.kind not in "fiu":
            raise MotionError(f"{path}: {field}: expected numbers, found {value.dtype}")
    return fields
