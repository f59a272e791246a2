"""SURREAL's files: ``*_info.mat`` and ``*_segm.mat`` of one clip, MATLAB v5 (README of gulvarol/surreal)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.matlab import load_variables
from s2m.data.zoo.source import Array, SourceError
from s2m.skeletons import SMPL24

IMAGE_SIZE = (320, 240)
_JOINTS = len(SMPL24)
_FIELDS = ("joints2D", "joints3D", "pose", "shape", "gender", "camLoc", "zrot")
# The README's numbers (main_part1.py: {0: 'female', 1: 'male'}); a comment in main_part1.py has them the other way.
_GENDERS = {0: "female", 1: "male"}


@dataclass(frozen=True)
class Clip:
    """A clip as its file has it.

    Args:
        file: The clip's file.
        joints2d: (T, 24, 2) pixels.
        joints3d: (T, 24, 3) metres, Blender's world.
        poses: (T, 72), without zrot.
        betas: (T, 10).
        gender: "female" or "male".
        camera: (3,) metres, the camera's place in the world.
        zrot: (T,) radians.
    """

    file: Path
    joints2d: Array
    joints3d: Array
    poses: Array
    betas: Array
    gender: str
    camera: Array
    zrot: Array

    def __len__(self) -> int:
        return len(self.poses)


def read_clip(file: Path) -> Clip:
    """Read an ``*_info.mat``.

    Args:
        file: The clip's file.

    Raises:
        SourceError: The message names file, field, expected and found.
    """
    fields = load_variables(file, _FIELDS)
    for name, value in fields.items():
        if not np.issubdtype(value.dtype, np.number):
            raise SourceError(f"{file}: field {name}: expected numbers, found {value.dtype}")
    frames = _frames(file, fields["pose"])
    numbers = {name: np.asarray(value, np.float64) for name, value in fields.items()}
    for name in ("pose", "shape", "camLoc", "zrot"):
        if not np.isfinite(numbers[name]).all():
            raise SourceError(f"{file}: field {name}: holds values that are not finite")
    return Clip(
        file,
        _by_frame(file, "joints2D", numbers["joints2D"], (2, _JOINTS, frames)).transpose(2, 1, 0),
        _by_frame(file, "joints3D", numbers["joints3D"], (3, _JOINTS, frames)).transpose(2, 1, 0),
        numbers["pose"].T,
        _by_frame(file, "shape", numbers["shape"], (10, frames)).T,
        _gender(file, numbers["gender"].ravel()),
        _flat(file, "camLoc", numbers["camLoc"], 3),
        _flat(file, "zrot", numbers["zrot"], frames),
    )


def _frames(file: Path, pose: Array) -> int:
    if pose.ndim != 2 or pose.shape[0] != 72 or pose.shape[1] == 0:
        raise SourceError(f"{file}: field pose: expected (72, frames), found {pose.shape}")
    return int(pose.shape[1])


def _by_frame(file: Path, name: str, value: Array, expected: tuple[int, ...]) -> Array:
    # MATLAB drops a last axis of length one: a clip of a single frame has joints2D of 2 x 24
    if expected[-1] == 1 and value.shape == expected[:-1]:
        value = value[..., None]
    if value.shape != expected:
        raise SourceError(f"{file}: field {name}: expected {expected}, found {value.shape}")
    return value


def _flat(file: Path, name: str, value: Array, count: int) -> Array:
    if value.size != count:
        raise SourceError(f"{file}: field {name}: expected {count} numbers, found {value.shape}")
    return value.ravel()


def _gender(file: Path, numbers: Array) -> str:
    found = set(numbers.tolist())
    if len(found) != 1 or not found <= set(_GENDERS):
        raise SourceError(f"{file}: field gender: expected 0 (female) or 1 (male) in all frames, found {sorted(found)}")
    return _GENDERS[int(numbers[0])]


class Segmentation:
    """Masks out of ``*_segm.mat``: whatever is not background (0) is person; parts are 1 to 24.

    Args:
        file: The clip's file.
        frame: (T,) number of each row, from 0; the file counts ``segm_1`` ... .
        mirrored: Whether to mirror the pictures.
    """

    def __init__(self, file: Path, frame: NDArray[np.int64], mirrored: bool) -> None:
        self.file, self.frame, self.mirrored = file, frame, mirrored

    def read(self, rows: NDArray[np.int64], windows: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """(n, 240, 320) bool.

        Args:
            rows: Increasing rows of the recording's arrays.
            windows: Boxes (n, 4) x0, y0, x1, y1 in pixels; what lies outside need not be read. None: whole images.

        Raises:
            SourceError: The message names file and variable.
        """
        width, height = IMAGE_SIZE
        names = [f"segm_{int(self.frame[row]) + 1}" for row in rows]
        masks = np.zeros((len(rows), height, width), bool)
        parts: dict[str, NDArray[Any]] = load_variables(self.file, names, numbers=True) if names else {}
        for position, name in enumerate(names):
            if parts[name].shape != (height, width):
                raise SourceError(f"{self.file}: field {name}: expected {(height, width)}, found {parts[name].shape}")
            masks[position] = parts[name] > 0
        return masks[:, :, ::-1] if self.mirrored else masks
