"""Training pairs that are known because they are made: bodies in the poses of unlabelled frames.

A silhouette loss asks what mask a body gives; it cannot say that a hand which covers the right pixels is turned the
wrong way. A synthetic body can: its shape and the rotations of its extremities are drawn at random, its pose is one
that the skeletons of the training frames have, and what a detector and a segmenter would see of it is computed. No 3D
annotation is involved. After Sengupta et al., "Synthetic Training for Accurate 3D Human Pose and Shape Estimation in
the Wild", BMVC 2020, whose poses come from motion capture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import roma
import torch
from torch import Tensor

from s2m.batch import BodyParams, FrameBatch, Observation, TensorRecord, Truth
from s2m.geometry.camera import perspective
from s2m.heads.encoder import silhouette_of
from s2m.model import MeshRecovery, pose_and_read
from s2m.render import hard_silhouette
from s2m.skeletons import EXTREMITIES, SMPL24


@dataclass(frozen=True)
class SyntheticPairs:
    """Makes a known body for every frame of a batch; its betas follow the shape space's own distribution, N(0, 1).

    Args:
        depth: Standard deviation of what is added to the depth of the lifted joints before their rotations are solved,
            metres. The picture does not show it, so that the lifter is wrong about a synthetic body as it is about a
            real one.
        open_extremities: Standard deviation, per axis, of the rotations of head, wrists and ankles around the solver's
            where the skeleton leaves them open, radians.
        solved_extremities: The same where the skeleton determines them, radians.
        near: Smallest distance to the pinhole camera, metres.
        far: Largest distance to the pinhole camera, metres.
        faces: About how many faces of the body are drawn; 4000 instead of all lose 0.4 % of a mask's area and more than
            half of the time.

    Raises:
        ValueError: For a negative spread, or limits that are not 0 < near <= far.
    """

    depth: float = 0.05
    open_extremities: float = 0.4
    solved_extremities: float = 0.15
    near: float = 3.0
    far: float = 8.0
    faces: int = 4000

    def __post_init__(self) -> None:
        spreads = {
            "depth": self.depth,
            "open_extremities": self.open_extremities,
            "solved_extremities": self.solved_extremities,
        }
        negative = [f"{name}={value}" for name, value in spreads.items() if value < 0]
        if negative:
            raise ValueError(f"SyntheticPairs: expected spreads >= 0, found {', '.join(negative)}")
        if not 0 < self.near <= self.far:
            raise ValueError(f"SyntheticPairs: expected 0 < near <= far, found near={self.near}, far={self.far}")

    @torch.no_grad()
    def __call__(self, model: MeshRecovery, observation: Observation, keys: Sequence[Sequence[int]]) -> FrameBatch:
        """Frames with their truth; their joints fill the same box of the crop as those of ``observation``.

        observation: (B) with silhouettes, whose size is that of the made ones; confidences are taken over. keys: seeds
        of each frame's body, which is a function of them, the frame and the model; non-negative.
        """
        lifted = model.lift(observation)
        draws = _Draws.of(keys, len(model.joint_set), model.body.num_betas).to(lifted.joints3d)
        params = self._params(model, lifted.joints3d, draws)
        drawn, faces = model.body.render_mesh(self.faces)
        body, joints3d = pose_and_read(model.body, model.regressor, params, drawn)
        # The root joint goes on the optical axis: a crop does not tell where in the image it was cut.
        transl = -joints3d[:, model.joint_set.root_index]
        transl[:, 2] += self.near + (self.far - self.near) * draws.distance
        joints3d, vertices = joints3d + transl[:, None], body.vertices + transl[:, None]
        crop = _Crop.like(lifted.joints2d, joints3d)
        size = silhouette_of(observation).shape[-1]
        mask = hard_silhouette(crop.project(vertices), faces, size).to(vertices.dtype)
        made = Observation(crop.project(joints3d), observation.confidence, mask)
        return FrameBatch(
            made, Truth(joints3d, BodyParams(params.global_orient, params.body_pose, params.betas, transl))
        )

    def _params(self, model: MeshRecovery, skeleton: Tensor, draws: _Draws) -> BodyParams:
        deeper = skeleton.clone()
        deeper[..., 2] += self.depth * draws.depth
        solution = model.ik(deeper, None, None)
        extremities, rotations = SMPL24.indices(EXTREMITIES), solution.rotations.clone()
        spread = torch.where(solution.solved[:, extremities], self.solved_extremities, self.open_extremities)[..., None]
        rotations[:, extremities] = rotations[:, extremities] @ roma.rotvec_to_rotmat(spread * draws.extremities)
        return BodyParams.from_rotations(rotations, draws.betas)


@dataclass(frozen=True, repr=False)
class _Draws(TensorRecord):
    """depth (B, J), extremities (B, E, 3) and betas (B, 10) from N(0, 1), distance (B,) from U(0, 1)."""

    depth: Tensor
    extremities: Tensor
    betas: Tensor
    distance: Tensor

    @staticmethod
    def of(keys: Sequence[Sequence[int]], joints: int, betas: int) -> _Draws:
        """Each frame has a stream of its own, so that it does not matter which others are in its batch."""
        streams = [np.random.default_rng(tuple(key)) for key in keys]
        extremities = len(EXTREMITIES)
        normal = torch.tensor(np.stack([rng.standard_normal(joints + 3 * extremities + betas) for rng in streams]))
        depth, turns, shape = normal.split([joints, 3 * extremities, betas], dim=1)
        return _Draws(
            depth, turns.unflatten(1, (extremities, 3)), shape, torch.tensor([rng.random() for rng in streams])
        )


@dataclass(frozen=True)
class _Crop:
    """A pinhole camera and a crop of its picture. scale: (B, 1, 1), shift: (B, 1, 2), from focal lengths to crop."""

    scale: Tensor
    shift: Tensor

    @staticmethod
    def like(joints2d: Tensor, joints3d: Tensor) -> _Crop:
        """The crop in which joints (B, J, 3) fill the box that joints2d (B, J, 2) fill in theirs."""
        (centre, side), (wanted_centre, wanted_side) = _box(_pinhole(joints3d)), _box(joints2d)
        scale = wanted_side / side.clamp_min(1e-6)
        return _Crop(scale, wanted_centre - scale * centre)

    def project(self, points: Tensor) -> Tensor:
        """Crop units (B, N, 2) of points (B, N, 3), metres, camera frame."""
        return self.scale * _pinhole(points) + self.shift


def _pinhole(points: Tensor) -> Tensor:
    return perspective(points, points.new_tensor([[1.0, 1.0, 0.0, 0.0]]).expand(len(points), 4))


def _box(points: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (B, 1, 2) and longer side (B, 1, 1) of the box around points (B, N, 2)."""
    low, high = points.amin(1, keepdim=True), points.amax(1, keepdim=True)
    return (low + high) / 2, (high - low).amax(-1, keepdim=True)
