"""Makes the frames of a job and writes them into the store's arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body
from s2m.data.motion import Clip
from s2m.data.open.config import JointNoise, OpenConfig
from s2m.data.open.noise import corrupt_masks, detect_joints, leave_the_picture, observe_joints
from s2m.data.open.plan import NOISY, Job, kind_of, stream
from s2m.data.open.poses import Bodies, PoseSource
from s2m.data.open.scene import Cameras, draw_cameras, place
from s2m.data.open.skinning import SubsetSkinner
from s2m.data.store import pack_masks, store_fields
from s2m.data.store_writer import open_for_writing
from s2m.geometry.camera import perspective, pixels_to_crop, square_crop
from s2m.render import hard_silhouette
from s2m.skeletons import H36M17, S2M27

_CROP_JOINTS = S2M27.indices(H36M17.joints)
_THIGH = (0.2, 0.9)
_MESHES_AT_ONCE = 32
_SKELETONS_AT_ONCE = 1000


class FrameMaker:
    """Holds what every job needs: body, skeleton, clips.

    Args:
        body: The body model.
        regressor: W, which reads a skeleton off vertices.
        clips: Motion clips.
        config: Settings of the open data.
    """

    def __init__(self, body: Body, regressor: Tensor, clips: Sequence[Clip], config: OpenConfig):
        self._body, self._config = body, config
        self._skinner = SubsetSkinner(body, regressor)
        self._source = PoseSource(clips, config)

    @torch.no_grad()
    def make(self, job: Job) -> dict[str, dict[str, NDArray[Any]]]:
        """The arrays of a job, per stored split and field.

        Args:
            job: Rows to make.
        """
        bodies = self._source.bodies(job)
        cameras = self._cameras(job)
        pelvis = self._skinner.rest_joints(bodies.betas)[:, 0]
        params = place(bodies.poses, bodies.position, bodies.betas, pelvis, cameras)
        batches = _pieces(job.count, _SKELETONS_AT_ONCE)
        joints3d = torch.cat([self._skinner(params[rows], bodies.definition[rows]) for rows in batches])
        pixels = perspective(joints3d, cameras.intrinsics)
        bottom = self._lower_edge(job, pixels)
        observed = {
            split: self._observe(job, split, pixels, self._unit(joints3d, cameras), bottom) for split in job.variants
        }
        if job.kind.masks:
            crops = {split: torch.from_numpy(fields["crop"]) for split, fields in observed.items()}
            for split, masks in self._masks(params, cameras, crops, bottom).items():
                observed[split]["silhouette"] = self._pack(job, split, masks)
        shared = self._truth(params, joints3d, bodies) | _order(job)
        shared["intrinsics"] = cameras.intrinsics.numpy()
        return {split: fields | shared for split, fields in observed.items()}

    def write(self, job: Job, folder: Path) -> int:
        """Make a job and write its rows; returns the number of frames.

        Args:
            job: Rows to make.
            folder: Store that is being written.
        """
        for split, arrays in self.make(job).items():
            for field in store_fields(len(S2M27), self._config.mask_size if kind_of(split).masks else None):
                target = open_for_writing(folder, split, field)
                target[job.start : job.start + job.count] = arrays[field.name]
        return job.count

    def _cameras(self, job: Job) -> Cameras:
        rng = stream(self._config, "camera", job.split, job.index)
        ranges = getattr(self._config, job.kind.camera)
        if job.kind.clips is None:
            return draw_cameras(rng, job.count, ranges)
        one = draw_cameras(rng, 1, ranges)
        return Cameras(*(value.expand(job.count, *value.shape[1:]) for value in vars(one).values()))

    @staticmethod
    def _unit(joints3d: Tensor, cameras: Cameras) -> Tensor:
        """The head-root length (N,) in the picture, pixels."""
        root = joints3d[:, S2M27.root_index]
        head = (joints3d[:, S2M27.index("head")] - root).norm(dim=1)
        return head * cameras.intrinsics[:, 0] / root[:, 2]

    def _lower_edge(self, job: Job, pixels: Tensor) -> float | None:
        """Where the picture ends, pixels: somewhere at the thighs, where the split wants that."""
        if not job.kind.cut:
            return None
        hips, knees = (pixels[:, _pair(part), 1].mean() for part in ("hip", "knee"))
        share = stream(self._config, "cut", job.split, job.index).uniform(*_THIGH)
        return float(hips + share * (knees - hips))

    def _joint_noise(self, split: str) -> JointNoise:
        if split.endswith(NOISY):
            return self._config.noisy_joints
        return self._config.train_joints if kind_of(split).training else JointNoise()

    def _observe(
        self, job: Job, split: str, pixels: Tensor, unit: Tensor, bottom: float | None
    ) -> dict[str, NDArray[Any]]:
        rng = stream(self._config, "joints", split, job.index)
        exact, units = pixels.double().numpy(), unit.double().numpy()
        if job.kind.joints == "detector":
            found, confidence = detect_joints(rng, exact, units, self._config.detector)
        else:
            found, confidence = observe_joints(rng, exact, units, self._joint_noise(split))
        confidence = leave_the_picture(found, confidence, self._config.camera.image_size, bottom)
        joints = torch.from_numpy(found)
        valid = torch.from_numpy(confidence > 0)
        crop = square_crop(joints[:, _CROP_JOINTS], valid[:, _CROP_JOINTS], self._config.crop_margin)
        joints = torch.where(valid[..., None], joints, crop[:, None, :2])
        return {"joints2d": joints.float().numpy(), "confidence": confidence.astype("f4"), "crop": crop.float().numpy()}

    def _masks(
        self, params: BodyParams, cameras: Cameras, crops: dict[str, Tensor], bottom: float | None
    ) -> dict[str, NDArray[np.bool_]]:
        masks: dict[str, list[Tensor]] = {split: [] for split in crops}
        edges = torch.tensor([0.0, 0.0, *[float(self._config.camera.image_size)] * 2])
        if bottom is not None:
            edges[3] = min(bottom, float(edges[3]))
        for rows in _pieces(len(params), _MESHES_AT_ONCE):
            vertices = self._body(params[rows]).vertices
            pixels = perspective(vertices, cameras.intrinsics[rows])
            for split, crop in crops.items():
                points = torch.cat([pixels_to_crop(pixels, crop[rows]), vertices[..., 2:]], dim=2)
                seen = hard_silhouette(points, self._body.faces, self._config.mask_size)
                masks[split].append(seen & _inside(edges, crop[rows], self._config.mask_size))
        return {split: torch.cat(parts).numpy() for split, parts in masks.items()}

    def _pack(self, job: Job, split: str, masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
        if job.kind.training:
            masks = corrupt_masks(stream(self._config, "masks", split, job.index), masks, self._config.train_masks)
        elif split.endswith(NOISY):
            masks = corrupt_masks(stream(self._config, "masks", split, job.index), masks, self._config.noisy_masks)
        return pack_masks(masks)

    @staticmethod
    def _truth(params: BodyParams, joints3d: Tensor, bodies: Bodies) -> dict[str, NDArray[Any]]:
        assert params.transl is not None
        return {
            "joints3d": joints3d.numpy(),
            "poses": roma.rotmat_to_rotvec(params.rotations).flatten(1).numpy(),
            "betas": params.betas.numpy(),
            "transl": params.transl.numpy(),
            "clip": bodies.clip,
        }


def _pieces(count: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, count, size)]


def _pair(part: str) -> list[int]:
    return S2M27.indices([f"{side}_{part}" for side in ("left", "right")])


def _inside(edges: Tensor, crop: Tensor, size: int) -> Tensor:
    """Which pixels (B, S, S) of a crop's mask the picture shows; edges: left, top, right and bottom, pixels."""
    line = ((torch.arange(size) + 0.5) / size * 2 - 1) * crop[:, 2:]
    x, y = crop[:, :1] + line, crop[:, 1:2] + line
    left, top, right, bottom = edges
    return ((y >= top) & (y < bottom))[:, :, None] & ((x >= left) & (x < right))[:, None, :]


def _order(job: Job) -> dict[str, NDArray[Any]]:
    if job.kind.clips is None:
        return {"sequence": np.full(job.count, -1, np.int32), "frame": np.zeros(job.count, np.int32)}
    return {"sequence": np.full(job.count, job.index, np.int32), "frame": np.arange(job.count, dtype=np.int32)}
