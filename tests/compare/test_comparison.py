from __future__ import annotations

import csv
import io
import re
from typing import Any

import numpy as np
import pytest

from s2m.compare.ablations import DEFAULT_FOLDER, Ablations
from s2m.compare.comparison import Comparison, Wanted, compare
from s2m.compare.runs import CompareError, Found, Run
from s2m.compare.select import Selection
from s2m.compare.table import deviations, group_table
from s2m.compare.text import groups_csv, markdown, notes_text, runs_csv, terminal
from tests.compare.conftest import run


class Given:
    """A source with runs at hand."""

    def __init__(self, runs: list[Run], warnings: list[str] | None = None) -> None:
        self.found = Found(runs, warnings or [], "somewhere")
        self.asked: list[str] = []

    def load(self) -> Found:
        return self.found

    def with_curves(self, runs: list[Run], metrics: list[str]) -> list[Run]:
        self.asked = metrics
        return runs


def comparison_of(runs: list[Run], warnings: list[str] | None = None, **wanted: Any) -> Comparison:
    return compare(Given(runs, warnings), Wanted(**wanted), Ablations(DEFAULT_FOLDER))


def many(count: int, seeds: int = 1, **fields: Any) -> list[Run]:
    """Configurations ``run00``, ``run01`` ... of rising error."""
    return [
        run(f"run{i:02d}" + (f"-s{seed}" if seeds > 1 else ""), seed, 100.0 + i + 0.1 * seed,
            changes={"model__learning_rate": 10.0**-i}, **fields)
        for i in range(count)
        for seed in range(seeds)
    ]  # fmt: skip


PLAIN = {"model__pose": {"class_path": "s2m.heads.UnrefinedPose"}}


@pytest.fixture
def three() -> list[Run]:
    return [run("full-s0", 0, 100.0), run("full-s1", 1, 104.0), run("no_pr", 0, 107.0, changes=PLAIN)]


def test_rows_are_sorted_by_the_metrics_nature(three: list[Run]) -> None:
    assert [g.name for g in comparison_of(three, sort="test/pve_mm").groups] == ["full", "no_pr"]
    assert [g.name for g in comparison_of(three, sort="test/iou").groups] == ["full", "no_pr"]
    assert [g.name for g in comparison_of(three, sort="test/iou", reverse=True).groups] == ["no_pr", "full"]


def test_a_baseline_that_the_filter_leaves_out_is_shown_beside(three: list[Run]) -> None:
    comparison = comparison_of(three, baseline="full", selection=Selection(ablation="no_pr"))
    assert [group.name for group in comparison.groups] == ["full", "no_pr"]
    assert comparison.baseline is comparison.groups[0]


def test_only_the_curves_that_are_drawn_are_asked_for(three: list[Run]) -> None:
    source = Given(three)
    compare(source, Wanted(curves=["val/*"]), Ablations(DEFAULT_FOLDER))
    assert source.asked == ["val/pve_mm"]


def test_settings_that_differ_are_columns(three: list[Run]) -> None:
    comparison = comparison_of(three)
    assert comparison.keys == {"model.pose.class_path": "pose"}
    table = group_table(comparison)
    headings = [column.heading for column in table.columns]
    assert headings == ["configuration", "n", "PVE [mm] ↓", "IoU ↑", "ablation", "pose"]
    assert [cell.text for cell in table.rows[1]] == ["no_pr", "1", "107.0", "0.893", "no_pr", "UnrefinedPose"]
    assert [cell.best for cell in table.rows[0]] == [False, False, True, True, False, False]


@pytest.mark.parametrize(
    ("baseline", "expected"), [("full", ["", "pose=UnrefinedPose"]), ("no_pr", ["pose=RefinedPose", ""])]
)
def test_deviations_are_from_the_baseline(three: list[Run], baseline: str, expected: list[str]) -> None:
    assert deviations(comparison_of(three, baseline=baseline)) == expected


def test_improvements_follow_the_metrics_nature(three: list[Run]) -> None:
    row = group_table(comparison_of(three, baseline="full")).rows[1]
    assert [(cell.change, cell.improves) for cell in row[2:4]] == [("+5.0", False), ("-0.005", False)]
    row = group_table(comparison_of(three, baseline="no_pr")).rows[0]
    assert [(cell.change, cell.improves) for cell in row[2:4]] == [("-5.0", True), ("+0.005", True)]


def test_a_difference_within_two_standard_errors_may_be_chance() -> None:
    def rows(values: list[float]) -> list[bool | None]:
        runs = [run(f"full-s{seed}", seed, 100.0) for seed in range(3)]
        runs += [run(f"no_pr-s{seed}", seed, pve, changes=PLAIN) for seed, pve in enumerate(values)]
        table = group_table(comparison_of(runs, baseline="full"))
        (row,) = (row for row in table.rows if row[0].text == "no_pr")
        return [cell.improves for cell in row[2:3]]

    # The mean difference is 3 in both; the standard errors are 0.58 and 2.08.
    assert rows([102.0, 103.0, 104.0]) == [False]
    assert rows([99.0, 104.0, 106.0]) == [None]


def test_the_terminal_shows_an_aligned_table(three: list[Run]) -> None:
    text = terminal(comparison_of(three, baseline="full"))
    assert "2 configurations, 3 runs of stage mesh, lowest test/pve_mm first; baseline full" in text
    lines = text.splitlines()
    full, plain = lines[-2:]
    assert re.search(r"full +2 +102\.0 ± 2\.8 +baseline", full)
    assert re.search(r"no_pr +1 +107\.0 +\+5\.0 +0\.893 +no_pr +pose=UnrefinedPose", plain)
    assert len(lines[-3]) >= max(len(full), len(plain))


def test_csv_files_hold_the_numbers_unrounded(three: list[Run]) -> None:
    comparison = comparison_of(three, baseline="full")
    rows = list(csv.DictReader(io.StringIO(groups_csv(comparison))))
    assert [row["configuration"] for row in rows] == ["full", "no_pr"]
    assert float(rows[0]["test/pve_mm"]) == 102.0
    assert float(rows[0]["test/pve_mm std"]) == pytest.approx(np.std([100, 104], ddof=1))
    assert float(rows[1]["test/pve_mm delta"]) == 5.0
    assert rows[1]["test/pve_mm delta error"] == ""
    assert (rows[0]["seeds"], rows[1]["model.pose.class_path"]) == ("0 1", "UnrefinedPose")
    single = list(csv.DictReader(io.StringIO(runs_csv(comparison))))
    assert [(row["run"], float(row["train/loss"])) for row in single] == [
        ("full-s0", 1.0),
        ("full-s1", 1.04),
        ("no_pr", 1.07),
    ]


def test_markdown_tables_are_well_formed(three: list[Run]) -> None:
    odd = [run("a|b_*", 0, 90.0, changes={"model__learning_rate": 1.0})]
    text = markdown(comparison_of([*three, *odd], ["`x_y` *z*: skipped"], baseline="full"), picture=True)
    tables = [block for block in text.split("\n\n") if block.startswith("| ")]
    assert len(tables) == 2
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert "full (baseline)" in text
    assert r"a\|b\_\*" in text
    assert r"\`x_y\` \*z\*: skipped" in text
    assert "curves.png" in text
    assert "curves.png" not in markdown(comparison_of(three), picture=False)


def test_only_numbers_on_the_open_data_are_said_to_be_so(three: list[Run]) -> None:
    assert "not Human3.6M" in comparison_of(three).data_note
    other = run("h36m")
    other.config["lineage.dataset"] = "human36m"
    assert comparison_of([*three, other]).data_note == ""
    assert "not Human3.6M" in markdown(comparison_of(three), picture=False)


def test_many_settings_share_a_column_in_markdown() -> None:
    runs = [run("base")]
    for i, key in enumerate(("a", "b", "c", "d", "e", "f")):
        runs.append(run(f"r{i}", changes={f"model__{key}": 1}))
    text = markdown(comparison_of(runs, baseline="base"), picture=False)
    assert "unlike the baseline" in text
    assert "f=1" in text


def test_many_warnings_are_counted() -> None:
    text = notes_text([f"file {i}" for i in range(40)])
    assert text.count("\n") == 12
    assert "28 more" in text


def test_no_runs_say_where_was_looked_and_what_makes_some() -> None:
    with pytest.raises(CompareError, match=r"somewhere: expected finished runs, found none; `make train RUN=name`"):
        comparison_of([])
    with pytest.raises(CompareError, match=r"found none \(1 skipped; the first: broken.wandb: skipped\)"):
        comparison_of([], ["broken.wandb: skipped"])


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"sort": "test/pv_mm"}, "--sort: .*nearest: test/pve_mm"),
        ({"sort": "test/*"}, "--sort test/.*expected one metric, found 2"),
        ({"metrics": ["nothing"]}, "--metrics: .*'nothing'"),
        ({"curves": ["test/iou"]}, "--curves: .*'test/iou'; there are: train/loss, val/pve_mm"),
        ({"baseline": "ful"}, "--baseline ful: .*nearest: full"),
    ],
)
def test_what_is_not_there_is_named(three: list[Run], wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(CompareError, match=message):
        comparison_of(three, **wanted)


def test_runs_without_metrics_are_an_error() -> None:
    with pytest.raises(CompareError, match="expected metrics"):
        comparison_of([run(summary={})])
