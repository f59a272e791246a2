"""Which test frames are shown in the report: the best, the median and the worst, chosen by PA-MPJPE alone."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor

from s2m.batch import Frame
from s2m.comparison import true_values
from s2m.metrics.joints import mpjpe
from s2m.model import MeshRecovery
from s2m.render import hard_silhouette
from s2m.report.examples import Examples

PER_LABEL = 3


class Showcase:
    """Remembers the error of every frame of one split."""

    def __init__(self) -> None:
        self._rows: list[int] = []
        self._errors: list[float] = []

    def record(self, rows: Tensor, errors: Tensor) -> None:
        """Note rows (B,) of the store and their errors (B,) in metres."""
        self._rows += rows.tolist()
        self._errors += errors.tolist()

    def choose(self) -> list[tuple[str, int]]:
        """(label, row) of the best, median and worst frames of all processes, and forget everything."""
        noted = sorted(zip(*_of_all_processes((self._errors, self._rows)), strict=True))
        self._rows, self._errors = [], []
        count = min(PER_LABEL, len(noted) // 3)
        middle = (len(noted) - count) // 2
        spans = {"best": noted[:count], "median": noted[middle : middle + count], "worst": noted[len(noted) - count :]}
        return [(label, row) for label, span in spans.items() for _, row in span]


def make_examples(model: MeshRecovery, frame: Frame, labels: list[str], split: str) -> Examples:
    """Run the model on chosen frames and put what the report shows side by side. Frames need truth and silhouette."""
    recovery, observation = model(frame.observation), frame.observation
    assert frame.truth is not None
    true = true_values(frame.truth, model.joint_set.root_index, model.body)
    silhouette, true_vertices, index = observation.silhouette, true["true_vertices"], observation.index
    assert silhouette is not None
    assert true_vertices is not None
    assert index is not None
    mask = hard_silhouette(recovery.projected(), model.body.faces, silhouette.shape[-1])
    errors = mpjpe(recovery.joints3d, cast(Tensor, true["true_joints"]), "procrustes", model.joint_set)
    arrays = {
        "silhouette": silhouette > 0.5,
        "pred_mask": mask,
        "joints2d": observation.joints2d,
        "confidence": observation.confidence,
        "pred_vertices": recovery.body.vertices,
        "true_vertices": true_vertices,
        "faces": model.body.faces,
        "camera": recovery.camera,
        "pa_mpjpe_mm": 1000 * errors,
        "index": index,
    }
    return Examples(
        joint_set=model.joint_set.name,
        split=split,
        label=np.array(labels),
        **{name: value.cpu().numpy() for name, value in arrays.items()},
    )


def _of_all_processes(values: tuple[list[float], list[int]]) -> tuple[list[float], list[int]]:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return values
    gathered: list[tuple[list[float], list[int]] | None] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(gathered, values)
    errors = [e for part in gathered if part for e in part[0]]
    rows = [r for part in gathered if part for r in part[1]]
    return errors, rows
