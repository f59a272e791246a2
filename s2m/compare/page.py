"""A comparison as one self-contained HTML page: no network, no library, works from a file."""

from __future__ import annotations

import base64
import json
from html import escape
from importlib import resources
from typing import Any

from s2m.compare.comparison import Comparison
from s2m.compare.curves import MAX_LINES, drawn_groups, group_band, thinned
from s2m.compare.metrics import metric_text
from s2m.compare.table import Cell, Column, Table, group_table, run_table

_POINTS = 80


def page(comparison: Comparison, curves_png: bytes | None) -> str:
    """The text of ``index.html``. curves_png: shown where scripts are off."""
    table = _table("groups", group_table(comparison), comparison, selectable=bool(curves_png))
    sections = [_section("Configurations", _legend(comparison) + _tools("groups", "configurations") + table)]
    if curves_png:
        sections.append(_section("Learning curves", _curves(comparison, curves_png)))
    runs = _tools("runs", "runs") + _table("runs", run_table(comparison), comparison, selectable=False)
    sections.append(f"<section><details><summary><h2>Single runs</h2></summary>{runs}</details></section>")
    sections.append(_section("What the numbers mean", _protocols(comparison)))
    if comparison.notes:
        lines = "".join(f"<li>{escape(note)}</li>" for note in comparison.notes)
        sections.append(_section("Left out, or to be aware of", f'<ul class="notes">{lines}</ul>'))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>Runs compared: {escape(comparison.stage)}</title>"
        f"<style>\n{_asset('s2m.report', 'page.css')}{_asset('s2m.compare', 'compare.css')}</style></head><body>\n"
        f"<header><h1>Runs compared</h1><p>{escape(comparison.summary)}. From <code>{escape(comparison.place)}</code>."
        f"</p><p>{escape(comparison.data_note)}</p></header>\n<main>\n" + "\n".join(sections) + "\n</main>\n"
        f'<script type="application/json" id="data">{_json(_data(comparison))}</script>\n'
        f"<script>\n{_asset('s2m.compare', 'compare.js')}</script></body></html>\n"
    )


def _asset(package: str, name: str) -> str:
    return resources.files(package).joinpath(f"assets/{name}").read_text(encoding="utf-8")


def _json(value: Any) -> str:
    """JSON that cannot end the script element that holds it."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _data(comparison: Comparison) -> dict[str, Any]:
    """Curves by configuration, thinned and rounded to what a screen shows."""
    groups = []
    for group in comparison.groups:
        curves = {}
        for metric in comparison.curves:
            if (curve := group_band(group, metric)) is not None:
                few = thinned(curve, _POINTS)
                curves[metric] = [_rounded(few.steps), _rounded(few.mean), _rounded(few.std)]
        groups.append({"name": group.name, "n": len(group.runs), "curves": curves})
    shown = [comparison.groups.index(group) for group in drawn_groups(comparison)]
    headings = {metric: metric_text(metric).heading for metric in comparison.curves}
    return {"groups": groups, "metrics": headings, "shown": shown, "lines": MAX_LINES}


def _rounded(values: Any) -> list[float]:
    return [float(f"{value:.4g}") if value < 1e4 else float(f"{value:.7g}") for value in values]


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _legend(comparison: Comparison) -> str:
    text = "Mean ± sample standard deviation over n seeds; the best of a column is marked."
    if comparison.baseline is not None:
        name = comparison.baseline.name
        text += f" Below: difference to {name} ± standard error, seed by seed where seeds are the same."
        text += " In colour beyond two standard errors."
    return f'<p class="note">{escape(text)}</p>'


def _tools(identifier: str, what: str) -> str:
    return (
        f'<div class="tools"><label for="{identifier}-filter">Filter</label>'
        f'<input type="search" id="{identifier}-filter" data-filters="{identifier}" autocomplete="off" '
        f'placeholder="words that a row must have" aria-describedby="{identifier}-count">'
        f'<span id="{identifier}-count" class="count" role="status" data-what="{what}"></span></div>'
    )


def _table(identifier: str, table: Table, comparison: Comparison, selectable: bool) -> str:
    head = "".join(_heading(column, comparison) for column in table.columns)
    if selectable:
        head = '<th scope="col" class="pick"><span class="hidden">in the curves</span></th>' + head
    rows = []
    for index, row in enumerate(table.rows):
        cells = _name_cell(row[0], index == table.baseline)
        cells += "".join(_cell(cell, column) for cell, column in zip(row[1:], table.columns[1:], strict=True))
        if selectable:
            label = escape(f"draw the curves of {row[0].text}")
            cells = f'<td class="pick"><input type="checkbox" data-group="{index}" aria-label="{label}"></td>' + cells
        rows.append(f"<tr{' class=baseline' if index == table.baseline else ''}>{cells}</tr>")
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="table of {identifier}">'
        f'<table id="{identifier}"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _heading(column: Column, comparison: Comparison) -> str:
    text, title = escape(column.heading).replace(" [", "<br>["), escape(column.title)
    order = ""
    if column.title == comparison.sort:
        order = f' aria-sort="{"ascending" if comparison.ascending else "descending"}"'
    first = "descending" if column.heading.endswith("↑") else "ascending"
    kind = "" if column.numeric else ' class="text"'
    return (
        f'<th scope="col"{kind}{order} data-first="{first}">'
        f'<button type="button" title="{title}">{text}<span class="arrow" aria-hidden="true"></span></button></th>'
    )


def _name_cell(cell: Cell, is_baseline: bool) -> str:
    mark = ' <span class="mark">baseline</span>' if is_baseline else ""
    return f'<th scope="row" data-v="{escape(cell.text)}">{escape(cell.text)}{mark}</th>'


def _cell(cell: Cell, column: Column) -> str:
    classes = [name for name, on in (("text", not column.numeric), ("best", cell.best)) if on]
    attribute = f' class="{" ".join(classes)}"' if classes else ""
    order = "" if cell.order is None else escape(repr(cell.order) if isinstance(cell.order, float) else cell.order)
    change = ""
    if cell.change:
        kind = {True: "better", False: "worse", None: "same"}[cell.improves]
        change = f'<small class="{kind}">{escape(cell.change)}</small>'
    return f'<td{attribute} data-v="{order}">{escape(cell.text)}{change}</td>'


def _curves(comparison: Comparison, png: bytes) -> str:
    data = base64.b64encode(png).decode("ascii")
    return (
        '<p class="note">Mean over seeds; the band is one standard deviation. The boxes in the table choose the '
        'configurations.</p><ul id="legend" aria-label="configurations that are drawn"></ul>'
        '<div id="plots"></div>'
        f'<noscript><figure><img src="data:image/png;base64,{data}" alt="learning curves"></figure></noscript>'
    )


def _protocols(comparison: Comparison) -> str:
    texts = {metric: metric_text(metric) for metric in comparison.metrics}
    items = "".join(
        f"<dt>{escape(text.heading)}</dt><dd><code>{escape(name)}</code> {escape(text.protocol)}</dd>"
        for name, text in texts.items()
    )
    return f"<dl>{items}</dl>"
