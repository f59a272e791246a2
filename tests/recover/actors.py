"""Posed open bodies before a pinhole camera as an oracle, and a detector that knows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams
from s2m.body import Body, load_body
from s2m.data.motion.clips import open_motion
from s2m.detect import Detection, Detector, Picture
from s2m.ik.body_joints import body_regressor
from s2m.recover.camera import Camera
from s2m.render import hard_silhouette
from s2m.skeletons import S2M27

SIZE = (320, 240)
CAMERA = Camera.of(SIZE)
_FACING = np.diag([1.0, -1.0, -1.0])  # SMPL's +y up, facing +z, to a camera in front
_PEOPLE = 8


def acted(name: str, frames: Sequence[int], place: tuple[float, float, float], turn: float = 0.5) -> BodyParams:
    """Frames of a shipped clip before the camera, camera frame, metres."""
    clip = next(clip for clip in open_motion() if clip.name == name)
    rotations = Rotation.from_rotvec(clip.poses[list(frames)].reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    around = Rotation.from_rotvec([0, turn, 0]).as_matrix()
    rotations[:, 0] = _FACING @ around @ rotations[:, 0]
    moved = (clip.trans[list(frames)] - clip.trans[frames[0]]) @ (_FACING @ around).T + np.array(place)
    return BodyParams.from_rotations(
        torch.from_numpy(rotations).float(), torch.zeros(len(rotations), 10), torch.from_numpy(moved).float()
    )


def true_joints(params: BodyParams, body: Body | None = None) -> torch.Tensor:
    """(T, 27, 3) metres, camera frame."""
    body = body or load_body()
    return body_regressor(body, S2M27) @ body(params).vertices


def silhouette(params: BodyParams, camera: Camera = CAMERA) -> np.ndarray:
    """(T, H, W) uint8."""
    body = load_body()
    pixels = camera.pixels(body(params).vertices)
    side = max(camera.width, camera.height)
    found = hard_silhouette(pixels / side * 2 - 1, body.faces, side)
    return found[:, : camera.height, : camera.width].numpy().astype(np.uint8)


class Actors(Detector):
    """Sees people whose joints it was told; the picture's brightest value says which frame it is.

    Args:
        people: Of each person, (T, 27, 3) camera frame; None where a person is not there.
        masks: Of each person, (T, H, W).
        hidden: Names of joints that nobody sees.
        noise: Of the joints, pixels.
    """

    joint_set = "s2m27"

    def __init__(
        self,
        people: Sequence[torch.Tensor],
        masks: Sequence[np.ndarray] | None = None,
        hidden: Sequence[str] = (),
        noise: float = 0.0,
        camera: Camera = CAMERA,
    ) -> None:
        self._pixels = [camera.pixels(joints).double().numpy() for joints in people]
        self._masks, self._hidden, self._camera = masks, S2M27.indices(hidden), camera
        random = np.random.default_rng(0)
        self._pixels = [pixels + noise * random.standard_normal(pixels.shape) for pixels in self._pixels]

    def __call__(self, picture: Picture) -> list[Detection]:
        frame = int(picture[0, 0, 0]) // _PEOPLE
        return [self._one(number, frame) for number in range(len(self._pixels))]

    def _one(self, number: int, frame: int) -> Detection:
        joints = self._pixels[number][frame].copy()
        outside = ((joints < 0) | (joints > (self._camera.width, self._camera.height))).any(1)
        outside[self._hidden] = True
        joints[outside] = np.nan
        box = np.concatenate([np.nanmin(joints, 0), np.nanmax(joints, 0)])
        mask = None if self._masks is None else self._masks[number][frame]
        return Detection(joints, np.where(outside, 0.0, 0.9), self.joint_set, box, 0.9, mask)


def numbered(frame: int, size: tuple[int, int] = SIZE) -> Picture:
    """A picture that says which frame it is, whatever a video codec does to it."""
    return np.full((size[1], size[0], 3), frame * _PEOPLE + _PEOPLE // 2, np.uint8)


def save(path: Path, frame: int = 0) -> Path:
    """A photo that says which frame it is."""
    Image.fromarray(numbered(frame)).save(path)
    return path
