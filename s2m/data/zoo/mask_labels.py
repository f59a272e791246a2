"""The option that says which labels of a label map are the person."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from s2m.data.zoo.mask_values import ALL_LABELS, Labels
from s2m.data.zoo.source import SourceError

_ALL = "all"
_LARGEST = 254


def add_mask_labels(parser: argparse._ActionsContainer) -> None:
    """Add ``--mask-labels``.

    Args:
        parser: Parser or group.
    """
    parser.add_argument(
        "--mask-labels",
        nargs="+",
        metavar="N",
        help="labels of the person in masks that are label maps, or 'all' for maps of parts (default: the only one; 0 "
        "is background, 255 'ignore')",
    )


def chosen_labels(words: Sequence[str] | None) -> Labels:
    """What the option says.

    Args:
        words: As given; None: not given.

    Returns:
        The labels in order; None: not given; empty: all.

    Raises:
        SourceError: For anything but 'all' or numbers of 1 to 254.
    """
    if words is None:
        return None
    if list(words) == [_ALL]:
        return ALL_LABELS
    if not all(word.isascii() and word.isdecimal() and 1 <= int(word[:9]) <= _LARGEST for word in words):
        raise SourceError(f"--mask-labels: expected 'all' or numbers of 1 to {_LARGEST}, found {' '.join(words)[:80]}")
    return tuple(sorted({int(word) for word in words}))
