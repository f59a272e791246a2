"""SURREAL's official layout (README of gulvarol/surreal), written from the open body with known truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat, savemat
from scipy.spatial.transform import Rotation

from s2m.skeletons import SMPL24
from tests.data.zoo.fabricate.people import BETAS, draw, motion, pose

Floats = NDArray[np.float64]
SIZE = (320, 240)
K = np.array([[600.0, 0, 160], [0, 600, 120], [0, 0, 1]])
CAM_LOC = np.array([6.7456, -0.9839, -1.9293])
# Left and right of SMPL's 24 joints exchanged, by hand.
SWAP = [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]


@dataclass(frozen=True)
class Truth:
    """What a reader must give: a picture mirrored back, its camera a rotation.

    joints2d: (T, 24, 2) unrounded pixels; joints3d, vertices: metres, camera frame; poses: roots to the camera frame.
    """

    info: Path
    segm: Path
    joints2d: Floats
    joints3d: Floats
    vertices: Floats
    poses: Floats
    transl: Floats
    zrot: float
    masks: NDArray[np.bool_]


def extrinsic(cam_loc: Floats) -> tuple[Floats, Floats]:
    """getExtrinsicBlender.m, line by line: R and T of world to camera; R is a reflection."""
    to_blender = np.array([[0, 0, 1], [0, -1, 0], [-1, 0, 0]]).T
    to_vision = np.array([[1, 0, 0], [0, -1, 0], [0, 0, -1]])
    return to_vision @ to_blender, to_vision @ (-1 * to_blender @ cam_loc)


def official_projection(world: Floats, cam_loc: Floats = CAM_LOC) -> Floats:
    """main.m without the rounding: (..., 3) metres to (..., 2) pixels of the stored, mirrored picture."""
    rotation, translation = extrinsic(cam_loc)
    homogeneous = (world @ rotation.T + translation) @ K.T
    return homogeneous[..., :2] / homogeneous[..., 2:]


def write_clip(
    cmu: Path,
    split: str = "train",
    run: int = 0,
    sequence: str = "01_01",
    number: int = 1,
    frames: int = 3,
    gender: str = "female",
    model: Path | None = None,
    zrot: float = 2.1,
    mirrored: bool = True,
) -> Truth:
    """Write a clip's ``_info.mat`` and ``_segm.mat``. mirrored: False for a picture that was mirrored back before."""
    upright = motion(frames)
    # the mocap is +z up: turn a +y up motion about x, and do not turn it by zrot yet
    mocap = upright.copy()
    mocap[:, :3] = (Rotation.from_euler("x", 90, degrees=True) * Rotation.from_rotvec(upright[:, :3])).as_rotvec()
    r90, rz = Rotation.from_euler("x", 90, degrees=True), Rotation.from_euler("z", zrot)
    world = mocap.copy()
    world[:, :3] = (r90 * rz * Rotation.from_rotvec(mocap[:, :3])).as_rotvec()
    # the first frame's pelvis 1 m from the world's origin, about 7 m before the camera
    drift = np.linspace([-0.9, -1.0, -1.9], [-0.7, -1.0, -1.7], frames)
    posed = pose(model, world, BETAS, np.zeros((frames, 3)))
    place = drift - posed.joints[:, 0]
    joints, vertices = posed.joints + place[:, None], posed.vertices + place[:, None]
    stored = official_projection(joints)
    silhouettes = np.stack([draw(official_projection(v), SIZE) for v in vertices])
    if not mirrored:
        stored, silhouettes = stored * [-1, 1] + [SIZE[0], 0], silhouettes[:, :, ::-1]
    folder = cmu / split / f"run{run}" / sequence
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{sequence}_c{number:04d}"
    info, segm = folder / f"{stem}_info.mat", folder / f"{stem}_segm.mat"
    write_info(info, mocap, joints, np.round(stored), gender, zrot, stem)
    # parts are numbers 1 to 24, column by column here
    parts = (1 + np.arange(SIZE[0]) % 24).astype(np.uint8)
    savemat(segm, {f"segm_{t + 1}": mask * parts for t, mask in enumerate(silhouettes)}, do_compression=True)
    return _truth(
        info, segm, joints, vertices, world, place, zrot, silhouettes[:, :, ::-1] if mirrored else silhouettes
    )


def _truth(
    info: Path, segm: Path, joints: Floats, vertices: Floats, world: Floats, place: Floats, zrot: float, masks: Any
) -> Truth:
    rotation, translation = extrinsic(CAM_LOC)
    flip = np.diag([-1.0, 1.0, 1.0])
    turn, move = flip @ rotation, flip @ translation
    poses = world.copy()
    poses[:, :3] = (Rotation.from_matrix(turn) * Rotation.from_rotvec(world[:, :3])).as_rotvec()
    seen = official_projection(joints) * [-1, 1] + [SIZE[0], 0]
    # smplx adds transl after turning about the pelvis at rest, which pose() left at its place
    rest_pelvis = joints[:, 0] - place
    transl = joints[:, 0] @ turn.T + move - rest_pelvis
    return Truth(info, segm, seen, joints @ turn.T + move, vertices @ turn.T + move, poses, transl, zrot, masks)


def write_info(
    file: Path, mocap: Floats, joints: Floats, joints2d: Floats, gender: str, zrot: float, stem: str
) -> None:
    """All variables of the README, in its shapes and types. A last axis of length one is dropped, as MATLAB does."""
    frames = len(mocap)
    names = np.empty((1, frames), object)
    names[:] = "bg_or_cloth.jpg"
    flat = joints2d.transpose(2, 1, 0).astype(np.float32)
    solid = joints.transpose(2, 1, 0).astype(np.float32)
    savemat(
        file,
        {
            "bg": names,
            "camDist": np.float32(8.0),
            "camLoc": CAM_LOC[:, None].astype(np.float32),
            "clipNo": 1.0,
            "cloth": names,
            "gender": np.full((frames, 1), {"female": 0, "male": 1}[gender], np.uint8),
            "joints2D": flat[..., 0] if frames == 1 else flat,
            "joints3D": solid[..., 0] if frames == 1 else solid,
            "light": np.zeros((9, frames), np.float32),
            "pose": mocap.T.astype(np.float32),
            "sequence": stem,
            "shape": np.repeat(BETAS[:, None], frames, axis=1).astype(np.float32),
            "source": "cmu",
            "stride": np.uint8(50),
            "zrot": np.full((frames, 1), zrot, np.float32),
        },
    )


def change(file: Path, **changes: Any) -> None:
    """Replace variables of a file; ``None`` removes one, a function is given the old value."""
    content = {name: value for name, value in loadmat(file).items() if not name.startswith("__")}
    for name, value in changes.items():
        if value is None:
            del content[name]
        else:
            content[name] = value(content[name]) if callable(value) else value
    savemat(file, content)


assert list(SMPL24.mirror) == SWAP
