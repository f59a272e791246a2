"""From chosen frames to what the report shows of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from s2m.batch import FrameBatch
from s2m.evaluation.methods import true_values
from s2m.metrics.joints import mpjpe
from s2m.model import MeshRecovery
from s2m.render import hard_silhouette
from s2m.report.examples import Examples

PER_LABEL = 3


def best_median_worst(noted: Sequence[tuple[float, int]]) -> list[tuple[str, int]]:
    """Choose the best, the median and the worst frames.

    Args:
        noted: (error, row) of every frame, in any order.

    Returns:
        (label, number) of at most three frames each.
    """
    ordered = sorted(noted)
    count = min(PER_LABEL, len(ordered) // 3)
    middle = (len(ordered) - count) // 2
    spans = {
        "best": ordered[:count],
        "median": ordered[middle : middle + count],
        "worst": ordered[len(ordered) - count :],
    }
    return [(label, row) for label, span in spans.items() for _, row in span]


@torch.no_grad()
def make_examples(
    model: MeshRecovery, frame: FrameBatch, labels: Sequence[str], split: str, true_body: bool = True
) -> Examples:
    """Run the model on chosen frames and put what the report shows side by side. Frames need silhouettes.

    Args:
        model: The trained model.
        frame: The chosen frames, with silhouettes.
        labels: One for each frame.
        split: Name of a split.
        true_body: Whether the truth's parameters belong to the model's body; where they do not, or there are none, the
            lifter's skeleton and the true joints are shown.
    """
    observation, truth = frame.observation, frame.truth
    recovery = model(observation)
    silhouette, index = observation.silhouette, observation.index
    assert silhouette is not None
    assert index is not None
    errors = torch.full((len(silhouette),), math.nan)
    arrays = {
        "silhouette": silhouette > 0.5,
        "pred_mask": hard_silhouette(recovery.projected(), model.body.faces, silhouette.shape[-1]),
        "joints2d": observation.joints2d,
        "confidence": observation.confidence,
        "pred_vertices": recovery.body.vertices,
        "faces": model.body.faces,
        "camera": recovery.camera,
        "index": index,
        "lifted_joints": recovery.lifted.joints3d,
    }
    if truth is not None:
        true = true_values(truth, model.joint_set.root_index, model.body)
        assert true["true_joints"] is not None
        errors = mpjpe(recovery.joints3d, true["true_joints"], "procrustes", model.joint_set)
        arrays["true_joints"] = true["true_joints"]
        if true_body and true["true_vertices"] is not None:
            arrays["true_vertices"] = true["true_vertices"]
    arrays["pa_mpjpe_mm"] = 1000 * errors
    return Examples(
        joint_set=model.joint_set.name,
        split=split,
        label=np.array(labels),
        **{name: value.cpu().numpy() for name, value in arrays.items()},
    )
