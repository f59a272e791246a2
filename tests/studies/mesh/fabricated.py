"""Rows of a study with known figures."""

from __future__ import annotations

from studies.lifter.measured import Figure
from studies.mesh.row_figures import FitRow, RowFigures, StudyResults
from studies.mesh.rows import ROWS

BODY = {
    "mpjpe_mm": 50.0,
    "n_mpjpe_mm": 45.0,
    "pa_mpjpe_mm": 40.0,
    "pve_mm": 80.0,
    "n_pve_mm": 75.0,
    "pa_pve_mm": 60.0,
    "angle_rad": 0.5,
    "iou": 0.7,
}
Factors = dict[str, tuple[float, ...]]


def row(name: str, factors: Factors | None = None, methods: dict[str, float] | None = None) -> RowFigures:
    """A row over two seeds: BODY times a factor per metric and seed; other methods at BODY times their factor."""
    spec = next(each for each in ROWS if each.name == name)
    own = {
        metric: Figure(tuple(value * f for f in (factors or {}).get(metric, (1.0, 1.0))))
        for metric, value in BODY.items()
    }
    others = {m: {metric: Figure((v * f, v * f)) for metric, v in BODY.items()} for m, f in (methods or {}).items()}
    return RowFigures(spec, {"test": {"full": own, **others}}, (60.0, 62.0))


def results() -> StudyResults:
    means = {"mean_betas": 1.01, "mean_pr": 1.0, "mean_betas_and_pr": 1.02, "dik_mean_shape": 1.1, "mean_pose": 2.0}
    rows = [
        row("full", methods=means),
        # The paper: MPJPE 90.4 against 87.1, PVE 122.6 against 120.8.
        row("no_sr", {"mpjpe_mm": (0.9, 0.95), "pve_mm": (1.05, 1.1), "pa_pve_mm": (1.1, 0.9)}),
        row("no_dik", {"pa_mpjpe_mm": (2.0, 2.2)}),
        row("pr_all"),
    ]
    fits = [
        FitRow("from rest", {**BODY, "pa_mpjpe_mm": 90.0}, 2.0),
        FitRow("from DIK", {**BODY, "pa_mpjpe_mm": 50.0}, 1.0),
        FitRow("full model", BODY, 0.01),
    ]
    return StudyResults({each.row.name: each for each in rows}, fits, 12, {"command": "test"}, ["careful"])
