from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from torch import Tensor, distributed

from s2m.metrics import body_metrics, skeleton_metrics
from s2m.skeletons import S2M27

FRAMES = 11
SHARDS = ((slice(0, 3), slice(3, 8)), (slice(8, 11), slice(11, 11)))  # rank 1 also sees a batch without frames


def values(frames: int = FRAMES, joints: int = 17) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(7)

    def draw(*shape: int) -> Tensor:
        return torch.randn(frames, *shape, generator=generator)

    def rotations() -> Tensor:
        return torch.matrix_exp((m := draw(24, 3, 3)) - m.transpose(-1, -2))

    return {
        "pred_joints": draw(joints, 3),
        "true_joints": draw(joints, 3),
        "pred_vertices": draw(40, 3),
        "true_vertices": draw(40, 3),
        "pred_rotations": rotations(),
        "true_rotations": rotations(),
        "pred_mask": draw(8, 8) > 0,
        "true_mask": draw(8, 8) > 0,
    }


def areas() -> Tensor:
    return torch.arange(1.0, 41.0) / 820


def whole() -> dict[str, float]:
    metrics = body_metrics(areas=areas())
    metrics.update(**values())
    return {name: float(value) for name, value in metrics.compute().items()}


def worker(rank: int, folder: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    metrics = body_metrics(areas=areas())
    for shard in SHARDS[rank]:
        metrics.update(**{name: value[shard] for name, value in values().items()})
    computed = {name: float(value) for name, value in metrics.compute().items()}
    Path(folder, f"{rank}.json").write_text(json.dumps(computed))
    distributed.destroy_process_group()


def test_two_processes_with_uneven_shards_equal_one(tmp_path: Path) -> None:
    mp.spawn(worker, args=(str(tmp_path),), nprocs=2)
    expected = whole()
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == pytest.approx(expected, rel=1e-6)


def test_batches_add_up() -> None:
    metrics = body_metrics(areas=areas())
    for frame in range(FRAMES):
        metrics.update(**{name: value[frame : frame + 1] for name, value in values().items()})
    assert {k: float(v) for k, v in metrics.compute().items()} == pytest.approx(whole(), rel=1e-6)


def test_names() -> None:
    skeleton = {"mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "pck150", "auc", "reversed_depth", "depth_cosine"}
    body = {"pve_mm", "n_pve_mm", "pa_pve_mm", "angle_rad", "pa_angle_rad", "local_angle_rad", "iou"}
    assert set(skeleton_metrics()) == skeleton
    assert set(body_metrics()) == skeleton | body
    assert set(body_metrics(areas=areas())) == skeleton | body | {"pve_area_mm"}


def test_skeleton_metrics_ignore_what_they_do_not_need() -> None:
    metrics = skeleton_metrics(S2M27)
    metrics.update(**values(joints=27))
    assert float(metrics.compute()["mpjpe_mm"]) > 100


def test_first_batch_without_truth_does_not_tie_metrics_together() -> None:
    metrics = body_metrics(areas=areas())
    everything = values()
    empty = {name: value[:0] for name, value in everything.items()}
    metrics.update(**{**empty, "true_vertices": None, "true_rotations": None, "pred_mask": None, "true_mask": None})
    metrics.update(**everything)
    assert {k: float(v) for k, v in metrics.compute().items()} == pytest.approx(whole(), rel=1e-12)


def test_missing_truth_gives_no_number() -> None:
    metrics = body_metrics()
    metrics.update(**{**values(), "true_vertices": None, "true_mask": None})
    computed = metrics.compute()
    assert computed["pve_mm"].isnan()
    assert computed["iou"].isnan()
    assert computed["angle_rad"].isfinite()


def test_aligned_beats_scaled_beats_raw_in_squares() -> None:
    computed = whole()
    assert computed["pa_mpjpe_mm"] < computed["n_mpjpe_mm"] < computed["mpjpe_mm"]
    assert computed["pa_pve_mm"] < computed["n_pve_mm"] < computed["pve_mm"]
