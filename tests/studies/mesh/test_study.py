from __future__ import annotations

import json
from pathlib import Path

import pytest

from s2m.errors import UserError
from s2m.report.results import ReportError
from studies.mesh.ablation_page import TABLE4_LAYOUT, TABLE7_LAYOUT, Page
from studies.mesh.checks import inferred_share, mesh_checks
from studies.mesh.row_figures import StudyResults, read_row
from studies.mesh.rows import ROWS, Setting, chain, chosen_rows
from studies.mesh.signs import Pair, published_value
from studies.paper.published import TABLE4, TABLE7
from tests.studies.mesh.fabricated import results
from tests.studies.mesh.fabricated import row as fabricated_row

ROOT = Path(__file__).parents[3]


def setting(tmp_path: Path, store_hash: str = "a", **changes: object) -> Setting:
    places = ROOT, tmp_path / "runs", tmp_path / "lifters"
    return Setting(*places, "python", "smoke", "open", tmp_path / "store", store_hash, **changes)  # type: ignore[arg-type]


def row(name: str):
    return next(each for each in ROWS if each.name == name)


def test_rows_of_a_seed_share_their_parents_and_nothing_else(tmp_path: Path) -> None:
    chains = {each.name: chain(each, 1, setting(tmp_path)) for each in ROWS}
    for joint_set in ("h36m17", "s2m27"):
        same = [chains[each.name] for each in ROWS if each.joint_set == joint_set]
        assert len({each.lifter for each in same}) == len({each.regressor for each in same}) == 1
        assert len({each.mesh.artifact for each in same}) == len(same) == len({each.mesh.settings for each in same})
    wide, narrow = chains["full_s2m27"], chains["full"]
    assert narrow.lifter.artifact == tmp_path / "lifters" / "ours-s1" / "lifter" / "lifter.pt"  # table-lifter's
    assert wide.lifter.artifact != narrow.lifter.artifact
    command = list(wide.mesh.command)
    assert command[command.index("--model.lifter") + 1] == str(wide.lifter.artifact)
    assert command[command.index("--model.pretrained_regressor") + 1] == str(wide.regressor.artifact)
    assert command[command.index("--data.init_args.joint_set") + 1] == "s2m27"
    assert "configs/ablation/no_pr.yaml" in chains["no_pr"].mesh.command
    assert "configs/ablation/no_pr.yaml" not in chains["no_pr"].lifter.command


def test_settings_follow_what_a_result_depends_on(tmp_path: Path) -> None:
    base = chain(row("full"), 0, setting(tmp_path))
    assert chain(row("full"), 1, setting(tmp_path)).mesh.settings != base.mesh.settings
    assert chain(row("full"), 0, setting(tmp_path, "b")).mesh.settings != base.mesh.settings
    deeper = chain(row("full"), 0, setting(tmp_path, mesh_extra=("--trainer.max_epochs", "2")))
    assert deeper.mesh.settings != base.mesh.settings
    assert deeper.regressor.settings == base.regressor.settings
    # What changes the lifter changes everything built on it.
    longer = chain(row("full"), 0, setting(tmp_path, extra=("--trainer.max_epochs", "2")))
    assert longer.lifter.settings != base.lifter.settings
    elsewhere = chain(row("full"), 0, setting(tmp_path / "elsewhere"))
    assert elsewhere.mesh.settings == base.mesh.settings


def test_rows_are_chosen_by_name_and_full_is_always_there() -> None:
    default = [each.name for each in chosen_rows(None, 3)]
    assert "pytorch3d_renderer" not in default
    assert [each.name for each in chosen_rows(["no_pr", "pytorch3d_renderer"], 3)] == [
        "full",
        "no_pr",
        "pytorch3d_renderer",
    ]
    with pytest.raises(UserError, match="--rows: .*found nonsense"):
        chosen_rows(["nonsense"], 3)


def test_a_row_can_have_a_number_of_seeds_of_its_own() -> None:
    counts = {
        each.name: count for each, count in chosen_rows(["no_pr", "pr_all:1", "augmented", "whole_mask:2"], 3).items()
    }
    assert counts == {"full": 3, "no_pr": 3, "pr_all": 1, "whole_mask": 2, "augmented": 1}
    assert next(count for each, count in chosen_rows(["full:2", "no_pr"], 3).items() if each.name == "full") == 2
    for wrong in ("no_pr:0", "no_pr:two", "no_pr:"):
        with pytest.raises(UserError, match=f"--rows {wrong}: expected ROW or ROW:SEEDS"):
            chosen_rows([wrong], 3)


def test_rows_of_the_papers_tables_are_never_trained_once() -> None:
    once = {each.name for each in ROWS if each.once}
    assert once
    assert not any(each.published or each.joint_set == "s2m27" for each in ROWS if each.once)
    assert once.isdisjoint({*TABLE7_LAYOUT.names, *TABLE4_LAYOUT.names})


def test_every_overlay_and_every_published_row_exists() -> None:
    for each in ROWS:
        assert not each.overlay or (ROOT / "configs" / f"{each.overlay}.yaml").is_file(), each
    for layout, table in ((TABLE7_LAYOUT, TABLE7), (TABLE4_LAYOUT, TABLE4)):
        for method in (*layout.names.values(), layout.reference):
            assert published_value(table, method, "MPJPE") is not None
    assert published_value(TABLE7, "without DIK", "PVE") is None
    assert published_value(TABLE4, "Ours", "PPVE") == 75.1


def test_signs_against_the_paper() -> None:
    signs = {(pair.row, pair.column): pair for pair in Page(TABLE7_LAYOUT, results()).signs}
    assert signs["no_sr", "MPJPE"].verdict == "differs"  # ours falls by 5-10 %, the paper's rises from 87.1 to 90.4
    assert signs["no_sr", "MPJPE"].paper == pytest.approx(90.4 / 87.1 - 1)
    assert signs["no_sr", "MPJPE"].ours == pytest.approx((-0.1, -0.05))
    assert signs["no_sr", "PVE"].verdict == "agrees"
    assert signs["no_sr", "PPVE"].verdict == "unclear"  # one seed up, one down
    assert signs["no_dik", "PMPJPE"].verdict == "agrees"
    assert ("no_dik", "PVE") not in signs  # the paper prints none
    assert not any(name == "pr_all" for name, _ in signs)
    assert Pair("x", "PVE", (0.1, 0.2), 0.0).verdict == "unclear"
    assert Pair("x", "PVE", (0.0001, 0.0002), 0.1).verdict == "unclear"
    table4 = {(pair.row, pair.column): pair.verdict for pair in Page(TABLE4_LAYOUT, results()).signs}
    assert table4["no_sr", "MPJPE"] == "agrees"  # Surreal: 95.1 against 99.5


def test_rows_with_fewer_seeds_are_compared_over_the_seeds_of_both() -> None:
    rows = {
        "full": fabricated_row("full", {"mpjpe_mm": (1.0, 3.0)}),
        "no_regressor": fabricated_row("no_regressor", {"mpjpe_mm": (1.5,)}),
    }
    check = next(check for check in mesh_checks(rows, []) if check.name == "MPJPE: fixed regressor / full")
    assert check.value == pytest.approx(1.5)
    page = Page(TABLE7_LAYOUT, StudyResults(rows, [], 0, {}, []))
    (pair,) = [pair for pair in page.signs if pair.column == "MPJPE"]
    assert pair.ours == pytest.approx((0.5,))
    assert "+50.0" in page.markdown()


def test_checks_and_the_inferred_share() -> None:
    made = results()
    # (1.02 - 1) / (1.1 - 1)
    assert inferred_share(made.rows) == pytest.approx(0.2)
    assert inferred_share({"full": made.rows["no_sr"]}) is None
    small = fabricated_row("full", methods={"mean_betas_and_pr": 1.02, "dik_mean_shape": 1.004})
    assert inferred_share({"full": small}) is None
    checks = {check.name: check for check in mesh_checks(made.rows, made.fits)}
    assert checks["PVE: full / DIK + mean shape"].value == pytest.approx(1 / 1.1)
    assert checks["PVE: full / DIK + mean shape"].verdict == "pass"
    assert checks["PA-MPJPE: no DIK / full"].value == pytest.approx(2.1)
    assert checks["PA-MPJPE: full / best optimiser"].value == pytest.approx(40 / 50)
    assert checks["images per second: full / fastest optimiser"].value == pytest.approx(100)
    assert checks["PVE: no PR / full"].verdict == "not measured"
    assert checks["PVE: no SR / full"].verdict == "pass"


def test_pages_label_every_foreign_figure_with_its_data() -> None:
    page = Page(TABLE7_LAYOUT, results(), 32)
    text = page.markdown()
    header = next(line for line in text.splitlines() if line.startswith("| row |"))
    assert header.count("Human3.6M, paper's Table 7: ") == 4
    line = next(line for line in text.splitlines() if line.startswith("| no SR"))
    assert "46.2 ± 1.8" in line  # 45 and 47.5
    assert line.rstrip().endswith("| 90.4 | 55.3 | 122.6 | 81.5 |")
    assert "| 0.20 |" in text
    assert "**careful**" in text
    assert "figure6.png" in text
    assert "Surreal, paper's Table 4: PVE" in Page(TABLE4_LAYOUT, results()).markdown()
    assert "PR on all joints" not in Page(TABLE4_LAYOUT, results()).markdown()
    content = json.loads(json.dumps(page.to_dict()))
    assert content["rows"][1]["values_by_seed"]["test"]["full"]["mpjpe_mm"] == [45.0, 47.5]
    assert content["optimisers"]["frames"] == 12


def test_figures_are_read_from_runs_over_seeds(tmp_path: Path) -> None:
    for seed, value in enumerate((80.0, 90.0)):
        folder = tmp_path / f"s{seed}" / "mesh"
        folder.mkdir(parents=True)
        metrics = {"test/pve_mm": value, "test/mean_betas/pve_mm": value + 1, "train/loss": 1.0}
        if seed == 0:
            metrics["test/betas/beta_0_correlation"] = 0.1
        (folder / "metrics.json").write_text(json.dumps(metrics))
        (folder / "metrics.csv").write_text("step,train/loss\n0,1\n")
    found = read_row(row("full"), [tmp_path / "s0", tmp_path / "s1"], [1.0, 2.0])
    assert found.mean("pve_mm") == 85.0
    assert found.mean("pve_mm", "mean_betas") == 86.0
    assert found.at("beta_0_correlation", "betas") is None
    assert found.mean("iou") is None
    with pytest.raises(ReportError, match="s2/mesh/metrics.json"):
        read_row(row("full"), [tmp_path / "s2"], [1.0])
