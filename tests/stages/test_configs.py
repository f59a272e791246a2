from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from s2m.data.commands import read_config
from stages.cli import StageCLI
from stages.names import STAGES
from tests.stages.fixtures import ROOT, stage_arguments


@pytest.mark.parametrize("preset", ["quick", "full"])
@pytest.mark.parametrize("stage", ["lifter", "regressor", "mesh"])
def test_every_preset_builds(
    chain: Path, store: Path, stage: str, preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    arguments = [a.replace("preset/smoke", f"preset/{preset}") for a in stage_arguments(stage, store, chain)]
    cli = StageCLI(STAGES[stage].load(), [*arguments, "--trainer.devices", "1"])
    assert cli.model.name == stage
    assert cli.resolved()["model"]["joint_set"] == "h36m17"


@pytest.mark.parametrize("preset", ["smoke", "quick", "full"])
def test_every_data_preset_is_read(preset: str) -> None:
    sizes = read_config(ROOT / f"configs/preset/{preset}/data.yaml").frames
    assert sizes.train_pose >= sizes.train


def test_the_full_preset_has_the_papers_values(chain: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    arguments = [a.replace("preset/smoke", "preset/full") for a in stage_arguments("mesh", store, chain)]
    arguments += ["--trainer.devices", "1"]
    config = StageCLI(STAGES["mesh"].load(), arguments).resolved()
    assert config["trainer"]["max_epochs"] - config["model"]["synthetic_supervision"]["init_args"]["epochs"] == 200
    assert config["data"]["init_args"]["batch_size"] == 512
    assert config["model"]["learning_rate"] == 3e-5
    assert config["model"]["schedule"]["init_args"]["factor"] == 0.95
    paper = StageCLI(
        STAGES["mesh"].load(), [*arguments, "--config", str(ROOT / "configs/weights/paper.yaml")]
    ).resolved()
    weights = paper["model"]["objective"]["init_args"]
    assert [weights[f"w_{name}"] for name in ("2d", "3d", "mask", "sreg", "wreg", "preg")] == [
        1,
        2.5,
        0.15,
        0.06,
        1,
        0.05,
    ]
    assert (weights["scale_3d"], weights["norm"], paper["model"].get("synthetic_supervision")) == (
        "given",
        "paper",
        None,
    )


def test_the_paper_as_printed(chain: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sections 3.3, 3.4 and 4.1: weights, what the mask is seen with, who gives root and camera, and no more terms."""
    monkeypatch.setenv("WANDB_MODE", "disabled")
    arguments = stage_arguments("mesh", store, chain, "--config", str(ROOT / "configs/ablation/paper.yaml"))
    cli = StageCLI(STAGES["mesh"].load(), arguments)
    model = cli.resolved()["model"]
    weights = model["objective"]["init_args"]
    printed = {"2d": 1, "3d": 2.5, "mask": 0.15, "sreg": 0.06, "wreg": 1, "preg": 0.05, "extremities": 0}
    assert {name: weights[f"w_{name}"] for name in printed} == printed
    assert (weights["mask_distance"], weights["scale_3d"], weights["norm"]) == ("iou", "given", "paper")
    assert model.get("synthetic_supervision") is None
    classes = {
        part: model[part]["class_path"].rpartition(".")[2] for part in ("encoder", "root", "camera", "pose", "ik")
    }
    assert classes == {
        "encoder": "SilhouetteEncoder",
        "root": "SilhouetteRoot",
        "camera": "RegressedCamera",
        "pose": "RefinedPose",
        "ik": "DIK",
    }
    # The same weights stand alone in configs/weights/paper.yaml; the two must not part.
    alone = yaml.safe_load((ROOT / "configs/weights/paper.yaml").read_text())["model"]
    both = yaml.safe_load((ROOT / "configs/ablation/paper.yaml").read_text())["model"]
    assert {part: both[part] for part in alone} == alone


@pytest.mark.parametrize("overlay", sorted(path.stem for path in (ROOT / "configs/ablation").glob("*.yaml")))
def test_an_ablation_changes_what_it_names_alone(
    overlay: str, chain: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer that names a class again must not throw away what the layers below have said of it."""
    monkeypatch.setenv("WANDB_MODE", "disabled")
    layer = ROOT / f"configs/ablation/{overlay}.yaml"
    arguments = stage_arguments("mesh", store, chain)
    plain = StageCLI(STAGES["mesh"].load(), arguments).resolved()["model"]
    changed = StageCLI(STAGES["mesh"].load(), [*arguments, "--config", str(layer)]).resolved()["model"]
    named = yaml.safe_load(layer.read_text())["model"]
    assert {part for part in {*plain, *changed} if plain.get(part) != changed.get(part)} == set(named)
    if "objective" in named:
        told, below = named["objective"]["init_args"], plain["objective"]["init_args"]
        assert changed["objective"]["init_args"] == {**below, **told}


@pytest.mark.parametrize("stage", ["lifter", "regressor", "mesh"])
def test_help_lists_the_stages_options(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        StageCLI(STAGES[stage].load(), ["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "--output" in text
    assert "--model.learning_rate" in text
