from __future__ import annotations

from pathlib import Path

import pytest

from s2m.data.commands import read_config
from stages.cli import STAGES, StageCLI
from tests.stages.conftest import ROOT, stage_arguments


@pytest.mark.parametrize("preset", ["quick", "full"])
@pytest.mark.parametrize("stage", ["lifter", "regressor", "mesh"])
def test_every_preset_builds(
    chain: Path, store: Path, stage: str, preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    arguments = [a.replace("preset/smoke", f"preset/{preset}") for a in stage_arguments(stage, store, chain)]
    cli = StageCLI(STAGES[stage], [*arguments, "--trainer.devices", "1"])
    assert cli.model.name == stage
    assert cli.resolved()["model"]["joint_set"] == "h36m17"


@pytest.mark.parametrize("preset", ["smoke", "quick", "full"])
def test_every_data_preset_is_read(preset: str) -> None:
    sizes = read_config(ROOT / f"configs/preset/{preset}/data.yaml").frames
    assert sizes.train_pose >= sizes.train


def test_the_full_preset_has_the_papers_values(chain: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    arguments = [a.replace("preset/smoke", "preset/full") for a in stage_arguments("mesh", store, chain)]
    paper = ["--config", str(ROOT / "configs/weights/paper.yaml"), "--trainer.devices", "1"]
    config = StageCLI(STAGES["mesh"], [*arguments, *paper]).resolved()
    assert config["trainer"]["max_epochs"] == 200
    assert config["data"]["init_args"]["batch_size"] == 512
    assert config["model"]["learning_rate"] == 3e-5
    assert config["model"]["schedule"]["init_args"]["factor"] == 0.95
    assert config["model"]["objective"]["init_args"]["w_3d"] == 2.5


@pytest.mark.parametrize("stage", ["lifter", "regressor", "mesh"])
def test_help_lists_the_stages_options(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        StageCLI(STAGES[stage], ["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "--output" in text
    assert "--model.learning_rate" in text
