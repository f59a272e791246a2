from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from s2m.report import Check, ReportError, checks_text, compute_checks, read_run


@pytest.mark.parametrize(
    ("value", "sense", "passed"),
    [(0.6, "<=", True), (0.6001, "<=", False), (0.6, ">=", True), (0.59, ">=", False), (math.nan, "<=", False)],
)
def test_verdict(value: float, sense: str, passed: bool) -> None:
    check = Check("name", value, 0.6, sense)  # type: ignore[arg-type]
    assert check.passed is passed
    assert check.cells[3] == ("pass" if passed else "miss")


def test_infinite_gain_is_a_miss() -> None:
    assert not Check("name", math.inf, 0.1, ">=").passed


def test_values_of_the_checks(make_run: Callable[[], Path]) -> None:
    checks = compute_checks(read_run(make_run()))
    assert [check.value for check in checks] == pytest.approx([0.5, 0.5, 2.0, 0.9, 76 / 80, 0.02])
    assert [check.bound for check in checks] == [0.60, 0.65, 5.0, 5.0, 0.97, 0.01]
    assert all(check.passed for check in checks)


def test_a_worse_mesh_misses(make_run: Callable[[], Path]) -> None:
    run = make_run()
    path = run / "mesh" / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "test/pve_mm": 79.0, "test/pa_mpjpe_mm": 50.0}))
    assert [check.passed for check in compute_checks(read_run(run))] == [True, True, True, False, False, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test/planar/n_mpjpe_mm": 0.0}, "test/planar/n_mpjpe_mm: expected a positive number, found 0"),
        ({"test/reversed_depth": None}, "expected the key 'test/reversed_depth'"),
    ],
)
def test_impossible_checks(make_run: Callable[[], Path], change: dict[str, float | None], message: str) -> None:
    run = make_run()
    path = run / "lifter" / "metrics.json"
    values = {**json.loads(path.read_text()), **change}
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    with pytest.raises(ReportError, match=message):
        compute_checks(read_run(run))


def test_text_table() -> None:
    text = checks_text([Check("first", 2.0, 5.0, "<=", "%"), Check("a much longer second bar", 0.001, 0.01, ">=")])
    heading, rule, first, second = text.splitlines()
    assert heading.startswith("check (open data, split test, 17 joints)")
    assert set(rule) == {"-"}
    assert first.split() == ["first", "2", "%", "≤", "5", "%", "pass"]
    assert second.endswith("miss")
    assert first.index("≤") + len("≤ 5 %") == second.index("≥") + len("≥ 0.01")
