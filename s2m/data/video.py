"""Recordings instead of single frames: windows to train on, whole recordings to evaluate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from s2m.batch import FrameBatch
from s2m.data.dataset import FrameDataset
from s2m.data.module import FrameDataModule
from s2m.data.samplers import Batch, TrainBatches, as_stored
from s2m.data.store import StoreError

Positions = NDArray[np.int64]


class VideoDataset(FrameDataset):
    """A split of recordings. Arguments as in FrameDataset."""

    def recordings(self) -> list[Positions]:
        """Positions of consecutive frames; a frame that is unusable cuts its recording in two."""
        if len(self._rows) == 0:
            return []
        sequence = np.asarray(self._arrays.observation["sequence"])[self._rows]
        frame = np.asarray(self._arrays.observation["frame"])[self._rows]
        follows = (sequence[1:] == sequence[:-1]) & (frame[1:] == frame[:-1] + 1) & (sequence[1:] >= 0)
        return np.split(np.arange(len(self._rows)), np.flatnonzero(~follows) + 1)


class WindowBatches:
    """Batches of windows of consecutive frames, one window after the other; mirrored as a whole.

    Every window of a recording is as likely as any other; those that are too short are left out. batch_size counts
    windows. The rest as in TrainBatches, whose order this takes.

    Args:
        recordings: See :meth:`VideoDataset.recordings`.
        length: Frames per window.
        batch_size: Windows per step, over all processes.
        steps: Steps per epoch; None: as many as there are windows for.
        flip: Probability that a window is mirrored.
        seed: Seed of order and mirroring.
        rank: Number of this process.
        world_size: Number of processes.
    """

    def __init__(
        self,
        recordings: list[Positions],
        length: int,
        batch_size: int,
        steps: int | None,
        flip: float,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ):
        starts = [r[: len(r) - length + 1] for r in recordings if len(r) >= length]
        self._starts = np.concatenate(starts) if starts else np.zeros(0, np.int64)
        self._offsets = np.arange(length)
        self._windows = TrainBatches(len(self._starts), batch_size, steps, flip, seed, rank, world_size)
        # Lightning tells the epoch to this.
        self.sampler = self._windows.sampler

    def __len__(self) -> int:
        return len(self._windows)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._windows:
            positions = (self._starts[batch.positions][:, None] + self._offsets).ravel()
            yield Batch(positions, batch.flip.repeat(len(self._offsets)))


class RecordingBatches:
    """One whole recording per batch, each once; process r takes the recordings r, r + world_size, ...

    Args:
        recordings: Positions of each recording's frames.
        rank: Number of this process.
        world_size: Number of processes.
    """

    def __init__(self, recordings: list[Positions], rank: int = 0, world_size: int = 1):
        self._recordings = recordings[rank::world_size]

    def __len__(self) -> int:
        return len(self._recordings)

    def __iter__(self) -> Iterator[Batch]:
        for positions in self._recordings:
            yield as_stored(positions)


class VideoFrames(FrameDataModule):
    """Recordings for models of video, in place of single frames.

    A training batch holds ``batch_size`` windows of ``window`` consecutive frames, flattened: (windows * window, ...).
    A validation or test batch is one recording, so ``eval_batch_size`` plays no part.

    Args:
        store: Folder of a frame store.
        window: Frames per training window.
        train_split: Split to train on; its frames must belong to recordings.
        **arguments: The other arguments of :class:`FrameDataModule`.

    Raises:
        StoreError: When no recording of the training split is as long as a window.
    """

    def __init__(self, store: str, window: int = 24, train_split: str = "train_video", **arguments: object):
        super().__init__(store, train_split=train_split, **arguments)  # type: ignore[arg-type]
        self._window = window

    @property
    def window(self) -> int:
        """Frames per training window."""
        return self._window

    def train_dataloader(self) -> DataLoader[FrameBatch]:
        """Training windows, without truth."""
        dataset = self._video(self._splits[0], train=True)
        recordings = dataset.recordings()
        if max(map(len, recordings), default=0) < self._window:
            raise StoreError(
                f"{self.frame_store.path / self._splits[0]}: expected recordings of at least {self._window} frames, "
                f"found at most {max(map(len, recordings), default=0)}"
            )
        batches = WindowBatches(
            recordings, self._window, self._batch_size, self._steps, self._flip, self.seed, *self._rank_and_world()
        )
        return self._train_loader(dataset, batches)

    def _eval_loader(self, split: str) -> DataLoader[FrameBatch]:
        dataset = self._video(split, train=False)
        return self._loader(dataset, RecordingBatches(dataset.recordings(), *self._rank_and_world()))

    def _video(self, split: str, train: bool) -> VideoDataset:
        dataset = self._dataset(split, train)
        assert isinstance(dataset, VideoDataset)
        return dataset

    def _kind(self, train: bool) -> tuple[type[FrameDataset], bool]:
        return VideoDataset, not train
