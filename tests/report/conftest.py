"""A fabricated run: numbers, curves and examples made by hand, without training."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from s2m.body import Body, load_body
from s2m.report import Examples, save_examples
from tests.report.dataset_runs import make_workplace

SKELETON = {
    "mpjpe_mm": 90.0,
    "n_mpjpe_mm": 60.0,
    "pa_mpjpe_mm": 45.0,
    "pck150": 0.9,
    "auc": 0.6,
    "reversed_depth": 0.02,
}
BODY = {"pve_mm": 80.0, "pa_pve_mm": 62.0, "pve_area_mm": 75.0, "angle_rad": 0.5, "iou": 0.7}
SPLITS = ("test", "test_noisy", "acrobatic", "acrobatic_noisy")


def keyed(split: str, method: str, values: dict[str, float], scale: float) -> dict[str, float]:
    prefix = split if method == "full" else f"{split}/{method}"
    return {f"{prefix}/{name}": value * scale for name, value in values.items()}


def fabricate_metrics(stage: str) -> dict[str, float]:
    methods: dict[str, tuple[dict[str, float], float]] = {
        "lifter": {"full": (SKELETON, 1.0), "planar": (SKELETON, 2.0)},
        "regressor": {"full": (SKELETON, 1.1), "fixed": (SKELETON, 1.6)},
        "mesh": {
            "full": ({**SKELETON, **BODY, "iou": 0.72, "pve_mm": 76.0}, 1.0),
            "planar": (SKELETON, 2.0),
            "lifter": (SKELETON, 0.98),
            "dik_mean_shape": ({**SKELETON, **BODY}, 1.0),
            "mean_pose": ({**SKELETON, **BODY}, 1.5),
        },
    }[stage]
    values = {"train/loss": 0.1, "val/n_mpjpe_mm": 61.0, "data/skipped/train/empty mask": 3.0}
    for split in SPLITS:
        for method, (numbers, scale) in methods.items():
            values |= keyed(split, method, numbers, scale)
        if stage == "mesh":
            values |= keyed(split, "mean_betas", {**SKELETON, **BODY, "pve_mm": 75.0}, 1.0)
            values |= {f"{split}/betas/beta_{k}_correlation": k / 10 for k in range(9)}
    return values


def fabricate_curves() -> str:
    lines = ["epoch,step,train/loss,train/fit_m,val/n_mpjpe_mm,val/planar/n_mpjpe_mm,test/n_mpjpe_mm"]
    for step in range(0, 200, 10):
        lines.append(f"{step // 50},{step},{math.exp(-step / 80):.5f},{0.2 * math.exp(-step / 60):.5f},,,")
        if step % 50 == 40:
            lines.append(f"{step // 50},{step},,,{60 + 40 * math.exp(-step / 50):.3f},140,")
    lines.append("4,200,,,,,61.5")
    return "\n".join(lines) + "\n"


def fabricate_examples(frames: int = 3) -> Examples:
    rng = np.random.default_rng(0)
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.5)
    pred = np.stack([ball.vertices * [0.6, 1.7, 0.4]] * frames).astype(np.float32)
    rows, columns = np.mgrid[:32, :32] / 16 - 1 + 1 / 32
    mask = np.stack([(columns / 0.3) ** 2 + (rows / 0.8) ** 2 < 1] * frames)
    return Examples(
        joint_set="h36m17",
        split="test",
        silhouette=mask,
        joints2d=rng.uniform(-0.7, 0.7, (frames, 17, 2)).astype(np.float32),
        confidence=np.ones((frames, 17), np.float32),
        pred_vertices=pred,
        true_vertices=pred + rng.normal(size=pred.shape).astype(np.float32) * 0.01,
        faces=np.asarray(ball.faces),
        camera=np.tile(np.array([0.9, 0.02, 0.0], np.float32), (frames, 1)),
        pa_mpjpe_mm=np.linspace(20, 90, frames),
        label=np.array([("best", "median", "worst")[i * 3 // frames] for i in range(frames)]),
        pred_mask=np.roll(mask, 2, axis=2),
        index=np.arange(frames) * 7,
    )


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[[], Path]:
    def make() -> Path:
        run = tmp_path / "fabricated"
        for stage in ("lifter", "regressor", "mesh"):
            folder = run / stage
            folder.mkdir(parents=True)
            (folder / "metrics.json").write_text(json.dumps(fabricate_metrics(stage)))
            (folder / "metrics.csv").write_text(fabricate_curves())
        save_examples(run / "mesh" / "examples.npz", fabricate_examples())
        return run

    return make


@pytest.fixture
def examples() -> Examples:
    return fabricate_examples()


@pytest.fixture(scope="session")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory, body: Body) -> Path:
    """A converted test set of MPI-INF-3DHP, a run trained on it, and one trained elsewhere."""
    return make_workplace(tmp_path_factory.mktemp("tables"), body)
