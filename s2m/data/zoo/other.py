"""``s2m data other MODULE:CLASS``: datasets whose source lies outside of this package."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import Any

from s2m.data.zoo.source import Source, SourceError

_HELP = """\
Convert a dataset with a source of your own: MODULE:CLASS is a subclass of s2m.data.zoo.source.Source in a module that
Python finds (installed, or on PYTHONPATH). CONTRIBUTING.md shows how to write one. All further options are the same as
for the other datasets; `s2m data other MODULE:CLASS --help` lists them.
"""


def add_other_command(subparsers: Any, add_options: Callable[[argparse.ArgumentParser, type[Source]], None]) -> None:
    """Add the command; ``add_options`` gives a parser the options of a source.

    Args:
        subparsers: The command line's subparsers.
        add_options: Adds the options of a source to a parser.
    """
    command = subparsers.add_parser(
        "other",
        help="convert a dataset with a source of your own, MODULE:CLASS",
        usage="s2m data other MODULE:CLASS --root DIR --output DIR [options]",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def when_chosen(parser: argparse.ArgumentParser, words: list[str]) -> list[str]:
        if words and not words[0].startswith("-"):
            add_options(parser, load_source(words[0]))
            return words[1:]
        if not {"-h", "--help"} & set(words):
            parser.error("expected MODULE:CLASS first")
        return words

    command.late = when_chosen


def load_source(name: str) -> type[Source]:
    """The class behind MODULE:CLASS.

    Args:
        name: MODULE:CLASS.

    Raises:
        SourceError: When there is none, or when it is no source.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise SourceError(f"{name}: expected MODULE:CLASS, such as my_lab.boxes:Boxes")
    try:
        found = getattr(import_module(module), attribute, None)
    except ImportError as error:
        raise SourceError(f"{name}: expected a module that Python finds (PYTHONPATH?), found: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Source)):
        raise SourceError(f"{name}: expected a subclass of s2m.data.zoo.source.Source, found {found!r}")
    return found
