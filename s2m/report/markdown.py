"""The report as Markdown, with its pictures as files beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from s2m.report.contents import STAGE_TITLES, Contents, ProtocolTable
from s2m.report.tables import Table


def markdown(contents: Contents) -> str:
    """The text of ``report.md``."""
    blocks = [f"# Run {contents.run}", contents.note]
    if contents.checks:
        blocks += ["## Checks", "Split `test` of the open data."]
        blocks.append(_grid(["bar", "value", "bound", "result"], (check.cells for check in contents.checks)))
    if contents.by_protocol:
        blocks.append("## By the dataset's protocols")
        blocks += [block for table in contents.by_protocol for block in _protocol_table(table)]
    for stage, tables in contents.shown_tables.items():
        blocks.append(f"## {STAGE_TITLES[stage]}")
        blocks += [block for table in tables for block in _table(table)]
    if contents.protocols:
        blocks += ["## What the numbers mean", _list(contents.protocols), "Splits:", _list(contents.splits)]
    if contents.gallery:
        blocks += ["## Examples", contents.gallery_about]
    for figure in contents.gallery:
        blocks += [f"**{figure.caption}**", f"![{figure.caption}]({figure.file})"]
    blocks.append("## Training curves")
    for stage, figure in contents.curves.items():
        blocks += [f"### {STAGE_TITLES[stage]}", f"![{figure.caption}]({figure.file})"]
    if contents.skipped_lines:
        blocks += ["## Frames passed over", "\n".join(f"- {line}" for line in contents.skipped_lines)]
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> list[str]:
    rows = ([label, *(f"**{c.text}**" if c.best else c.text for c in cells)] for label, cells in table.rows)
    return [f"### `{table.split}`: {table.about}", _grid([table.subject, *table.headings], rows)]


def _protocol_table(table: ProtocolTable) -> list[str]:
    return [f"### {table.title}", _grid(table.headings, table.rows), _list(table.meanings)]


def _grid(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in headings[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headings, rule, *rows))


def _list(items: list[tuple[str, str]]) -> str:
    return "\n".join(f"- **{name}**: {meaning}" for name, meaning in items)
