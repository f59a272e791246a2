from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from studies.mesh import ablations


def test_tables_are_made_once_and_made_again_from_what_is_there(
    store: Path, tmp_path: Path, trained_here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--store", str(store), "--preset", "smoke", "--seeds", "1", "--rows", "no_pr", "--runs", str(tmp_path)]
    command += ["--lifters", str(tmp_path / "lifters"), "--fit-frames", "3", "--fit-steps", "2", "1"]
    command += ["--mesh-arguments", "--model.learning_rate 1e-3", "--", "--trainer.accelerator", "cpu"]
    ablations.main(command)
    # A smoke run leaves the published tables alone.
    content = json.loads((tmp_path / "table7_smoke.json").read_text())
    assert [each["name"] for each in content["rows"]] == ["full", "no_pr"]
    figures = content["rows"][1]["values_by_seed"]["test"]
    assert figures["mean_betas_and_pr"]["pve_mm"][0] > 0
    assert figures["mean_pr"] == figures["full"]  # without PR there is nothing to replace
    optimisers = content["optimisers"]["rows"]
    assert [each["label"] for each in optimisers][-1] == "full model"
    assert all(each["seconds_per_image"] > 0 and each["pve_mm"] > 0 for each in optimisers)
    assert "paper's Table 4" in (tmp_path / "table4_smoke.md").read_text()
    for name in ("figure6.png", "figure7.png"):
        assert (tmp_path / name).stat().st_size > 10_000
    artifacts = {path: path.stat().st_mtime_ns for path in tmp_path.glob("**/*.pt")}
    assert len(artifacts) == 4  # lifter and regressor are shared
    command[command.index("--fit-frames") + 1] = "0"
    capsys.readouterr()
    ablations.main(command)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("**/*.pt")} == artifacts
    assert "full-s0, mesh: finished before" in capsys.readouterr().out


def test_bad_input_is_refused(store: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="error: .*not a frame store"):
        ablations.main(["--store", str(tmp_path / "none")])
    with pytest.raises(SystemExit, match="error: --rows: .*found nonsense"):
        ablations.main(["--store", str(store), "--rows", "nonsense"])
    with pytest.raises(SystemExit):
        ablations.main(["--store", str(store), "--seeds", "0"])


def test_only_the_quick_preset_writes_the_published_tables() -> None:
    store = ["--store", os.devnull]
    assert ablations.parse(store).output == Path("docs/results")
    assert ablations.parse(store).lifters == Path("runs/table-lifter-quick")
    assert ablations.parse([*store, "--preset", "smoke"]).output == Path("runs/ablations-smoke")
