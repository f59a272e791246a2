"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def text_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], below: Sequence[str] = ()) -> str:
    """Columns under each other, the first one to the left.

    Args:
        title: What stands above.
        headings: Of the columns.
        rows: Text of every cell.
        below: Lines that stand below a rule.
    """
    cells = [headings, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    lines = [
        "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    rule = "-" * max(map(len, lines))
    return "\n".join([title, rule, lines[0], rule, *lines[1:], *([rule, *below] if below else [])])
