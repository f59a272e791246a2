"""Markdown is read back by a parser of CommonMark and GitHub's tables: what it shows is what was written."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from s2m.markdown import Markup, code, definitions, emphasised, escape, image, markdown_table, number_table, strong

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
NASTY = ("a|b_*", "_x_ __y__", "*a* **b**", "<b>bold</b>", "[x](javascript:alert)", "![x](y)", "[a]: b",
         "[x][y]", "`code", "``", "# heading", "- item", "+ item", "a #", "a ##", "> quote", "1. one", "2) two",
         "&lt; &#60; AT&T", "~~gone~~",
         "back\\slash", "\\|", "end\\", "a\nb", "two\r\n# lines", "\\[", "\\]",
         "no_pr-s0", "-1.2 ± 0.3", "---", "***", "___", "=")  # fmt: skip
TEXTS = st.text(st.sampled_from("ab1 |_*`<>[]()!#-+.&;~\\\"'=:\n"), max_size=14)


def lines(text: str) -> str:
    """What can be shown of a text on one line."""
    return " ".join(" ".join(text.splitlines()).split())


def shown(token: Token) -> str:
    """The text of a parsed line; an element of any kind in it fails."""
    assert token.children is not None
    assert {child.type for child in token.children} <= {"text"}, token.children
    return lines("".join(child.content for child in token.children))


def inline(text: str) -> list[Token]:
    return [token for token in PARSER.parse(text) if token.type == "inline"]


def of_every_nasty_text(test):
    for text in NASTY:
        test = example(text)(test)
    return settings(deadline=None, max_examples=60)(given(TEXTS)(test))


@of_every_nasty_text
def test_an_escaped_text_is_one_paragraph_that_says_the_same(text: str) -> None:
    kinds = [token.type for token in PARSER.parse(escape(text))]
    assert kinds in ([], ["paragraph_open", "inline", "paragraph_close"])
    assert [shown(token) for token in inline(escape(text))] == [lines(text)] * bool(lines(text))


@of_every_nasty_text
def test_a_cell_stays_in_its_place(text: str) -> None:
    table = markdown_table(["first", text], [[text, "76.0"], ["x", strong("1.0")]], [False, True])
    found = PARSER.parse(table + "\nafter\n")
    cells = [found[i + 1] for i, token in enumerate(found) if token.type in ("th_open", "td_open")]
    assert len(cells) == 6
    assert [shown(cell) for cell in cells[:5]] == ["first", lines(text), lines(text), "76.0", "x"]
    assert found[-2].content == "after"


@of_every_nasty_text
def test_a_heading_and_a_list_keep_their_text(text: str) -> None:
    (heading,) = inline(f"# Run {escape(text)}")
    assert shown(heading) == lines(f"Run {text}")
    (item,) = inline(definitions([("name", text)]))
    assert item.children is not None
    plain = "".join(child.content for child in item.children if child.type == "text")
    assert lines(plain) == lines(f"name: {text}")


@of_every_nasty_text
def test_the_alternative_text_of_a_picture(text: str) -> None:
    (line,) = inline(image(text, "picture.png"))
    assert line.children is not None
    (picture,) = line.children
    assert (picture.type, picture.attrs["src"]) == ("image", "picture.png")
    assert lines(picture.content and "".join(c.content for c in picture.children or [])) == lines(text)


@pytest.mark.parametrize("text", ["split", "a`b", "`a`", "a|b", "a``b"])
def test_code_in_a_table_and_outside(text: str) -> None:
    (alone,) = inline(f"### {code(text)}")
    assert alone.children is not None
    assert [(c.type, c.content) for c in alone.children] == [("code_inline", text)]
    (cell, *_) = [t for t in inline(markdown_table([code(text)], [])) if t.children]
    assert cell.children is not None
    assert [(c.type, c.content) for c in cell.children] == [("code_inline", text)]


def test_markdown_on_purpose_is_not_escaped_again() -> None:
    twice = escape(escape("a|b"))
    assert twice == r"a\|b"
    assert isinstance(twice, Markup)
    assert emphasised(strong("a_")) == r"***a\_***"


def test_names_of_splits_and_runs_stay_readable() -> None:
    assert escape("test_noisy: PA-MPJPE [mm] ↓ 69.1 ± 0.8") == "test_noisy: PA-MPJPE [mm] ↓ 69.1 ± 0.8"


def test_columns_of_numbers_stand_right() -> None:
    assert number_table(["a", "b", "c"], []).splitlines()[1] == "| --- | ---: | ---: |"


def test_a_row_of_another_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="a table of 2 columns: expected as many cells in every row"):
        markdown_table(["a", "b"], [["1"]])
