"""The files of MPI-INF-3DHP, read and checked; what they mean is :mod:`s2m.data.zoo.mpi_inf_3dhp`'s affair.

The layouts follow the data set's own README and utilities (mpii_get_joints.m, mpii_get_sequence_info.m,
mpii_get_activity_name.m), and the readers of nkolot/SPIN (datasets/preprocess/mpi_inf_3dhp.py), anibali/margipose
(data/mpi_inf_3dhp) and isarandi/posepile (ds/tdhp).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.matlab import load_variable
from s2m.data.zoo.source import SourceError
from s2m.optional import require
from s2m.skeletons import MPI3DHP17, MPI3DHP28

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# The 17 joints of the test annotation by the names of the 28 of the training annotation; the rest are alike.
_RENAMED = {"thorax": "neck", "neck_nose": "face"}
COLUMNS = MPI3DHP28.indices(_RENAMED.get(joint, joint) for joint in MPI3DHP17.joints)
_CALIBRATION_TITLE = "Skeletool Camera Calibration File V1.0"
# Universal skeletons are metric ones times one number; rounding in the files stays far below this (mm).
_SCALE_TOLERANCE_MM = 1.0
_BAD_HDF5 = (OSError, ValueError, TypeError, KeyError, RuntimeError)


@dataclass(frozen=True)
class Calibration:
    """A pinhole camera: fx, fy, cx, cy in pixels, and the size (width, height) of its images.

    Args:
        intrinsics: fx, fy, cx, cy, pixels.
        size: Width and height of the images, pixels.
    """

    intrinsics: tuple[float, float, float, float]
    size: tuple[int, int]


@dataclass(frozen=True)
class CameraAnnotation:
    """What one camera sees of a sequence.

    Args:
        frame: (T,) from 0.
        box: (T, 4) pixels, x0, y0, x1, y1 around all 28 joints.
        joints2d: (T, 17, 2) pixels.
        joints3d: (T, 17, 3) metres, camera frame.
        universal: The factor from metric to universal skeletons.
    """

    frame: Ints
    box: Floats
    joints2d: Floats
    joints3d: Floats
    universal: float


@dataclass(frozen=True)
class EvaluationAnnotation:
    """A test sequence, all of its frames; as :class:`CameraAnnotation`, with valid (T,) and activity (T,) from 1.

    Args:
        joints2d: Joints (T, J, 2), pixels.
        joints3d: Joints (T, J, 3), metres, camera frame.
        universal: The same of a body of universal height.
        valid: Which frames (T,) the protocol counts.
        activity: Activity (T,), from 1.
    """

    joints2d: Floats
    joints3d: Floats
    universal: float
    valid: NDArray[np.bool_]
    activity: Ints


def read_training(path: Path) -> dict[int, CameraAnnotation]:
    """Read ``annot.mat``: camera -> annotation. The last file is kept, since its cameras follow each other.

    A cell array holds one matrix per camera, a row per frame: x1, y1, x2, y2, ... (``annot2``) or x1, y1, z1, ...
    (``annot3``, ``univ_annot3``; mm, camera frame). ``cameras`` says which camera a cell belongs to, ``frames`` which
    frame a row belongs to, both from 0.

    Args:
        path: File to read.

    Raises:
        SourceError: The file cannot be used; the message names it and the field.
    """
    try:
        return _read_training(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error}") from error


@functools.lru_cache(maxsize=1)
def _read_training(path: Path, stamp: int) -> dict[int, CameraAnnotation]:
    frames = load_variable(path, "frames", numbers=True).astype(np.int64).reshape(-1)
    cameras = load_variable(path, "cameras", numbers=True).astype(np.int64).reshape(-1)
    joints2d = list(_cells(path, "annot2", len(cameras), len(frames), 2))
    joints3d = list(_cells(path, "annot3", len(cameras), len(frames), 3))
    universal = _cells(path, "univ_annot3", len(cameras), len(frames), 3)
    return {
        int(camera): CameraAnnotation(
            frames,
            np.concatenate([flat.min(1), flat.max(1)], axis=1),
            flat[:, COLUMNS],
            metric[:, COLUMNS] / 1000,
            _factor(path, metric[:, COLUMNS], other[:, COLUMNS]),
        )
        for camera, flat, metric, other in zip(cameras, joints2d, joints3d, universal, strict=True)
    }


def read_test(path: Path) -> EvaluationAnnotation:
    """Read ``annot_data.mat`` (MATLAB v7.3, that is HDF5, where MATLAB's dimensions come in reverse).

    Args:
        path: File to read.

    Raises:
        SourceError: The file cannot be used; the message names it and the field.
    """
    h5py = require("h5py")

    fields = {}
    try:
        with h5py.File(path, "r") as file:
            for name in ("annot2", "annot3", "univ_annot3", "valid_frame", "activity_annotation"):
                if name not in file:
                    raise SourceError(f"{path}: field {name}: missing; found {', '.join(sorted(file))}")
                fields[name] = np.asarray(file[name], dtype=np.float64)
    except SourceError:
        raise
    except _BAD_HDF5 as error:
        raise SourceError(f"{path}: not a readable MATLAB v7.3 file ({error})") from error
    count = len(fields["annot3"])
    shapes = {"annot2": (1, 17, 2), "annot3": (1, 17, 3), "univ_annot3": (1, 17, 3), "valid_frame": (1,)}
    for name, shape in {**shapes, "activity_annotation": (1,)}.items():
        _check(path, name, fields[name], (count, *shape))
    valid = fields["valid_frame"][:, 0] != 0
    for name in ("annot2", "annot3", "univ_annot3"):
        _check_finite(path, name, fields[name], valid)
    activity = fields["activity_annotation"][:, 0].astype(np.int64)
    metric, universal = fields["annot3"][:, 0], fields["univ_annot3"][:, 0]
    factor = _factor(path, metric[valid], universal[valid])
    return EvaluationAnnotation(fields["annot2"][:, 0], metric / 1000, factor, valid, activity)


def read_calibration(path: Path) -> dict[int, Calibration]:
    """Read ``camera.calibration``: camera -> its pinhole. Extrinsics are not needed, 3D joints are per camera.

    A block per camera: name, sensor, size, animated, intrinsic (4 x 4, row by row), extrinsic, radial.

    Args:
        path: File to read.

    Raises:
        SourceError: The file cannot be used; the message names it and the field.
    """
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read: {error}") from error
    if not lines or " ".join(lines[0]) != _CALIBRATION_TITLE:
        raise SourceError(f"{path}: expected '{_CALIBRATION_TITLE}', found '{' '.join(lines[0]) if lines else ''}'")
    blocks: dict[int, dict[str, list[str]]] = {}
    for key, *values in lines[1:]:
        if key == "name":
            blocks[int(values[0])] = block = {}
        elif not blocks:
            raise SourceError(f"{path}: expected 'name' of the first camera, found '{key}'")
        else:
            block[key] = values
    return {camera: _calibration(path, camera, block) for camera, block in blocks.items()}


def _calibration(path: Path, camera: int, block: dict[str, list[str]]) -> Calibration:
    try:
        matrix = np.array([float(value) for value in block["intrinsic"]]).reshape(4, 4)
        width, height = (int(float(value)) for value in block["size"])
        radial = float(block["radial"][0])
    except (KeyError, IndexError, ValueError) as error:
        raise SourceError(f"{path}: camera {camera}: expected size, intrinsic (16 numbers), radial: {error}") from error
    if radial:
        raise SourceError(f"{path}: camera {camera}: radial: expected 0 (no distortion), found {radial:g}")
    return Calibration((matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]), (width, height))


def _cells(path: Path, name: str, cameras: int, frames: int, axes: int) -> Iterator[Floats]:
    cells = load_variable(path, name).reshape(-1)
    if len(cells) != cameras:
        raise SourceError(f"{path}: field {name}: expected a cell for each of {cameras} cameras, found {len(cells)}")
    for cell in cells:
        _check(path, name, np.asarray(cell), (frames, len(MPI3DHP28) * axes))
        joints = np.asarray(cell, dtype=np.float64).reshape(frames, len(MPI3DHP28), axes)
        _check_finite(path, name, joints, np.ones(frames, bool))
        yield joints


def _factor(path: Path, metric: Floats, universal: Floats) -> float:
    """The number that makes universal skeletons of metric ones, root-relative (both mm).

    The data set says that ``univ_annot3`` is ``annot3`` scaled to one height. Anything else would make a truth that
    does not project, so it is refused.
    """
    root = MPI3DHP17.root_index
    if len(metric) == 0:
        return 1.0
    x, y = metric - metric[:, root, None], universal - universal[:, root, None]
    factor = float((x * y).sum() / max(float((x * x).sum()), 1e-9))
    worst = float(np.abs(factor * x - y).max())
    if not factor > 0 or worst > _SCALE_TOLERANCE_MM:
        raise SourceError(
            f"{path}: field univ_annot3: expected annot3 times one factor, relative to the pelvis, within "
            f"{_SCALE_TOLERANCE_MM:g} mm; found {worst:.1f} mm off at the factor {factor:.3f}"
        )
    return factor


def _check(path: Path, name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise SourceError(f"{path}: field {name}: expected the shape {shape}, found {array.shape}")


def _check_finite(path: Path, name: str, joints: Floats, needed: NDArray[np.bool_]) -> None:
    rows = np.flatnonzero(needed & ~np.isfinite(joints).reshape(len(joints), -1).all(1))
    if len(rows):
        raise SourceError(f"{path}: field {name}: not finite in {len(rows)} frames (first rows: {rows[:5].tolist()})")
