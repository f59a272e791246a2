"""Feeds a frame store to Lightning."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from s2m.batch import FrameBatch
from s2m.data.dataset import FrameDataset, PackedFrame
from s2m.data.resident import ResidentFrames
from s2m.data.samplers import Batch, EpochCounter, EvalBatches, TrainBatches, as_stored
from s2m.data.store import FrameStore, StoreError
from s2m.errors import UserError
from s2m.skeletons import JointSet, get_joint_set

_log = logging.getLogger(__name__)
_EVALUATION = (
    *("test", "test_noisy", "acrobatic", "acrobatic_noisy"),
    *("above", "half_body", "sitting", "detector"),
)


class FrameDataModule(pl.LightningDataModule):
    """Frames of a frame store, as batches for training, validation and tests.

    The Trainer's ``use_distributed_sampler`` must be False: the loaders divide the frames among processes themselves.

    Training frames never carry truth; unusable ones are skipped and counted in ``skipped``. Validation and test frames
    carry it when the store has it. Unusable validation or test frames raise StoreError.

    Args:
        store: Folder of a frame store.
        joint_set: Name of the joint set, selected by name from the stored joints.
        train_split: Split to train on; ``train_pose`` has no silhouettes.
        val_split: Split to validate on.
        test_splits: Splits to test on, of which those that the store has are used; their order is ``test_names``.
        batch_size: Frames per training step over all processes.
        eval_batch_size: Frames per validation or test step of one process.
        steps_per_epoch: Training steps per epoch; ``None``: as many as the split fills.
        silhouettes: Whether frames carry silhouettes.
        num_workers: Loader processes.
        worker_timeout: Seconds after which a loader process that hands out nothing is given up: it waits for ever where
            /dev/shm, through which frames travel, is too small; 0: never.
        resident: Keep training frames that have neither silhouettes nor truth on the device that trains, about 450
            bytes each; no loader processes for them.
        flip: Probability that a training frame is mirrored, joints, silhouette and crop together.
        min_joints: A frame with fewer joints found is unusable.
        seed: Order and mirroring of training frames are functions of (seed, epoch); bodies that are made of them, too.
    """

    def __init__(
        self,
        store: str,
        joint_set: str = "h36m17",
        train_split: str = "train",
        val_split: str = "val",
        test_splits: tuple[str, ...] = _EVALUATION,
        batch_size: int = 128,
        eval_batch_size: int = 64,
        steps_per_epoch: int | None = None,
        silhouettes: bool = True,
        num_workers: int = 0,
        resident: bool = True,
        flip: float = 0.5,
        min_joints: int = 6,
        seed: int = 0,
        worker_timeout: float = 120.0,
    ):
        super().__init__()
        self._joint_set = get_joint_set(joint_set)
        self._path, self._store = store, None
        self._splits = (train_split, val_split, tuple(test_splits))
        self._batch_size, self._eval_batch_size, self._steps = batch_size, eval_batch_size, steps_per_epoch
        self._silhouettes, self._num_workers, self._resident = silhouettes, num_workers, resident
        self._flip, self._min_joints, self.seed = flip, min_joints, seed
        self._worker_timeout = worker_timeout
        self._datasets: dict[tuple[str, bool], FrameDataset] = {}
        self._said: set[str] = set()

    _store: FrameStore | None

    @property
    def joint_set(self) -> JointSet:
        """The joint set of the frames."""
        return self._joint_set

    @property
    def frame_store(self) -> FrameStore:
        """The open store.

        Raises:
            StoreError: When there is none.
        """
        if self._store is None:
            self._store = FrameStore(self._path)
        return self._store

    @property
    def store_hash(self) -> str:
        """Identity of the data."""
        return self.frame_store.hash

    @property
    def training_hash(self) -> str:
        """Identity of the frames that are trained on, whatever those are that only measure."""
        return self.frame_store.split_hash(self._splits[0])

    @property
    def test_names(self) -> list[str]:
        """Splits behind the test loaders, in their order."""
        return [split for split in self._splits[2] if split in self.frame_store.splits]

    @property
    def skipped(self) -> dict[str, int]:
        """Training frames that were left out: "split/reason" -> number."""
        split = self._splits[0]
        return {f"{split}/{reason}": count for reason, count in self._dataset(split, train=True).skipped.items()}

    def require_truth(self, split: str) -> None:
        """Refuse a split whose truth is missing.

        Args:
            split: Name of the split.

        Raises:
            StoreError: When it is missing; the message names the folder.
        """
        self.frame_store.require_truth(split)

    def check_splits(self) -> None:
        """Open and check every split that will be read, so that nothing is found out after the training.

        Raises:
            StoreError: For a split that is missing or broken, or without a usable training frame.
        """
        self._dataset(self._splits[0], train=True)
        for split in dict.fromkeys((self._splits[1], *self.test_names)):
            self._dataset(split, train=False)

    def setup(self, stage: str) -> None:
        """Open and check what the stage reads."""
        val = self._splits[1]
        if stage == "fit":
            for reason, count in self.skipped.items():
                self._warn(f"{self._path}: {count} frames skipped: {reason}")
        evaluated = [val] if stage in ("fit", "validate") else self.test_names
        for split in evaluated:
            if not self._dataset(split, train=False).has_truth:
                self._warn(f"{self._path}/{split}: the truth is missing: nothing can be measured against it")

    def _warn(self, message: str) -> None:
        """Once: the trainer sets data up for training, for validation and for tests, which may share splits."""
        if message not in self._said:
            self._said.add(message)
            _log.warning("%s", message)

    def train_dataloader(self) -> DataLoader[FrameBatch]:
        """Training frames, without truth."""
        dataset = self._dataset(self._splits[0], train=True)
        batches = TrainBatches(
            len(dataset), self._batch_size, self._steps, self._flip, self.seed, *self._rank_and_world()
        )
        return self._train_loader(dataset, batches)

    def val_dataloader(self) -> DataLoader[FrameBatch]:
        """Validation frames."""
        return self._eval_loader(self._splits[1])

    def test_dataloader(self) -> list[DataLoader[FrameBatch]]:
        """One loader per test split, in the order of ``test_names``."""
        return [self._eval_loader(split) for split in self.test_names]

    def training_sample(self, count: int) -> FrameBatch:
        """At most ``count`` training frames, evenly spaced and unmirrored: the same in every process.

        Args:
            count: How many frames at the most.
        """
        dataset = self._dataset(self._splits[0], train=True)
        positions = np.unique(np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(np.int64))
        return dataset.__getitems__(as_stored(positions))

    def test_frames(self, split: str, positions: Sequence[int]) -> FrameBatch:
        """Chosen frames of a test split.

        Args:
            split: Name of the split.
            positions: Positions of the frames in the split.
        """
        dataset = self._dataset(split, train=False)
        return dataset.__getitems__(as_stored(np.asarray(positions)))

    def _kind(self, train: bool) -> tuple[type[FrameDataset], bool]:
        """The class of a dataset for training or evaluation, and whether its frames carry the truth."""
        return FrameDataset, not train

    def _dataset(self, split: str, train: bool) -> FrameDataset:
        if (split, train) not in self._datasets:
            kind, truth = self._kind(train)
            self._datasets[split, train] = kind(
                self.frame_store,
                split,
                self._joint_set,
                truth=truth,
                silhouettes=self._silhouettes,
                drop=train,
                min_joints=self._min_joints,
            )
            if train and not len(self._datasets[split, train]):
                skipped = self._datasets.pop((split, train)).skipped
                reasons = "; ".join(f"{reason} in {count} frames" for reason, count in skipped.items())
                raise StoreError(
                    f"{self.frame_store.path / split}: expected frames to train on, found none that is usable "
                    f"({reasons or 'there are none'})"
                )
        return self._datasets[split, train]

    def _eval_loader(self, split: str) -> DataLoader[FrameBatch]:
        dataset = self._dataset(split, train=False)
        return self._loader(dataset, EvalBatches(len(dataset), self._eval_batch_size, *self._rank_and_world()))

    def _loader(self, dataset: FrameDataset, batches: Any) -> DataLoader[FrameBatch]:
        return _make_loader(FrameLoader, dataset, batches, self._num_workers, self._worker_timeout)

    def _train_loader(self, dataset: FrameDataset, batches: Any) -> DataLoader[FrameBatch]:
        if self._resident and ResidentFrames.fits(dataset):
            device = torch.device("cpu") if self.trainer is None else self.trainer.strategy.root_device
            return _make_loader(TrainLoader, ResidentFrames(dataset, device), batches, 0)
        return _make_loader(TrainLoader, dataset, batches, self._num_workers, self._worker_timeout)

    def _rank_and_world(self) -> tuple[int, int]:
        trainer = self.trainer
        return (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)


class OpenData(FrameDataModule):
    """Frames of a store made by ``s2m data open``; arguments as in :class:`FrameDataModule`."""


class WorkerError(UserError, RuntimeError):
    """Loader processes hand out no frames; the message says what may be the matter."""


class FrameLoader(DataLoader[FrameBatch]):
    """Batches travel from the workers with packed silhouettes and are unpacked by the process that uses them."""

    def __iter__(self) -> Iterator[FrameBatch]:  # type: ignore[override]
        """Unpacked batches. Nothing is fetched before the first is asked for: the epoch may not be set earlier."""
        source: _Packed = self.dataset  # type: ignore[assignment]
        yield from map(source.frames.finish, self._fetched())

    def _fetched(self) -> Iterator[PackedFrame]:
        batches: Iterator[Any] = super().__iter__()
        while True:
            try:
                frame = next(batches)
            except StopIteration:
                return
            except RuntimeError as error:
                if "DataLoader" not in str(error):
                    raise
                raise WorkerError(
                    f"data.init_args.num_workers: expected {self.num_workers} loader processes that hand out frames, "
                    f"found: {' '.join(str(error).split())[:200]}; /dev/shm may be too small (docker: --shm-size), or "
                    "worker_timeout too short; 0 workers need neither"
                ) from error
            yield frame


class TrainLoader(FrameLoader):
    """Knows how many batches of an epoch it has handed out, so that a stopped run goes on with the next one."""

    _handed_out = 0

    def __iter__(self) -> Iterator[FrameBatch]:  # type: ignore[override]
        """Unpacked batches."""
        self._handed_out = self._counter.skip
        for frame in super().__iter__():
            self._handed_out += 1
            yield frame

    def state_dict(self) -> dict[str, int]:
        """Where in the epoch we are."""
        return {"handed_out": self._handed_out}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Leave out, in the next epoch, what was handed out; after a whole epoch that is nothing.

        Args:
            state: What :meth:`state_dict` gave.
        """
        self._counter.skip = state["handed_out"] % len(self)

    @property
    def _counter(self) -> EpochCounter:
        counter: EpochCounter = self.batch_sampler.sampler  # type: ignore[union-attr]
        return counter


def _make_loader(
    kind: type[FrameLoader], frames: FrameDataset | ResidentFrames, batches: Any, num_workers: int, timeout: float = 0.0
) -> DataLoader[FrameBatch]:
    return kind(
        _Packed(frames),  # type: ignore[arg-type]  # unpacked on the way out
        batch_sampler=batches,
        num_workers=num_workers,
        timeout=timeout if num_workers else 0,
        collate_fn=_as_it_is,
        persistent_workers=num_workers > 0,
        # Without one of its own, every new iterator would draw a seed from the global random state.
        generator=torch.Generator(),
    )


class _Packed(Dataset[PackedFrame]):
    """Frames as they are fetched."""

    def __init__(self, frames: FrameDataset | ResidentFrames):
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames)

    def __getitems__(self, batch: Batch) -> PackedFrame:
        return self.frames.fetch(batch)


def _as_it_is(frame: Any) -> Any:
    """Batches come collated."""
    return frame
