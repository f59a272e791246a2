"""BVH: the skeleton and its motion, without shape.

Centimetres, +y up, 24 joints with the person's bone lengths. The rest pose is SMPL's T-pose, looking along +z, with the
pelvis at the origin; the root's position channels are where the pelvis is. Rotations are Z, X, Y Euler angles in
degrees, as most programs write them. Format: Meredith and Maddock, "Motion Capture File Formats Explained" (2001).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from s2m.export.motion import BodyMotion, Floats, Rest
from s2m.files import replacing
from s2m.skeletons import SMPL24

_ORDER = "ZXY"
_CENTIMETRES = 100.0
_ROTATIONS = " ".join(f"{axis}rotation" for axis in _ORDER)


def write_bvh(path: str | Path, motion: BodyMotion, names: tuple[str, ...] = SMPL24.joints) -> None:
    """Write one person as BVH, whole or not at all, in little memory.

    Args:
        path: The file to write.
        motion: The motion.
        names: Of SMPL's 24 joints, in their order.

    Raises:
        WriteError: It cannot be written.
    """
    order = _depth_first()
    line = " ".join(["%.6f"] * (3 + 3 * len(order))) + "\n"
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_hierarchy(motion.rest, names))
        file.write(f"MOTION\nFrames: {len(motion)}\nFrame Time: {1 / motion.fps:.10f}\n")
        last = None
        for start, stop in motion.pieces():
            frames = motion.y_up(start, stop)
            angles = _euler(frames.rotations[:, order])
            angles = angles if last is None else np.concatenate([last, angles])
            # Half a turn either way is one place, but programs that show frames between would spin through a whole one.
            angles = np.unwrap(angles, axis=0, period=360)[-len(frames.pelvis) :]
            last = angles[-1:]
            rows = np.concatenate([frames.pelvis * _CENTIMETRES, angles], axis=1)
            file.writelines(line % tuple(row) for row in rows.tolist())


def _euler(rotations: Floats) -> Floats:
    """(N, 3 J) degrees."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of gimbal lock: the angles are not unique there, but right
        angles: Floats = Rotation.from_quat(rotations.reshape(-1, 4)).as_euler(_ORDER, degrees=True)
    return angles.reshape(len(rotations), -1)


def _children(joint: int) -> list[int]:
    return [child for child, parent in enumerate(SMPL24.parents) if parent == joint]


def _depth_first(joint: int = SMPL24.root_index) -> list[int]:
    return [joint, *(below for child in _children(joint) for below in _depth_first(child))]


def _hierarchy(rest: Rest, names: tuple[str, ...]) -> Iterator[str]:
    yield "HIERARCHY\n"
    yield from _branch(SMPL24.root_index, rest, names, 0)


def _branch(joint: int, rest: Rest, names: tuple[str, ...], depth: int) -> Iterator[str]:
    margin, root = "\t" * depth, joint == SMPL24.root_index
    offset = np.zeros(3) if root else rest.offsets[joint]
    places = "Xposition Yposition Zposition " if root else ""
    yield f"{margin}{'ROOT' if root else 'JOINT'} {names[joint]}\n{margin}{{\n"
    yield f"{margin}\t{_offset(offset)}{margin}\tCHANNELS {6 if root else 3} {places}{_ROTATIONS}\n"
    children = _children(joint)
    for child in children:
        yield from _branch(child, rest, names, depth + 1)
    if not children:
        yield f"{margin}\tEnd Site\n{margin}\t{{\n{margin}\t\t{_offset(_end(joint, rest))}{margin}\t}}\n"
    yield f"{margin}}}\n"


def _offset(place: Floats) -> str:
    return "OFFSET " + " ".join(f"{value:.6f}" for value in place * _CENTIMETRES) + "\n"


def _end(joint: int, rest: Rest) -> Floats:
    """Where the last bone of a limb ends: as far along it as the skin that it carries reaches."""
    bone = rest.offsets[joint] / max(float(np.linalg.norm(rest.offsets[joint])), 1e-9)
    carried = rest.weights[:, joint] > 0.5
    reach = (rest.vertices[carried] - rest.joints[joint]) @ bone
    return bone * max(float(reach.max(initial=0.0)), 0.01)
