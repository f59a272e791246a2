from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from s2m.artifact import load
from s2m.body import load_body
from s2m.cli import main
from s2m.data import OpenData
from s2m.pretrained import load_mesh_model
from tests.stages.fixtures import BRIEFLY, ROOT, Train, environment, in_subprocess, stage_arguments

METHODS = ("mean_pose/", "planar/", "lifter/", "dik_mean_shape/", "")


def test_every_stage_leaves_artifact_config_metrics_and_log(chain: Path) -> None:
    for stage in ("lifter", "regressor", "mesh"):
        folder = chain / stage
        assert load(folder / f"{stage}.pt", stage, joint_set="h36m17").stage == stage
        assert yaml.safe_load((folder / "config.yaml").read_text())["model"]["joint_set"] == "h36m17"
        assert (folder / "metrics.csv").read_text().startswith("epoch,") or "step" in (
            folder / "metrics.csv"
        ).read_text()
        metrics = json.loads((folder / "metrics.json").read_text())
        assert all(isinstance(value, float) for value in metrics.values())
    lineage = load(chain / "mesh/mesh.pt", "mesh").parents
    assert set(lineage) == {"lifter", "regressor"}


@pytest.mark.parametrize("split", ["test", "test_noisy", "acrobatic", "acrobatic_noisy"])
def test_mesh_metrics_stand_beside_their_baselines(chain: Path, split: str) -> None:
    metrics = json.loads((chain / "mesh/metrics.json").read_text())
    for method in METHODS:
        assert metrics[f"{split}/{method}pa_mpjpe_mm"] > 0
    for method in ("mean_pose/", "dik_mean_shape/", ""):
        for name in ("pve_mm", "pa_pve_mm", "iou", "n_mpjpe_mm", "mpjpe_mm", "pck150", "auc", "angle_rad"):
            assert f"{split}/{method}{name}" in metrics, name


def test_the_report_is_built_from_the_run(chain: Path) -> None:
    assert main(["report", str(chain)]) == 0
    report = chain / "report"
    assert "dik_mean_shape" in (report / "report.md").read_text() or "mean shape" in (report / "report.md").read_text()
    assert (report / "index.html").stat().st_size > 10_000
    assert list(report.glob("*.png"))


def test_an_exported_model_gives_the_trained_models_output(chain: Path, store: Path) -> None:
    data = OpenData(store=str(store))
    data.setup("test")
    frame = next(iter(data.test_dataloader()[0]))
    first, artifact = load_mesh_model(chain / "mesh/mesh.pt", load_body())
    second, _ = load_mesh_model(chain / "mesh/mesh.pt", load_body())
    with torch.no_grad():
        a, b = first(frame.observation), second(frame.observation)
    torch.testing.assert_close(a.body.vertices, b.body.vertices)
    assert artifact.joint_set == "h36m17"
    assert torch.isfinite(a.body.vertices).all()
    assert not any(name.startswith("body.") for name in artifact.state)


def test_other_joint_set_runs_through_all_stages(train: Train, tmp_path: Path) -> None:
    for stage in ("lifter", "regressor", "mesh"):
        artifact = train(stage, tmp_path, "--data.init_args.joint_set", "s2m27", *BRIEFLY)
        assert load(artifact, stage).joint_set == "s2m27"


@pytest.mark.parametrize("ablation", sorted(p.stem for p in (ROOT / "configs/ablation").glob("*.yaml")))
def test_ablations_train(train: Train, chain: Path, tmp_path: Path, ablation: str) -> None:
    for stage in ("lifter", "regressor"):
        (tmp_path / stage).symlink_to(chain / stage)
    train("mesh", tmp_path, "--config", str(ROOT / f"configs/ablation/{ablation}.yaml"), *BRIEFLY)
    components = []
    for run_dir in (chain, tmp_path):
        model = dict(load(run_dir / "mesh/mesh.pt", "mesh").config["model"])
        components.append(
            {name: part for name, part in model.items() if name not in ("lifter", "pretrained_regressor")}
        )
    assert components[0] != components[1]
    metrics = json.loads((tmp_path / "mesh/metrics.json").read_text())
    assert metrics["test/pa_mpjpe_mm"] > 0


def test_papers_weights_and_pytorch3d_train(train: Train, chain: Path, tmp_path: Path) -> None:
    for stage in ("lifter", "regressor"):
        (tmp_path / stage).symlink_to(chain / stage)
    renderer = ["--model.renderer", "s2m.render.PyTorch3DSilhouette", "--model.renderer.init_args.faces_per_pixel", "5"]
    train("mesh", tmp_path, "--config", str(ROOT / "configs/weights/paper.yaml"), *renderer, *BRIEFLY)
    config = yaml.safe_load((tmp_path / "mesh/config.yaml").read_text())
    assert config["model"]["objective"]["init_args"]["norm"] == "paper"
    assert config["model"]["renderer"]["class_path"].endswith("PyTorch3DSilhouette")


def test_the_papers_free_regressor_trains(train: Train, chain: Path, tmp_path: Path) -> None:
    (tmp_path / "lifter").symlink_to(chain / "lifter")
    artifact = train("regressor", tmp_path, "--model.regressor", "s2m.body.regressors.FreeRegressor", *BRIEFLY)
    assert load(artifact, "regressor").spec["class_path"].endswith("FreeRegressor")


def test_works_without_network_display_and_home(chain: Path, store: Path, tmp_path: Path) -> None:
    """A network namespace of its own has no way out; the home folder cannot be written; nobody is logged in."""
    unshare = ["unshare", "--net"] if in_namespace() else []
    env = environment(HOME="/nonexistent/home", WANDB_MODE="")
    for name in ("WANDB_MODE", "DISPLAY", "WANDB_API_KEY"):
        env.pop(name, None)
    result = in_subprocess("lifter", stage_arguments("lifter", store, tmp_path, *BRIEFLY), env, unshare)
    assert result.returncode == 0, result.stdout + result.stderr
    offline = list((tmp_path / "wandb").glob("offline-run-*"))
    assert len(offline) == 1
    assert "exported" in result.stdout
    assert "login" not in (result.stdout + result.stderr).lower()
    log = next(offline[0].glob("*.wandb"))
    wandb = [str(Path(sys.executable).with_name("wandb")), "leet", "inspect", "--json", str(log)]
    records = subprocess.run(wandb, capture_output=True, text=True, env=env, check=True).stdout
    for expected in ("lineage", "train/loss", "test/n_mpjpe_mm", "chirality"):
        assert expected in records, expected


def in_namespace() -> bool:
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0
