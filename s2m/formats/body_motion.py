"""Motions of SMPL, SMPL-H and SMPL-X bodies in files, as SMPL's pose vectors.

AMASS's npz (amass.is.tue.mpg.de: ``poses``, ``trans``, ``betas``, ``gender``, ``mocap_framerate`` or, for SMPL-X,
``mocap_frame_rate``; +z up), and the parameters as the package smplx names them (``global_orient``, ``body_pose``,
``transl``, ``betas``). The first 22 joints of SMPL-H and SMPL-X are SMPL's: their rotations are the same. Fingers and
faces have no joint in SMPL.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.arrays import short_repr
from s2m.errors import FormatError, UserError
from s2m.formats.raw import load
from s2m.formats.rows import ArrayRows, FileRows, Rows, npz_rows
from s2m.skeletons import SMPL22, SMPL24

Floats = NDArray[np.float64]

_SUFFIXES = (".npz", ".pkl")
_WIDTHS = {72: "SMPL", 156: "SMPL-H", 165: "SMPL-X"}
_BODY_POSES = {63: "SMPL-H or SMPL-X", 69: "SMPL"}
_RATES = ("mocap_framerate", "mocap_frame_rate", "fps", "framerate")
_PLACES = ("trans", "transl", "translation")
_BETAS = 10
_LARGEST = 1e6
_ROWS = 4096
_GENDERS = ("neutral", "female", "male")


@dataclass(frozen=True)
class BodyMotion:
    """The motion of a body.

    Attributes:
        poses: (T, 72) float32 axis-angle, radians, read when they are asked for.
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

    poses: Rows
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


class PoseRows:
    """Rows of pose vectors as SMPL's (T, 72).

    Args:
        rows: (T, 72), (T, 156) or (T, 165).
        where: File and field, for messages.
    """

    def __init__(self, rows: FileRows | ArrayRows, where: str) -> None:
        self._rows, self._where = rows, where

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """See :class:`s2m.formats.rows.Rows`."""
        full = np.zeros((stop - start, 3 * len(SMPL24)), np.float32)
        shared = self.whole(start, stop)[:, : self._shared]
        full[:, : shared.shape[1]] = shared
        return full

    def whole(self, start: int, stop: int) -> Floats:
        """Rows with all of their columns.

        Args:
            start: The first row.
            stop: One after the last.

        Raises:
            FormatError: For values that are no rotations.
        """
        return _numbers(self._rows.read(start, stop), self._where)

    def check(self) -> bool:
        """Look at all rows; whether something turns in them that SMPL has no joint for.

        Raises:
            FormatError: See :meth:`whole`.
        """
        others = False
        for start in range(0, len(self), _ROWS):
            block = self.whole(start, min(len(self), start + _ROWS))
            others = others or bool(block[:, self._shared :].any())
        return others

    @property
    def _shared(self) -> int:
        """Columns that mean the same for SMPL."""
        wide = self._rows.shape[1]
        return wide if wide == 3 * len(SMPL24) else 3 * len(SMPL22)


@contextlib.contextmanager
def open_body_motion(path: Path, folder: Path) -> Iterator[BodyMotion]:
    """A body's motion, for as long as the block lasts.

    Args:
        path: An npz or pkl file.
        folder: Where packed poses are unpacked.

    Yields:
        The motion.

    Raises:
        FormatError: The message names the field, what was expected and what was found.
    """
    content = load(path)
    if not isinstance(content, Mapping) or not _is_body(content):
        raise FormatError(f"{path}: expected poses and trans (AMASS) or global_orient and body_pose (smplx)")
    amass = "poses" in content
    with contextlib.ExitStack() as stack:
        if amass and path.suffix.lower() == ".npz":
            rows: FileRows | ArrayRows = stack.enter_context(npz_rows(path, "poses", folder))
        else:
            rows = ArrayRows(_numbers(content["poses"], f"{path}: poses") if amass else _smplx_poses(content, path))
        yield _motion(content, rows, amass, path)


def _motion(content: Mapping[str, Any], rows: FileRows | ArrayRows, amass: bool, path: Path) -> BodyMotion:
    if len(rows.shape) != 2 or rows.shape[1] not in _WIDTHS or not len(rows):
        expected = ", ".join(f"(frames, {width})" for width in _WIDTHS)
        raise FormatError(f"{path}: poses: expected one of {expected}, found {rows.shape}")
    poses, frames = PoseRows(rows, f"{path}: poses"), len(rows)
    kind = _WIDTHS[rows.shape[1]] if amass else _smplx_kind(content)
    fingers = poses.check()
    trans = _places(content, frames, path)
    betas, notes = _betas(content, kind, path)
    lost = ("SMPL has no joints for fingers and faces: these rotations are left out",) if fingers else ()
    gender = str(np.ravel(content.get("gender", "neutral"))[0]).strip("b'\"").lower() if "gender" in content else ""
    return BodyMotion(
        poses,
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


def _smplx_poses(content: Mapping[str, Any], path: Path) -> Floats:
    """(T, 72) of the parameters as smplx names them."""
    root = _vectors(content["global_orient"], 1, f"{path}: global_orient")
    body = _numbers(content["body_pose"], f"{path}: body_pose")
    joints = body.size // max(len(root), 1) // (9 if body.shape[-2:] == (3, 3) else 3)
    if 3 * joints not in _BODY_POSES:
        raise FormatError(f"{path}: body_pose: expected 21 or 23 joints in {len(root)} frames, found {body.shape}")
    vectors = _vectors(body, joints, f"{path}: body_pose")
    if len(vectors) != len(root):
        raise FormatError(f"{path}: body_pose: expected {len(root)} frames, found {len(vectors)}")
    poses = np.zeros((len(root), 3 * len(SMPL24)))
    poses[:, : 3 * (1 + joints)] = np.concatenate([root, vectors], axis=1)
    return poses


def _smplx_kind(content: Mapping[str, Any]) -> str:
    shape = np.shape(content["body_pose"])
    values = 9 if shape[-2:] == (3, 3) else 3
    return _BODY_POSES[3 * (int(np.prod(shape)) // values // max(len(content["global_orient"]), 1))]


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
