"""Posed open bodies before a known camera, as an oracle: true skeletons and their pixels."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.data.motion.clips import open_motion
from s2m.ik.body_joints import body_regressor
from s2m.skeletons import S2M27, JointSet

FOCAL, CENTRE, DISTANCE = 1100.0, np.array([640.0, 360.0]), 5.0
# SMPL's +y up, facing +z, to a camera in front: +y down, looking along +z.
_FACING = np.diag([1.0, -1.0, -1.0])


@cache
def _scene(frames: int) -> tuple[np.ndarray, np.ndarray]:
    clips = {clip.name: clip for clip in open_motion()}
    poses = np.concatenate([clips[name].poses[:: max(1, len(clips[name]) // 20)][:20] for name in ("walk", "kick")])
    poses = poses[np.linspace(0, len(poses) - 1, frames).astype(int)]
    return _seen(poses, np.linspace(0, 2 * np.pi, frames, endpoint=False))


@cache
def _recording(frames: int) -> tuple[np.ndarray, np.ndarray]:
    dance = next(clip for clip in open_motion() if clip.name == "dance_b")
    return _seen(dance.poses[:frames], np.full(min(frames, len(dance)), 0.6))


def _seen(poses: np.ndarray, turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Poses (T, 72), each turned by an angle about the vertical, before the camera."""
    frames = len(poses)
    around = Rotation.from_rotvec(turns[:, None] * [[0.0, 1.0, 0.0]])
    rotations = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(frames, 24, 3, 3)
    rotations[:, 0] = _FACING @ around.as_matrix() @ rotations[:, 0]
    body = load_body()
    params = BodyParams.from_rotations(torch.from_numpy(rotations).float(), torch.zeros(frames, 10))
    with torch.no_grad():
        joints = (body_regressor(body, S2M27) @ body(params).vertices).double().numpy()
    joints = joints - joints[:, :1] + [0.2, 0.1, DISTANCE]
    return joints, joints[..., :2] / joints[..., 2:] * FOCAL + CENTRE


def scene(joint_set: JointSet, frames: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Joints (T, J, 3), metres, camera frame, and their pixels (T, J, 2), of people who turn around once."""
    columns = S2M27.indices(joint_set.joints)
    joints, pixels = _scene(frames)
    return joints[:, columns].copy(), pixels[:, columns].copy()


def recording(joint_set: JointSet, frames: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """The same of consecutive frames of a person who dances."""
    columns = S2M27.indices(joint_set.joints)
    joints, pixels = _recording(frames)
    return joints[:, columns].copy(), pixels[:, columns].copy()


def n_mpjpe_mm(found: np.ndarray, true: np.ndarray) -> float:
    """Mean error after the least-squares scale per frame, both relative to joint 0."""
    found, true = found - found[:, :1], true - true[:, :1]
    scale = (found * true).sum((1, 2)) / (found * found).sum((1, 2))
    return 1000 * float(np.linalg.norm(scale[:, None, None] * found - true, axis=-1).mean())
