"""Which frames make a batch. Orders are pure functions of (seed, epoch); every process takes its share of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s2m.errors import ArgumentError


@dataclass(frozen=True)
class Batch:
    """Positions in a dataset and, for each, whether the frame is mirrored.

    Args:
        positions: Positions (n,) in the dataset.
        flip: Whether each frame (n,) is mirrored.
    """

    positions: NDArray[np.int64]
    flip: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.positions)


def as_stored(positions: NDArray[np.int64]) -> Batch:
    """A batch without mirrored frames.

    Args:
        positions: Positions (n,) in the dataset.
    """
    return Batch(positions, np.zeros(len(positions), bool))


class EpochCounter:
    """Holds the epoch; Lightning calls ``set_epoch`` on a batch sampler's ``sampler`` before every epoch.

    skip: batches at the start of the next epoch that are left out, because a run that was stopped has seen them.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.skip = 0

    def set_epoch(self, epoch: int) -> None:
        """Tell which epoch comes next.

        Args:
            epoch: Number of the epoch, from 0.
        """
        self.epoch = epoch

    def take_skip(self) -> int:
        """``skip``, which holds for one epoch alone."""
        skip, self.skip = self.skip, 0
        return skip


class TrainBatches:
    """Batches of one epoch: ``steps`` global batches of ``batch_size``, of which each process gets an equal share.

    Epochs walk on through an endless row of permutations of the frames: every frame is seen equally often whatever the
    number of steps, and an epoch depends on nothing but (seed, epoch). Process r takes the elements r, r + world_size,
    ... of each batch: together the processes see what one process would.

    Args:
        rows: Number of frames of the split.
        batch_size: Frames per step, over all processes.
        steps: Global batches per epoch; None: as many as the split fills.
        flip: Probability that a frame is mirrored.
        seed: Seed of order and mirroring.
        rank: Number of this process.
        world_size: Number of processes.
    """

    def __init__(
        self, rows: int, batch_size: int, steps: int | None, flip: float, seed: int, rank: int = 0, world_size: int = 1
    ):
        if rows == 0:
            raise ValueError("no usable frame to train on")
        if batch_size <= 0 or batch_size % world_size:
            raise ArgumentError(
                f"batch_size: the global batch must be a positive multiple of the {world_size} processes, "
                f"found {batch_size}"
            )
        if not 0.0 <= flip <= 1.0:
            raise ValueError(f"flip: expected a probability, found {flip}")
        self.steps = max(1, rows // batch_size) if steps is None else steps
        if self.steps <= 0:
            raise ValueError(f"steps_per_epoch: expected a positive number, found {steps}")
        self.sampler = EpochCounter()
        self._rows, self._batch_size, self._flip, self._seed = rows, batch_size, flip, seed
        self._rank, self._world_size = rank, world_size

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Batch]:
        epoch = self.sampler.epoch
        positions = self._positions(epoch)
        flip = np.random.default_rng([self._seed, 1, epoch]).random(len(positions)) < self._flip
        for start in range(self.sampler.take_skip() * self._batch_size, len(positions), self._batch_size):
            share = slice(start + self._rank, start + self._batch_size, self._world_size)
            yield Batch(positions[share], flip[share])

    def _positions(self, epoch: int) -> NDArray[np.int64]:
        count = self.steps * self._batch_size
        first, last = epoch * count, (epoch + 1) * count
        passes = range(first // self._rows, -(-last // self._rows))
        row = np.concatenate([np.random.default_rng([self._seed, 0, p]).permutation(self._rows) for p in passes])
        offset = first - passes.start * self._rows
        return row[offset : offset + count]


class EvalBatches:
    """All frames once, in order; each process gets one contiguous share (shares differ by at most one frame).

    Args:
        rows: Number of frames of the split.
        batch_size: Frames per step, over all processes.
        rank: Number of this process.
        world_size: Number of processes.
    """

    def __init__(self, rows: int, batch_size: int, rank: int = 0, world_size: int = 1):
        if batch_size <= 0:
            raise ValueError(f"batch_size: expected a positive number, found {batch_size}")
        self._start, self._stop = rows * rank // world_size, rows * (rank + 1) // world_size
        self._batch_size = batch_size

    def __len__(self) -> int:
        return -(-(self._stop - self._start) // self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        for start in range(self._start, self._stop, self._batch_size):
            yield as_stored(np.arange(start, min(start + self._batch_size, self._stop)))
