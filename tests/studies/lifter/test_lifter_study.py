"""The supervised counterpart, the temporal head, the table and the profile through their public entry points."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from s2m.artifact import ArtifactError, load
from s2m.batch import Observation
from s2m.body import load_body
from s2m.data.store import StoreError
from s2m.errors import UserError
from s2m.lifter import Lifter
from s2m.lifter.temporal_head import load_temporal
from s2m.pretrained import load_lifter
from s2m.skeletons import H36M17
from stages.cli import run
from stages.lifter_supervised import relative_error
from stages.temporal import every
from studies.lifter import step_profile as lifter_profile
from studies.lifter import table as lifter_table
from studies.lifter.methods import load_network
from tests.stages.fixtures import BRIEFLY, ROOT, Train, stage_arguments

SUPERVISED = ("--config", str(ROOT / "configs/lifter_supervised.yaml"))


def train_supervised(store: Path, run_dir: Path, *extra: str) -> Path:
    os.environ["WANDB_MODE"] = "disabled"
    arguments = stage_arguments("lifter", store, run_dir)
    arguments[1] = str(run_dir / "lifter_supervised")
    run("lifter_supervised", [*arguments, *SUPERVISED, *extra])
    return run_dir / "lifter_supervised" / "lifter_supervised.pt"


def temporal_arguments(store: Path, lifter: Path, run_dir: Path, *extra: str) -> list[str]:
    small = {"max_epochs": 1, "accelerator": "cpu", "log_every_n_steps": 1}
    arguments = ["--output", str(run_dir / "temporal"), "--config", str(ROOT / "configs/temporal.yaml")]
    arguments += ["--model.lifter", str(lifter), "--data.init_args.store", str(store), "--model.width", "16"]
    arguments += [part for name, value in small.items() for part in (f"--trainer.{name}", str(value))]
    return [*arguments, "--data.init_args.steps_per_epoch", "2", "--data.init_args.batch_size", "2", *extra]


@pytest.fixture(scope="module")
def supervised(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return train_supervised(store, tmp_path_factory.mktemp("runs") / "smoke")


@pytest.fixture(scope="module")
def lifter(train: Train, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train("lifter", tmp_path_factory.mktemp("runs") / "smoke")


def test_a_twin_is_refused_where_a_lifter_is_expected(supervised: Path) -> None:
    with pytest.raises(ArtifactError, match="field stage: expected lifter, found lifter_supervised"):
        load_lifter(supervised, "h36m17", load_body(None))
    network = load_network(supervised, "lifter_supervised", H36M17, load_body(None))
    assert isinstance(network, Lifter)
    metrics = json.loads((supervised.parent / "metrics.json").read_text())
    assert {"test/n_mpjpe_mm", "test/planar/n_mpjpe_mm", "test_noisy/n_mpjpe_mm"} <= metrics.keys()


def test_the_twin_needs_the_truth_and_says_so(store: Path, tmp_path: Path) -> None:
    blind = Path(shutil.copytree(store, tmp_path / "store"))
    shutil.rmtree(blind / "train_pose" / "truth")
    with pytest.raises(StoreError, match="train_pose/truth: missing"):
        train_supervised(blind, tmp_path)
    with pytest.raises(UserError, match="expected training frames with their truth"):
        train_supervised(store, tmp_path, "--data.class_path", "s2m.data.OpenData")


def test_the_pipeline_refuses_the_twins_data(store: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="training must be unsupervised"):
        run("lifter", [*stage_arguments("lifter", store, tmp_path), *SUPERVISED])


def test_only_the_network_is_trained_and_it_learns(store: Path, supervised: Path, tmp_path: Path) -> None:
    longer = ("--data.init_args.steps_per_epoch", "250", "--data.init_args.batch_size", "32", *BRIEFLY)
    taught = train_supervised(store, tmp_path, *longer)
    before, after = (
        json.loads((p.parent / "metrics.json").read_text())["test/n_mpjpe_mm"] for p in (supervised, taught)
    )
    assert after < 0.85 * before
    names = load(taught, "lifter_supervised").state.keys()
    assert not any("discriminator" in name for name in names)


def test_relative_error_has_no_scale_and_no_place() -> None:
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(4, 17, 3, generator=generator).double()
    centred = true - true[:, :1]
    assert float(relative_error(3 * centred, true + 5, 0).max()) < 1e-5
    # At the true scale: an error across the joint's direction that leaves the best scale at 1.
    pair = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [-1, 0, 0]]]).double()
    moved = pair + torch.tensor([[[0.0, 0, 0], [0, 0.5, 0], [0, 0.5, 0]]])
    scale = 2 / (2 * 1.25)
    expected = 2 * ((scale - 1) ** 2 + (scale * 0.5) ** 2) ** 0.5 / 2
    assert float(relative_error(moved, pair, 0)) == pytest.approx(expected, rel=1e-5)


def test_a_temporal_head_is_trained_without_truth_and_belongs_to_its_lifter(
    store: Path, lifter: Path, tmp_path: Path
) -> None:
    os.environ["WANDB_MODE"] = "disabled"
    run("temporal", temporal_arguments(store, lifter, tmp_path / "a"))
    blind = Path(shutil.copytree(store, tmp_path / "store"))
    for truth in blind.glob("*/truth"):
        shutil.rmtree(truth)
    run("temporal", temporal_arguments(blind, lifter, tmp_path / "b"))
    made = [load(tmp_path / name / "temporal/temporal.pt", "temporal") for name in "ab"]
    assert made[0].state.keys() == made[1].state.keys()
    assert all(torch.equal(value, made[1].state[name]) for name, value in made[0].state.items())
    metrics = json.loads((tmp_path / "a/temporal/metrics.json").read_text())
    for method in ("", "frame_wise/"):
        assert metrics[f"test_noisy/{method}accel_mm_per_frame2"] > 0
        ratio = metrics[f"test/{method}accel_mm_per_s2"] / metrics[f"test/{method}accel_mm_per_frame2"]
        assert ratio == pytest.approx(900, rel=1e-4)
    frozen, _ = load_lifter(lifter, "h36m17", load_body(None))
    model = load_temporal(tmp_path / "a/temporal/temporal.pt", frozen, lifter)
    assert model(torch.randn(5, 17, 2), torch.ones(5, 17)).joints3d.shape == (5, 17, 3)


def test_every_second_frame_of_each_window_is_taken() -> None:
    given = Observation(torch.randn(14, 17, 2), torch.ones(14, 17), index=torch.arange(14))
    assert every(1, given, 7).index.tolist() == list(range(14))
    assert every(2, given, 7).index.tolist() == [0, 2, 4, 6, 7, 9, 11, 13]
    assert every(3, given, 7).index.tolist() == [0, 3, 6, 7, 10, 13]
    assert torch.equal(every(3, given, 7).joints2d, given.joints2d[[0, 3, 6, 7, 10, 13]])


def test_a_stride_is_one_frame_or_more(store: Path, lifter: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="model.strides: expected 1 or more, found 0"):
        run("temporal", temporal_arguments(store, lifter, tmp_path, "--model.strides", "0"))


def test_the_temporal_stage_needs_recordings(store: Path, lifter: Path, tmp_path: Path) -> None:
    os.environ["WANDB_MODE"] = "disabled"
    with pytest.raises(UserError, match="whose batches are recordings"):
        run("temporal", temporal_arguments(store, lifter, tmp_path, "--data.class_path", "s2m.data.OpenData"))


def test_the_table_is_made_once_and_made_again_from_what_is_there(
    store: Path, tmp_path: Path, trained_here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--store", str(store), "--preset", "smoke", "--seeds", "1"]
    command += ["--variants", "ours", "lifter_supervised", "--joint-sets", "h36m17", "--output", str(tmp_path / "out")]
    command += ["--runs", str(tmp_path / "runs"), "--", "--trainer.accelerator", "cpu"]
    lifter_table.main(command)
    content = json.loads((tmp_path / "out/table_lifter_smoke.json").read_text())
    methods = [row["method"] for row in content["rows"]]
    assert methods == ["planar", "linear", "linear_augmented", "ours", "lifter_supervised"]
    for row in content["rows"]:
        assert row["figures"]["noise_3"]["n_mpjpe_mm"]["mean"] > 0
    assert (tmp_path / "out/table_lifter_smoke.png").stat().st_size > 10_000
    assert "| supervised counterpart |" in (tmp_path / "out/table_lifter_smoke.md").read_text()
    artifact = tmp_path / "runs/ours-s0/lifter/lifter.pt"
    first = artifact.stat().st_mtime_ns
    lifter_table.main(command)
    assert artifact.stat().st_mtime_ns == first
    assert "ours, seed 0: finished before" in capsys.readouterr().out


def test_a_table_without_a_store_or_rows_is_refused(store: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="error: .*not a frame store"):
        lifter_table.main(["--store", str(tmp_path / "none")])
    with pytest.raises(SystemExit):
        lifter_table.main(["--store", str(store), "--seeds", "0"])


def test_the_profile_counts_the_passes_of_a_real_step(store: Path, tmp_path: Path) -> None:
    arguments = ["--store", str(store), "--preset", "smoke", "--chunk", "5", "--rounds", "2"]
    lifter_profile.main([*arguments, "--output", str(tmp_path), "--", "--trainer.accelerator", "cpu"])
    result = json.loads((tmp_path / "lifter_profile.json").read_text())
    assert result["ratio"] > 0
    assert result["ratio_range"][0] <= result["ratio"] <= result["ratio_range"][1]
    assert {"next batch", "forward and losses", "backward"} <= result["parts_ms"].keys()
    assert "the bar is 85 %" in (tmp_path / "lifter_profile.md").read_text()
