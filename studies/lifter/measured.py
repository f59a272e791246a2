"""Figures of all rows over seeds, gathered from finished runs."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s2m.body import Body
from s2m.data.store import FrameStore
from s2m.lifter import Lifter
from s2m.lifter.objective import DetectionNoise
from s2m.skeletons import JointSet, get_joint_set
from studies.lifter import methods
from studies.lifter.conditions import CONDITIONS, StudyFrames, apply, read_frames
from studies.lifter.evaluate import Method, elevation_figures, evaluate
from studies.lifter.rows import Row
from studies.lifter.runner import read_mark

SPLIT = "test"
PLANAR = "planar"
LINEAR, LINEAR_NOISE = "linear", "linear_augmented"

Figures = dict[str, float]


@dataclass(frozen=True)
class Figure:
    """One number over seeds. spread: sample standard deviation; zero for one value.

    Attributes:
        values: One per seed.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return statistics.fmean(self.values)

    @property
    def spread(self) -> float:
        """Sample standard deviation over seeds."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0


@dataclass(frozen=True)
class RowResult:
    """A row of the table.

    Attributes:
        method: Its name.
        joint_set: The joint set.
        figures: Condition -> metric -> figure.
        elevation: Metric -> figure, degrees; empty where it is not learned.
        seconds: Of each training, one thread; empty for closed-form baselines.
    """

    method: str
    joint_set: str
    figures: dict[str, dict[str, Figure]]
    elevation: dict[str, Figure] = field(default_factory=dict)
    seconds: tuple[float, ...] = ()

    def at(self, condition: str, metric: str) -> Figure:
        """One figure.

        Args:
            condition: Name of what was done to the 2D joints.
            metric: Name of a metric.
        """
        return self.figures[condition][metric]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "method": self.method,
            "joint_set": self.joint_set,
            "figures": {condition: _plain(metrics) for condition, metrics in self.figures.items()},
            "elevation": _plain(self.elevation),
            "train_seconds": list(self.seconds),
        }


def _plain(metrics: dict[str, Figure]) -> dict[str, Any]:
    return {n: {"mean": f.mean, "std": f.spread, "values": list(f.values)} for n, f in metrics.items()}


def over_seeds(runs: Sequence[Figures]) -> dict[str, Figure]:
    """Figures of several seeds, by metric.

    Args:
        runs: The trainings.
    """
    return {name: Figure(tuple(run[name] for run in runs)) for name in runs[0]}


class Study:
    """Evaluates methods on the test split of a store under all conditions.

    Args:
        store: The frame store.
        body: A body in SMPL format.
        noise_seed: Of the conditions' errors; the same for all methods, joint sets and seeds.
    """

    def __init__(self, store: FrameStore, body: Body, noise_seed: int = 0) -> None:
        self._store, self._body = store, body
        frames = read_frames(store, SPLIT)
        self._frames = {condition.name: apply(condition, frames, noise_seed) for condition in CONDITIONS}

    def trained(self, row: Row, artifacts: Sequence[Path]) -> RowResult:
        """A row of trained networks, one artifact per seed.

        Args:
            row: A row of the table.
        """
        joint_set = get_joint_set(row.joint_set)
        lifters = [methods.load_network(path, row.stage, joint_set, self._body) for path in artifacts]
        result = self.result(row.variant, joint_set, [methods.network(lifter) for lifter in lifters])
        clean = self._frames[CONDITIONS[0].name].select(joint_set)
        # The supervised counterpart's elevation head, where the network has one, is not trained.
        elevations = [elevation_figures(lifter, clean) if row.stage == "lifter" else {} for lifter in lifters]
        seconds = [float(str(read_mark(path.parent).get("seconds", "nan"))) for path in artifacts]
        return RowResult(
            method=result.method,
            joint_set=result.joint_set,
            figures=result.figures,
            elevation=over_seeds(elevations),
            seconds=tuple(seconds),
        )

    def result(self, name: str, joint_set: JointSet, variants: Sequence[Method]) -> RowResult:
        """A row of methods, one per seed.

        Args:
            joint_set: The joint set.
        """
        figures = {
            condition: over_seeds([evaluate(method, frames, joint_set) for method in variants])
            for condition, frames in self._selected(joint_set).items()
        }
        return RowResult(name, joint_set.name, figures)

    def planar(self, lifter: Lifter) -> RowResult:
        """The row of constant depth.

        Args:
            lifter: For the metric scale.
        """
        return self.result(PLANAR, lifter.joint_set, [methods.planar(lifter)])

    def linear(self, joint_set: JointSet, noise: DetectionNoise | Callable[..., Any]) -> list[RowResult]:
        """Linear regression on labels as they are, and with the lifter's augmentation.

        Args:
            joint_set: The joint set.
        """
        plain = methods.linear(self._store, joint_set, None)
        augmented = methods.linear(self._store, joint_set, noise)  # type: ignore[arg-type]
        return [self.result(LINEAR, joint_set, [plain]), self.result(LINEAR_NOISE, joint_set, [augmented])]

    def _selected(self, joint_set: JointSet) -> dict[str, StudyFrames]:
        return {name: frames.select(joint_set) for name, frames in self._frames.items()}
