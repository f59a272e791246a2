"""The optimisers on some test frames, beside the trained model on the same frames."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from s2m.batch import FrameBatch, Observation
from s2m.body import Body
from s2m.data import FrameDataModule
from s2m.evaluation.methods import predicted_values, true_values
from s2m.metrics import body_metrics
from s2m.model import MeshRecovery, SeenBody
from s2m.pretrained import load_mesh_model, load_regressor
from studies.mesh.row_figures import FitRow
from studies.mesh.rows import SPLIT
from studies.mesh.smplify import BodyFitter, FitBudget
from studies.mesh.smplify_starts import RestStart, SkeletonStart

Method = Callable[[Observation], SeenBody]


def sample_frames(store: Path, joint_set: str, count: int) -> FrameBatch:
    """``count`` evenly spaced frames of the test split with their truth.

    Args:
        store: The frame store.
        joint_set: The joint set.
    """
    data = FrameDataModule(str(store), joint_set)
    data.setup("test")
    size = len(data.test_dataloader()[data.test_names.index(SPLIT)].dataset)  # type: ignore[arg-type]
    rows = np.unique(np.linspace(0, size - 1, min(count, size)).astype(np.int64))
    return data.test_frames(SPLIT, rows.tolist())


def measure(label: str, method: Method, model: MeshRecovery, frame: FrameBatch, batch: int) -> FitRow:
    """Errors of a method on ``frame`` and its seconds per image, in batches of ``batch`` frames.

    Args:
        method: Name of a method.
        model: The trained model.
        frame: A batch of frames.
    """
    metrics = body_metrics(model.joint_set)
    seconds = 0.0
    with torch.no_grad():
        method(frame[:1].observation)  # whatever is built on the first call is not the method's pace
    for start in range(0, len(frame), batch):
        part = frame[start : start + batch]
        began = time.perf_counter()
        with torch.no_grad():
            seen = method(part.observation)
        seconds += time.perf_counter() - began
        assert part.truth is not None
        mask = part.observation.silhouette
        true = true_values(part.truth, model.joint_set.root_index, model.body)
        true["true_mask"] = None if mask is None else mask > 0.5
        size = None if mask is None else mask.shape[-1]
        metrics.update(**predicted_values(seen, model.body.faces, size), **true)
    values = {name: float(value) for name, value in metrics.compute().items()}
    return FitRow(label, values, seconds / len(frame))


def compare_fits(
    mesh: Path, regressor: Path, body: Body, frame: FrameBatch, budget: FitBudget, batch: int, render_faces: int
) -> list[FitRow]:
    """Both optimisers (W as stage 2 left it) and, last, the full model of ``mesh``, on the same frames.

    Args:
        body: A body in SMPL format.
        frame: A batch of frames.
    """
    model, artifact = load_mesh_model(mesh, body)
    stage_two, _ = load_regressor(regressor, artifact.joint_set, body)
    stage_two.requires_grad_(False)
    model.requires_grad_(False)
    starts = (("optimiser from rest, four yaws", RestStart(4)), ("optimiser from DIK", SkeletonStart(model)))
    methods: list[tuple[str, Method]] = [
        (label, BodyFitter(body, model.joint_set, stage_two, start, budget, render_faces=render_faces))
        for label, start in starts
    ]
    methods.append(("full model", model))
    return [measure(label, method, model, frame, batch) for label, method in methods]
