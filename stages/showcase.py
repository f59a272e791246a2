"""Which test frames are shown in the report: the best, the median and the worst, chosen by PA-MPJPE alone."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.report.examples import Examples
from s2m.report.showing import best_median_worst, make_examples

__all__ = ["Showcase", "captions", "make_examples"]


class Showcase:
    """Remembers the error of every frame of one split."""

    def __init__(self) -> None:
        self._rows: list[int] = []
        self._errors: list[float] = []

    def record(self, rows: Tensor, errors: Tensor) -> None:
        """Note rows (B,) of the store and their errors (B,) in metres.

        Args:
            rows: Rows (B,) of the frames in their store.
            errors: Errors (B,), metres.
        """
        self._rows += rows.tolist()
        self._errors += errors.tolist()

    def choose(self) -> list[tuple[str, int]]:
        """(label, row) of the best, median and worst frames of all processes, and forget everything."""
        noted = list(zip(*_of_all_processes((self._errors, self._rows)), strict=True))
        self._rows, self._errors = [], []
        return best_median_worst(noted)


def captions(examples: Examples) -> list[str]:
    """What stands below each picture: why it was chosen, its error, and where it is from.

    Args:
        examples: The frames that are shown.
    """
    rows = zip(examples.label.tolist(), examples.pa_mpjpe_mm.tolist(), examples.index.tolist(), strict=True)
    return [f"{label}: PA-MPJPE {error:.1f} mm, {examples.split} frame {index}" for label, error, index in rows]


def _of_all_processes(values: tuple[list[float], list[int]]) -> tuple[list[float], list[int]]:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return values
    gathered: list[tuple[list[float], list[int]] | None] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(gathered, values)
    errors = [e for part in gathered if part for e in part[0]]
    rows = [r for part in gathered if part for r in part[1]]
    return errors, rows
