"""A comparison for a terminal, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from s2m.compare.comparison import Comparison
from s2m.compare.groups import delta
from s2m.compare.metrics import metric_text
from s2m.compare.settings import seed_of, show_value
from s2m.compare.table import Cell, Column, Table, deviations, group_table, run_table
from s2m.markdown import Markup, code, escape, image, markdown_table, strong

# More settings than this, and Markdown shows them in one column.
_MAX_SETTING_COLUMNS = 5
_MAX_DEVIATION = 60
_NOTES = 12


def terminal(comparison: Comparison) -> str:
    """An aligned table: all metrics, the difference to the baseline in the sorted one, and what is set differently.

    Args:
        comparison: What is compared.
    """
    table = _with_settings_in_one(comparison, group_table(comparison))
    headings = [column.heading for column in table.columns]
    at = _sort_column(comparison, table)
    if comparison.baseline is not None:
        headings.insert(at + 1, "Δ")
    lines = []
    for row in table.rows:
        texts = [cell.text for cell in row]
        texts[-1] = texts[-1] if len(texts[-1]) <= _MAX_DEVIATION else texts[-1][: _MAX_DEVIATION - 1] + "…"
        if comparison.baseline is not None:
            texts.insert(at + 1, row[at].change or "baseline")
        lines.append(texts)
    numeric = [column.numeric for column in table.columns]
    if comparison.baseline is not None:
        numeric.insert(at + 1, True)
    return f"{comparison.summary}\n{comparison.place}\n\n" + _aligned(headings, lines, numeric)


def notes_text(notes: Sequence[str]) -> str:
    """Warnings for a terminal; many are counted, not listed.

    Args:
        notes: Lines of text.
    """
    shown = [f"warning: {note}" for note in notes[:_NOTES]]
    if len(notes) > _NOTES:
        shown.append(f"warning: {len(notes) - _NOTES} more like these, all in compare.md")
    return "\n".join(shown)


def markdown(comparison: Comparison, picture: bool) -> str:
    """``compare.md``: configurations, single runs, notes.

    Args:
        comparison: What is compared.
        picture: Whether ``curves.png`` lies beside it.
    """
    table = group_table(comparison)
    if len(comparison.keys) > _MAX_SETTING_COLUMNS:
        table = _with_settings_in_one(comparison, table)
    parts = [
        "# Runs compared",
        f"{escape(comparison.summary)}. From {escape(comparison.place)}. {comparison.data_note}".rstrip(),
        "Mean ± sample standard deviation over seeds"
        + (
            "; in brackets the difference to the baseline ± standard error, seed by seed where seeds are the same."
            if comparison.baseline
            else "."
        ),
        _markdown_table(table),
    ]
    if picture:
        parts.append(image("learning curves", "curves.png"))
    parts += ["## Single runs", _markdown_table(run_table(comparison))]
    protocols = [_protocol(name) for name in comparison.metrics]
    parts += ["## What the numbers mean", "\n".join(protocols)]
    if comparison.notes:
        parts += ["## Left out, or to be aware of", "\n".join(f"- {escape(note)}" for note in comparison.notes)]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def groups_csv(comparison: Comparison) -> str:
    """``configurations.csv``: stored units, full names, one column per number.

    Args:
        comparison: What is compared.
    """
    header = ["configuration", "ablation", "data", "n", "seeds", *comparison.keys]
    for name in comparison.metrics:
        header += [name, f"{name} std", f"{name} n"]
        header += [f"{name} delta", f"{name} delta error"] if comparison.baseline else []
    rows = []
    for group in comparison.groups:
        row: list[object] = [group.name, group.ablation, group.data, len(group.runs), " ".join(group.seeds)]
        row += [show_value(key, group.settings.get(key, ...)) for key in comparison.keys]
        for name in comparison.metrics:
            spread = group.spread(name)
            row += ["", "", 0] if spread is None else [spread.mean, _or_empty(spread.std), spread.n]
            if comparison.baseline:
                change = delta(group, comparison.baseline, name)
                row += ["", ""] if change is None else [change.value, _or_empty(change.error)]
        rows.append(row)
    return _csv(header, rows)


def runs_csv(comparison: Comparison) -> str:
    """``runs.csv``: every run with every metric that it has.

    Args:
        comparison: What is compared.
    """
    names = sorted({name for run in comparison.runs for name in run.summary})
    header = ["run", "configuration", "stage", "seed", "started", "id", "source", *names]
    rows = [
        [run.name, group.name, run.stage, seed_of(run), run.started, run.identifier, run.source]
        + [_or_empty(run.summary.get(name)) for name in names]
        for group in comparison.groups
        for run in group.runs
    ]
    return _csv(header, rows)


def _with_settings_in_one(comparison: Comparison, table: Table) -> Table:
    """The table with its columns of settings exchanged for one at the end."""
    titles = set(comparison.keys)
    keep = [index for index, column in enumerate(table.columns) if column.title not in titles]
    columns = [table.columns[index] for index in keep]
    rows = [[row[index] for index in keep] for row in table.rows]
    if comparison.keys:
        columns.append(Column("set differently" if comparison.baseline is None else "unlike the baseline"))
        rows = [[*row, Cell(text)] for row, text in zip(rows, deviations(comparison), strict=True)]
    return Table(columns, rows, table.baseline)


def _sort_column(comparison: Comparison, table: Table) -> int:
    return next(index for index, column in enumerate(table.columns) if column.title == comparison.sort)


def _aligned(headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> str:
    widths = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings))]

    def line(row: Sequence[str]) -> str:
        cells = [t.rjust(w) if n else t.ljust(w) for t, w, n in zip(row, widths, numeric, strict=True)]
        return "  ".join(cells).rstrip()

    return "\n".join([line(headings), "-" * (sum(widths) + 2 * len(widths) - 2), *map(line, rows)])


def _protocol(metric: str) -> str:
    text = metric_text(metric)
    return f"- {strong(text.heading)} ({code(metric)}): {escape(text.protocol)}"


def _markdown_table(table: Table) -> str:
    rows = [[_markdown_cell(cell) for cell in row] for row in table.rows]
    if table.baseline is not None:
        name = rows[table.baseline][0]
        rows[table.baseline][0] = Markup(f"{name} (baseline)")
    return markdown_table(
        [column.heading for column in table.columns], rows, [column.numeric for column in table.columns]
    )


def _markdown_cell(cell: Cell) -> Markup:
    text = strong(cell.text) if cell.best else escape(cell.text)
    return Markup(f"{text} ({escape(cell.change)})") if cell.change else text


def _or_empty(value: float | None) -> object:
    return "" if value is None else value


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()
