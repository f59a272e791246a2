"""Speed of loading training batches, from the memory-mapped store and from litdata's shards of the same rows.

Both give the same batches: 128 rows in shuffled order with the fields that training needs (joints, confidence, crop,
image size, packed silhouette), centred, mirrored by chance and unpacked by the very same code
(:class:`s2m.data.dataset.FrameDataset`); the clock starts when the workers run. litdata shuffles chunks and
the rows within a chunk, the store all rows.
"""

from __future__ import annotations

import copy
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.data.dataset import FrameDataset, PackedFrame
from s2m.data.samplers import Batch
from s2m.data.store import FrameStore, SplitArrays
from s2m.skeletons import H36M17

BATCH = 128
WORKERS = (0, 1, 2)
STORE, SHARDS = "store", "litdata"
_FIELDS = ("joints2d", "confidence", "crop", "image_size", "silhouette")
_FLIP = 0.5
# More than the workers hold in advance.
_SKIPPED = 10


def loading_rates(store: Path, shards: Path | None, rounds: int) -> list[dict[str, Any]]:
    """Silhouettes per second by source and workers: median, slowest and fastest of an epoch each.

    The sources take turns, so that a busy machine slows both.

    Args:
        store: The frame store.
        shards: Where litdata's are written; ``None``: without.
    """
    if shards is not None:
        _write_shards(store, shards)
    rates: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for workers in WORKERS:
            rates.setdefault((STORE, workers), []).append(_rate(_store_batches(store, workers)))
            if shards is not None:
                rates.setdefault((SHARDS, workers), []).append(_rate(_shard_batches(store, shards, workers)))
    return [
        {
            "source": source,
            "workers": count,
            "per_second": statistics.median(found),
            "range": [min(found), max(found)],
        }
        for (source, count), found in sorted(rates.items(), reverse=True)
    ]


def _rate(batches: Iterator[int]) -> float:
    """Rows per second between the first batches, which wait for the workers to start, and the last one."""
    for _ in range(_SKIPPED):
        next(batches)
    start = end = time.perf_counter()
    frames = 0
    for count in batches:
        frames, end = frames + count, time.perf_counter()
    return frames / (end - start)


def _store_batches(store: Path, workers: int) -> Iterator[int]:
    from s2m.data.module import FrameDataModule

    data = FrameDataModule(str(store), batch_size=BATCH, num_workers=workers, flip=_FLIP)
    for frame in data.train_dataloader():
        yield len(frame)


def _shard_batches(store: Path, shards: Path, workers: int) -> Iterator[int]:
    from litdata import StreamingDataLoader, StreamingDataset

    rows = StreamingDataset(str(shards), shuffle=True, drop_last=True, seed=0)
    finish = _Finish(store)
    with _quiet():
        for batch in StreamingDataLoader(rows, batch_size=BATCH, num_workers=workers, collate_fn=finish.fetch):
            yield len(finish.frames.finish(batch))


class _Finish:
    """Makes a batch of rows what the store's dataset makes of them."""

    def __init__(self, store: Path):
        self.frames = FrameDataset(FrameStore(store), "train", H36M17, truth=False, drop=True)
        self._random = np.random.default_rng(0)

    def fetch(self, items: list[dict[str, NDArray[Any]]]) -> PackedFrame:
        """In the worker: centred and mirrored, silhouettes packed."""
        arrays = {name: np.stack([item[name] for item in items]) for name in _FIELDS}
        frames, count = copy.copy(self.frames), len(items)
        # The dataset's own code, on these rows instead of the store's.
        frames._arrays, frames._rows = SplitArrays("train", count, arrays, None), np.arange(count)
        return frames.fetch(Batch(np.arange(count), self._random.random(count) < _FLIP))


def _write_shards(store: Path, shards: Path) -> None:
    from litdata import optimize

    arrays = FrameStore(store).open("train", truth=False).observation
    row_of = _RowOf({name: np.asarray(arrays[name]) for name in _FIELDS})
    with _quiet():
        optimize(
            fn=row_of,
            inputs=list(range(len(arrays["crop"]))),
            output_dir=str(shards),
            chunk_bytes="64MB",
            num_workers=1,
            verbose=False,
        )


class _RowOf:
    """One row as litdata stores it."""

    def __init__(self, arrays: dict[str, NDArray[Any]]):
        self._arrays = arrays

    def __call__(self, row: int) -> dict[str, NDArray[Any]]:
        return {name: values[row] for name, values in self._arrays.items()}


@contextmanager
def _quiet() -> Iterator[None]:
    """litdata prints its progress."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield
