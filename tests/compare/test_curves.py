"""Bands over seeds, against a plain loop and the standard library."""

from __future__ import annotations

import io
import statistics

import numpy as np
import pytest
from PIL import Image

from s2m.compare.curves import MAX_LINES, band, curves_picture, drawn_groups, group_band, thinned
from tests.compare.test_comparison import comparison_of, many


def at(curve: list[tuple[float, float]], step: float) -> float | None:
    """Linear interpolation, point by point."""
    for (x0, y0), (x1, y1) in zip(curve, [*curve[1:], curve[-1]], strict=True):
        if x0 <= step <= x1:
            return y0 if x1 == x0 else y0 + (y1 - y0) * (step - x0) / (x1 - x0)
    return None


def test_a_band_is_mean_and_deviation_at_every_step_of_any_run() -> None:
    rng = np.random.default_rng(0)
    curves = []
    for count in (4, 7, 2):
        steps = np.sort(rng.choice(np.arange(50), count, replace=False)).astype(float)
        curves.append([(float(s), float(v)) for s, v in zip(steps, rng.normal(size=count), strict=True)])
    result = band(curves, factor=100.0)
    assert result is not None
    assert result.n == 3
    assert list(result.steps) == sorted({step for curve in curves for step, _ in curve})
    for step, mean, std in zip(result.steps, result.mean, result.std, strict=True):
        values = [100 * v for curve in curves if (v := at(curve, step)) is not None]
        assert mean == pytest.approx(statistics.fmean(values))
        assert std == pytest.approx(statistics.stdev(values) if len(values) > 1 else 0.0, abs=1e-9)


def test_a_run_that_ended_early_does_not_flatten_the_mean() -> None:
    result = band([[(0, 1.0), (10, 0.0)], [(0, 3.0), (5, 2.0)]])
    assert result is not None
    np.testing.assert_allclose(result.steps, [0, 5, 10])
    np.testing.assert_allclose(result.mean, [2.0, 1.25, 0.0])
    np.testing.assert_allclose(result.std, [2**0.5, 1.5 / 2**0.5, 0.0])


def test_no_points_are_no_band() -> None:
    assert band([[], []]) is None
    single = band([[(3.0, 2.0)]])
    assert single is not None
    assert (single.mean[0], single.std[0]) == (2.0, 0.0)


def test_thinning_keeps_the_ends() -> None:
    long = band([[(float(i), float(i)) for i in range(1000)]])
    assert long is not None
    few = thinned(long, 80)
    assert len(few.steps) <= 80
    assert (few.steps[0], few.steps[-1]) == (0, 999)
    assert thinned(few, 80) is few


def test_the_best_are_drawn_and_the_baseline() -> None:
    comparison = comparison_of(many(20), baseline="run19")
    drawn = drawn_groups(comparison)
    assert len(drawn) == MAX_LINES
    assert [group.name for group in drawn] == [*(f"run{i:02d}" for i in range(MAX_LINES - 1)), "run19"]


def test_shares_are_drawn_in_the_units_of_their_heading() -> None:
    comparison = comparison_of(many(1, curves={"val/pck150": [(0.0, 0.5), (1.0, 0.75)]}))
    curve = group_band(comparison.groups[0], "val/pck150")
    assert curve is not None
    np.testing.assert_allclose(curve.mean, [50.0, 75.0])


def test_the_picture_has_ink_in_the_colours_of_its_lines() -> None:
    png = curves_picture(comparison_of(many(2)))
    assert png is not None
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3).astype(int)
    for colour in ((0x2F, 0x62, 0xAD), (0xC4, 0x62, 0x2D)):
        assert (np.abs(pixels - colour).max(1) < 12).sum() > 100
    assert curves_picture(comparison_of(many(2, curves={}, summary={"test/pve_mm": 1.0}))) is None
