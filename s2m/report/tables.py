"""Tables of methods and metrics, one per split."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from s2m.report.protocol import BETAS, BETAS_ABOUT, METHODS, METRICS, SPLITS
from s2m.report.results import StageResults
from s2m.report.text import text_table

# Methods that use the truth, or that show what a part of the model is worth, are shown, but do not compete.
NOT_CONTESTING = ("oracle", "mean_betas", "mean_pr")
_BETAS = "betas"


@dataclass(frozen=True)
class Cell:
    """One shown number.

    Attributes:
        text: As it is shown.
        best: Whether it is the best of its column.
    """

    text: str
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A stage's numbers on one split.

    Attributes:
        stage: Its name.
        split: Name of a split.
        about: What the split is.
        metrics: Names of the columns.
        rows: Label and cells, from top to bottom.
        subject: What the labels name, such as ``method``.
    """

    stage: str
    split: str
    about: str
    metrics: list[str]
    rows: list[tuple[str, list[Cell]]]
    subject: str = "method"

    @property
    def headings(self) -> list[str]:
        """Column titles, with units."""
        return [(METRICS | BETAS)[metric].heading for metric in self.metrics]


def as_text(table: Table) -> str:
    """For a terminal.

    Args:
        table: One split.
    """
    return text_table(
        f"{table.split}: {table.about}",
        (table.subject, *table.headings),
        [(label, *(cell.text for cell in cells)) for label, cells in table.rows],
    )


def stage_tables(stage: StageResults, about: Mapping[str, str] = SPLITS) -> list[Table]:
    """One table per split that was evaluated, known splits first, in a fixed order; then one of the betas, if any.

    Args:
        stage: The numbers of one stage.
        about: What each known split is.
    """
    splits = [*(s for s in about if s in stage.tables), *(s for s in stage.tables if s not in about)]
    betas = {split: stage.tables[split][_BETAS] for split in splits if _BETAS in stage.tables[split]}
    return [*(_table(stage, split, about) for split in splits), *([_betas_table(stage, betas)] if betas else [])]


def _betas_table(stage: StageResults, betas: dict[str, dict[str, float]]) -> Table:
    rows = [
        (split, [Cell(text.show(values[name]) if name in values else "–") for name, text in BETAS.items()])
        for split, values in betas.items()
    ]
    return Table(stage.name, _BETAS, BETAS_ABOUT, list(BETAS), rows, "split")


def _table(stage: StageResults, split: str, about: Mapping[str, str]) -> Table:
    methods = {name: values for name, values in stage.tables[split].items() if name != _BETAS}
    labels = METHODS.get(stage.name, {})
    order = [*(m for m in labels if m in methods), *(m for m in methods if m not in labels)]
    metrics = [metric for metric in METRICS if any(metric in values for values in methods.values())]
    contestants = [not m.startswith(NOT_CONTESTING) for m in order]
    columns = {
        metric: _column(metric, [methods[m].get(metric, math.nan) for m in order], contestants) for metric in metrics
    }
    rows = [(labels.get(m, m), [columns[metric][i] for metric in metrics]) for i, m in enumerate(order)]
    return Table(stage.name, split, about.get(split, "a split of the user's own"), metrics, rows)


def _column(metric: str, values: list[float], contestants: list[bool]) -> list[Cell]:
    text = METRICS[metric]
    known = [value for value, contests in zip(values, contestants, strict=True) if contests and math.isfinite(value)]
    best = math.nan
    if text.better and len(known) > 1:
        best = min(known) if text.better == "lower" else max(known)
    return [
        Cell(text.show(v), v == best and c) if math.isfinite(v) else Cell("–")
        for v, c in zip(values, contestants, strict=True)
    ]
