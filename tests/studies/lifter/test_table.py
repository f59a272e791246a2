"""Checks, page and curves on made-up figures."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s2m.errors import UserError
from s2m.report.checks import Check
from studies.lifter.checks import lifter_checks
from studies.lifter.conditions import CONDITIONS
from studies.lifter.curves import plot_curves, read_curve
from studies.lifter.measured import Figure, RowResult, over_seeds
from studies.lifter.table_page import Page, show

METRICS = ("mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "accel_mm_per_frame2", "accel_mm_per_s2")


def row(method: str, joint_set: str, error: float, seeds: tuple[float, ...] = (1.0,), **more: float) -> RowResult:
    figures = dict.fromkeys(METRICS, error) | {"reversed_depth": 0.0, "depth_cosine": 0.9} | more
    runs = [{name: value * seed for name, value in figures.items()} for seed in seeds]
    return RowResult(method, joint_set, {condition.name: over_seeds(runs) for condition in CONDITIONS})


def rows() -> list[RowResult]:
    ends = {"ears_mm": 40.0, "hands_mm": 50.0, "feet_mm": 30.0}
    return [
        row("planar", "h36m17", 140.0),
        row("linear", "h36m17", 90.0),
        row("linear_augmented", "h36m17", 70.0),
        row("ours", "h36m17", 56.0, (0.98, 1.0, 1.02)),
        row("lifter_supervised", "h36m17", 50.0),
        row("planar", "s2m27", 140.0, hands_mm=80.0, ears_mm=100.0, feet_mm=100.0),
        row("ours", "s2m27", 58.0, **ends),
        row("lifter_supervised", "s2m27", 45.0, ears_mm=20.0, hands_mm=40.0, feet_mm=25.0),
    ]


def test_figures_over_seeds() -> None:
    figure = Figure((1.0, 2.0, 6.0))
    assert figure.mean == 3
    assert figure.spread == pytest.approx(statistics.stdev([1, 2, 6]))
    assert Figure((4.0,)).spread == 0
    assert show(figure) == "3.0 ± 2.6"
    assert show(Figure((0.05,)), 100, 1) == "5.0"
    assert show(None) == ""


def test_checks_are_computed_from_the_right_cells() -> None:
    checks = {check.name: check for check in lifter_checks(rows(), speed=0.9)}
    expected = {
        "clean: N-MPJPE / planar": (0.4, "pass"),
        "clean: N-MPJPE / supervised counterpart": (1.12, "pass"),
        "clean: N-MPJPE / supervised linear (the better one)": (0.8, "pass"),
        "clean: reversed depth, worst seed": (0.0, "pass"),
        "clean: depth cosine": (0.9, "pass"),
        "s2m27: N-MPJPE on the 17 shared joints / h36m17": (58 / 56, "pass"),
        "s2m27: ears relative to the head / supervised": (2.0, "miss"),
        "s2m27: feet relative to the ankle / supervised": (1.2, "pass"),
        "s2m27: hands relative to the wrist / planar": (0.625, "pass"),
        "clean: spread of N-MPJPE over seeds / mean": (0.02, "pass"),
        "training steps per second / network passes alone": (0.9, "pass"),
    }
    for name, (value, verdict) in expected.items():
        assert checks[name].value == pytest.approx(value), name
        assert checks[name].verdict == verdict, name
    assert checks["mean elevation, learned - true, degrees"].verdict == "not measured"


def test_the_worst_seed_decides_on_reversed_depth() -> None:
    lottery = row("ours", "h36m17", 60.0)
    lottery.figures["clean"]["reversed_depth"] = Figure((0.0, 0.01, 0.9))
    (check,) = [check for check in lifter_checks([lottery], None) if "reversed" in check.name]
    assert (check.value, check.verdict) == (0.9, "miss")


def test_what_was_not_trained_is_not_measured() -> None:
    assert {check.verdict for check in lifter_checks([], None)} == {"not measured"}
    assert Check("x", 1.0, 1.0, sense=">=").verdict == Check("x", 1.0, 1.0).verdict == "pass"


def test_the_page_says_it_all() -> None:
    learned = {f"elevation_{name}_deg": Figure((value,)) for name, value in (("learned_mean", 6.0), ("true_mean", 7.2))}
    made = rows()
    made[3] = RowResult("ours", "h36m17", made[3].figures, learned)
    page = Page(made, lifter_checks(made, None), 3, {"command": "python -m x"}, ["Trained by other code: ours."])
    text = page.markdown("curves.png")
    lines = text.splitlines()
    assert "| ours | 56.0 ± 1.1 | 56.0 ± 1.1 |" in text
    assert any(line.startswith("| ours | 0.400 / 0.400") for line in lines)
    assert "| mean elevation, learned - true, degrees | 1.200 | ≤ 2 | pass |" in lines
    assert "**Trained by other code: ours.**" in lines
    assert "![learning curves](curves.png)" in lines
    # ElePose's MPJPE with detected 2D was not verified: its cell stays empty.
    assert any(line.startswith("| ElePose (Wandt et al., CVPR 2022) |  | 50.2 | 64.0 | 36.7 |") for line in lines)
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1
    content = json.loads(json.dumps(page.to_dict()))
    assert content["rows"][3]["figures"]["clean"]["n_mpjpe_mm"]["values"] == pytest.approx([54.88, 56.0, 57.12])


def test_curves_are_read_from_sparse_logs_and_drawn(tmp_path: Path) -> None:
    log = tmp_path / "metrics.csv"
    log.write_text(
        "step,train/loss,val/n_mpjpe_mm,val/pa_mpjpe_mm,val/reversed_depth\n"
        "99,2.0,,,\n199,,80.0,60.0,0.1\n299,1.5,,,\n399,,70.0,50.0,0.0\n"
    )
    steps, values = read_curve(log, "val/n_mpjpe_mm")
    np.testing.assert_array_equal(steps, [199, 399])
    np.testing.assert_array_equal(values, [80, 70])
    assert len(read_curve(log, "val/nothing")[0]) == 0
    target = tmp_path / "curves.png"
    plot_curves({"ours": [log, log], "chen": [log], "flow": [log], "lifter_supervised": [log]}, target)
    with Image.open(target) as picture:
        assert picture.width > 1000
        assert len(set(picture.convert("RGB").resize((200, 120)).getdata())) > 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "metrics.csv"]
    with pytest.raises(UserError, match=r"none\.csv: expected a CSV log"):
        read_curve(tmp_path / "none.csv", "train/loss")
    log.write_text("step,train/loss\n1,much\n")
    with pytest.raises(UserError, match="train/loss"):
        read_curve(log, "train/loss")
