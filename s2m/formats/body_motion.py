"""Motions of SMPL, SMPL-H and SMPL-X bodies in files, as SMPL's pose vectors.

AMASS's npz (amass.is.tue.mpg.de: ``poses``, ``trans``, ``betas``, ``gender``, ``mocap_framerate`` or, for SMPL-X,
``mocap_frame_rate``; +z up), and the parameters as the package smplx names them (``global_orient``, ``body_pose``,
``transl``, ``betas``). The first 22 joints of SMPL-H and SMPL-X are SMPL's: their rotations are the same. Fingers and
faces have no joint in SMPL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.arrays import short_repr
from s2m.errors import FormatError, UserError
from s2m.formats.raw import load
from s2m.skeletons import SMPL22, SMPL24

Floats = NDArray[np.float64]

_SUFFIXES = (".npz", ".pkl")
_WIDTHS = {72: "SMPL", 156: "SMPL-H", 165: "SMPL-X"}
_BODY_POSES = {63: "SMPL-H or SMPL-X", 69: "SMPL"}
_RATES = ("mocap_framerate", "mocap_frame_rate", "fps", "framerate")
_PLACES = ("trans", "transl", "translation")
_BETAS = 10
_LARGEST = 1e6
_GENDERS = ("neutral", "female", "male")


@dataclass(frozen=True)
class BodyMotion:
    """The motion of a body.

    Attributes:
        poses: (T, 72) float32 axis-angle, radians.
        trans: (T, 3) metres.
        betas: (10,); zeros where the file's belong to another shape space.
        gender: ``neutral``, ``female`` or ``male``.
        body: What the betas belong to.
        kind: What the file holds, for people.
        fps: Frames per second, where the file tells them.
        up: The axis that points up, where the file's kind tells it.
        notes: What is lost.
        valid: (T,) False where a pose was only held, as `s2m ik` marks it; ``None`` where the file does not tell.
    """

    poses: NDArray[np.float32]
    trans: Floats
    betas: NDArray[np.float32]
    gender: str
    body: str
    kind: str
    fps: float | None = None
    up: str | None = None
    notes: tuple[str, ...] = ()
    valid: NDArray[np.bool_] | None = None

    __repr__ = short_repr


def is_body_motion(path: Path) -> bool:
    """Whether a file holds the motion of a body, and no joints.

    Args:
        path: Any file.

    Returns:
        False as well for what cannot be read; its reader then says why.
    """
    if path.suffix.lower() not in _SUFFIXES or not path.is_file():
        return False
    try:
        content = load(path)
    except UserError:
        return False
    return isinstance(content, Mapping) and _is_body(content)


def _is_body(content: Mapping[str, Any]) -> bool:
    fields = set(content)
    if any("joints" in str(field) for field in fields):
        return False
    return {"poses", "trans"} <= fields or {"global_orient", "body_pose"} <= fields


def read_body_motion(path: Path) -> BodyMotion:
    """Read a body's motion.

    Args:
        path: An npz or pkl file.

    Returns:
        The motion.

    Raises:
        FormatError: The message names the field, what was expected and what was found.
    """
    content = load(path)
    if not isinstance(content, Mapping) or not _is_body(content):
        raise FormatError(f"{path}: expected poses and trans (AMASS) or global_orient and body_pose (smplx)")
    amass = "poses" in content
    poses, kind, fingers = _amass_poses(content, path) if amass else (*_smplx_poses(content, path), False)
    frames = len(poses)
    trans = _places(content, frames, path)
    betas, notes = _betas(content, kind, path)
    lost = ("SMPL has no joints for fingers and faces: these rotations are left out",) if fingers else ()
    gender = str(np.ravel(content.get("gender", "neutral"))[0]).strip("b'\"").lower() if "gender" in content else ""
    return BodyMotion(
        poses.astype(np.float32),
        trans,
        betas,
        gender if gender in _GENDERS else "neutral",
        str(content["body"])[:200] if "body" in content else kind,
        f"{'AMASS' if amass else 'smplx'}: {kind}",
        _rate(content, path),
        "z" if amass else None,
        (*lost, *notes),
        _valid(content, frames),
    )


def _valid(content: Mapping[str, Any], frames: int) -> NDArray[np.bool_] | None:
    valid = np.asarray(content["valid"]) if "valid" in content else np.zeros(0)
    return valid.astype(bool) if valid.dtype == np.bool_ and valid.shape == (frames,) else None


def _amass_poses(content: Mapping[str, Any], path: Path) -> tuple[Floats, str, bool]:
    """Poses (T, 72), the kind of body, and whether fingers or a face turn."""
    poses = _numbers(content["poses"], f"{path}: poses")
    if poses.ndim != 2 or poses.shape[1] not in _WIDTHS or not len(poses):
        expected = ", ".join(f"(frames, {width})" for width in _WIDTHS)
        raise FormatError(f"{path}: poses: expected one of {expected}, found {poses.shape}")
    kind = _WIDTHS[poses.shape[1]]
    if kind == "SMPL":
        return _wide(poses), kind, False
    shared = 3 * len(SMPL22)
    return _wide(poses[:, :shared]), kind, bool(np.abs(poses[:, shared:]).max() > 0)


def _smplx_poses(content: Mapping[str, Any], path: Path) -> tuple[Floats, str]:
    root = _vectors(content["global_orient"], 1, f"{path}: global_orient")
    body = _numbers(content["body_pose"], f"{path}: body_pose")
    joints = body.size // max(len(root), 1) // (9 if body.shape[-2:] == (3, 3) else 3)
    if 3 * joints not in _BODY_POSES:
        raise FormatError(f"{path}: body_pose: expected 21 or 23 joints in {len(root)} frames, found {body.shape}")
    vectors = _vectors(body, joints, f"{path}: body_pose")
    if len(vectors) != len(root):
        raise FormatError(f"{path}: body_pose: expected {len(root)} frames, found {len(vectors)}")
    return _wide(np.concatenate([root, vectors], axis=1)), _BODY_POSES[3 * joints]


def _vectors(value: Any, joints: int, where: str) -> Floats:
    """(T, 3 J) axis-angle, of these or of matrices."""
    array = _numbers(value, where)
    if array.shape[-2:] == (3, 3):
        matrices = array.reshape(-1, 3, 3)
        if np.abs(matrices @ matrices.transpose(0, 2, 1) - np.eye(3)).max(initial=0) > 0.05:
            raise FormatError(f"{where}: expected rotation matrices, found others")
        return np.asarray(Rotation.from_matrix(matrices).as_rotvec().reshape(-1, 3 * joints))
    if array.size % (3 * joints) or not array.size:
        raise FormatError(f"{where}: expected (frames, {3 * joints}), found {array.shape}")
    return array.reshape(-1, 3 * joints)


def _wide(poses: Floats) -> Floats:
    full = np.zeros((len(poses), 3 * len(SMPL24)))
    full[:, : poses.shape[1]] = poses
    return full


def _places(content: Mapping[str, Any], frames: int, path: Path) -> Floats:
    field = next((name for name in _PLACES if name in content), None)
    if field is None:
        return np.zeros((frames, 3))
    trans = _numbers(content[field], f"{path}: {field}")
    if trans.shape != (frames, 3):
        raise FormatError(f"{path}: {field}: expected {(frames, 3)}, found {trans.shape}")
    return trans


def _betas(content: Mapping[str, Any], kind: str, path: Path) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    zeros = np.zeros(_BETAS, np.float32)
    if "betas" not in content:
        return zeros, ()
    if "X" in kind:
        return zeros, ("the betas are SMPL-X's, which mean nothing to SMPL: the mean shape is written",)
    betas = _numbers(content["betas"], f"{path}: betas")
    betas = betas[0] if betas.ndim == 2 and len(betas) else betas
    if betas.ndim != 1 or not betas.size:
        raise FormatError(f"{path}: betas: expected one row of numbers, found {betas.shape}")
    zeros[: len(betas)] = betas[:_BETAS]
    return zeros, ()


def _rate(content: Mapping[str, Any], path: Path) -> float | None:
    field = next((name for name in _RATES if name in content), None)
    if field is None:
        return None
    rate = _numbers(content[field], f"{path}: {field}")
    if rate.size != 1:
        raise FormatError(f"{path}: {field}: expected one number, found {rate.shape}")
    return float(rate.reshape(()))


def _numbers(value: Any, where: str) -> Floats:
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiu":
            raise TypeError(f"found {array.dtype}")
        array = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{where}: expected numbers ({error!s:.80})") from error
    if not (np.abs(array) <= _LARGEST).all():
        raise FormatError(f"{where}: holds values that are not finite, or beyond {_LARGEST:g}")
    return array
