"""A motion of known pose, and the suite's own posing of it: what readers of every format are held against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import load_body
from s2m.export.motion import ArrayRows, BodyMotion
from s2m.formats.amass import BodyLabel
from s2m.skeletons import SMPL24

FPS = 25.0
# From AMASS's world (+z up) to +y up, written out.
Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


@dataclass(frozen=True)
class Truth:
    """What the suite's body shows, in AMASS's world."""

    vertices: np.ndarray
    joints: np.ndarray
    rotations: np.ndarray  # (T, 24, 3, 3) relative to the parents


def person(frames: int = 12, seed: int = 0, name: str = "ann") -> BodyMotion:
    """Someone who bends every joint by up to some radians, turned and off the origin, of a shape of her own."""
    rng = np.random.default_rng(seed)
    ends = rng.normal(0, 0.6, (2, 72))
    share = np.linspace(0, 1, frames)[:, None]
    poses = (ends[0] * (1 - share) + ends[1] * share).astype(np.float32)
    poses[:, :3] += (np.pi / 2, 0, 0)
    trans = np.linspace([1.0, -2.0, 0.9], [2.0, -1.0, 1.1], frames) + seed
    body = load_body()
    betas = rng.normal(0, 1.5, 10).astype(np.float32)
    label = BodyLabel.of(None, body.hash)
    return BodyMotion(body, ArrayRows(poses), trans, betas, FPS, label, np.ones(frames, bool), name)


@cache
def truth(frames: int = 12, seed: int = 0) -> Truth:
    """The same person posed by the suite."""
    motion = person(frames, seed)
    vectors = motion.poses.read(0, frames).reshape(-1, 3)
    rotations = Rotation.from_rotvec(vectors).as_matrix().reshape(-1, len(SMPL24), 3, 3)
    betas = torch.from_numpy(motion.betas)[None].expand(frames, -1)
    place = torch.from_numpy(motion.trans).float()
    params = BodyParams.from_rotations(torch.from_numpy(rotations).float(), betas, place)
    with torch.inference_mode():
        posed = motion.body(params)
    return Truth(posed.vertices.double().numpy(), posed.joints.double().numpy(), rotations)


def y_up(points: np.ndarray) -> np.ndarray:
    return points @ Y_UP.T
