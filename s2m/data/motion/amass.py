"""Motion of the user's own: folders of AMASS-style npz files.

Read fields: ``poses`` (T, 72) for SMPL, (T, 156) for SMPL-H ("SMPL+H G" at amass.is.tue.mpg.de) or (T, 165) for SMPL-X
("SMPL-X G" and "SMPL-X N", ``*_stageii.npz``), ``trans`` (T, 3), ``betas`` (10 or more), and the frame rate, which is
``mocap_framerate`` in the former and ``mocap_frame_rate`` in the latter. AMASS's world is +z up; clips here are +y up,
so root and position are turned by -90 degrees about x. ``trans`` is added to a body that turned about its pelvis joint,
which rests off the origin: clips here have the place of that joint. The first 22 joints of SMPL-H and SMPL-X are
SMPL's; SMPL's two hand joints stay at rest then. ``shape.npz`` and ``*_stagei.npz`` beside the motions hold no
``poses``: passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from s2m.body import load_body
from s2m.data.motion import bvh
from s2m.data.motion.clips import JOINTS, Clip, MotionError
from s2m.errors import FormatError
from s2m.formats.npz import array_names, read_array
from s2m.skeletons import SMPL24

_WIDTHS = {72: JOINTS, 156: JOINTS - 2, 165: JOINTS - 2}
_FIELDS = ("poses", "trans", "betas", "mocap_framerate")
_SMPLX_NAMES = {"mocap_framerate": "mocap_frame_rate"}
# Motion below or beyond is a slip of units, and would be interpolated to millions of frames.
_SLOWEST, _FASTEST = 1.0, 10_000.0
_LARGEST = 1e6
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
    try:
        return "poses" in array_names(Path(path))
    except FormatError as error:
        raise MotionError(str(error)) from error


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
        if not (np.abs(value) <= _LARGEST).all():  # as float32, what is larger would not be finite
            raise MotionError(f"{path}: {field}: holds values that are not finite, or beyond {_LARGEST:g}")
    rate = fields["mocap_framerate"]
    if rate.size != 1 or not _SLOWEST <= float(rate.reshape(())) <= _FASTEST:
        found = f"{float(rate.reshape(())):g}" if rate.size == 1 else f"{rate.size} numbers"
        raise MotionError(
            f"{path}: mocap_framerate: expected one number of {_SLOWEST:g} to {_FASTEST:g} (per second), found {found}"
        )
    joints = _WIDTHS[poses.shape[1]]
    full = np.zeros((len(poses), JOINTS, 3))
    full[:, :joints] = poses[:, : joints * 3].reshape(-1, joints, 3)
    full[:, 0] = (_Z_UP_TO_Y_UP * Rotation.from_rotvec(full[:, 0])).as_rotvec()
    clip = Clip(
        name or path.stem,
        full.astype(np.float32),
        _Z_UP_TO_Y_UP.apply(trans + _rest_pelvis()).astype(np.float32),
        float(rate.reshape(())),
    )
    return AmassMotion(clip, betas.astype(np.float32))


@cache
def _rest_pelvis() -> NDArray[np.float64]:
    """(3,) metres. The open body's: SMPL's rests within a few millimetres of it, whatever the betas."""
    with torch.no_grad():
        found: NDArray[np.float64] = load_body().rest().joints[0, SMPL24.root_index].double().numpy()
    return found


def read_folder(folder: str | Path, fps: float = 30.0) -> list[Clip]:
    """Every motion below ``folder``, resampled to ``fps``; names are paths relative to it.

    Args:
        folder: Folder that is searched for npz and bvh files.
        fps: Frames per second of the result.

    Raises:
        MotionError: If none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MotionError(f"{folder}: no such folder")
    files = sorted(folder.rglob("*"))
    paths = [path for path in files if path.suffix.lower() == ".npz" and is_motion_file(path)]
    paths += [path for path in files if path.suffix.lower() == ".bvh"]
    if not paths:
        raise MotionError(f"{folder}: no npz with a field 'poses' and no bvh below this folder")
    return [resample(_clip(path, path.relative_to(folder).with_suffix("").as_posix()), fps) for path in paths]


def _clip(path: Path, name: str) -> Clip:
    return bvh.read(path, name) if path.suffix.lower() == ".bvh" else read(path, name).clip


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
    try:
        present = set(array_names(path))
        names = {field: field if field in present else _SMPLX_NAMES.get(field, field) for field in _FIELDS}
        missing = [field for field, name in names.items() if name not in present]
        if missing:
            found = ", ".join(sorted(present)[:20])
            raise MotionError(f"{path}: fields missing: {', '.join(missing)}; found: {found}")
        fields = {field: read_array(path, name) for field, name in names.items()}
    except FormatError as error:
        raise MotionError(str(error)) from error
    for field, value in fields.items():
        if value.dtype.kind not in "iuf":
            raise MotionError(f"{path}: {field}: expected numbers, found {value.dtype}")
    return fields
