"""The report as one self-contained HTML page: no script, no network, pictures embedded."""

from __future__ import annotations

import base64
from html import escape
from importlib import resources

from s2m.report.checks import Check
from s2m.report.contents import STAGE_TITLES, Contents, Figure, ProtocolTable
from s2m.report.tables import Table


def page(contents: Contents) -> str:
    """The text of ``index.html``."""
    style = resources.files("s2m.report").joinpath("assets/page.css").read_text(encoding="utf-8")
    tables = {stage: "".join(map(_table, shown)) for stage, shown in contents.shown_tables.items()}
    first = {stage: text for stage, text in tables.items() if stage == next(iter(contents.tables))}
    sections = [
        *([_checks(contents)] if contents.checks else []),
        *([_section("By the dataset's protocols", "".join(map(_protocol_table, contents.by_protocol)))]
          if contents.by_protocol else []),
        *(_section(STAGE_TITLES[stage], text) for stage, text in first.items()),
        *([_section("Examples", f'<p class="note">{escape(contents.gallery_about)}</p><div class="gallery">'
                    + "".join(map(_figure, contents.gallery)) + "</div>")] if contents.gallery else []),
        *(_section(STAGE_TITLES[stage], text) for stage, text in tables.items() if stage not in first),
        *([_section("What the numbers mean", _definitions(contents.protocols) + "<h3>Splits</h3>"
                    + _definitions(contents.splits))] if contents.protocols else []),
        _section("Training curves", "".join(
            f"<details open><summary>{escape(STAGE_TITLES[stage])}</summary>{_figure(figure)}</details>"
            for stage, figure in contents.curves.items())),
    ]  # fmt: skip
    if contents.skipped_lines:
        lines = "".join(f"<li>{escape(line)}</li>" for line in contents.skipped_lines)
        sections.append(_section("Frames passed over", f"<ul>{lines}</ul>"))
    title = f"Run {escape(contents.run)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>\n{style}</style></head><body>\n<header><h1>{title}</h1>"
        f"<p>{escape(contents.note)}</p></header>\n<main>\n" + "\n".join(sections) + "\n</main></body></html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _checks(contents: Contents) -> str:
    passed = sum(check.passed for check in contents.checks)
    note = f'<p class="note">Split <code>test</code>. {passed} of {len(contents.checks)} met.</p>'
    return _section("Checks", note + '<div class="checks">' + "".join(map(_check, contents.checks)) + "</div>")


def _protocol_table(table: ProtocolTable) -> str:
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in table.headings)
    rows = "".join(
        f'<tr><th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        for first, *cells in table.rows
    )
    return (
        f'<h3>{escape(table.title)}</h3><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{_definitions(table.meanings)}"
    )


def _check(check: Check) -> str:
    name, value, bound, verdict = map(escape, check.cells)
    return (
        f'<div class="check {verdict}"><span class="name">{name}</span><span class="value">{value}</span>'
        f'<span class="bound">{bound}</span><span class="verdict">{verdict}</span></div>'
    )


def _table(table: Table) -> str:
    headings = [escape(heading).replace(" [", "<br>[") for heading in [table.subject, *table.headings]]
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    rows = []
    for label, cells in table.rows:
        values = "".join(
            f'<td class="best">{escape(c.text)}</td>' if c.best else f"<td>{escape(c.text)}</td>" for c in cells
        )
        rows.append(f'<tr><th scope="row">{escape(label)}</th>{values}</tr>')
    return (
        f"<h3><code>{escape(table.split)}</code> <small>{escape(table.about)}</small></h3>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _figure(figure: Figure) -> str:
    data = base64.b64encode(figure.png).decode("ascii")
    caption = escape(figure.caption)
    source = f"data:image/png;base64,{data}"
    return f'<figure><img src="{source}" alt="{caption}" loading="lazy"><figcaption>{caption}</figcaption></figure>'


def _definitions(items: list[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in items) + "</dl>"
