from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from s2m.compare.runs import Run, flatten
from stages.tracking import make_loggers

STEPS = (0, 10, 20, 30)


def config(seed: int = 0, name: str = "full", **changes: Any) -> dict[str, Any]:
    """A resolved config as stages log it; changes by key, ``__`` for a dot."""
    values: dict[str, Any] = {
        "seed_everything": seed,
        "trainer": {"max_epochs": 5, "accelerator": "cpu", "devices": 1},
        "model": {
            "lifter": f"runs/{name}/lifter/lifter.pt",
            "learning_rate": 3e-5,
            "pose": {"class_path": "s2m.heads.RefinedPose", "init_args": {"joints": ["head"]}},
            "objective": {"class_path": "s2m.losses.MeshObjective", "init_args": {"w_mask": 2.0}},
        },
        "data": {
            "class_path": "s2m.data.OpenData",
            "init_args": {"store": "data/open-quick", "seed": 0, "batch_size": 4, "num_workers": seed},
        },
        "output": f"runs/{name}/mesh",
        "project": "skeleton2mesh",
    }
    for key, value in changes.items():
        *parents, last = key.split("__")
        inner = values
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return values


def run(name: str = "full", seed: int = 0, pve: float = 100.0, stage: str = "mesh", **other: Any) -> Run:
    """A run as a source gives it. Fields of ``Run`` by name, and ``changes`` of its config."""
    changes = other.pop("changes", {})
    metrics = other.pop("summary", {"test/pve_mm": pve, "test/iou": 1 - pve / 1000, "train/loss": pve / 100})
    values: dict[str, Any] = {
        "identifier": f"{name}-{stage}-{seed}",
        "name": name,
        "stage": stage,
        "state": "finished",
        "started": f"2026-01-01T00:00:{seed:02d}Z",
        "config": {**flatten(config(seed, name, **changes)), "lineage.data": "5fa32f2c53d2", "lineage.dataset": "open"},
        "summary": metrics,
        "source": f"runs/{name}/wandb/run.wandb",
        "curves": {"val/pve_mm": [(float(s), pve + 30 - s) for s in STEPS], "train/loss": [(0.0, 2.0), (30.0, 1.0)]},
    }
    return Run(**{**values, **other})


Record = Callable[..., Path]


def record_run(folder: Path, name: str, seed: int, pve: float, exit_code: int = 0, **changes: Any) -> Path:
    """Record a run with the loggers of the stages, offline; returns its ``.wandb`` file."""
    with mock.patch.dict(os.environ, {"WANDB_MODE": "offline"}):
        import wandb

        output = folder / name / "mesh"
        output.mkdir(parents=True)
        csv_logger, logger = make_loggers(output, "mesh", config(seed, name, **changes))
        experiment = logger.experiment
        for step in STEPS:
            logger.log_metrics({"train/loss": float("nan") if step == 10 else 1 / (step + 1), "epoch": 0}, step)
            logger.log_metrics({"val/pve_mm": pve + 30 - step}, step)
        logger.log_metrics({"test/pve_mm": pve, "test/iou": 1 - pve / 1000}, STEPS[-1])
        experiment.config.update(
            {"lineage": {"stage": "mesh", "data": "5fa32f2c53d2", "dataset": "open"}}, allow_val_change=True
        )
        file = Path(experiment.settings.sync_file)
        wandb.finish(exit_code=exit_code)
        wandb.teardown()  # ends the process that writes: the file is whole then
    assert csv_logger
    return file


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of the full model and one of an ablation, in W&B's files."""
    folder = tmp_path_factory.mktemp("recorded")
    record_run(folder, "full-s0", 0, 100.0)
    record_run(folder, "full-s1", 1, 104.0)
    record_run(folder, "no_pr-s0", 0, 107.0, model__pose={"class_path": "s2m.heads.UnrefinedPose"})
    return folder


@pytest.fixture(autouse=True)
def _logged_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody is logged in, whoever runs the tests."""
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
