"""From recovered bodies and the truth to the arguments of the metrics."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.baselines import Baselines
from s2m.batch import Frame, Truth
from s2m.body import Body
from s2m.model import MeshRecovery, Recovery
from s2m.render import hard_silhouette

ORACLE = "oracle_shape_and_ends"
MetricInputs = dict[str, Tensor | None]


def predicted_values(recovery: Recovery, faces: Tensor, size: int | None) -> MetricInputs:
    """What the metrics need of a recovered body.

    Joints are those of W, relative to its root; vertices are relative to the body's own pelvis joint, so that PVE
    does not depend on where a dataset puts its root; the mask is the hard silhouette of the full mesh.
    """
    mask = None if size is None else hard_silhouette(recovery.projected(), faces, size)
    return {
        "pred_joints": recovery.joints3d,
        "pred_vertices": recovery.body.vertices - recovery.body.joints[:, :1],
        "pred_rotations": recovery.params.rotations,
        "pred_mask": mask,
    }


def true_values(truth: Truth, root: int, body: Body) -> MetricInputs:
    """What the metrics need of the truth, in the same conventions; fields that a dataset lacks are ``None``."""
    values: MetricInputs = {
        "true_joints": truth.joints3d - truth.joints3d[:, root : root + 1],
        "true_vertices": None,
        "true_rotations": None,
    }
    if truth.params is not None:
        posed = body(truth.params)
        values["true_vertices"] = posed.vertices - posed.joints[:, :1]
        values["true_rotations"] = truth.params.rotations
    return values


@torch.no_grad()
def compare(model: MeshRecovery, baselines: Baselines, frame: Frame) -> dict[str, MetricInputs]:
    """Metric arguments by method, for the model (``full``) and all baselines on the same frames."""
    observation, truth = frame.observation, frame.truth
    if truth is None:
        raise ValueError("Frame.truth: an evaluation needs it, found None")
    true = true_values(truth, model.joint_set.root_index, model.body)
    mask = observation.silhouette
    true["true_mask"] = None if mask is None else mask > 0.5
    size = None if mask is None else mask.shape[-1]
    full = model(observation)
    recoveries = {**baselines.recover(observation), "full": full}
    if truth.params is not None:
        recoveries[ORACLE] = baselines.oracle(recoveries["dik_mean_shape"], truth.params)
    values = {name: {**predicted_values(r, model.body.faces, size), **true} for name, r in recoveries.items()}
    values["lifter"] = {"pred_joints": full.lifted.joints3d, **true}
    values["planar"] = {"pred_joints": baselines.planar(observation), **true}
    return values
