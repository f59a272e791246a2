from __future__ import annotations

import math

import pytest

from s2m.compare.groups import Delta, Spread
from s2m.compare.metrics import default_curves, default_metrics, headings, lower_is_better, metric_text, resolve, show
from s2m.compare.runs import CompareError, metric_values
from s2m.compare.table import delta_text, spread_text


@pytest.mark.parametrize(
    ("name", "lower"),
    [("test/pve_mm", True), ("test/iou", False), ("test/lifter/pck150", False), ("val/depth_cosine", False),
     ("train/loss", True), ("test/reversed_depth", True), ("train/mask", True), ("x/hand_error_cm", True),
     ("x/unknown", True), ("x/face_iou", False)],
)  # fmt: skip
def test_the_nature_of_a_metric(name: str, lower: bool) -> None:
    assert lower_is_better(name) is lower


def test_shares_are_shown_in_percent_and_the_rest_in_the_units_of_its_name() -> None:
    assert metric_text("test/pck150").heading == "test PCK@150 [%] ↑"
    assert show("test/pck150", 0.871) == "87.1"
    assert show("test/pve_mm", 107.64) == "107.6"
    assert show("x/unknown", 0.0123456) == "0.01235"
    assert show("test/pve_mm", None) == "–"
    assert show("test/pve_mm", math.nan) == "nan"
    assert spread_text("test/pck150", Spread(0.871, 0.01, 3)) == "87.1 ± 1.0"
    assert spread_text("test/pck150", None) == "–"


@pytest.mark.parametrize(
    ("change", "text"),
    [(Delta(1.24, 0.4), "+1.2 ± 0.4"), (Delta(-1.24, None), "-1.2"), (Delta(-0.04, None), "0.0"), (None, ""),
     (Delta(math.nan, None), "")],
)  # fmt: skip
def test_differences_have_a_sign_unless_they_round_to_nothing(change: Delta | None, text: str) -> None:
    assert delta_text("test/pve_mm", change) == text


def test_a_common_split_goes_without_saying() -> None:
    assert headings(["test/pve_mm", "test/lifter/iou"]) == {
        "test/pve_mm": "PVE [mm] ↓",
        "test/lifter/iou": "lifter IoU ↑",
    }
    assert headings(["test/iou", "val/iou"]) == {"test/iou": "test IoU ↑", "val/iou": "val IoU ↑"}


def test_an_unknown_metric_names_the_nearest() -> None:
    known = ["test/pve_mm", "test/pa_pve_mm", "val/loss"]
    assert resolve("test/pve_mm", known, "--sort") == ["test/pve_mm"]
    assert resolve("test/*", known, "--sort") == ["test/pa_pve_mm", "test/pve_mm"]
    with pytest.raises(CompareError, match=r"--sort: .* found 'test/PVE'; nearest: test/pve_mm"):
        resolve("test/PVE", known, "--sort")
    with pytest.raises(CompareError, match=r"there are: test/pa_pve_mm, test/pve_mm, val/loss"):
        resolve("zzz", known, "--sort")


def test_default_columns_are_the_stages_own_result_on_the_test_split() -> None:
    names = ["val/pve_mm", "test/iou", "test/lifter/pve_mm", "test/pve_mm", "test_noisy/pve_mm", "train/loss"]
    assert default_metrics(names) == ["test/pve_mm", "test/iou"]
    assert default_metrics(["mine/score", "train/loss"]) == ["mine/score"]
    assert default_metrics(["train/loss"]) == ["train/loss"]
    assert default_metrics([]) == []


def test_default_curves_follow_the_sorted_metric() -> None:
    names = ["train/2d", "train/loss", "val/lifter/iou", "val/iou", "val/pck150"]
    assert default_curves(names, "test/pck150") == ["val/pck150", "train/loss", "val/iou"]
    assert default_curves(["train/2d"], "test/iou") == ["train/2d"]


def test_what_is_a_metric() -> None:
    values = {"test/iou": 1, "test/pve_mm": "NaN", "epoch": 3, "trainer/global_step": 4, "_runtime": 5, "val/x": True,
              "a/b": "text", "c/d": "-Infinity"}  # fmt: skip
    metrics = metric_values(values)
    assert set(metrics) == {"test/iou", "test/pve_mm", "c/d"}
    assert math.isnan(metrics["test/pve_mm"])
    assert metrics["c/d"] == -math.inf
