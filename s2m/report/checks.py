"""The checks that a run is held against."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from s2m.report.results import ReportError, StageResults

SPLIT = "test"


@dataclass(frozen=True)
class Check:
    """One demand on a figure.

    Args:
        name: What is measured.
        value: What was found; None where it could not be measured.
        bound: What it is held against.
        sense: Whether ``value`` must be at most (``<=``) or at least (``>=``) ``bound``.
        unit: For people: ``mm``, ``%``, or nothing.

    Example:
        >>> Check("speed", 3.0, 2.0, ">=").verdict, Check("speed", None, 2.0).verdict
        ('pass', 'not measured')
    """

    name: str
    value: float | None
    bound: float
    sense: Literal["<=", ">="] = "<="
    unit: str = ""

    @property
    def passed(self) -> bool:
        """Whether the demand is met; a value that is missing or not a finite number misses."""
        if self.value is None or not math.isfinite(self.value):
            return False
        return self.value <= self.bound if self.sense == "<=" else self.value >= self.bound

    @property
    def verdict(self) -> str:
        """``pass``, ``miss`` or ``not measured``."""
        return "not measured" if self.value is None else "pass" if self.passed else "miss"

    @property
    def sign(self) -> str:
        """``≤`` or ``≥``."""
        return "≤" if self.sense == "<=" else "≥"

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Name, value, bound and verdict as text."""
        unit = f" {self.unit}" if self.unit else ""
        value = "" if self.value is None else f"{self.value:.3g}{unit}"
        return self.name, value, f"{self.sign} {self.bound:.3g}{unit}", self.verdict

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"bar": self.name, "value": self.value, "bound": f"{self.sense} {self.bound:g}", "verdict": self.verdict}


def compute_checks(stages: Mapping[str, StageResults]) -> list[Check]:
    """The checks of a whole run, on the split ``test`` (unseen clips, unseen bodies, clean).

    Args:
        stages: Numbers of the three stages, by name.

    Raises:
        ReportError: Names the file and key of a number that is missing, or of a baseline that is zero.
    """
    lifter, mesh = stages["lifter"], stages["mesh"]
    over_lifter = mesh.value(SPLIT, "pa_mpjpe_mm") - mesh.value(SPLIT, "pa_mpjpe_mm", "lifter")
    gain = mesh.value(SPLIT, "iou") - mesh.value(SPLIT, "iou", "dik_mean_shape")
    return [
        Check("lifter: N-MPJPE / planar", _ratio(lifter, "n_mpjpe_mm", "planar"), 0.60, "<="),
        Check("lifter: PA-MPJPE / planar", _ratio(lifter, "pa_mpjpe_mm", "planar"), 0.65, "<="),
        Check("lifter: reversed depth", 100 * lifter.value(SPLIT, "reversed_depth"), 5.0, "<=", "%"),
        Check("mesh: PA-MPJPE over the lifter's skeleton", over_lifter, 5.0, "<=", "mm"),
        Check("mesh: PVE / DIK + mean shape", _ratio(mesh, "pve_mm", "dik_mean_shape"), 0.97, "<="),
        Check("mesh: silhouette IoU gained on DIK + mean shape", gain, 0.01, ">="),
    ]


def _ratio(stage: StageResults, metric: str, baseline: str) -> float:
    divisor = stage.value(SPLIT, metric, baseline)
    if divisor == 0:
        raise ReportError(f"{stage.metrics_file}: {SPLIT}/{baseline}/{metric}: expected a positive number, found 0")
    return stage.value(SPLIT, metric) / divisor


def checks_text(checks: Sequence[Check]) -> str:
    """The checks as a table for a terminal.

    Args:
        checks: Measured.
    """
    rows = [("check (open data, split test, 17 joints)", "value", "bound", ""), *(check.cells for check in checks)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]

    def line(row: tuple[str, str, str, str]) -> str:
        name, value, bound, verdict = row
        return f"{name:<{widths[0]}}  {value:>{widths[1]}}  {bound:>{widths[2]}}  {verdict}".rstrip()

    return "\n".join([line(rows[0]), "-" * (sum(widths) + 6), *map(line, rows[1:])])
