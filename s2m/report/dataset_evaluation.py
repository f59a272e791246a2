"""A finished run on a split of a converted dataset, measured by protocol, overall and by activity."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import MetricCollection
from tqdm import tqdm

from s2m.artifact import Artifact
from s2m.batch import BodyParams, FrameBatch, Truth
from s2m.body import Body
from s2m.data.dataset import FrameDataset
from s2m.data.samplers import as_stored
from s2m.data.store import GENDERS, FrameStore, StoreError
from s2m.metrics import PVE
from s2m.metrics.base import MILLIMETRES
from s2m.metrics.protocols import Protocol
from s2m.model import MeshRecovery, Recovery
from s2m.pretrained import load_mesh_model
from s2m.report.datasets import dataset_name, split_text
from s2m.report.frame_list import FrameList
from s2m.report.results import ReportError
from s2m.skeletons import JointSet

# The camera that "frontal" means, by dataset, as recordings are named after it.
FRONTAL_CAMERA = {"human36m": "60457274"}
_BATCH = 64
Watch = Callable[[FrameBatch, Recovery], None]


@dataclass(frozen=True)
class Score:
    """What one protocol says.

    Attributes:
        protocol: A protocol of the literature.
        frames: How many were measured.
        values: By metric (see :meth:`Protocol.metrics`).
        by_activity: The same for each activity.
    """

    protocol: Protocol
    frames: int
    values: dict[str, float]
    by_activity: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class RunScores:
    """A run on a dataset.

    Attributes:
        run: Name of the run.
        trained_on: Name of the dataset that it was trained on.
        dataset: Name of the dataset that it was measured on.
        split: Of this dataset.
        scores: One for each protocol.
        surface: ``pve_mm`` and ``pa_pve_mm``, where the bodies of the truth are known.
        selection: Which frames of the split were measured, in words.
    """

    run: str
    trained_on: str
    dataset: str
    split: str
    scores: tuple[Score, ...]
    surface: dict[str, float] = field(default_factory=dict)
    selection: str = ""

    def value(self, protocol: Protocol, metric: str) -> float:
        """One number; NaN where the protocol could not be followed.

        Args:
            protocol: A protocol of the literature.
            metric: Name of a metric.
        """
        found = (score.values[metric] for score in self.scores if score.protocol == protocol)
        return next(found, math.nan)


@dataclass(frozen=True)
class TrainedRun:
    """A finished run, loaded.

    Args:
        path: its file, ``RUN/mesh/mesh.pt``.
        model: the whole model, in evaluation mode, on the device that measures.
        artifact: what the file holds beside the weights.
    """

    path: Path
    model: MeshRecovery
    artifact: Artifact

    @property
    def name(self) -> str:
        """The run's folder."""
        return self.path.parent.parent.name

    @property
    def trained_on(self) -> str:
        """The dataset, as converters name it, or ``open``.

        Raises:
            ReportError: When its store is gone.
        """
        return training_data(self.path, self.artifact)


def load_run(path: Path, body: Body) -> TrainedRun:
    """Load a run once, to measure it on as many splits as there are.

    Args:
        path: ``RUN/mesh/mesh.pt``.
        body: the body that the run was trained with.

    Returns:
        The run, on the GPU if there is one.

    Raises:
        ArtifactError: the file is missing, broken, or belongs to another body.
    """
    model, artifact = load_mesh_model(path, body)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return TrainedRun(path, model.to(device), artifact)


def evaluate_run(
    run: TrainedRun,
    store_path: Path,
    protocols: Sequence[Protocol],
    truth_bodies: Mapping[str, Body] | None = None,
    split: str = "test",
    progress: bool | None = None,
    frames: FrameList | None = None,
    watch: Watch | None = None,
) -> RunScores:
    """Measure a run on a split of a converted dataset.

    Joints of the run and of the store meet by name: the run may have been trained on another dataset, whose joint
    regressor W puts joints where that dataset has them.

    Args:
        run: the run, loaded.
        store_path: folder of the converted dataset.
        protocols: what to measure. Protocols that the dataset cannot serve (no activities, no frontal camera, another
            kind of truth) are left out.
        truth_bodies: the bodies of the dataset's true parameters, by gender (``neutral``, ``female``, ``male``);
            without them there is no PVE.
        split: the split to measure on.
        progress: whether to show a progress bar; only on a terminal if not given.
        frames: which frames count; all if not given.
        watch: is shown every batch with what the run made of it.

    Returns:
        The figures, lengths in millimetres.

    Raises:
        ReportError: no protocol can be served, or the run needs silhouettes that the split lacks.
        StoreError: the store is broken, or the split has no truth.
    """
    model, store = run.model, FrameStore(store_path)
    store.require_truth(split)
    dataset = FrameDataset(store, split, model.joint_set, truth=True)
    device = next(model.parameters()).device
    rows = _Rows(store, split)
    tallies = [_Tally(protocol, model.joint_set, rows) for protocol in protocols if rows.serves(protocol)]
    if protocols and not tallies:
        wanted = " or ".join(protocol.label for protocol in protocols)
        raise ReportError(f"{store_path}: split {split}: expected data for the protocol {wanted}; {rows.truth} truth")
    surface = _Surface(truth_bodies or {})
    for collection in (tally.collections for tally in tallies):
        for metrics in collection:
            metrics.to(device)
    chosen = np.arange(len(dataset)) if frames is None else frames.rows(store, split)
    for frame in _frames(dataset, chosen, progress):
        recovery = _recover(model, frame.to(device), store_path, split)
        assert frame.truth is not None
        assert frame.observation.index is not None
        for tally in tallies:
            tally.update(recovery.joints3d, frame.truth.joints3d.to(device), frame.observation.index.numpy())
        surface.update(recovery, frame.truth.to(device))
        if watch is not None:
            watch(frame, recovery)
    return RunScores(
        run=run.name,
        trained_on=run.trained_on,
        dataset=dataset_name(store),
        split=split,
        scores=tuple(tally.score() for tally in tallies),
        surface=surface.compute(),
        selection=split_text(store, split) + ("" if frames is None else f"; {frames.text}"),
    )


def training_data(path: Path, artifact: Artifact) -> str:
    """The dataset that a run was trained on, by the store in its configuration.

    Args:
        path: The artifact's file.
        artifact: What is in it.

    Raises:
        ReportError: When the store is gone.
    """
    store = artifact.config.get("data", {}).get("init_args", {}).get("store")
    try:
        return dataset_name(FrameStore(str(store)))
    except StoreError as error:
        raise ReportError(
            f"{path}: cannot tell what the run was trained on: its configuration names the store {store} ({error})"
        ) from error


class _Rows:
    """Which activity and which camera the rows of a split belong to. truth: ``metric`` or ``universal``."""

    def __init__(self, store: FrameStore, split: str) -> None:
        recordings = store.recordings(split)
        self.truth = str(store.header.get("source", {}).get("truth", "metric"))
        self._sequence: NDArray[Any] = store.open(split, truth=False).observation["sequence"]
        named = [str(recording["activity"]) for recording in recordings]
        self.activities = tuple(sorted({name for name in named if name}, key=named.index))
        complete = bool(recordings) and all(named)
        self._activity = np.array([self.activities.index(name) for name in named]) if complete else None
        camera = FRONTAL_CAMERA.get(dataset_name(store))
        self._frontal = np.array([camera is not None and camera in str(r["name"]) for r in recordings], bool)

    def serves(self, protocol: Protocol) -> bool:
        """Whether a protocol can be followed."""
        # A store of the frontal camera alone has no figure for all cameras.
        frontal = bool(self._frontal.any()) if protocol.cameras == "frontal" else not bool(self._frontal.all())
        grouped = protocol.average == "frames" or self._activity is not None
        return frontal and grouped and protocol.truth == self.truth

    def chosen(self, protocol: Protocol, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which rows count (B,)."""
        if protocol.cameras == "all":
            return np.ones(len(rows), bool)
        frontal: NDArray[np.bool_] = self._frontal[self._sequence[rows]]
        return frontal

    def activity(self, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Positions (B,) in ``activities``."""
        return None if self._activity is None else self._activity[self._sequence[rows]]


class _Tally:
    """The metrics of one protocol."""

    def __init__(self, protocol: Protocol, joint_set: JointSet, rows: _Rows) -> None:
        self.protocol, self._rows, self._frames = protocol, rows, 0
        self._overall = protocol.metrics(joint_set)
        self._grouped = protocol.grouped(joint_set, rows.activities)

    @property
    def collections(self) -> tuple[MetricCollection, MetricCollection]:
        """All metrics, to be moved to a device."""
        return self._overall, self._grouped

    def update(self, pred: Tensor, true: Tensor, rows: NDArray[np.int64]) -> None:
        """Add joints (B, J, 3) of some rows of the store."""
        chosen = torch.from_numpy(self._rows.chosen(self.protocol, rows)).to(pred.device)
        pred, true = pred[chosen], true[chosen]
        self._frames += len(pred)
        self._overall.update(pred_joints=pred, true_joints=true)
        activity = self._rows.activity(rows)
        if activity is not None:
            group = torch.from_numpy(activity).to(pred.device)[chosen]
            self._grouped.update(pred_joints=pred, true_joints=true, group=group)

    def score(self) -> Score:
        """What the protocol says of all that was added."""
        overall = self._overall.compute()
        if self._rows.activity(np.zeros(0, np.int64)) is None:
            return Score(self.protocol, self._frames, {name: float(value) for name, value in overall.items()})
        # torchmetrics takes the dimension off where there is one activity alone.
        grouped = {name: values.reshape(-1) for name, values in self._grouped.compute().items()}
        by_activity = {
            activity: {name: float(values[position]) for name, values in grouped.items()}
            for position, activity in enumerate(self._rows.activities)
        }
        seen = {activity: values for activity, values in by_activity.items() if not math.isnan(values["mpjpe_mm"])}
        return Score(self.protocol, self._frames, self.protocol.summary(overall, grouped), seen)


class _Surface:
    """PVE against the truth posed on its own bodies, each surface relative to its body's pelvis joint."""

    def __init__(self, bodies: Mapping[str, Body]) -> None:
        self._bodies = bodies
        self._metrics = {"pve_mm": PVE(unit=MILLIMETRES), "pa_pve_mm": PVE("procrustes", unit=MILLIMETRES)}
        self._complete = bool(bodies)

    def update(self, recovery: Recovery, truth: Truth) -> None:
        """Add the frames of a batch; one body that is missing makes the whole number meaningless."""
        if truth.params is None or not self._complete:
            self._complete = False
            return
        pred = recovery.body.vertices - recovery.body.joints[:, :1]
        codes = torch.zeros(len(pred), dtype=torch.long) if truth.gender is None else truth.gender.cpu()
        for code in codes.unique().tolist():
            body = self._bodies.get(GENDERS[code])
            if body is None or len(body.v_template) != pred.shape[1]:
                self._complete = False
                return
            rows = (codes == code).to(pred.device)
            params: BodyParams = truth.params[rows]
            posed = body.to(pred.device)(params)
            for metric in self._metrics.values():
                metric.to(pred.device).update(pred[rows], posed.vertices - posed.joints[:, :1])

    def compute(self) -> dict[str, float]:
        """Means in mm, or nothing."""
        return {name: float(metric.compute()) for name, metric in self._metrics.items()} if self._complete else {}


def _frames(dataset: FrameDataset, rows: NDArray[np.int64], progress: bool | None) -> Iterator[FrameBatch]:
    starts = range(0, len(rows), _BATCH)
    for start in tqdm(starts, desc="evaluating", unit="batch", disable=None if progress is None else not progress):
        yield dataset.__getitems__(as_stored(rows[start : start + _BATCH]))


@torch.no_grad()
def _recover(model: MeshRecovery, frame: FrameBatch, store: Path, split: str) -> Recovery:
    try:
        recovery: Recovery = model(frame.observation)
    except ValueError as error:
        if frame.observation.silhouette is not None:
            raise
        raise ReportError(
            f"{store}: split {split}: the run needs silhouettes, the split has none ({error}); convert it with "
            "--masks DIR, DIR/<recording>/<frame number>.png"
        ) from error
    return recovery
