"""Rendered people before cameras, and what a detector would see of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body
from s2m.data.motion.clips import open_motion
from s2m.data.open.config import CameraRange, DetectorNoise
from s2m.data.open.noise import detect_joints
from s2m.data.open.scene import draw_cameras, place
from s2m.detect import Detection
from s2m.ik.body_joints import body_regressor
from s2m.lifter.keypoints import as_detected
from s2m.recover.camera import Camera
from s2m.render import hard_silhouette
from s2m.skeletons import S2M27, S2M27_DETECTED

CLIPS = ("walk", "dance_b", "punch")  # those of the open data's test split, which nothing was trained on
SIDE = 640  # pixels of a picture
# How far a segmenter's outline is from the person's, pixels per pixel of height: standard deviation and reach.
_WOBBLE, _REACH = 0.006, 0.04


@dataclass(frozen=True)
class Scene:
    """People, each alone in a picture of one camera.

    Attributes:
        params: Of the bodies, camera frame, metres.
        joints3d: (B, J, 3) where detectors have joints, metres, camera frame.
        masks: (B, S, S) bool, exact.
        camera: Of all pictures.
        detections: What is seen of each.
    """

    params: BodyParams
    joints3d: Tensor
    masks: NDArray[np.bool_]
    camera: Camera
    detections: list[Detection]


def scene(body: Body, count: int, seed: int) -> Scene:
    """People in poses that nothing was trained on, of shapes as the shape space has them.

    Args:
        body: Whose bodies they are.
        count: How many.
        seed: Of all that is random.
    """
    random = np.random.default_rng(seed)
    params = _drawn(random, body, count)
    camera = Camera.of((SIDE, SIDE), float(SIDE))
    vertices = body(params).vertices
    joints3d = body_regressor(body, S2M27) @ vertices
    joints3d = as_detected(joints3d, torch.ones(count, len(S2M27)), S2M27)
    masks = hard_silhouette(camera.pixels(vertices) / SIDE * 2 - 1, body.faces, SIDE).numpy() > 0
    seen = _seen(random, camera.pixels(joints3d).double().numpy(), masks)
    return Scene(params, joints3d, masks, camera, seen)


def cut(detections: Sequence[Detection], edge: NDArray[np.float64]) -> list[Detection]:
    """The same pictures without what lies below an edge.

    Args:
        detections: What is seen in the whole ones.
        edge: (B,) pixels from the top.
    """
    found = []
    for one, bottom in zip(detections, edge, strict=True):
        below = ~(one.joints2d[:, 1] < bottom)
        joints, confidence = one.joints2d.copy(), np.where(below, 0.0, one.confidence)
        joints[below] = np.nan
        mask = None if one.mask is None else one.mask[: max(1, int(bottom))]
        found.append(_detection(joints, confidence, mask))
    return found


def dressed(detections: Sequence[Detection], thickness: float) -> list[Detection]:
    """The same people with silhouettes that end outside their skin.

    Args:
        detections: What is seen of naked ones.
        thickness: How far outside, as a share of the silhouette's height.
    """
    found = []
    for one in detections:
        mask = np.asarray(one.mask, bool)
        height = int(mask.any(1).sum())
        grown = ndimage.distance_transform_edt(~mask) <= thickness * height if thickness and height else mask
        found.append(replace(one, mask=grown.astype(np.uint8)))
    return found


def _drawn(random: np.random.Generator, body: Body, count: int) -> BodyParams:
    poses = np.concatenate([clip.poses for clip in open_motion() if clip.name in CLIPS])
    chosen = poses[random.integers(len(poses), size=count)].astype(np.float64)
    turns = Rotation.from_euler("y", random.uniform(0, 2 * np.pi, (count, 1)))
    chosen[:, 0] = (turns * Rotation.from_rotvec(chosen[:, 0])).as_rotvec()
    quaternions = Rotation.from_rotvec(chosen.reshape(-1, 3)).as_quat().reshape(count, 24, 4)
    betas = torch.from_numpy(random.standard_normal((count, body.num_betas))).float()
    cameras = draw_cameras(random, count, CameraRange(focal=(1.0, 1.0), image_size=SIDE, size=(0.45, 0.8), offset=0.5))
    nowhere = torch.zeros(count, 3)
    pelvis = body.rest_joints(betas)[:, 0]
    return place(torch.from_numpy(quaternions).float(), nowhere, betas, pelvis, cameras)


def _seen(random: np.random.Generator, joints: NDArray[np.float64], masks: NDArray[np.bool_]) -> list[Detection]:
    head, root = S2M27.index("head"), S2M27.root_index
    found = []
    for points, mask in zip(joints, masks, strict=True):
        unit = np.array([np.linalg.norm(points[head] - points[root])])
        noisy, confidence = detect_joints(random, points[None], unit, DetectorNoise())
        inside = ((noisy[0] > 0) & (noisy[0] < SIDE)).all(1)
        confidence = np.where(inside, confidence[0], 0.0)
        noisy[0][confidence == 0] = np.nan
        found.append(_detection(noisy[0], confidence, _segmented(random, mask)))
    return found


def _segmented(random: np.random.Generator, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A mask whose outline is moved by smooth random distances."""
    rows = np.flatnonzero(mask.any(1))
    if not len(rows):
        return mask.astype(np.uint8)
    height = rows[-1] - rows[0] + 1
    away = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    noise = ndimage.gaussian_filter(random.standard_normal(mask.shape), _REACH * height)
    moved = away + noise / noise.std() * _WOBBLE * height
    return (moved > 0).astype(np.uint8)


def _detection(
    joints: NDArray[np.float64], confidence: NDArray[np.float64], mask: NDArray[np.uint8] | None
) -> Detection:
    box = np.concatenate([np.nanmin(joints, 0), np.nanmax(joints, 0)])
    return Detection(joints, confidence, S2M27_DETECTED.name, box, 1.0, mask)
