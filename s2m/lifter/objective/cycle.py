"""Lift, turn, re-project, lift again, turn back: what the self-supervision is made of (Chen et al., CVPR 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from s2m.batch import TensorRecord
from s2m.fused import Fused
from s2m.lifter.network import Lifter
from s2m.lifter.normalise import Normalised, like, mean_distance
from s2m.lifter.projection import project


@dataclass(frozen=True, repr=False)
class Cycle(TensorRecord):
    """One trip around the cycle, in lifter units (see :mod:`s2m.lifter.normalise`), all from 2D labels alone.

    Attributes:
        target: (B, J, 2) the normalised 2D joints.
        visible: (B, J) in {0, 1}.
        weight: (B, J) their confidence.
        denoised: (B, J, 2) the lifter's 2D output for the (disturbed) input, in the frame of ``target``.
        skeleton: (B, J, 3) lifted from the disturbed input.
        rotated: (B, J, 3) the same turned.
        reprojected: (B, J, 2) its projection, all joints, normalised.
        masked: (B, J, 2) the same as a detector with the target's missing joints would give it, for the discriminator.
        relifted: (B, J, 3) lifted from ``reprojected``, in the unit of ``rotated``.
        returned: (B, J, 2) ``relifted`` turned back and projected, normalised like ``target``.
    """

    target: Tensor
    visible: Tensor
    weight: Tensor
    denoised: Tensor
    skeleton: Tensor
    rotated: Tensor
    reprojected: Tensor
    masked: Tensor
    relifted: Tensor
    returned: Tensor


class RoundTrip:
    """Goes around the cycle with one lifter.

    The network speaks twice; what lies after each of its answers is geometry of single samples, hence a fused function.

    Args:
        lifter: The network that is trained.
    """

    def __init__(self, lifter: Lifter) -> None:
        self.lifter = lifter
        self._out, self._back = Fused(self._way_out), Fused(self._way_back)

    def __call__(self, target: Normalised, confidence: Tensor, disturbed: Normalised, turn: Tensor) -> Cycle:
        """Go around once.

        target: normalised labels. confidence: (B, J). disturbed: ``target.joints2d`` after augmentation, normalised
        again. turn: (B, 3, 3) rotations, camera frame.
        """
        said = self.lifter.tell(disturbed.joints2d, disturbed.visible)
        place = disturbed.joints2d, disturbed.origin, disturbed.scale
        labels = target.visible, target.anchor
        denoised, skeleton, rotated, size, reprojected, masked = self._out(said, *place, turn, *labels)
        answer = self.lifter.tell(reprojected, torch.ones_like(target.visible))
        relifted, returned = self._back(answer, reprojected, size, turn, *labels)
        return Cycle(
            target=target.joints2d,
            visible=target.visible,
            weight=confidence,
            denoised=denoised,
            skeleton=skeleton,
            rotated=rotated,
            reprojected=reprojected,
            masked=masked,
            relifted=relifted,
            returned=returned,
        )

    def _way_out(
        self, said: Tensor, joints2d: Tensor, origin: Tensor, scale: Tensor, turn: Tensor, *labels: Tensor
    ) -> tuple[Tensor, ...]:
        denoised, skeleton = self.lifter.read(said, joints2d)
        rotated = skeleton @ turn.transpose(1, 2)
        projected = project(rotated, self.lifter.camera_distance)
        size = mean_distance(projected, torch.ones_like(projected[..., 0]))
        return origin + scale * denoised, skeleton, rotated, size, projected / size, like(projected, *labels)

    def _way_back(
        self, said: Tensor, reprojected: Tensor, size: Tensor, turn: Tensor, *labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        _, relifted = self.lifter.read(said, reprojected)
        relifted = relifted * size
        returned = project(relifted @ turn, self.lifter.camera_distance)
        return relifted, like(returned, *labels)
