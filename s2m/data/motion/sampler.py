"""Random poses within anatomical limits, to widen what the clips show.

Parts of a body may pass through each other: nothing forbids it.
"""

from __future__ import annotations

import numpy as np
import roma
import torch
from torch import Tensor

from s2m.data.motion.anatomy import LIMBS, MIRROR_SIGN, SEATED, SPINE_JOINT, TORSO, FloatArray
from s2m.skeletons import SMPL24, mirrored_name

_SPINE = ("spine1", "spine2", "spine3")
_ROOT_TILT = (18.0, 5.0, 12.0)


def identity_pose(count: int) -> Tensor:
    """Unit quaternions (count, 24, 4), x y z w, of the rest pose.

    Args:
        count: Number of poses.
    """
    pose = torch.zeros(count, len(SMPL24), 4)
    pose[..., 3] = 1.0
    return pose


def compose(axes: str, degrees: list[FloatArray], side: str = "left") -> Tensor:
    """Unit quaternions (N, 4) of intrinsic rotations about ``axes``; side "right" gives the mirror image.

    Args:
        axes: Axes in order, such as XZY (intrinsic).
        degrees: Angles (N,) about each axis, degrees.
        side: 'left' (or the middle), or 'right', which gives the mirror image.
    """
    signs = [MIRROR_SIGN[axis] if side == "right" else 1.0 for axis in axes]
    angles = [torch.from_numpy(np.deg2rad(sign * a)).float() for sign, a in zip(signs, degrees, strict=True)]
    if len(axes) == 1:
        vector = torch.zeros(len(angles[0]), 3)
        vector[:, "XYZ".index(axes)] = angles[0]
        single: Tensor = roma.rotvec_to_unitquat(vector)
        return single
    rotation: Tensor = roma.euler_to_unitquat(axes, angles)
    return rotation


def sides(joint: str) -> tuple[tuple[str, str], ...]:
    """(joint, side) pairs that a row of the anatomical table stands for.

    Args:
        joint: Row of the table: a joint on the left or in the middle.
    """
    if joint.startswith("left_"):
        return ((joint, "left"), (mirrored_name(joint), "right"))
    return ((joint, "left"),)


def sample_poses(rng: np.random.Generator, count: int, any_root: float = 0.1) -> Tensor:
    """Independent poses (count, 24, 4), unit quaternions x y z w, +y-up world, extremities at rest.

    The root stands upright up to a tilt, facing +z; a share ``any_root`` of the poses has a root of any orientation.

    Args:
        rng: Source of random numbers.
        count: Number of poses.
        any_root: Share of poses whose root is turned any way.
    """
    pose = identity_pose(count)
    for name, limits in LIMBS.items():
        for joint, side in sides(name):
            degrees = [angle.draw(rng, count) for angle in limits.angles]
            pose[:, SMPL24.index(joint)] = compose(limits.axes, degrees, side)
    torso = [angle.draw(rng, count) / len(_SPINE) for angle in TORSO]
    for joint in _SPINE:
        own = [angle.draw(rng, count) for angle in SPINE_JOINT]
        pose[:, SMPL24.index(joint)] = compose("XYZ", [a + b for a, b in zip(torso, own, strict=True)])
    pose[:, SMPL24.root_index] = _roots(rng, count, any_root)
    return pose


def sample_seated(rng: np.random.Generator, count: int) -> Tensor:
    """People who sit, kneel or crouch, and some who lie: poses as of :func:`sample_poses` with bent legs.

    Args:
        rng: Source of random numbers.
        count: Number of poses.
    """
    pose = sample_poses(rng, count, any_root=0.0)
    kind = rng.choice(len(SEATED), size=count, p=[seat.share for seat in SEATED])
    for number, seat in enumerate(SEATED):
        rows = torch.from_numpy(np.flatnonzero(kind == number))
        for name, limits in seat.limbs.items():
            for joint, side in sides(name):
                degrees = [angle.draw(rng, len(rows)) for angle in limits.angles]
                pose[rows, SMPL24.index(joint)] = compose(limits.axes, degrees, side)
        lying = compose("X", [seat.root.draw(rng, len(rows))])
        pose[rows, SMPL24.root_index] = roma.quat_product(lying, pose[rows, SMPL24.root_index])
    return pose


def _roots(rng: np.random.Generator, count: int, any_root: float) -> Tensor:
    tilt = np.deg2rad(_ROOT_TILT) * rng.standard_normal((count, 3))
    roots = roma.rotvec_to_unitquat(torch.from_numpy(tilt).float())
    free = torch.from_numpy(rng.standard_normal((count, 4))).float()
    chosen = torch.from_numpy(rng.random(count) < any_root)
    return torch.where(chosen[:, None], torch.nn.functional.normalize(free, dim=1), roots)
