"""Lift, turn, re-project, lift again, turn back: what the self-supervision is made of (Chen et al., CVPR 2019)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from s2m.batch import TensorRecord
from s2m.lifter.network import Lifter
from s2m.lifter.normalise import Normalised, mean_distance
from s2m.lifter.projection import project


@dataclass(frozen=True)
class Cycle(TensorRecord):
    """One trip around the cycle, in lifter units (see :mod:`s2m.lifter.normalise`), all from 2D labels alone.

    target: (B, J, 2) the normalised 2D joints. visible: (B, J) in {0, 1}. weight: (B, J) their confidence.
    denoised: (B, J, 2) the lifter's 2D output for the (disturbed) input, in the frame of ``target``.
    skeleton: (B, J, 3) lifted from the disturbed input. rotated: (B, J, 3) the same turned.
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


def run_cycle(lifter: Lifter, target: Normalised, confidence: Tensor, disturbed: Normalised, turn: Tensor) -> Cycle:
    """Go around once.

    target: normalised labels. confidence: (B, J). disturbed: ``target.joints2d`` after augmentation, normalised
    again. turn: (B, 3, 3) rotations, camera frame.
    """
    distance = lifter.camera_distance
    denoised, skeleton = lifter.lift(disturbed.joints2d, disturbed.visible)
    rotated = skeleton @ turn.transpose(1, 2)
    projected = project(rotated, distance)
    everywhere = target.visible.new_ones(target.visible.shape)
    size = mean_distance(projected, everywhere)
    reprojected = projected / size
    _, relifted = lifter.lift(reprojected, everywhere)
    relifted = relifted * size
    returned = project(relifted @ turn, distance)
    return Cycle(
        target=target.joints2d,
        visible=target.visible,
        weight=confidence,
        denoised=disturbed.origin + disturbed.scale * denoised,
        skeleton=skeleton,
        rotated=rotated,
        reprojected=reprojected,
        masked=target.like(projected),
        relifted=relifted,
        returned=target.like(returned),
    )
