"""The tables of a comparison as cells: one row per configuration, or one per run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from s2m.compare.comparison import Comparison
from s2m.compare.groups import Delta, Group, Spread, delta
from s2m.compare.metrics import headings, lower_is_better, metric_text, show
from s2m.compare.runs import Run
from s2m.compare.settings import canonical_text, seed_of, show_value


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        heading: What stands above it.
        title: What its heading means, in full.
        numeric: To be aligned and sorted as numbers.
    """

    heading: str
    title: str = ""
    numeric: bool = False


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: What is shown.
        order: What it is sorted by.
        change: Difference to the baseline.
        improves: None if it may be chance.
        best: Whether it is the best of its column.
    """

    text: str
    order: float | str | None = None
    change: str = ""
    improves: bool | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """Columns and rows of cells; the first cell names the row.

    Attributes:
        columns: From left to right.
        rows: Cells, from top to bottom.
        baseline: Number of the row that the others are compared with.
    """

    columns: list[Column]
    rows: list[list[Cell]]
    baseline: int | None = None


def group_table(comparison: Comparison) -> Table:
    """One row per configuration.

    Args:
        comparison: What is compared.
    """
    groups = comparison.groups
    columns = [Column("configuration", "runs that differ by their seed alone")]
    rows = [[Cell(group.name, group.name)] for group in groups]
    for column, cells in [_number(groups), *_metrics(comparison), *_labels(groups), *_settings(comparison)]:
        columns.append(column)
        for row, cell in zip(rows, cells, strict=True):
            row.append(cell)
    return Table(columns, rows, None if comparison.baseline is None else groups.index(comparison.baseline))


def run_table(comparison: Comparison) -> Table:
    """One row per run.

    Args:
        comparison: What is compared.
    """
    columns = [Column("run"), Column("configuration"), Column("seed", "", True), Column("started"), Column("W&B id")]
    titles = headings(comparison.metrics)
    columns += [Column(titles[name], name, True) for name in comparison.metrics]
    rows = []
    for group in comparison.groups:
        for run in group.runs:
            seed = seed_of(run)
            facts = [run.name, group.name, seed, run.started[:19].replace("T", " "), run.identifier]
            cells = [Cell(text, text) for text in facts]
            if seed.isdigit():
                cells[2] = Cell(seed, float(seed))
            rows.append(cells + [_value_cell(run, name) for name in comparison.metrics])
    return Table(columns, rows)


def deviations(comparison: Comparison) -> list[str]:
    """For each configuration ``key=value`` of the settings in which it differs from the baseline, or from most.

    Args:
        comparison: What is compared.
    """
    usual = {key: _usual(comparison, key) for key in comparison.keys}
    texts = []
    for group in comparison.groups:
        different = [
            f"{short}={show_value(key, group.settings.get(key, ...))}"
            for key, short in comparison.keys.items()
            if canonical_text(group.settings.get(key, ...)) != usual[key]
        ]
        texts.append(" ".join(different))
    return texts


def spread_text(name: str, spread: Spread | None) -> str:
    """``107.6 ± 0.3``; without a spread for one run, a dash for none.

    Args:
        name: Name of a metric, ``split/metric`` or ``split/method/metric``.
        spread: Mean and deviation; ``None`` for no value.
    """
    if spread is None:
        return "–"
    return show(name, spread.mean) + ("" if spread.std is None else f" ± {show(name, spread.std)}")


def delta_text(name: str, change: Delta | None) -> str:
    """``-1.2 ± 0.4`` (standard error), or empty.

    Args:
        name: Name of a metric, ``split/metric`` or ``split/method/metric``.
        change: Difference and its error; ``None`` for none.
    """
    if change is None or not math.isfinite(change.value):
        return ""
    text = show(name, change.value)
    text = text.removeprefix("-") if is_zero(text) else text if text.startswith("-") else f"+{text}"
    return text + ("" if change.error is None else f" ± {show(name, change.error)}")


def is_zero(text: str) -> bool:
    """Whether a shown number has no digit but 0.

    Args:
        text: A number as it is shown.
    """
    return not set(text) & set("123456789")


def _number(groups: Sequence[Group]) -> tuple[Column, list[Cell]]:
    cells = [Cell(str(len(group.runs)), float(len(group.runs))) for group in groups]
    return Column("n", "number of runs", True), cells


def _labels(groups: Sequence[Group]) -> list[tuple[Column, list[Cell]]]:
    columns = []
    if len({group.ablation for group in groups}) > 1:
        cells = [Cell(group.ablation, group.ablation) for group in groups]
        columns.append((Column("ablation", "overlay of configs/ablation"), cells))
    if len({group.data for group in groups}) > 1:
        columns.append((Column("data", "folder of the frame store"), [Cell(g.data, g.data) for g in groups]))
    return columns


def _settings(comparison: Comparison) -> list[tuple[Column, list[Cell]]]:
    return [
        (Column(short, key), [_setting_cell(key, group) for group in comparison.groups])
        for key, short in comparison.keys.items()
    ]


def _setting_cell(key: str, group: Group) -> Cell:
    value = group.settings.get(key, ...)
    text = show_value(key, value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(text, float(value) if is_number else text)


def _metrics(comparison: Comparison) -> list[tuple[Column, list[Cell]]]:
    columns, titles = [], headings(comparison.metrics)
    for name in comparison.metrics:
        spreads = [group.spread(name) for group in comparison.groups]
        best = _best(name, spreads)
        cells = [
            _metric_cell(name, group, spread, comparison.baseline, spread is not None and spread.mean == best)
            for group, spread in zip(comparison.groups, spreads, strict=True)
        ]
        columns.append((Column(titles[name], name, True), cells))
    return columns


def _metric_cell(name: str, group: Group, spread: Spread | None, baseline: Group | None, best: bool) -> Cell:
    order = None if spread is None or not math.isfinite(spread.mean) else spread.mean
    if baseline is None or baseline is group:
        return Cell(spread_text(name, spread), order, best=best)
    change = delta(group, baseline, name)
    return Cell(spread_text(name, spread), order, delta_text(name, change), _improves(name, change), best)


def _improves(name: str, change: Delta | None) -> bool | None:
    """Whether a difference is to the good; None within two standard errors, or where it shows as nothing."""
    if change is None or not metric_text(name).better or is_zero(show(name, change.value)):
        return None
    if change.error is not None and abs(change.value) <= 2 * change.error:
        return None
    return (change.value < 0) == lower_is_better(name)


def _best(name: str, spreads: Sequence[Spread | None]) -> float | None:
    means = [spread.mean for spread in spreads if spread is not None and math.isfinite(spread.mean)]
    if len(means) < 2 or not metric_text(name).better:
        return None
    return min(means) if lower_is_better(name) else max(means)


def _value_cell(run: Run, name: str) -> Cell:
    value = run.summary.get(name)
    return Cell(show(name, value), value if value is not None and math.isfinite(value) else None)


def _usual(comparison: Comparison, key: str) -> str:
    if comparison.baseline is not None:
        return canonical_text(comparison.baseline.settings.get(key, ...))
    values = Counter(canonical_text(group.settings.get(key, ...)) for group in comparison.groups)
    return values.most_common(1)[0][0]
