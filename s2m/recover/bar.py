"""How far a command is with its pictures."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from s2m.options import detail


class Bar:
    """A bar per input, with rate and remaining time, on a terminal alone.

    Args:
        arguments: Parsed options: quiet, verbose, and progress where there is such a one.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        shown = False if arguments.quiet else getattr(arguments, "progress", None)
        self._hidden = None if shown is None else not shown
        self._arguments = arguments
        self._bar: tqdm[Any] | None = None
        self._stage = ""

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, ""

    def of(self, file: Path) -> Callable[[str, int, int], None]:
        """What is told how far an input is.

        Args:
            file: The input.

        Returns:
            Takes what is being done, how many frames are, and how many there will be (0: not known).
        """
        detail(self._arguments, f"{file}")

        def told(stage: str, done: int, expected: int) -> None:
            bar = self._bar
            if bar is None or stage != self._stage:
                self.clear()
                text = f"{file.name}: {stage}"
                bar = tqdm(total=expected or None, desc=text, leave=False, disable=self._hidden)
                self._bar, self._stage = bar, stage
            bar.update(done - bar.n)

        return told
