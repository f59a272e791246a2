"""The supervised counterpart: the lifter's network and budget, trained WITH the 3D truth, as an upper bound.

No part of the pipeline: ``make train`` does not know it, and its artifact is refused where a lifter is expected.
"""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.batch import FrameBatch
from s2m.errors import UserError
from s2m.geometry.procrustes import scale_align
from s2m.lifter.normalise import normalise, straight_ahead, turned_to
from s2m.lifter.objective.terms import confident_distance, distances
from stages.lifter import LifterStage

# Weight of the denoising term.
DENOISING = 2.0


class SupervisedLifterStage(LifterStage):
    """Stage 1 with another loss: the network, its optimiser and schedule, the augmentation and the denoising head are
    :class:`stages.lifter.LifterStage`'s, and so are the arguments (those of the unsupervised terms play no part).

    ``mean_j |s X_j - X*_j| / r + w sum_j c_j |x^_j - x_j| / sum_j c_j``: X is lifted from disturbed labels, X* the
    truth, both root-relative; s the best scale per sample (N-MPJPE's), r the mean distance of the true joints from the
    root; x^ the denoised joints, x the labels, c their confidence. Dimensionless.
    """

    name = "lifter_supervised"

    def setup(self, stage: str) -> None:
        """Take out of the game what has no part in this loss: the discriminator, and a head for the elevation.

        Args:
            stage: Lightning's word for what begins, such as ``fit``.
        """
        super().setup(stage)
        self.objective.requires_grad_(False)
        if self.lifter.elevation_network is not None:
            self.lifter.elevation_network.requires_grad_(False)

    def training_step(self, frame: FrameBatch, batch_idx: int) -> Tensor:
        """One supervised step.

        Raises:
            UserError: For a batch without truth.
        """
        if frame.truth is None:
            raise UserError(
                "stage lifter_supervised: expected training frames with their truth, found none; use SupervisedFrames"
            )
        real, observation = frame.observation, straight_ahead(frame.observation, self.joint_set)
        truth = frame.truth.joints3d
        if real.camera is not None:
            truth = turned_to(real.joints2d, real.confidence, real.camera, self.joint_set).from_camera(truth)
        target = normalise(observation.joints2d, observation.confidence, self.joint_set)
        fits, denoisings = [], []
        networks = (self.objective.noise, self.lifter.tell), (self.objective.occlusion, self.lifter.tell_partial)
        for noise, tell in networks:
            disturbed = noise(target)
            denoised, skeleton = self.lifter.read(tell(disturbed.joints2d, disturbed.visible), disturbed.joints2d)
            fits.append(relative_error(skeleton, truth, self.joint_set.root_index).mean())
            corrected = disturbed.origin + disturbed.scale * denoised
            denoisings.append(confident_distance(corrected, target.joints2d, observation.confidence))
        fit, denoising = torch.stack(fits).sum(), torch.stack(denoisings).sum()
        loss = fit + DENOISING * denoising
        if self._logs_this_step():
            self.log_terms({"loss": loss, "fit": fit, "denoising": denoising}, len(observation))
        return self.guard(loss, observation)


def relative_error(skeleton: Tensor, joints3d: Tensor, root: int) -> Tensor:
    """(B,) mean distance after the best scale, over the true mean distance from the root.

    Args:
        skeleton: (B, J, 3) root-relative, any unit.
        joints3d: (B, J, 3) metres, any origin.
        root: Position of the root joint.
    """
    true = joints3d - joints3d[:, root, None]
    size = true.norm(dim=-1).mean(1).clamp_min(torch.finfo(true.dtype).eps)
    error: Tensor = distances(scale_align(skeleton, true) - true).mean(1) / size
    return error
