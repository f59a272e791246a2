"""Figures of finished trainings over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s2m.report.results import MAIN, read_stage
from studies.lifter.measured import Figure
from studies.mesh.rows import SPLIT, Row


@dataclass(frozen=True)
class RowFigures:
    """A row over seeds.

    Attributes:
        row: A row of the table.
        figures: Split -> method -> metric -> figure.
        seconds: Of each stage-3 training.
    """

    row: Row
    figures: dict[str, dict[str, dict[str, Figure]]]
    seconds: tuple[float, ...] = ()

    def at(self, metric: str, method: str = MAIN, split: str = SPLIT) -> Figure | None:
        """One figure, or None where it was not measured.

        Args:
            metric: Name of a metric.
            method: Name of a method.
            split: Name of a split.
        """
        return self.figures.get(split, {}).get(method, {}).get(metric)

    def mean(self, metric: str, method: str = MAIN) -> float | None:
        """Mean over seeds on the test split, or None.

        Args:
            metric: Name of a metric.
            method: Name of a method.
        """
        figure = self.at(metric, method)
        return None if figure is None else figure.mean

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        figures = {
            split: {
                method: {name: list(f.values) for name, f in metrics.items()} for method, metrics in methods.items()
            }
            for split, methods in self.figures.items()
        }
        return {
            "name": self.row.name,
            "label": self.row.label,
            "joint_set": self.row.joint_set,
            "values_by_seed": figures,
            "train_seconds": list(self.seconds),
        }


@dataclass(frozen=True)
class FitRow:
    """A method on the frames that the optimisers ran on.

    Attributes:
        seconds: Per image; spread over seeds is not measured.
    """

    label: str
    metrics: dict[str, float]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"label": self.label, "seconds_per_image": self.seconds, **self.metrics}


@dataclass(frozen=True)
class StudyResults:
    """Everything that the pages show.

    Attributes:
        rows: Rows of the table, by name.
        fits: The optimisers and the model on the same ``fit_frames`` frames.
    """

    rows: dict[str, RowFigures]
    fits: Sequence[FitRow] = ()
    fit_frames: int = 0
    about: dict[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def read_row(row: Row, runs: Sequence[Path], seconds: Sequence[float]) -> RowFigures:
    """Gather a row from its run folders (one per seed), each with ``STAGE/metrics.json``.

    A metric that some seed lacks (a correlation that is not defined, say) is left out.

    Args:
        row: A row of the table.
        runs: The trainings.

    Raises:
        ReportError: Names what is missing or broken.
    """
    tables = [read_stage(run, row.stage).tables for run in runs]
    first = tables[0]
    figures = {
        split: {
            method: {
                metric: Figure(tuple(table[split][method][metric] for table in tables))
                for metric in metrics
                if all(metric in table.get(split, {}).get(method, {}) for table in tables)
            }
            for method, metrics in methods.items()
        }
        for split, methods in first.items()
    }
    return RowFigures(row, figures, tuple(seconds))
