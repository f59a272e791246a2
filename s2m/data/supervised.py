"""Training frames WITH their 3D truth, for baselines that the unsupervised stages are measured against.

Nothing in the pipeline uses this module: the three stages refuse a training batch that carries a truth.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from s2m.batch import BodyParams, FrameBatch, Observation
from s2m.data.dataset import FrameDataset, PackedFrame
from s2m.data.module import FrameDataModule
from s2m.data.samplers import Batch, as_stored
from s2m.skeletons import SMPL24, JointSet

# What the mirror image across the plane x = 0 does to a point, in the camera frame and in that of the body alike.
_MIRROR = (-1.0, 1.0, 1.0)


class SupervisedDataset(FrameDataset):
    """A split with its truth, whose frames can be mirrored together with it. Arguments as in FrameDataset."""

    def fetch(self, batch: Batch) -> PackedFrame:
        """See FrameDataset; nothing is mirrored yet."""
        return replace(super().fetch(as_stored(batch.positions)), flip=torch.from_numpy(batch.flip))

    def finish(self, packed: PackedFrame) -> FrameBatch:
        """Unpack, then mirror.

        Args:
            packed: The batch as a worker sent it.
        """
        frame = super().finish(replace(packed, flip=torch.zeros_like(packed.flip)))
        return mirror_frame(frame, packed.flip, self.joint_set)


class SupervisedFrames(FrameDataModule):
    """A :class:`s2m.data.FrameDataModule` whose training frames carry the 3D truth on purpose.

    For the supervised counterparts alone. The arguments are those of FrameDataModule.

    Raises:
        StoreError: When the training split has no truth.
    """

    def setup(self, stage: str) -> None:
        """Refuse a store without truth before anything is trained."""
        super().setup(stage)
        if stage == "fit":
            self.require_truth(self._splits[0])

    def _kind(self, train: bool) -> tuple[type[FrameDataset], bool]:
        return (SupervisedDataset, True) if train else super()._kind(train)


def mirror_frame(frame: FrameBatch, flip: Tensor, joint_set: JointSet) -> FrameBatch:
    """Mirror some frames left to right: 2D joints and silhouettes in the crop, the truth in the camera frame.

    The crop loses its place in the full image. The mirror plane contains the optical axis, so that mirrored 3D joints
    project onto mirrored 2D joints, up to the crop's shift.

    Args:
        frame: With truth.
        flip: (B,) bool.
        joint_set: Joint set of the frames.
    """
    observation, truth = frame.observation, frame.truth
    assert truth is not None
    silhouette = observation.silhouette
    if silhouette is not None:
        silhouette = torch.where(flip[:, None, None], silhouette.flip(-1), silhouette)
    confidence = observation.confidence
    mirrored = Observation(
        joints2d=_mirror_points(observation.joints2d, flip, joint_set),
        confidence=torch.where(flip[:, None], confidence[:, list(joint_set.mirror)], confidence),
        silhouette=silhouette,
        index=observation.index,
        camera=None if observation.camera is None else _mirror_camera(observation.camera, flip),
    )
    params = None if truth.params is None else mirror_params(truth.params, flip)
    return FrameBatch(mirrored, replace(truth, joints3d=_mirror_points(truth.joints3d, flip, joint_set), params=params))


def mirror_params(params: BodyParams, flip: Tensor) -> BodyParams:
    """The parameters that pose the mirror image of a body, where flip (B,) says so.

    With M = diag(-1, 1, 1): ``R'_j = M R_mirror(j) M`` for the root, which leads from one mirrored frame to the other,
    and for all joints; ``transl' = M transl``; the betas stay. As exact as the body is symmetric: the open body's
    vertices land 0.02 mm from the mirror image in the mean, 0.7 mm at the most.

    Args:
        params: Parameters of bodies (B), camera frame.
        flip: Which (B,) are mirrored.
    """
    factor = params.betas.new_tensor(_MIRROR)
    rotations, transl = params.rotations, params.transl
    reflected = rotations[:, list(SMPL24.mirror)] * (factor[:, None] * factor)
    if transl is not None:
        transl = torch.where(flip[:, None], transl * factor, transl)
    chosen = torch.where(flip[:, None, None, None], reflected, rotations)
    return BodyParams.from_rotations(chosen, params.betas, transl)


def _mirror_camera(camera: Tensor, flip: Tensor) -> Tensor:
    return torch.where(flip[:, None], camera * camera.new_tensor([1.0, 1.0, -1.0, 1.0]), camera)


def _mirror_points(points: Tensor, flip: Tensor, joint_set: JointSet) -> Tensor:
    opposite = points[:, list(joint_set.mirror)] * points.new_tensor(_MIRROR[: points.shape[-1]])
    return torch.where(flip[:, None, None], opposite, points)
