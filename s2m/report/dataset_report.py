"""The part of a report that depends on the dataset: its protocols, and pictures of its frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.artifact import ArtifactError
from s2m.batch import FrameBatch
from s2m.body import Body
from s2m.data.dataset import FrameDataset
from s2m.data.samplers import as_stored
from s2m.data.store import FrameStore
from s2m.metrics.joints import mpjpe
from s2m.metrics.protocols import (
    H36M_LIFTING,
    H36M_LIFTING_PA,
    H36M_MESH,
    H36M_MESH_PA,
    H36M_MESH_PA_FRONTAL,
    MPI3DHP_17,
    MPI3DHP_17_PA,
    MPI3DHP_OFFICIAL,
    MPI3DHP_OFFICIAL_PA,
    Protocol,
)
from s2m.model import MeshRecovery, Recovery
from s2m.report.dataset_evaluation import RunScores, evaluate_run, load_run
from s2m.report.datasets import RunData, measurable
from s2m.report.examples import Examples
from s2m.report.results import ReportError, StageResults
from s2m.report.showing import PER_LABEL, best_median_worst, make_examples
from s2m.skeletons import JointSet

_GENERAL = {"17 joints": Protocol(alignment="root"), "17 joints, PA": Protocol()}
_MESH = {"14 joints (mesh literature)": H36M_MESH, "14 joints (mesh literature), PA": H36M_MESH_PA}
PROTOCOLS: dict[str, dict[str, Protocol]] = {
    "human36m": {
        **_MESH,
        "14 joints (mesh literature), PA, frontal camera": H36M_MESH_PA_FRONTAL,
        "17 joints (lifting literature)": H36M_LIFTING,
        "17 joints (lifting literature), PA": H36M_LIFTING_PA,
    },
    "mpi_inf_3dhp": {
        "official script (14 joints)": MPI3DHP_OFFICIAL,
        "official script (14 joints), PA": MPI3DHP_OFFICIAL_PA,
        "17 joints": MPI3DHP_17,
        "17 joints, PA": MPI3DHP_17_PA,
    },
    "surreal": {**_GENERAL, **_MESH},
    "3dpw": _MESH,
}
# Frames that are shown where no truth says which are good.
_UNRANKED = 3 * PER_LABEL
# The stages pose the truth's parameters on the run's body; these numbers hold where that body is the truth's.
_OF_THE_BODY = ("pve_mm", "pve_area_mm", "n_pve_mm", "pa_pve_mm")
_METHODS_OF_THE_BODY = ("betas", "oracle_shape_and_extremities")


@dataclass(frozen=True)
class Measured:
    """A run on its dataset.

    Attributes:
        scores: By split, of the splits with a truth.
        examples: The frames that are shown; ``None`` without silhouettes.
        names: Of the recordings, by number of the frame shown.
    """

    scores: dict[str, RunScores]
    examples: Examples | None
    names: list[str] = field(default_factory=list)


class _Ranking:
    """The error of every frame."""

    def __init__(self, joint_set: JointSet) -> None:
        self._joint_set = joint_set
        self.noted: list[tuple[float, int]] = []

    def __call__(self, frame: FrameBatch, recovery: Recovery) -> None:
        """Note a batch."""
        assert frame.truth is not None
        assert frame.observation.index is not None
        true = frame.truth.joints3d.to(recovery.joints3d.device)
        errors = mpjpe(recovery.joints3d, true, "procrustes", self._joint_set)
        self.noted += zip(errors.tolist(), frame.observation.index.tolist(), strict=True)


def protocols_of_dataset(dataset: str) -> dict[str, Protocol]:
    """The protocols of a dataset under the names of its literature.

    Args:
        dataset: Its name, as the converters have it.
    """
    return PROTOCOLS.get(dataset, _GENERAL)


def measure_dataset(
    run: Path, data: RunData, body: Body, truth_bodies: Mapping[str, Body] | None = None, progress: bool | None = None
) -> Measured:
    """Measure a run on its test splits by its dataset's protocols, and choose frames of the first split to show.

    The run's model is loaded once for all of this.

    Args:
        run: folder of the run.
        data: what it was made on; a converted dataset.
        body: the body that the run was trained with.
        truth_bodies: see :func:`~s2m.report.dataset_evaluation.evaluate_run`.
        progress: see :func:`~s2m.report.dataset_evaluation.evaluate_run`.

    Returns:
        The scores of the splits with a truth, and frames to show.

    Raises:
        ReportError: the model is missing, broken, or belongs to another body, or a split cannot be measured.
        StoreError: the dataset is broken.
    """
    assert data.store is not None
    artifact = run / "mesh" / "mesh.pt"
    try:
        trained = load_run(artifact, body)
    except ArtifactError as error:
        raise ReportError(f"the run's model, or its body (--body FILE): {error}") from error
    scores: dict[str, RunScores] = {}
    examples: Examples | None = None
    names: list[str] = []
    for position, split in enumerate(data.splits):
        ranking = _Ranking(trained.model.joint_set)
        if measurable(data.store, split):
            protocols = _served(data, split)
            scores[split] = evaluate_run(
                trained, data.store.path, protocols, truth_bodies, split, progress, watch=ranking
            )
        if position == 0:
            examples, names = _examples(trained.model, data.store, split, ranking.noted)
    return Measured(scores, examples, names)


def _served(data: RunData, split: str) -> list[Protocol]:
    """The dataset's protocols; those in general use where the truth is another than they demand."""
    assert data.store is not None
    named = list(protocols_of_dataset(data.dataset).values())
    truth = str(data.store.header.get("source", {}).get("truth", "metric"))
    return [p for p in named if p.truth == truth] or list(_GENERAL.values())


def _examples(
    model: MeshRecovery, store: FrameStore, split: str, noted: list[tuple[float, int]]
) -> tuple[Examples | None, list[str]]:
    if "silhouette" not in store.header["splits"][split]["fields"]:
        return None, []
    dataset = FrameDataset(store, split, model.joint_set, truth=bool(noted), drop=not noted)
    chosen = best_median_worst(noted)
    if not chosen:
        positions = np.unique(np.linspace(0, len(dataset) - 1, min(_UNRANKED, len(dataset))).astype(np.int64))
        chosen = [("frame", int(position)) for position in positions]
    if not chosen:
        return None, []
    labels, rows = zip(*chosen, strict=True)
    frame = dataset.__getitems__(as_stored(np.array(rows)))
    assert frame.observation.index is not None
    device = next(model.parameters()).device
    examples = make_examples(model, frame.to(device), labels, split, true_body=False)
    return examples, _names(store, split, frame.observation.index.numpy())


def _names(store: FrameStore, split: str, rows: NDArray[np.int64]) -> list[str]:
    arrays, recordings = store.open(split, truth=False).observation, store.recordings(split)
    return [f"{recordings[arrays['sequence'][row]]['name']}, frame {arrays['frame'][row]}" for row in rows]


def without_foreign_bodies(stage: StageResults) -> StageResults:
    """A stage's numbers without those that need the truth on the dataset's own bodies, which the stages do not have.

    Args:
        stage: The numbers of one stage.
    """
    tables = {
        split: {
            method: {name: value for name, value in values.items() if name not in _OF_THE_BODY}
            for method, values in methods.items()
            if method not in _METHODS_OF_THE_BODY
        }
        for split, methods in stage.tables.items()
    }
    curves = {name: curve for name, curve in stage.curves.items() if name.rpartition("/")[2] not in _OF_THE_BODY}
    return replace(stage, tables=tables, curves=curves)
