"""The supervised counterpart of stage 3: its model and budget, trained WITH the bodies' truth, as an upper bound.

No part of the pipeline: ``make train`` does not know it, and its artifact is refused where a mesh model is expected.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from s2m.batch import FrameBatch, Observation, Truth
from s2m.body import Body
from s2m.body.skinning import global_rotations
from s2m.errors import UserError
from s2m.evaluation.methods import true_values
from s2m.geometry.procrustes import scale_align
from s2m.losses import Losses, joints2d_loss
from s2m.model import Recovery
from s2m.skeletons import EXTREMITIES, SMPL24
from stages.mesh import MeshStage

# Weights of the terms, per their unit. Before training (quick open data) the first four are 0.09 m, 0.06 m, 0.56 rad
# and 1.0: the vertices weigh most, the betas enough that a shape does not make up for an error of the skeleton.
WEIGHTS = {"vertices": 1.0, "joints": 0.5, "extremities": 0.02, "betas": 0.02, "2d": 0.1, "wreg": 1.0}


class SupervisedMeshStage(MeshStage):
    """Stage 3 with another loss: the model, its parts, the frozen unsupervised lifter, the optimiser, the schedule and
    the augmentation are :class:`stages.mesh.MeshStage`'s, and so are the arguments (``objective`` and ``renderer`` play
    no part).

    The loss is the weighted sum of :func:`truth_terms`, of ``2d`` (L_2D of Eqn. 4, crop units), from which the camera
    learns, since the truth does not hold it in crop units, and of ``wreg`` (second term of Eqn. 6, no unit), which
    keeps the rows of W at a sum of 1.
    """

    name = "mesh_supervised"

    def training_step(self, frame: FrameBatch, batch_idx: int) -> Tensor:
        """One supervised step.

        Raises:
            UserError: For a batch without the true bodies.
        """
        if frame.truth is None or frame.truth.params is None:
            found = "no truth" if frame.truth is None else "3D joints alone"
            raise UserError(
                f"stage {self.name}: data: expected training frames with the body parameters of their truth, found "
                f"{found}; use s2m.data.supervised.SupervisedFrames (configs/mesh_supervised.yaml) on a store "
                "that has them"
            )
        return self.learn(partial(self._supervised, frame.truth), frame.observation)

    def _supervised(self, truth: Truth, observation: Observation) -> Losses:
        view = self.view(observation)
        recovery = self.model(view.seen)
        terms = {
            **truth_terms(recovery, truth, self.joint_set.root_index, self.body),
            "2d": joints2d_loss(recovery.joints2d, view.target.joints2d, view.target.confidence),
            "wreg": self.model.regressor.row_sum_penalty(),
        }
        return Losses(torch.stack([WEIGHTS[name] * value for name, value in terms.items()]).sum(), terms)


def truth_terms(recovery: Recovery, truth: Truth, root: int, body: Body) -> dict[str, Tensor]:
    """How far recovered bodies are from the true ones, each term a mean over the batch; all 0 where they agree.

    - ``vertices``: mean distance relative to the pelvis after the best scale per sample (N-PVE), metres. A single view
      does not tell size: of the open body's beta_0, height, 40 mm per standard deviation become 8 mm, its proportions,
      which can be seen; the other betas lose nothing.
    - ``joints``: mean distance of the joints that W reads, relative to the root, after the best scale (N-MPJPE),
      metres.
    - ``extremities``: mean over the refined joints (head, wrists, ankles) of ``|R - R*|_F / sqrt 2 = 2 sin(angle / 2)``
      of the rotations in the camera frame: the angle in radians, 5 % less at 60 degrees, with a bounded slope
      everywhere.
    - ``betas``: mean square over all betas, standard deviations squared. A beta that cannot be seen is predicted as its
      mean.

    Args:
        recovery: What the model made of the frames.
        truth: The true bodies.
        root: Index of the root joint.
        body: That of ``truth.params``, which must not be None.
    """
    true = true_values(truth, root, body)
    true_joints, true_vertices, true_betas = true["true_joints"], true["true_vertices"], true["true_betas"]
    assert truth.params is not None
    assert true_joints is not None
    assert true_vertices is not None
    assert true_betas is not None
    vertices = recovery.body.vertices - recovery.body.joints[:, :1]
    extremities = SMPL24.indices(EXTREMITIES)
    turned = global_rotations(recovery.params.rotations) - global_rotations(truth.params.rotations)
    return {
        "vertices": _scaled_distance(vertices, true_vertices),
        "joints": _scaled_distance(recovery.joints3d, true_joints),
        "extremities": _length(turned[:, extremities].flatten(2)).mean() / 2**0.5,
        "betas": (recovery.params.betas - true_betas).square().mean(),
    }


def _scaled_distance(points: Tensor, target: Tensor) -> Tensor:
    return _length(scale_align(points, target) - target).mean()


def _length(difference: Tensor) -> Tensor:
    """Of (..., D) vectors; the derivative at zero is zero."""
    length: Tensor = torch.linalg.vector_norm(difference, dim=-1)
    return length
