"""Reading motion of bodies: AMASS's npz of SMPL, SMPL-H and SMPL-X, and what `s2m ik` writes.

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
from s2m.formats.spool import Spool

_BODY, _FACE = 66, 9  # columns of root and 21 joints; of SMPL-X's jaw and eyes, which follow them
_MODELS = {72: "smpl", 156: "smplh", 165: "smplx"}
_RATES = ("mocap_framerate", "mocap_frame_rate", "fps")
_SLOWEST, _FASTEST = 0.1, 10_000.0
_LARGEST = 1e6
_ROWS = 4096
_LARGEST_POSES = 1 << 40  # bytes; they go to the disk


@dataclass(frozen=True, eq=False)
class MotionFile:
    """A file's content.

    Attributes:
        poses: (T, 72) SMPL's or (T, 156) SMPL-H's axis-angle, on the disk; SMPL-X's jaw and eyes are dropped.
        trans: (T, 3) float64 metres, +z up.
        betas: (B,) whatever their number; all zero where the file has none.
        fps: Frames per second.
        gender: As the file has it.
        model: ``smpl``, ``smplh`` or ``smplx``.
        body: What `s2m ik` says of the body that the betas belong to; "" in files of others.
        valid: (T,) False where a pose is only held.
        hands: Whether fingers, or SMPL's two hand joints, turn.
    """

    poses: Spool
    trans: NDArray[np.float64]
    betas: NDArray[np.float32]
    fps: float
    gender: str
    model: str
    body: str
    valid: NDArray[np.bool_]
    hands: bool


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
    betas = _numbers(path, "betas").astype(np.float32) if "betas" in present else np.zeros(10, np.float32)
    if betas.ndim == 2 and len(betas):
        betas = betas[0]  # some programs repeat them for every frame
    if betas.ndim != 1:
        raise FormatError(f"{path}: betas: expected one row of numbers, found {betas.shape}")
    poses, model, hands = _poses(path, folder)
    try:
        count = len(poses)
        if trans.shape != (count, 3):
            raise FormatError(f"{path}: trans: expected {(count, 3)}, found {trans.shape}")
        valid = read_array(path, "valid") if "valid" in present else np.ones(count, bool)
        if valid.shape != (count,) or valid.dtype != np.bool_:
            raise FormatError(f"{path}: valid: expected {count} of true or false, found {valid.dtype} {valid.shape}")
        gender, body = _word(path, "gender", present) or "neutral", _word(path, "body", present)
    except BaseException:
        poses.close()
        raise
    return MotionFile(poses, trans, betas, fps, gender, model, body, valid, hands)


def _poses(path: Path, folder: Path) -> tuple[Spool, str, bool]:
    with open_array(path, "poses", _LARGEST_POSES) as entry:
        if entry.dtype.kind not in "iuf" or entry.fortran or len(entry.shape) != 2 or entry.shape[1] not in _MODELS:
            widths = ", ".join(f"(frames, {width})" for width in _MODELS)
            raise FormatError(f"{path}: poses: expected numbers, one of {widths}, found {entry.dtype} {entry.shape}")
        count, width = entry.shape
        if not count:
            raise FormatError(f"{path}: poses: expected frames, found none")
        spool, hands = Spool(folder), False
        try:
            for start in range(0, count, _ROWS):
                rows = min(_ROWS, count - start)
                content = _exactly(entry.stream, rows * width * entry.dtype.itemsize, f"{path}: poses")
                block = np.frombuffer(content, entry.dtype).reshape(rows, width)
                poses = _narrow(_sane(block, f"{path}: poses").astype(np.float32))
                hands = hands or bool(poses[:, _BODY:].any())
                spool.append(poses)
        except BaseException:
            spool.close()
            raise
        return spool, _MODELS[width], hands


def _exactly(stream: Any, size: int, where: str) -> bytes:
    parts, left = [], size
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    if left:
        raise FormatError(f"{where}: expected {size} bytes more, found {size - left}")
    return b"".join(parts)


def _narrow(poses: NDArray[np.float32]) -> NDArray[np.float32]:
    """SMPL-H's pose vectors of SMPL-X's; others as they are."""
    if _MODELS[poses.shape[1]] != "smplx":
        return poses
    return np.concatenate([poses[:, :_BODY], poses[:, _BODY + _FACE :]], axis=1)


def _sane(values: NDArray[Any], where: str) -> NDArray[Any]:
    if not (np.abs(values.astype(np.float64)) <= _LARGEST).all():
        raise FormatError(f"{where}: expected finite numbers, found some that are not, or beyond {_LARGEST:g}")
    return values


def _numbers(path: Path, name: str) -> NDArray[Any]:
    values = read_array(path, name)
    if values.dtype.kind not in "iuf":
        raise FormatError(f"{path}: {name}: expected numbers, found {values.dtype}")
    return _sane(values, f"{path}: {name}")


def _rate(path: Path, present: set[str]) -> float:
    name = next((name for name in _RATES if name in present), None)
    if name is None:
        raise FormatError(f"{path}: {_RATES[0]}: missing; expected the frames per second")
    values = _numbers(path, name)
    if values.size != 1 or not _SLOWEST <= float(values.reshape(())) <= _FASTEST:
        found = f"{float(values.reshape(())):g}" if values.size == 1 else f"{values.size} numbers"
        raise FormatError(f"{path}: {name}: expected one number of {_SLOWEST:g} to {_FASTEST:g}, found {found}")
    return float(values.reshape(()))


def _word(path: Path, name: str, present: set[str]) -> str:
    if name not in present:
        return ""
    values = read_array(path, name)
    if values.size != 1 or values.dtype.kind not in "US":
        raise FormatError(f"{path}: {name}: expected a word, found {values.dtype} {values.shape}")
    word = values.reshape(()).item()
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)
