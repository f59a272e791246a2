"""The report as Markdown, with its pictures as files beside it."""

from __future__ import annotations

from s2m.markdown import code, definitions, escape, image, number_table, strong
from s2m.report.contents import STAGE_TITLES, Contents, Figure, ProtocolTable
from s2m.report.tables import Table


def report_markdown(contents: Contents) -> str:
    """The text of ``report.md``.

    Args:
        contents: everything that the report shows.

    Returns:
        Markdown; names of runs, splits, methods and recordings are escaped.
    """
    blocks = [f"# Run {escape(contents.run)}", escape(contents.note)]
    if contents.checks:
        blocks += ["## Checks", "Split `test` of the open data."]
        blocks.append(number_table(["check", "value", "bound", "result"], [check.cells for check in contents.checks]))
    if contents.by_protocol:
        blocks.append("## By the dataset's protocols")
        blocks += [block for table in contents.by_protocol for block in _protocol_table(table)]
    for stage, tables in contents.shown_tables.items():
        blocks.append(f"## {STAGE_TITLES[stage]}")
        blocks += [block for table in tables for block in _table(table)]
    if contents.protocols:
        meanings, splits = definitions(contents.protocols), definitions(contents.splits)
        blocks += ["## What the numbers mean", meanings, "Splits:", splits]
    if contents.gallery:
        blocks += ["## Examples", escape(contents.gallery_about)]
    for figure in contents.gallery:
        blocks += [strong(figure.caption), _picture(figure)]
    blocks.append("## Training curves")
    for stage, figure in contents.curves.items():
        blocks += [f"### {STAGE_TITLES[stage]}", _picture(figure)]
    if contents.notes:
        blocks += ["## Of the conversion", "\n".join(f"- {escape(note)}" for note in contents.notes)]
    if contents.skipped_lines:
        lines = [f"- {escape(line)}" for line in contents.skipped_lines]
        blocks += ["## Frames passed over", "\n".join(lines)]
    return "\n\n".join(block.rstrip("\n") for block in blocks) + "\n"


def _table(table: Table) -> list[str]:
    rows = [[label, *(strong(c.text) if c.best else c.text for c in cells)] for label, cells in table.rows]
    title = f"### {code(table.split)}: {escape(table.about)}"
    return [title, number_table([table.subject, *table.headings], rows)]


def _protocol_table(table: ProtocolTable) -> list[str]:
    return [f"### {escape(table.title)}", number_table(table.headings, table.rows), definitions(table.meanings)]


def _picture(figure: Figure) -> str:
    return image(figure.caption, figure.file)
