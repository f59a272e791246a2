"""How a SURREAL clip's 2D joints, 3D joints and pose belong together: found by projecting, not assumed.

The camera of SURREAL's Blender scene is a reflection: its ``matrix_world`` has determinant -1 (datageneration/
main_part1.py and misc/3Dto2D/getExtrinsicBlender.m of gulvarol/surreal). The pictures show mirrored people, which is
why their left and right seem swapped against SMPL's (issue 10 there). A pose in SMPL format cannot be mirrored
without changing the body, a picture can: as isarandi/posepile does (src/posepile/ds/surreal), the picture, its joints
and masks are mirrored, and the camera becomes a rotation. Label sets that others corrected on their own differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.spatial.transform import Rotation

from s2m.data.zoo.source import Array, Camera, SourceError
from s2m.data.zoo.surreal_files import IMAGE_SIZE, Clip
from s2m.skeletons import SMPL24

# 60 mm lens, 32 mm sensor, 320 pixels (getIntrinsicBlender.m).
CAMERA = Camera(600.0, 600.0, 160.0, 120.0)
# getExtrinsicBlender.m: world to camera (+x right, +y down, +z forward); its determinant is -1.
_OFFICIAL = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
_MIRROR_X = np.diag([-1.0, 1.0, 1.0])
WORLD_TO_CAMERA = _MIRROR_X @ _OFFICIAL
# The mocap's +z up becomes Blender's -y (R90 of misc/smpl_relations/smpl_relations.py).
_Z_UP_TO_WORLD = Rotation.from_euler("x", 90, degrees=True)
_SWAP = list(SMPL24.mirror)
# joints2D are rounded to whole pixels, which moves them by 0.4 in the median.
_LIMIT_PX = 1.5
# Radians between the lines from right to left joints in the file and on a mean body in the file's pose. These lines
# hardly depend on the shape; zrot turns them, and exchanged labels turn them round.
_ACROSS_LIMIT = 0.5
_PAIRS = [(joint, other) for joint, other in enumerate(_SWAP) if SMPL24.joints[joint].startswith("left_")]


@dataclass(frozen=True)
class Aligned:
    """A clip's joints under SMPL's names, in a picture that shows no mirrored person, and before a real camera.

    Args:
        joints2d: (T, 24, 2) pixels.
        joints3d: (T, 24, 3) metres, camera frame.
        roots: Root orientation, body to camera.
        mirrored: The stored picture must be mirrored to fit.
        swapped: What had left and right swapped in the file.
    """

    joints2d: Array
    joints3d: Array
    roots: Rotation
    mirrored: bool
    swapped: tuple[str, ...]


def align(clip: Clip, rest: Array) -> Aligned:
    """Find out how the parts of a clip belong together.

    Args:
        clip: The clip as its file has it.
        rest: (24, 3) joints of a body at rest, metres, body frame.

    Raises:
        SourceError: The message names the file when nothing fits.
    """
    joints3d = (clip.joints3d - clip.camera) @ WORLD_TO_CAMERA.T
    mirrored, swapped2d = _picture(clip, joints3d)
    joints2d = clip.joints2d.copy()
    if mirrored:
        joints2d[..., 0] = IMAGE_SIZE[0] - joints2d[..., 0]
    if swapped2d:
        joints2d = joints2d[:, _SWAP]
    world = _Z_UP_TO_WORLD * Rotation.from_euler("z", clip.zrot[:, None]) * Rotation.from_rotvec(clip.poses[:, :3])
    roots = Rotation.from_matrix(WORLD_TO_CAMERA) * world
    if swapped := _labels_swapped(clip, joints3d, roots, rest):
        joints2d, joints3d = joints2d[:, _SWAP], joints3d[:, _SWAP]
    names = ("joints2D",) * (swapped2d != swapped) + ("joints3D",) * swapped
    return Aligned(joints2d, joints3d, roots, mirrored, names)


def _picture(clip: Clip, joints3d: Array) -> tuple[bool, bool]:
    """Whether the picture is mirrored, and whether joints2D name left what joints3D name right."""
    proper = CAMERA.project(joints3d)
    errors = {}
    for mirrored, swapped in product((True, False), (False, True)):
        projected = CAMERA.project(joints3d @ _MIRROR_X) if mirrored else proper
        seen = clip.joints2d[:, _SWAP] if swapped else clip.joints2d
        errors[mirrored, swapped] = _median(np.linalg.norm(projected - seen, axis=-1))
    best = min(errors, key=errors.__getitem__)
    if not errors[best] <= _LIMIT_PX:
        raise SourceError(
            f"{clip.file}: fields joints2D, joints3D, camLoc: expected 3D joints that project onto 2D joints within "
            f"{_LIMIT_PX} px in the median, mirrored or not, left and right swapped or not; found {errors[best]:.1f} px"
        )
    return best


def _labels_swapped(clip: Clip, joints3d: Array, roots: Rotation, rest: Array) -> bool:
    """Whether joints3D name left what the pose names right."""
    found, posed = _across(joints3d), _across(pose_skeleton(rest, roots, clip.poses))
    angles = np.arctan2(np.linalg.norm(np.cross(found, posed), axis=-1), (found * posed).sum(-1))
    angle = _median(angles)
    if not min(angle, np.pi - angle) <= _ACROSS_LIMIT:
        raise SourceError(
            f"{clip.file}: fields pose, zrot, joints3D: expected a pose that, turned by zrot, has left and right where "
            f"joints3D have them within {_ACROSS_LIMIT} rad in the median, found {min(angle, np.pi - angle):.2f} rad"
        )
    return bool(angle > np.pi / 2)


def _across(joints: Array) -> Array:
    """Lines from right to left joints, (T, pairs, 3)."""
    left, right = (list(side) for side in zip(*_PAIRS, strict=True))
    lines: Array = joints[:, left] - joints[:, right]
    return lines


def _median(distances: Array) -> float:
    finite = distances[np.isfinite(distances)]
    return float(np.median(finite)) if finite.size else float("nan")


def pose_skeleton(rest: Array, roots: Rotation, poses: Array) -> Array:
    """Joints (T, 24, 3) of a posed skeleton, the root at its rest place; frame of the roots.

    Args:
        rest: (24, 3).
        roots: Root rotations (T, 3, 3).
        poses: Rotations (T, 23, 3), axis-angle, radians.
    """
    turned = [roots]
    places = [np.broadcast_to(rest[SMPL24.root_index], (len(poses), 3))]
    for joint, parent in enumerate(SMPL24.parents):
        if parent >= 0:
            places.append(places[parent] + turned[parent].apply(rest[joint] - rest[parent]))
            turned.append(turned[parent] * Rotation.from_rotvec(poses[:, 3 * joint : 3 * joint + 3]))
    return np.stack(places, axis=1)
