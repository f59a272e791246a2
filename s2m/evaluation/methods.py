"""From recovered bodies and the truth to the arguments of the metrics."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from s2m.batch import BodyParams, FrameBatch, Truth
from s2m.body import Body
from s2m.evaluation.baselines import Baselines
from s2m.model import Evidence, MeshRecovery, SeenBody
from s2m.render import hard_silhouette

ORACLE = "oracle_shape_and_extremities"
MEAN_BETAS, MEAN_PR, MEAN_BOTH = "mean_betas", "mean_pr", "mean_betas_and_pr"
MEANS_REPLACED = (MEAN_BETAS, MEAN_PR, MEAN_BOTH)
MetricInputs = dict[str, Tensor | None]


@dataclass(frozen=True)
class OutputMeans:
    """Mean over a split of what the model infers from silhouettes: betas (10,), theta_PR (P, 3), radians; float64.

    Args:
        betas: Mean shape parameters (10,), float64.
        theta_pr: Mean corrections (P, 3), axis-angle, radians, float64.
    """

    betas: Tensor
    theta_pr: Tensor

    def replaced(self, evidence: Evidence) -> dict[str, Evidence]:
        """``evidence`` with betas, theta_PR, or both the same for every frame.

        What a model loses by that is what it inferred from the single image; the rest of its gain on the mean shape is
        a constant offset that it learned of all images.

        Args:
            evidence: What the model read off the frames.
        """
        betas = self.betas.to(evidence.betas).expand_as(evidence.betas)
        theta = self.theta_pr.to(evidence.theta_pr).expand_as(evidence.theta_pr)
        return {
            MEAN_BETAS: replace(evidence, betas=betas),
            MEAN_PR: replace(evidence, theta_pr=theta),
            MEAN_BOTH: replace(evidence, betas=betas, theta_pr=theta),
        }


class MeanRecorder:
    """Accumulates :class:`OutputMeans` over batches, and over the processes of a distributed run."""

    def __init__(self) -> None:
        self._sums: list[Tensor] = []
        self._count = 0

    def record(self, evidence: Evidence) -> None:
        """Add a batch.

        Args:
            evidence: What the model read off the frames.
        """
        sums = [values.detach().double().sum(0) for values in (evidence.betas, evidence.theta_pr)]
        self._sums = [a + b for a, b in zip(self._sums, sums, strict=True)] if self._sums else sums
        self._count += len(evidence.betas)

    def means(self) -> OutputMeans:
        """The means over all frames of all processes.

        Raises:
            ValueError: Without frames.
        """
        if not self._sums:
            raise ValueError("MeanRecorder: expected at least one frame in every process, found none")
        count = torch.tensor(float(self._count), dtype=torch.float64, device=self._sums[0].device)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            for values in (*self._sums, count):
                torch.distributed.all_reduce(values)
        betas, theta = (values / count for values in self._sums)
        return OutputMeans(betas, theta)


def predicted_values(recovery: SeenBody, faces: Tensor, size: int | None) -> MetricInputs:
    """What the metrics need of a recovered body.

    Joints are those of W, relative to its root; vertices are relative to the body's own pelvis joint, so that PVE does
    not depend on where a dataset puts its root; the mask is the hard silhouette of the full mesh.

    Args:
        recovery: The recovered bodies.
        faces: Faces (F, 3) of the body.
        size: Side of the masks, pixels; None: without masks.
    """
    mask = None if size is None else hard_silhouette(recovery.projected(), faces, size)
    return {
        "pred_joints": recovery.joints3d,
        "pred_vertices": recovery.body.vertices - recovery.body.joints[:, :1],
        "pred_rotations": recovery.params.rotations,
        "pred_betas": recovery.params.betas,
        "pred_mask": mask,
    }


def true_values(truth: Truth, root: int, body: Body) -> MetricInputs:
    """What the metrics need of the truth, in the same conventions; fields that a dataset lacks are ``None``.

    Args:
        truth: The frames' truth.
        root: Position of the root joint in the joint set.
        body: The body model.
    """
    values: MetricInputs = {
        "true_joints": truth.joints3d - truth.joints3d[:, root : root + 1],
        "true_vertices": None,
        "true_rotations": None,
        "true_betas": None,
    }
    if truth.params is not None:
        values["true_rotations"] = truth.params.rotations
    params = own_params(truth)
    if params is not None:
        posed = body(params)
        values["true_vertices"] = posed.vertices - posed.joints[:, :1]
        values["true_betas"] = params.betas
    return values


def own_params(truth: Truth) -> BodyParams | None:
    """The true parameters where they are those of the run's own body.

    A dataset that says whose body they belong to (female, male, neutral SMPL) has other vertices, and betas of another
    shape space; ``s2m report`` measures PVE on these bodies when it is given them.

    Args:
        truth: The frames' truth.
    """
    return truth.params if truth.gender is None else None


@torch.no_grad()
def compare(
    model: MeshRecovery, baselines: Baselines, frame: FrameBatch, means: OutputMeans | None = None
) -> dict[str, MetricInputs]:
    """Metric arguments by method, for the model (``full``) and all baselines on the same frames.

    Args:
        model: The mesh model.
        baselines: The simpler methods.
        frame: Frames (B) with their truth.
        means: Of the model's own outputs over the split; with them, the model with these in place of its outputs is
            compared, too (:data:`MEANS_REPLACED`).
    """
    observation, truth = frame.observation, frame.truth
    if truth is None:
        raise ValueError("FrameBatch.truth: an evaluation needs it, found None")
    true = true_values(truth, model.joint_set.root_index, model.body)
    mask = observation.silhouette
    true["true_mask"] = None if mask is None else mask > 0.5
    size = None if mask is None else mask.shape[-1]
    evidence = model.read(observation)
    full = model.build_body(evidence, observation)
    recoveries = {**baselines.recover(observation), "full": full}
    if means is not None:
        replaced = means.replaced(evidence)
        recoveries.update({name: model.build_body(changed, observation) for name, changed in replaced.items()})
    params = own_params(truth)
    if params is not None:
        recoveries[ORACLE] = baselines.oracle(recoveries["dik_mean_shape"], params)
    values = {name: {**predicted_values(r, model.body.faces, size), **true} for name, r in recoveries.items()}
    values["lifter"] = {"pred_joints": full.lifted.joints3d, **true}
    values["planar"] = {"pred_joints": baselines.planar(observation), **true}
    return values
