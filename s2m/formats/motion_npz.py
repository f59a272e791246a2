"""Reading motion of bodies of any length: AMASS's npz of SMPL, SMPL-H and SMPL-X, and what `s2m ik` writes.

``poses`` (T, 72), (T, 156) or (T, 165) axis-angle, ``trans`` (T, 3) metres with +z up, ``betas``, ``gender`` and
``mocap_framerate`` (SMPL-X: ``mocap_frame_rate``). Poses go from the archive to the disk a few at a time, so that files
of any length are read in little memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError
from s2m.formats.npz import array_names, open_array, read_array
from s2m.formats.rates import RATES, rate_of
from s2m.formats.spool import Spool

_BODY, _FACE = 66, 9  # columns of root and 21 joints; of SMPL-X's jaw and eyes, which follow them
MODELS = {72: "smpl", 156: "smplh", 165: "smplx"}
"""Columns of a pose vector -> whose it is."""
_GENDERS = ("neutral", "female", "male")
_LARGEST = 1e6
_ROWS = 4096
_LARGEST_POSES = 1 << 40  # bytes; they go to the disk


@dataclass(frozen=True, eq=False)
class MotionFile:
    """A file's content.

    Attributes:
        poses: (T, 72) SMPL's or (T, 156) SMPL-H's axis-angle, on the disk; SMPL-X's jaw and eyes are dropped.
        trans: (T, 3) float64 metres.
        betas: (B,) whatever their number; all zero where the file has none.
        fps: Frames per second; ``None`` where the file does not tell.
        gender: ``neutral``, ``female`` or ``male``.
        model: ``smpl``, ``smplh`` or ``smplx``.
        body: What `s2m ik` says of the body that the betas belong to; "" in files of others.
        valid: (T,) False where a pose is only held.
        hands: Whether fingers, or SMPL's two hand joints, turn.
        up: The axis that points up; ``None`` where the file's kind does not tell.
        notes: What is left out, in words.
        of_pelvis: Whether ``trans`` is where the pelvis joint is, instead of SMPL's own place.
    """

    poses: Spool
    trans: NDArray[np.float64]
    betas: NDArray[np.float32]
    fps: float | None
    gender: str
    model: str
    body: str
    valid: NDArray[np.bool_]
    hands: bool
    up: str | None = "z"
    notes: tuple[str, ...] = ()
    of_pelvis: bool = False


def read_motion_npz(path: Path, folder: Path) -> MotionFile:
    """Read an AMASS-style npz.

    Args:
        path: The file.
        folder: Where poses wait on the disk.

    Returns:
        Its content; whoever asked closes its ``poses``.

    Raises:
        FormatError: Names the file, the field, what was expected and what was found.
    """
    present = set(array_names(path))
    missing = [name for name in ("poses", "trans") if name not in present]
    if missing:
        found = ", ".join(sorted(present)[:20]) or "nothing"
        raise FormatError(f"{path}: {', '.join(missing)}: expected the motion of a body (AMASS), found {found}")
    fps = _rate(path, present)
    trans = _numbers(path, "trans").astype(np.float64)
    betas = one_row(_numbers(path, "betas"), path) if "betas" in present else np.zeros(10, np.float32)
    poses, model, hands, face = _poses(path, folder)
    try:
        count = len(poses)
        if trans.shape != (count, 3):
            raise FormatError(f"{path}: trans: expected {(count, 3)}, found {trans.shape}")
        valid = read_array(path, "valid") if "valid" in present else np.ones(count, bool)
        if valid.shape != (count,) or valid.dtype != np.bool_:
            raise FormatError(f"{path}: valid: expected {count} of true or false, found {valid.dtype} {valid.shape}")
        gender, body = gender_of(_word(path, "gender", present)), _word(path, "body", present)
    except BaseException:
        poses.close()
        raise
    notes = ("rotations of the face are left out",) if face else ()
    return MotionFile(poses, trans, betas, fps, gender, model, body, valid, hands, notes=notes)


def one_row(betas: NDArray[Any], path: Path) -> NDArray[np.float32]:
    """Betas of a person; some programs repeat them for every frame.

    Args:
        betas: (B,) or (T, B).
        path: The file, for messages.

    Returns:
        (B,).

    Raises:
        FormatError: For another shape.
    """
    row = betas[0] if betas.ndim == 2 and len(betas) else betas
    if row.ndim != 1:
        raise FormatError(f"{path}: betas: expected one row of numbers, found {row.shape}")
    return row.astype(np.float32)


def gender_of(word: str) -> str:
    """A gender as AMASS has it, of what a file calls it.

    Args:
        word: Such as ``b'male'``.
    """
    plain = word.strip("b'\"").lower()
    return plain if plain in _GENDERS else "neutral"


def _poses(path: Path, folder: Path) -> tuple[Spool, str, bool, bool]:
    """The poses, the model, whether hands turn, and whether a face does."""
    with open_array(path, "poses", _LARGEST_POSES) as entry:
        if entry.dtype.kind not in "iuf" or entry.fortran or len(entry.shape) != 2 or entry.shape[1] not in MODELS:
            widths = ", ".join(f"(frames, {width})" for width in MODELS)
            raise FormatError(f"{path}: poses: expected numbers, one of {widths}, found {entry.dtype} {entry.shape}")
        count, width = entry.shape
        if not count:
            raise FormatError(f"{path}: poses: expected frames, found none")
        spool, hands, face = Spool(folder), False, False
        try:
            for start in range(0, count, _ROWS):
                rows = min(_ROWS, count - start)
                content = _exactly(entry.stream, rows * width * entry.dtype.itemsize, f"{path}: poses")
                block = np.frombuffer(content, entry.dtype).reshape(rows, width)
                wide = _sane(block, f"{path}: poses").astype(np.float32)
                poses = narrow(wide)
                hands = hands or bool(poses[:, _BODY:].any())
                face = face or (wide.shape[1] > poses.shape[1] and bool(wide[:, _BODY : _BODY + _FACE].any()))
                spool.append(poses)
        except BaseException:
            spool.close()
            raise
        return spool, MODELS[width], hands, face


def _exactly(stream: Any, size: int, where: str) -> bytes:
    parts, left = [], size
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    if left:
        raise FormatError(f"{where}: expected {size} bytes more, found {size - left}")
    return b"".join(parts)


def narrow(poses: NDArray[np.float32]) -> NDArray[np.float32]:
    """SMPL-H's pose vectors of SMPL-X's; others as they are.

    Args:
        poses: (T, 72), (T, 156) or (T, 165) axis-angle.
    """
    if MODELS[poses.shape[1]] != "smplx":
        return poses
    return np.concatenate([poses[:, :_BODY], poses[:, _BODY + _FACE :]], axis=1)


def _sane(values: NDArray[Any], where: str) -> NDArray[Any]:
    if not (np.abs(values.astype(np.float64)) <= _LARGEST).all():
        raise FormatError(f"{where}: expected finite numbers, found some that are not, or beyond {_LARGEST:g}")
    return values


def numbers_of(value: Any, where: str) -> NDArray[np.float64]:
    """What a file holds as numbers.

    Args:
        value: An array, or lists that are one.
        where: Of the file, for messages.

    Raises:
        FormatError: It is none, or holds numbers that no motion has.
    """
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


def _numbers(path: Path, name: str) -> NDArray[Any]:
    values = read_array(path, name)
    if values.dtype.kind not in "iuf":
        raise FormatError(f"{path}: {name}: expected numbers, found {values.dtype}")
    return _sane(values, f"{path}: {name}")


def _rate(path: Path, present: set[str]) -> float | None:
    name = next((name for name in RATES if name in present), None)
    return None if name is None else rate_of(_numbers(path, name), path, name)


def _word(path: Path, name: str, present: set[str]) -> str:
    if name not in present:
        return ""
    values = read_array(path, name)
    if values.size != 1 or values.dtype.kind not in "US":
        raise FormatError(f"{path}: {name}: expected a word, found {values.dtype} {values.shape}")
    word = values.reshape(()).item()
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)
