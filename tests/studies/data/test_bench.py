"""The parts of ``make bench-data``: small, and without timing anything."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from s2m.data.dataset import FrameDataset
from s2m.data.samplers import as_stored
from s2m.data.store import FrameStore
from s2m.data.zoo.convert import Options, convert
from s2m.data.zoo.human36m import Human36M
from s2m.skeletons import H36M17
from studies.data import bench, bench_loading
from studies.data.bench_files import ROWS, Rows, write_human36m, write_tiled
from studies.data.bench_report import markdown


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four recordings of two frames in the official layout, converted."""
    folder = tmp_path_factory.mktemp("bench")
    write_human36m(folder / "raw", 2)
    chosen = {"cameras": ["all"], "val_subjects": [], "keypoints": "gt", "mosh": None}
    source = Human36M.from_arguments(argparse.Namespace(root=folder / "raw", **chosen))
    convert(source, folder / "store", Options(mask_size=32), progress=False)
    return folder / "store"


def test_a_tiled_store_repeats_the_rows(store: Path, tmp_path: Path) -> None:
    write_tiled(store, tmp_path / "tiled", 19)
    known, found = FrameStore(store).open("train").observation, FrameStore(tmp_path / "tiled").open("train").observation
    assert len(known["crop"]) == 8
    for name in known:
        np.testing.assert_array_equal(found[name], known[name][np.arange(19) % 8])


def test_shards_give_what_the_store_gives(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is fair: the same fields, and the same is done to them."""
    arrays = FrameStore(store).open("train").observation
    row_of = bench_loading._RowOf({name: np.asarray(arrays[name]) for name in bench_loading._FIELDS})
    picked = np.array([5, 0, 3])
    monkeypatch.setattr(bench_loading, "_FLIP", 0.0)
    finish = bench_loading._Finish(store)
    batch = finish.frames.finish(finish.fetch([row_of(int(row)) for row in picked])).observation
    expected = FrameDataset(FrameStore(store), "train", H36M17, truth=False).__getitems__(as_stored(picked)).observation
    torch.testing.assert_close(batch.joints2d, expected.joints2d)
    torch.testing.assert_close(batch.silhouette, expected.silhouette)
    torch.testing.assert_close(batch.crop, expected.crop)
    monkeypatch.setattr(bench_loading, "_FLIP", 1.0)
    mirrored = finish.frames.finish(finish.fetch([row_of(int(row)) for row in picked])).observation
    assert mirrored.silhouette is not None
    assert expected.silhouette is not None
    torch.testing.assert_close(mirrored.silhouette, expected.silhouette.flip(2))


def test_rows_of_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROWS, "15000")
    source = Rows()
    assert len(source.recordings()) == 3
    recording = source.read(source.recordings()[1])
    assert recording.camera is not None
    assert recording.joints3d is not None
    assert len(recording) == 5000
    np.testing.assert_allclose(recording.camera.project(recording.joints3d), recording.joints2d)


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "find_spec", lambda name: None)
    with pytest.raises(bench.BenchError, match="package litdata: missing; .* --without-litdata leaves it out"):
        bench.measure(tmp_path, 1, 5000, 128, 1, litdata=True)
    assert not list(tmp_path.iterdir())


def result(sources: tuple[str, ...]) -> dict[str, Any]:
    conversion = {"frames": 8, "per_second": 512.0, "cpu_ms_per_frame": 2.25}
    rates = [
        {"mask_px": size, "source": source, "workers": workers, "per_second": 6000.0 + workers, "range": [1.0, 2.0]}
        for size in bench.SIZES
        for source in sources
        for workers in bench_loading.WORKERS
    ]
    return {
        "command": "python -m studies.data.data_bench",
        "machine": {"cpu": "X", "cores": 2, "torch": "2", "load_before": 0.5, "load_after": 1.0},
        "chosen": {"batch": 128, "loaded_rows": 256, "rounds": 3},
        "conversion": [
            {**conversion, "mask_px": size, "bytes_per_frame": 10.0 * size, "full_size_gb": size / 100}
            for size in bench.SIZES
        ],
        "memory": {"rows": 5000, "per_second": 100.0, "peak_gb": 0.25},
        "loading": rates,
        "stage3": {"preset": "quick", "batch": 32, "mask_px": 112, "rounds": 3, "chunk": 5, "per_second": 200.0},
    }


def test_the_page(tmp_path: Path) -> None:
    page = markdown(result((bench_loading.STORE, bench_loading.SHARDS)))
    assert "| 224 px | 512 | 2.25 | 2240 | 2.24 |" in page
    assert "| masks | source | 0 workers | 1 worker | 2 workers |" in page
    assert "| 112 px | litdata | 6,000 (1 to 2) | 6,001 (1 to 2) | 6,002 (1 to 2) |" in page
    assert "the store gives 30 times as many with 2 workers" in page
    assert "litdata was left out" not in page
    assert "litdata was left out" in markdown(result((bench_loading.STORE,)))
