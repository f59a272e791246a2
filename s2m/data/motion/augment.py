"""Ways to widen motion: mirror images, turns, blends of poses, and movement of the extremities.

Poses are unit quaternions (N, 24, 4), x y z w, in the +y-up world; see :mod:`s2m.data.motion.clips`.
"""

from __future__ import annotations

import numpy as np
import roma
import torch
from torch import Tensor

from s2m.data.motion.anatomy import ENDPOINT_LIMITS, FloatArray
from s2m.data.motion.sampler import compose, sides
from s2m.skeletons import SMPL24

_LOWER = tuple(joint for joint in SMPL24.joints if joint.endswith(("hip", "knee", "ankle", "foot")))
_MIRRORED_QUATERNION = (1.0, -1.0, -1.0, 1.0)
_WAVES = 4
_WAVE_HZ = (0.15, 1.2)


def mirror(poses: Tensor) -> Tensor:
    """The mirror image across the sagittal plane x = 0: left and right change places.

    Args:
        poses: Poses (N, 24, 4): unit quaternions x y z w.
    """
    return poses[:, list(SMPL24.mirror)] * poses.new_tensor(_MIRRORED_QUATERNION)


def turn(poses: Tensor, yaw: Tensor) -> Tensor:
    """Turn the root about the world's +y by ``yaw`` (N,) radians.

    Args:
        poses: Poses (N, 24, 4): unit quaternions x y z w.
        yaw: Angles (N,), radians.
    """
    vector = torch.zeros(len(yaw), 3).to(poses)
    vector[:, 1] = yaw
    turned = poses.clone()
    root = SMPL24.root_index
    turned[:, root] = roma.quat_product(roma.rotvec_to_unitquat(vector), poses[:, root])
    return turned


def slerp(first: Tensor, second: Tensor, weight: Tensor) -> Tensor:
    """Shortest-path interpolation of unit quaternions (..., 4) by weight (...) in [0, 1].

    Args:
        first: Unit quaternions (..., 4).
        second: Unit quaternions (..., 4).
        weight: Weights (...) of the second, 0 to 1.
    """
    step = roma.unitquat_to_rotvec(roma.quat_product(roma.quat_conjugation(first), second))
    between: Tensor = roma.quat_product(first, roma.rotvec_to_unitquat(weight[..., None] * step))
    return between


def blend(first: Tensor, second: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Blend two sets of poses joint by joint; legs and the rest have weights of their own (N,), the root is first's.

    Args:
        first: Unit quaternions (..., 4).
        second: Unit quaternions (..., 4).
        lower: Weight (N,) of the second for the legs.
        upper: Weight (N,) of the second for the rest.
    """
    weight = upper[:, None].expand(-1, len(SMPL24)).clone()
    weight[:, SMPL24.indices(_LOWER)] = lower[:, None]
    weight[:, SMPL24.root_index] = 0.0
    return slerp(first, second, weight)


def independent_noise(rng: np.random.Generator, frames: int) -> FloatArray:
    """Standard normal values (frames,), one per independent frame.

    Args:
        rng: Source of random numbers; the result is a function of its state.
        frames: How many values.
    """
    return rng.standard_normal(frames)


def smooth_noise(rng: np.random.Generator, frames: int, fps: float) -> FloatArray:
    """A band-limited signal (frames,) of about unit variance over time: a sum of slow waves (0.15 to 1.2 Hz).

    Args:
        rng: Source of random numbers; the result is a function of its state.
        frames: How many values.
        fps: Frames per second.
    """
    frequency = rng.uniform(*_WAVE_HZ, _WAVES)
    phase = rng.uniform(0, 2 * np.pi, _WAVES)
    weight = rng.uniform(0.3, 1.0, _WAVES)
    time = np.arange(frames)[:, None] / fps
    waves: FloatArray = (weight * np.sin(2 * np.pi * frequency * time + phase)).sum(1)
    return waves * float(np.sqrt(2.0 / (weight**2).sum()))


def move_endpoints(poses: Tensor, rng: np.random.Generator, fps: float | None, still: bool = False) -> Tensor:
    """Add movement of head, wrists, hands, ankles and feet within anatomical limits.

    Args:
        poses: Poses (N, 24, 4): unit quaternions x y z w.
        rng: Source of random numbers; the result is a function of its state.
        fps: Rate of a clip, whose movement is then smooth in time; ``None`` for independent frames.
        still: The joints are at rest in ``poses`` (the sampler's), so every one gets its full range; else (clips)
            ankles get a share.
    """
    moved, frames = poses.clone(), len(poses)
    for name, limits in ENDPOINT_LIMITS.items():
        share = 1.0 if still else limits.share
        for joint, side in sides(name):
            degrees = []
            for angle in limits.angles:
                unit = independent_noise(rng, frames) if fps is None else smooth_noise(rng, frames, fps)
                degrees.append(share * angle.from_unit(unit))
            index = SMPL24.index(joint)
            moved[:, index] = roma.quat_product(poses[:, index], compose(limits.axes, degrees, side))
    return moved
