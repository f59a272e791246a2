"""What a run needs to go on after it was stopped, be it in the middle of an epoch."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor

from s2m.data.module import TrainLoader
from s2m.errors import UserError
from s2m.files import write_torch

# numpy takes seeds below this.
_SEEDS = 2**32


class Randomness(Callback):
    """Make what is drawn in training a function of (seed, epoch, rank) and of the steps since the epoch's start.

    Every epoch starts from a random state of its own; a run that goes on in the middle of one takes up the state that
    its checkpoint holds, for every process. All that a training step draws comes from torch's generators (those of
    numpy and Python are seeded, too, but not kept) or is a function of (seed, epoch, frame).

    Args:
        seed: Seed of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._kept: list[list[Tensor]] | None = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Reseed torch, numpy and python."""
        self._kept = None
        mixed = (self.seed * 1_000_003 + trainer.current_epoch) * 4099 + trainer.global_rank
        pl.seed_everything(mixed % _SEEDS, verbose=False)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the state of every process."""
        checkpoint["randomness"] = _from_all_processes(_random_state())

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the states until the training is about to take its next step."""
        self._kept = checkpoint.get("randomness")

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: object, batch_idx: int
    ) -> None:
        """Take up the state of the checkpoint; at an epoch's start there is none to take up."""
        kept, self._kept = self._kept, None
        if kept is None:
            return
        if len(kept) != trainer.world_size:
            raise UserError(
                f"last.ckpt: expected the random states of {trainer.world_size} processes, found {len(kept)}: a run "
                "that stopped in the middle of an epoch goes on with as many processes as it had"
            )
        _restore(kept[trainer.global_rank])


class Position(Callback):
    """Go on with the frames that come next in the epoch.

    Lightning restores a loader's state itself, but not where the loader is made before the checkpoint is read, as it is
    by a schedule that asks for the number of steps.
    """

    def __init__(self) -> None:
        self._state: dict[str, int] | None = None

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the loader's state."""
        checkpoint["train_loader"] = _train_loader(trainer).state_dict()

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the state until there is a loader."""
        self._state = checkpoint.get("train_loader")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Before the first frame is fetched."""
        if self._state is not None:
            _train_loader(trainer).load_state_dict(self._state)


def _train_loader(trainer: pl.Trainer) -> TrainLoader:
    loader = trainer.train_dataloader
    if not isinstance(loader, TrainLoader):
        raise TypeError(f"train_dataloader: expected a TrainLoader, as FrameDataModule makes it, found {type(loader)}")
    return loader


class MidEpochCheckpoint(ModelCheckpoint):
    """``last.ckpt`` also between the ends of epochs, every so many minutes.

    Only where the gradients of a step are complete, and not after an epoch's last batch: its end has its own.

    Args:
        directory: Folder of the checkpoints.
        minutes: Minutes between checkpoints.
    """

    def __init__(self, directory: Path, minutes: float) -> None:
        super().__init__(
            dirpath=directory,
            filename="last",
            train_time_interval=timedelta(minutes=minutes),
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when it is time."""
        done = batch_idx + 1
        if done % trainer.accumulate_grad_batches == 0 and done < trainer.num_training_batches:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)


class WholeCheckpoints(TorchCheckpointIO):
    """Write a checkpoint beside the one that it replaces: Lightning's own way goes through ``$TMPDIR``."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write a checkpoint whole or not at all. Raises WriteError.

        Args:
            path: The file.
        """
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_torch(path, checkpoint)


def epoch_checkpoint(directory: Path) -> ModelCheckpoint:
    """Keep the latest epoch's state in ``last.ckpt``, for resuming only.

    Args:
        directory: Folder of the checkpoints.
    """
    return ModelCheckpoint(
        dirpath=directory, filename="last", save_on_train_epoch_end=True, enable_version_counter=False
    )


def _random_state() -> list[Tensor]:
    """Of the CPU's generator, and of every GPU that this process sees."""
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [])]


def _restore(state: list[Tensor]) -> None:
    cpu, *gpus = state
    torch.set_rng_state(cpu.cpu())
    if gpus and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([gpu.cpu() for gpu in gpus])


def _from_all_processes(state: list[Tensor]) -> list[list[Tensor]]:
    """One entry per process, by rank."""
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()):
        return [state]
    states: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(states, state)
    return states
