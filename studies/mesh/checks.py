"""What the study has to reach, checked."""

from __future__ import annotations

from collections.abc import Sequence

from s2m.evaluation.methods import MEAN_BOTH
from s2m.report.checks import Check
from studies.mesh.row_figures import FitRow, RowFigures

BASE = "dik_mean_shape"
_SMALLEST_GAIN = 0.005


def mesh_checks(rows: dict[str, RowFigures], fits: Sequence[FitRow]) -> list[Check]:
    """All checks; a value is None where a row was not trained.

    A ratio is that of two means over the seeds that both rows have.

    Args:
        rows: Rows of the table, by name.
        fits: Optimisers first, the full model last.
    """

    def ratio(row: str, metric: str, reference: tuple[str, str] = ("full", "full")) -> float | None:
        top, base = _values(rows, row, metric, "full"), _values(rows, reference[0], metric, reference[1])
        shared = min(len(top), len(base))
        return sum(top[:shared]) / sum(base[:shared]) if sum(base[:shared]) else None

    wide = ("full_s2m27", "full"), ("full", BASE)
    fit_error, fit_speed = _against_fits(fits)
    return [
        Check("PVE: full / DIK + mean shape", ratio("full", "pve_mm", ("full", BASE)), 0.96),
        Check("share of that gain lost with betas and theta_PR at their means", inferred_share(rows), 1 / 3, ">="),
        Check("PA-MPJPE: full / best optimiser", fit_error, 1.0),
        Check("images per second: full / fastest optimiser", fit_speed, 50.0, ">="),
        Check("27 joints, PVE: full / DIK on 17 joints + mean shape", ratio(wide[0][0], "pve_mm", wide[1]), 0.88),
        Check("27 joints, PA-PVE: full / DIK on 17 joints + mean shape", ratio(wide[0][0], "pa_pve_mm", wide[1]), 0.82),
        Check("PA-MPJPE: no DIK / full", ratio("no_dik", "pa_mpjpe_mm"), 1.6, ">="),
        Check("MPJPE: fixed regressor / full", ratio("no_regressor", "mpjpe_mm"), 1.4, ">="),
        Check("MPJPE: silhouette root / full", ratio("silhouette_root", "mpjpe_mm"), 1.5, ">="),
        Check("PVE: no SR / full", ratio("no_sr", "pve_mm"), 1.02, ">="),
        Check("PVE: no PR / full", ratio("no_pr", "pve_mm"), 1.01, ">="),
        Check("MPJPE: no SR / full", ratio("no_sr", "mpjpe_mm"), 1.02),
    ]


def _values(rows: dict[str, RowFigures], row: str, metric: str, method: str) -> tuple[float, ...]:
    figure = rows[row].at(metric, method) if row in rows else None
    return () if figure is None else figure.values


def inferred_share(rows: dict[str, RowFigures], name: str = "full", metric: str = "pve_mm") -> float | None:
    """Share of a row's gain on DIK + mean shape that is lost when betas and theta_PR are replaced by their means.

    Zero: a constant offset did it all; one: all of it was inferred from the image. None where the gain is less than
    half a percent: a share of nothing means nothing.

    Args:
        rows: Rows of the table, by name.
        metric: Name of a metric.
    """
    row = rows.get(name)
    if row is None:
        return None
    own, means, base = (row.mean(metric, method) for method in ("full", MEAN_BOTH, BASE))
    if own is None or means is None or base is None or base - own < _SMALLEST_GAIN * base:
        return None
    return (means - own) / (base - own)


def _against_fits(fits: Sequence[FitRow]) -> tuple[float | None, float | None]:
    if len(fits) < 2:
        return None, None
    *optimisers, model = fits
    error = model.metrics["pa_mpjpe_mm"] / min(fit.metrics["pa_mpjpe_mm"] for fit in optimisers)
    return error, min(fit.seconds for fit in optimisers) / model.seconds
