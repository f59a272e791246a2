"""Whether a component moves an error the way that the paper says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from studies.mesh.row_figures import RowFigures
from studies.paper.published import MISSING, PublishedTable

NOTHING = 0.0015  # relative: the change of one in the last digit that the paper prints
# The paper's columns and our metrics.
COLUMNS = {"MPJPE": "mpjpe_mm", "PMPJPE": "pa_mpjpe_mm", "PVE": "pve_mm", "PPVE": "pa_pve_mm"}


@dataclass(frozen=True)
class Pair:
    """An ablation against the full model in one metric: error without the component over error with it, minus 1.

    Attributes:
        row: A row of the table.
        ours: One per seed.
        paper: By the paper's printed figures, on its own data.
    """

    row: str
    column: str
    ours: tuple[float, ...]
    paper: float

    @property
    def mean(self) -> float:
        """Over seeds."""
        return sum(self.ours) / len(self.ours)

    @property
    def verdict(self) -> str:
        """``agrees``, ``differs``, or ``unclear``: seeds disagree, or one of the changes is next to nothing."""
        signs = {value > 0 for value in self.ours}
        if len(signs) > 1 or abs(self.paper) < NOTHING or abs(self.mean) < NOTHING:
            return "unclear"
        return "agrees" if (self.mean > 0) == (self.paper > 0) else "differs"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "row": self.row,
            "metric": COLUMNS[self.column],
            "ours_by_seed": list(self.ours),
            "paper": self.paper,
            "verdict": self.verdict,
        }


def published_value(table: PublishedTable, method: str, column: str) -> float | None:
    """A figure of the paper, or None where it prints none.

    Args:
        method: Name of a method.
    """
    for row in table.rows:
        if row.method == method:
            text = row.values[table.columns.index(column)]
            return None if text == MISSING else float(text)
    return None


def pairs(
    full: RowFigures, rows: Sequence[RowFigures], table: PublishedTable, names: dict[str, str], reference: str
) -> list[Pair]:
    """Every ablation that the paper has, in every metric that it prints.

    Args:
        rows: Rows of the table, by name.
        names: Our row's name -> the method in ``table``.
        reference: The full model's name there.
    """
    found = []
    for row in rows:
        for column, metric in COLUMNS.items():
            ours, base = row.at(metric), full.at(metric)
            theirs = published_value(table, names.get(row.row.name, ""), column)
            their_base = published_value(table, reference, column)
            if ours is None or base is None or theirs is None or their_base is None:
                continue
            ratios = tuple(a / b - 1 for a, b in zip(ours.values, base.values, strict=False))  # seeds of both
            found.append(Pair(row.row.name, column, ratios, theirs / their_base - 1))
    return found
