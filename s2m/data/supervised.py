"""Training frames WITH their 3D truth, for baselines that the unsupervised lifter is measured against.

Nothing in the pipeline uses this module: the three stages refuse a training batch that carries a truth.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from s2m.batch import Frame, Observation, Truth
from s2m.data.dataset import FrameDataset, PackedFrame
from s2m.data.module import FrameDataModule
from s2m.data.samplers import Batch, as_stored
from s2m.skeletons import JointSet


class SupervisedDataset(FrameDataset):
    """A split with its truth, whose frames can be mirrored together with it. Arguments as in FrameDataset."""

    def fetch(self, batch: Batch) -> PackedFrame:
        """See FrameDataset; nothing is mirrored yet."""
        return replace(super().fetch(as_stored(batch.positions)), flip=torch.from_numpy(batch.flip))

    def finish(self, packed: PackedFrame) -> Frame:
        """Unpack, then mirror; mirrored frames carry joints alone, no body parameters."""
        frame = super().finish(replace(packed, flip=torch.zeros_like(packed.flip)))
        return mirror_frame(frame, packed.flip, self.joint_set)


class SupervisedFrames(FrameDataModule):
    """:class:`s2m.data.FrameDataModule` whose training frames carry the 3D truth **on purpose**.

    For the supervised twin alone. Arguments as in FrameDataModule. Raises StoreError when the training split has no
    truth.
    """

    def setup(self, stage: str) -> None:
        """Refuse a store without truth before anything is trained."""
        super().setup(stage)
        if stage == "fit":
            self.require_truth(self._splits[0])

    def _dataset(self, split: str, train: bool) -> FrameDataset:
        if not train:
            return super()._dataset(split, train)
        if (split, train) not in self._datasets:
            self._datasets[split, train] = SupervisedDataset(
                self.frame_store,
                split,
                self.joint_set,
                truth=True,
                silhouettes=self._silhouettes,
                drop=True,
                min_joints=self._min_joints,
            )
        return self._datasets[split, train]


def mirror_frame(frame: Frame, flip: Tensor, joint_set: JointSet) -> Frame:
    """Mirror some frames left to right: 2D joints and silhouettes in the crop, 3D joints in the camera frame.

    frame: with truth. flip: (B,) bool. The truth keeps its joints alone, since body parameters are not mirrored, and
    the crop loses its place in the full image. The mirror plane contains the optical axis, so that mirrored 3D joints
    project onto mirrored 2D joints, up to the crop's shift.
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
    )
    return Frame(mirrored, Truth(_mirror_points(truth.joints3d, flip, joint_set)))


def _mirror_points(points: Tensor, flip: Tensor, joint_set: JointSet) -> Tensor:
    opposite = points[:, list(joint_set.mirror)]
    opposite = torch.cat([-opposite[..., :1], opposite[..., 1:]], dim=-1)
    return torch.where(flip[:, None, None], opposite, points)
