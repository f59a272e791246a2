"""Motion clips in SMPL's format, and the clips that are shipped with the package.

World frame of every clip: +y up, metres; a body whose root rotation is the identity looks along +z and has its left
hand at +x. Sources that use another up axis (AMASS: +z) are turned when they are read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.files import write_npz

FloatArray = NDArray[np.float32]
OPEN_MOTION = Path(__file__).parent.parent / "assets" / "open_motion.npz"
JOINTS = 24


class MotionError(UserError, ValueError):
    """A motion file cannot be used; the message names the file and the field."""


@dataclass(frozen=True)
class Clip:
    """One recording.

    Args:
        name: Name of the recording.
        poses: (T, 24, 3) axis-angle in radians, SMPL's joint order; index 0 turns the body into the +y-up world.
        trans: (T, 3) metres, where the pelvis joint is in the same world.
        fps: Frames per second, constant.
    """

    name: str
    poses: FloatArray
    trans: FloatArray
    fps: float

    def __len__(self) -> int:
        return len(self.poses)


def save_clips(path: str | Path, clips: Sequence[Clip]) -> None:
    """Write clips of one frame rate into one npz without pickles: names, lengths, fps, poses (N, 72), trans (N, 3).

    Args:
        path: The npz file.
        clips: Motion clips.
    """
    rates = {clip.fps for clip in clips}
    if len(rates) != 1:
        raise MotionError(f"{path}: fps: expected one frame rate for all clips, found {sorted(rates)}")
    write_npz(
        path,
        {
            "names": np.array([clip.name for clip in clips]),
            "lengths": np.array([len(clip) for clip in clips], np.int64),
            "fps": np.float64(rates.pop()),
            "poses": np.concatenate([clip.poses.reshape(len(clip), JOINTS * 3) for clip in clips]).astype(np.float32),
            "trans": np.concatenate([clip.trans for clip in clips]).astype(np.float32),
        },
    )


def load_clips(path: str | Path) -> list[Clip]:
    """Read what :func:`save_clips` wrote.

    Args:
        path: The npz file.

    Raises:
        MotionError: The message names the file and the field.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            fields = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise MotionError(f"{path}: not a readable motion npz: {error}") from error
    missing = sorted({"names", "lengths", "fps", "poses", "trans"} - fields.keys())
    if missing:
        raise MotionError(f"{path}: fields missing: {', '.join(missing)}")
    total = int(fields["lengths"].sum())
    for name, width in (("poses", JOINTS * 3), ("trans", 3)):
        if fields[name].shape != (total, width):
            raise MotionError(f"{path}: {name}: expected shape {(total, width)}, found {fields[name].shape}")
        if not np.isfinite(fields[name]).all():
            raise MotionError(f"{path}: {name}: holds values that are not finite")
    clips, start = [], 0
    for name, length in zip(fields["names"].tolist(), fields["lengths"].tolist(), strict=True):
        stop = start + length
        poses = fields["poses"][start:stop].reshape(length, JOINTS, 3)
        clips.append(Clip(name, poses, fields["trans"][start:stop], float(fields["fps"])))
        start = stop
    return clips


def open_motion() -> list[Clip]:
    """The 15 shipped clips (assets/NOTICE.md says where they come from)."""
    return load_clips(OPEN_MOTION)
