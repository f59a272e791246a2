"""Tables of methods and metrics, one per split."""

from __future__ import annotations

import math
from dataclasses import dataclass

from s2m.report.protocol import METHODS, METRICS, SPLITS
from s2m.report.results import StageResults

# Methods that use the truth are shown, but do not compete.
ORACLE_PREFIX = "oracle"


@dataclass(frozen=True)
class Cell:
    """One shown number; ``best`` marks the best of its column."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A stage's numbers on one split. metrics: names of the columns; rows: method's label and its cells."""

    stage: str
    split: str
    about: str
    metrics: list[str]
    rows: list[tuple[str, list[Cell]]]

    @property
    def headings(self) -> list[str]:
        """Column titles, with units."""
        return [METRICS[metric].heading for metric in self.metrics]


def stage_tables(stage: StageResults) -> list[Table]:
    """One table per split that was evaluated: known splits first, in a fixed order."""
    splits = [*(s for s in SPLITS if s in stage.tables), *(s for s in stage.tables if s not in SPLITS)]
    return [_table(stage, split) for split in splits]


def _table(stage: StageResults, split: str) -> Table:
    methods = stage.tables[split]
    labels = METHODS.get(stage.name, {})
    order = [*(m for m in labels if m in methods), *(m for m in methods if m not in labels)]
    metrics = [metric for metric in METRICS if any(metric in values for values in methods.values())]
    contestants = [not m.startswith(ORACLE_PREFIX) for m in order]
    columns = {
        metric: _column(metric, [methods[m].get(metric, math.nan) for m in order], contestants) for metric in metrics
    }
    rows = [(labels.get(m, m), [columns[metric][i] for metric in metrics]) for i, m in enumerate(order)]
    return Table(stage.name, split, SPLITS.get(split, "a split of the user's own"), metrics, rows)


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
