from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from s2m.errors import UserError
from s2m.report import ReportError, read_run
from s2m.report.results import read_stage
from s2m.report.tables import stage_tables

MakeRun = Callable[[], Path]


def test_keys_are_sorted_into_splits_and_methods(make_run: MakeRun) -> None:
    mesh = read_run(make_run())["mesh"]
    assert set(mesh.tables) == {"test", "test_noisy", "acrobatic", "acrobatic_noisy"}
    assert mesh.value("test", "pve_mm") == 76.0
    assert mesh.value("acrobatic", "pve_mm", "mean_pose") == 120.0
    assert mesh.skipped == {"train/empty mask": 3}


def test_curves_come_from_sparse_rows(make_run: MakeRun) -> None:
    curves = read_stage(make_run(), "lifter").curves
    assert set(curves) == {"train/loss", "train/fit_m", "val/n_mpjpe_mm"}
    assert [step for step, _ in curves["val/n_mpjpe_mm"]] == [40.0, 90.0, 140.0, 190.0]
    assert curves["train/loss"][0] == (0.0, 1.0)


@pytest.mark.parametrize("stage", ["lifter", "regressor", "mesh"])
@pytest.mark.parametrize("name", ["metrics.json"])
def test_a_stage_that_was_not_run_is_named(make_run: MakeRun, stage: str, name: str) -> None:
    run = make_run()
    (run / stage / name).unlink()
    with pytest.raises(ReportError, match=rf"{stage}/{name}: expected the results of stage {stage}") as caught:
        read_run(run)
    assert isinstance(caught.value, UserError)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON"),
        ("[]", "expected an object of numbers, found list"),
        ('{"test/iou": "high"}', "test/iou: expected a number, found 'high'"),
        ('{"test/iou": true}', "test/iou: expected a number, found True"),
    ],
)
def test_broken_metrics(make_run: MakeRun, text: str, message: str) -> None:
    run = make_run()
    (run / "mesh" / "metrics.json").write_text(text)
    with pytest.raises(ReportError, match=rf"mesh/metrics\.json: {message}"):
        read_run(run)


def test_broken_curves(make_run: MakeRun) -> None:
    run = make_run()
    (run / "lifter" / "metrics.csv").write_text("step,train/loss\n1,0.5\n2,oops\n")
    with pytest.raises(ReportError, match=r"metrics\.csv: line 3, train/loss: .* found 'oops'"):
        read_run(run)


def test_a_stage_that_logged_nothing_has_no_curves(make_run: MakeRun) -> None:
    run = make_run()
    (run / "lifter" / "metrics.csv").unlink()
    assert read_run(run)["lifter"].curves == {}
    assert read_run(run)["mesh"].curves != {}


def test_missing_run(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="nowhere: expected the folder of a run"):
        read_run(tmp_path / "nowhere")


def test_missing_number(make_run: MakeRun) -> None:
    lifter = read_run(make_run())["lifter"]
    with pytest.raises(ReportError, match=r"lifter/metrics\.json: expected the key 'test/planar/iou'"):
        lifter.value("test", "iou", "planar")


def test_table_marks_the_best_and_keeps_the_order(make_run: MakeRun) -> None:
    table = stage_tables(read_run(make_run())["mesh"])[0]
    labels = [label for label, _ in table.rows]
    known = ["mean pose", "planar (constant depth)", "lifter's skeleton", "DIK + mean shape", "full model"]
    assert labels == [*known, "(full model, betas replaced by their mean)"]
    column = {metric: [cells[i] for _, cells in table.rows] for i, metric in enumerate(table.metrics)}
    assert [cell.text for cell in column["pve_mm"]] == ["120.0", "–", "–", "80.0", "76.0", "75.0"]
    assert [cell.best for cell in column["pve_mm"]] == [False, False, False, False, True, False]
    assert [cell.best for cell in column["pa_mpjpe_mm"]] == [False, False, True, False, False, False]
    assert not any(cell.best for cell in column["reversed_depth"])
    assert column["pck150"][4].text == "90.0"
    assert table.headings[table.metrics.index("pck150")] == "PCK@150 [%] ↑"


def test_unknown_metrics_stay_out_of_tables(make_run: MakeRun) -> None:
    run = make_run()
    path = run / "mesh" / "metrics.json"
    path.write_text(json.dumps({"own/extra": 1.0, "own/iou": 0.5}))
    table = stage_tables(read_stage(run, "mesh"))[0]
    assert (table.split, table.metrics) == ("own", ["iou"])


def test_mean_rows_do_not_compete_and_correlations_have_a_table_of_their_own(make_run: MakeRun) -> None:
    tables = stage_tables(read_run(make_run())["mesh"])
    test = next(table for table in tables if table.split == "test")
    column = test.metrics.index("pve_mm")
    cells = {label: row[column] for label, row in test.rows}
    assert cells["(full model, betas replaced by their mean)"].text == "75.0"
    assert not cells["(full model, betas replaced by their mean)"].best
    assert cells["full model"].best
    assert not any("beta" in metric for metric in test.metrics)
    betas = tables[-1]
    assert (betas.split, betas.subject) == ("betas", "split")
    assert betas.headings[:2] == ["β0", "β1"]
    assert [cell.text for cell in betas.rows[0][1]] == [f"0.{k}0" for k in range(9)] + ["–"]
