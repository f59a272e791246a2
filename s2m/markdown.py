"""Markdown for people's files: one pipe table for all pages, and text that stays the text it is.

Cells, headings and captions are escaped unless they are :class:`Markup` already, as HTML templates do with autoescape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# What GitHub's Markdown would read as a sign of its own. An underscore within a word is none: names stay readable.
_SIGNS = re.compile(r"[\\`*|<~]|(?<![^\W_])_|_(?![^\W_])|\](?=[(\[:])|&(?=#?\w+;)|(?<=\s)#(?=#*$)")
# What makes a heading, a list, a rule or a quotation of a whole line: "# ", "- ", "+ ", "--", ">" and "1. ".
_START = re.compile(r"^(?=#{1,6}(?:\s|$)|[-+](?:[-+\s]|$)|>)|^\d{1,9}(?=[.)](?:\s|$))")


class Markup(str):
    """Text that is Markdown on purpose and is not escaped again."""

    __slots__ = ()


def escape(text: str) -> Markup:
    r"""Text that Markdown shows as it is, on one line.

    Args:
        text: any text; a line break becomes a space. :class:`Markup` is returned unchanged.

    Returns:
        The text with a backslash before every character that would mean something.

    Example:
        >>> print(escape("a|b*c_d"))
        a\|b\*c_d
    """
    if isinstance(text, Markup):
        return text
    line = _SIGNS.sub(r"\\\g<0>", " ".join(text.splitlines()).strip())
    return Markup(_START.sub(lambda found: f"{found[0]}\\", line))


def strong(text: str) -> Markup:
    """Bold text.

    Args:
        text: plain text, which is escaped, or Markdown.

    Returns:
        Markdown.
    """
    return Markup(f"**{escape(text)}**")


def emphasised(text: str) -> Markup:
    """Text in italics.

    Args:
        text: plain text, which is escaped, or Markdown.

    Returns:
        Markdown.
    """
    return Markup(f"*{escape(text)}*")


def code(text: str) -> Markup:
    """Text in the letters of code.

    Args:
        text: plain text; a line break becomes a space.

    Returns:
        Markdown.
    """
    line = " ".join(text.splitlines())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return Markup(f"{fence}{pad}{line}{pad}{fence}")


def image(caption: str, file: str) -> Markup:
    """A picture.

    Args:
        caption: what it shows, plain text.
        file: its address, relative to the page.

    Returns:
        Markdown.
    """
    # A sign that is escaped already is passed over as a pair.
    inside = re.sub(r"\\.|[][]", lambda found: found[0] if len(found[0]) > 1 else f"\\{found[0]}", escape(caption))
    return Markup(f"![{inside}]({file})")


def definitions(items: Iterable[tuple[str, str]]) -> str:
    """A list of names and what they mean.

    Args:
        items: (name, meaning), plain text or Markdown.

    Returns:
        One line per item, the name in bold.
    """
    return "\n".join(f"- {strong(name)}: {escape(meaning)}" for name, meaning in items)


def markdown_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[bool] | None = None
) -> str:
    r"""A pipe table.

    Args:
        headings: the title of every column, plain text or Markdown.
        rows: the cells of every row, as many as there are headings; plain text or Markdown.
        numeric: which columns hold numbers and stand to the right; none if not given.

    Returns:
        The table; every row ends with a line break.

    Raises:
        ValueError: a row has more or fewer cells than there are headings.

    Example:
        >>> print(markdown_table(["method", "PVE [mm]"], [["a|b", strong("76.0")]], [False, True]), end="")
        | method | PVE [mm] |
        | --- | ---: |
        | a\|b | **76.0** |
    """
    right = numeric if numeric is not None else [False] * len(headings)
    lines = [list(map(escape, headings)), [Markup("---:" if flag else "---") for flag in right]]
    lines += [list(map(escape, row)) for row in rows]
    if any(len(line) != len(headings) for line in lines):
        found = sorted({len(line) for line in lines})
        raise ValueError(f"a table of {len(headings)} columns: expected as many cells in every row, found {found}")
    # Within a table, a bar ends its cell even in code; tables take the backslash away again.
    cells = [[re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in line] for line in lines]
    return "".join("| " + " | ".join(line) + " |\n" for line in cells)


def number_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A pipe table whose first column names the row and whose other columns hold numbers.

    Args:
        headings: as of :func:`markdown_table`.
        rows: as of :func:`markdown_table`.

    Returns:
        The table; every row ends with a line break.

    Raises:
        ValueError: a row has more or fewer cells than there are headings.
    """
    return markdown_table(headings, rows, [column > 0 for column in range(len(headings))])
