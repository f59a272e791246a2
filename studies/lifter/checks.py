"""What the lifter has to reach, checked."""

from __future__ import annotations

from collections.abc import Sequence

from s2m.report.checks import Check
from studies.lifter.measured import LINEAR, LINEAR_NOISE, PLANAR, RowResult
from studies.lifter.rows import JOINT_SETS, OURS, SUPERVISED

SHARED, ALL = JOINT_SETS
N = "n_mpjpe_mm"


def lifter_checks(rows: Sequence[RowResult], speed: float | None) -> list[Check]:
    """All checks.

    Args:
        rows: Rows of the table, by name.
        speed: The training step's steps per second over those of its network passes alone.
    """
    table = _Table(rows)
    ours, supervised, planar = (SHARED, OURS), (SHARED, SUPERVISED), (SHARED, PLANAR)
    wide, wide_supervised, wide_planar = (ALL, OURS), (ALL, SUPERVISED), (ALL, PLANAR)
    return [
        Check("clean: N-MPJPE / planar", table.ratio("clean", N, ours, planar), 0.42),
        Check("clean: N-MPJPE / supervised counterpart", table.ratio("clean", N, ours, supervised), 1.30),
        Check("clean: N-MPJPE / supervised linear (the better one)", table.against_linear("clean"), 1.0),
        Check("clean: reversed depth, worst seed", table.worst("clean", "reversed_depth", ours), 0.02),
        Check("clean: depth cosine", table.mean("clean", "depth_cosine", ours), 0.87, ">="),
        Check("3 % noise: N-MPJPE / planar", table.ratio("noise_3", N, ours, planar), 0.55),
        Check("3 % noise: N-MPJPE / supervised counterpart", table.ratio("noise_3", N, ours, supervised), 1.25),
        Check("5 % noise: N-MPJPE / planar", table.ratio("noise_5", N, ours, planar), 0.70),
        Check("5 % missing, 2 % outliers: N-MPJPE / planar", table.ratio("missing", N, ours, planar), 0.70),
        Check("s2m27: N-MPJPE on the 17 shared joints / h36m17", table.ratio("clean", N, wide, ours), 1.05),
        Check(
            "s2m27: ears relative to the head / supervised", table.ratio("clean", "ears_mm", wide, wide_supervised), 1.4
        ),
        Check(
            "s2m27: feet relative to the ankle / supervised",
            table.ratio("clean", "feet_mm", wide, wide_supervised),
            1.4,
        ),
        Check("s2m27: hands relative to the wrist / planar", table.ratio("clean", "hands_mm", wide, wide_planar), 0.8),
        Check("clean: spread of N-MPJPE over seeds / mean", table.spread("clean", N, ours), 0.04),
        Check("mean elevation, learned - true, degrees", table.elevation_bias(ours), 2.0),
        Check("training steps per second / network passes alone", speed, 0.85, ">="),
    ]


class _Table:
    """Rows by (joint set, method); every question is answered with None where a row is missing."""

    def __init__(self, rows: Sequence[RowResult]) -> None:
        self._rows = {(row.joint_set, row.method): row for row in rows}

    def mean(self, condition: str, metric: str, key: tuple[str, str]) -> float | None:
        row = self._rows.get(key)
        return None if row is None else row.at(condition, metric).mean

    def worst(self, condition: str, metric: str, key: tuple[str, str]) -> float | None:
        row = self._rows.get(key)
        return None if row is None else max(row.at(condition, metric).values)

    def ratio(self, condition: str, metric: str, key: tuple[str, str], reference: tuple[str, str]) -> float | None:
        value, base = self.mean(condition, metric, key), self.mean(condition, metric, reference)
        return None if value is None or not base else value / base

    def against_linear(self, condition: str) -> float | None:
        ratios = [self.ratio(condition, N, (SHARED, OURS), (SHARED, name)) for name in (LINEAR, LINEAR_NOISE)]
        return max((ratio for ratio in ratios if ratio is not None), default=None)

    def spread(self, condition: str, metric: str, key: tuple[str, str]) -> float | None:
        row = self._rows.get(key)
        if row is None or len(row.at(condition, metric).values) < 2:
            return None
        figure = row.at(condition, metric)
        return figure.spread / figure.mean

    def elevation_bias(self, key: tuple[str, str]) -> float | None:
        row = self._rows.get(key)
        if row is None or not {"elevation_learned_mean_deg", "elevation_true_mean_deg"} <= row.elevation.keys():
            return None
        return abs(row.elevation["elevation_learned_mean_deg"].mean - row.elevation["elevation_true_mean_deg"].mean)
