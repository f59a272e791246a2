"""DeepMimic's motion clips (``humanoid3d_*.txt``) as SMPL rotations.

A frame has 44 numbers: its duration, the root's position (3) and orientation, then the joints of :data:`_LAYOUT`,
either as a quaternion w, x, y, z or as the angle of a hinge about DeepMimic's +z.

DeepMimic's frame is +x front, +y up, +z right, with the arms hanging at rest. SMPL's is +x left, +y up, +z front,
with a T-pose at rest. :data:`TO_SMPL` takes the first to the second, for the body and for the world alike, and the
shoulders absorb the quarter turn that takes a T-pose arm to a hanging one. DeepMimic's one chest joint is shared
equally among SMPL's three spine joints, its neck between neck and head. Collars, wrists, hands and toes are still.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from s2m.data.motion.clips import JOINTS, Clip, MotionError, save_clips
from s2m.skeletons import SMPL24

TO_SMPL = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
_BALL, _HINGE = 4, 1
_LAYOUT = (
    ("root", _BALL),
    ("chest", _BALL),
    ("neck", _BALL),
    ("right_hip", _BALL),
    ("right_knee", _HINGE),
    ("right_ankle", _BALL),
    ("right_shoulder", _BALL),
    ("right_elbow", _HINGE),
    ("left_hip", _BALL),
    ("left_knee", _HINGE),
    ("left_ankle", _BALL),
    ("left_shoulder", _BALL),
    ("left_elbow", _HINGE),
)
_COLUMNS = 4 + sum(width for _, width in _LAYOUT)
_PREFIX = "humanoid3d_"


@dataclass(frozen=True)
class DeepMimicMotion:
    """A clip in DeepMimic's own frame: times (T,) seconds, position (T, 3) metres, local rotation of every joint.

    Args:
        name: Name of the clip.
        times: Times (T,), seconds.
        position: Places (T, 3) of the root, metres.
        rotations: Local rotations (T) by joint.
    """

    name: str
    times: NDArray[np.float64]
    position: NDArray[np.float64]
    rotations: dict[str, Rotation]


def read(path: str | Path) -> DeepMimicMotion:
    """Parse one file.

    Args:
        path: A motion file of DeepMimic.

    Raises:
        MotionError: The message names the file and the field.
    """
    path = Path(path)
    try:
        frames = np.array(json.loads(path.read_text())["Frames"], dtype=np.float64)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise MotionError(f"{path}: not a DeepMimic motion file ({type(error).__name__}: {error})") from error
    if frames.ndim != 2 or frames.shape[1] != _COLUMNS or len(frames) < 2:
        raise MotionError(f"{path}: Frames: expected at least 2 rows of {_COLUMNS} numbers, found {frames.shape}")
    if not np.isfinite(frames).all() or (frames[:-1, 0] <= 0).any():
        raise MotionError(f"{path}: Frames: values must be finite and durations positive")
    rotations, column = {}, 4
    for joint, width in _LAYOUT:
        values = frames[:, column : column + width]
        column += width
        if width == _BALL:
            rotations[joint] = Rotation.from_quat(np.roll(values, -1, axis=1))
        else:
            rotations[joint] = Rotation.from_rotvec(values * np.array([[0.0, 0.0, 1.0]]))
    times = np.concatenate([[0.0], np.cumsum(frames[:-1, 0])])
    return DeepMimicMotion(path.stem.removeprefix(_PREFIX), times, frames[:, 1:4], rotations)


def resample(motion: DeepMimicMotion, fps: float) -> DeepMimicMotion:
    """Interpolate to a constant rate (slerp for rotations); the clips come at 16 to 60 Hz.

    Args:
        motion: The motion.
        fps: Frames per second.
    """
    times = np.arange(0.0, motion.times[-1] + 1e-9, 1.0 / fps)
    position = np.stack([np.interp(times, motion.times, motion.position[:, k]) for k in range(3)], axis=1)
    rotations = {joint: Slerp(motion.times, rotation)(times) for joint, rotation in motion.rotations.items()}
    return DeepMimicMotion(motion.name, times, position, rotations)


def to_smpl(motion: DeepMimicMotion, fps: float) -> Clip:
    """Convert a motion sampled at ``fps`` to SMPL's joints and axes.

    Args:
        motion: The motion.
        fps: Frames per second.
    """
    axes = Rotation.from_matrix(TO_SMPL)
    turned = {joint: axes * rotation * axes.inv() for joint, rotation in motion.rotations.items()}
    poses = np.zeros((len(motion.times), JOINTS, 3))

    def put(joint: str, rotation: Rotation, share: float = 1.0) -> None:
        poses[:, SMPL24.index(joint)] = rotation.as_rotvec() * share

    put("pelvis", turned["root"])
    for joint in ("spine1", "spine2", "spine3"):
        put(joint, turned["chest"], 1 / 3)
    for joint in ("neck", "head"):
        put(joint, turned["neck"], 1 / 2)
    for side, sign in (("left", -1), ("right", 1)):
        for joint in ("hip", "knee", "ankle"):
            put(f"{side}_{joint}", turned[f"{side}_{joint}"])
        hanging = Rotation.from_euler("z", sign * 90, degrees=True)
        put(f"{side}_shoulder", turned[f"{side}_shoulder"] * hanging)
        put(f"{side}_elbow", hanging.inv() * turned[f"{side}_elbow"] * hanging)
    return Clip(motion.name, poses.astype(np.float32), (motion.position @ TO_SMPL.T).astype(np.float32), fps)


def convert_folder(folder: str | Path, fps: float = 30.0) -> list[Clip]:
    """Convert every ``humanoid3d_*.txt`` of a folder, in the order of the names.

    Args:
        folder: Folder of the files.
        fps: Frames per second.

    Raises:
        MotionError: When there is none.
    """
    paths = sorted(Path(folder).glob(f"{_PREFIX}*.txt"))
    if not paths:
        raise MotionError(f"{folder}: no {_PREFIX}*.txt in this folder")
    return [to_smpl(resample(read(path), fps), fps) for path in paths]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: convert a folder of clips into one npz.

    Args:
        arguments: Command line without the program's name; that of the process if not given.
    """
    parser = argparse.ArgumentParser(prog="python -m s2m.data.motion.deepmimic", description=__doc__.split("\n")[0])
    parser.add_argument("motions", help="folder with humanoid3d_*.txt, e.g. pybullet_data/data/motions")
    parser.add_argument("-o", "--output", required=True, help="npz to write")
    parser.add_argument("--fps", type=float, default=30.0, help="constant frame rate of the result (default: 30)")
    options = parser.parse_args(arguments)
    try:
        clips = convert_folder(options.motions, options.fps)
        save_clips(options.output, clips)
    except (MotionError, OSError) as error:
        parser.exit(2, f"error: {error}\n")
    sys.stdout.write(f"{len(clips)} clips, {sum(map(len, clips))} frames -> {options.output}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
