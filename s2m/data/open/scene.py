"""People in front of cameras: from world poses to body parameters in the camera frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.batch import BodyParams
from s2m.data.open.config import CameraRange
from s2m.geometry.camera import FACING_CAMERA
from s2m.skeletons import SMPL24

FloatArray = NDArray[np.float64]
# Metres of an upright person, and how wide people are compared with that: for the picture's composition alone.
_UPRIGHT, _SLENDER = 1.7, 0.5


@dataclass(frozen=True)
class Cameras:
    """One camera per frame. The azimuth is the turn of the body.

    Args:
        elevation: (N,) radians, positive looks down.
        roll: (N,) radians about the optical axis.
        target: (N, 3) metres, camera frame, where the body's place in the world lands.
        intrinsics: (N, 4) pixels.
    """

    elevation: Tensor
    roll: Tensor
    target: Tensor
    intrinsics: Tensor


def draw_cameras(rng: np.random.Generator, count: int, camera: CameraRange) -> Cameras:
    """Independent cameras.

    Args:
        rng: Source of random numbers; the result is a function of its state.
        count: Number of cameras.
        camera: Ranges that are drawn from.
    """
    focal = _log_uniform(rng, camera.focal, count)
    size = _log_uniform(rng, camera.size, count)
    distance = np.clip(focal * _UPRIGHT / size, *camera.distance)
    elevation, roll = (np.deg2rad(angle.draw(rng, count)) for angle in (camera.elevation, camera.roll))
    free = 1 - np.clip(focal * _UPRIGHT / distance, 0, 1)[:, None] * np.array([_SLENDER, 1.0])
    shift = camera.offset * free * rng.uniform(-0.5, 0.5, (count, 2)) / focal[:, None]
    target = np.concatenate([shift * distance[:, None], distance[:, None]], axis=1)
    pixels = np.stack([focal, focal, np.full(count, 0.5), np.full(count, 0.5)], 1) * camera.image_size
    return Cameras(*(torch.from_numpy(value).float() for value in (elevation, roll, target, pixels)))


def _log_uniform(rng: np.random.Generator, limits: tuple[float, float], count: int) -> FloatArray:
    low, high = np.log(limits)
    drawn: FloatArray = np.exp(rng.uniform(low, high, count))
    return drawn


def place(poses: Tensor, position: Tensor, betas: Tensor, pelvis: Tensor, cameras: Cameras) -> BodyParams:
    """Body parameters in the camera frame.

    Args:
        poses: (N, 24, 4) unit quaternions in the +y-up world.
        position: (N, 3) metres in that world, of the pelvis relative to the point the camera's ``target`` stands for.
        betas: Shape parameters (N, 10).
        pelvis: (N, 3) the pelvis joint of the body at rest: SMPL turns about it, so the translation is what is left to
            reach the wanted place.
        cameras: The cameras (N).
    """
    axes = torch.eye(3)
    roll, tilt = (
        roma.rotvec_to_rotmat(angle[:, None] * axis)
        for angle, axis in ((cameras.roll, axes[2]), (cameras.elevation, axes[0]))
    )
    world_to_camera = roll @ tilt @ FACING_CAMERA
    rotations = roma.unitquat_to_rotmat(poses)
    root = SMPL24.root_index
    rotations[:, root] = world_to_camera @ rotations[:, root]
    wanted = cameras.target + (world_to_camera @ position[..., None])[..., 0]
    return BodyParams.from_rotations(rotations, betas, wanted - pelvis)


def steady(trans: FloatArray) -> FloatArray:
    """The path (T, 3) of a clip for a camera that follows it: without its mean and its straight horizontal part.

    Args:
        trans: Positions (T, 3) of the root, metres, +y up.
    """
    path: FloatArray = trans - trans.mean(0)
    if len(path) > 1:
        time = np.linspace(-1, 1, len(path))
        slope = (time[:, None] * path).sum(0) / (time**2).sum()
        slope[1] = 0.0
        path = path - time[:, None] * slope
    return path
