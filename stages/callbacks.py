"""Callbacks that every stage runs with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, ModelCheckpoint, TQDMProgressBar
from pytorch_lightning.utilities import rank_zero_only

# numpy takes seeds below this.
_SEEDS = 2**32


class SeedEveryEpoch(Callback):
    """Make the random state of an epoch a function of (seed, epoch, rank).

    A run that was killed and resumed at an epoch's start then draws exactly what it would have drawn.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Reseed torch, numpy and python."""
        mixed = (self.seed * 1_000_003 + trainer.current_epoch) * 4099 + trainer.global_rank
        pl.seed_everything(mixed % _SEEDS, verbose=False)


class EpochLines(Callback):
    """One line per epoch, for log files, where a progress bar is only noise."""

    def __init__(self, title: str) -> None:
        self.title = title

    @rank_zero_only
    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the latest figures."""
        figures = {k: float(v) for k, v in trainer.callback_metrics.items() if k.count("/") == 1}
        shown = "  ".join(f"{name} {value:.4g}" for name, value in sorted(figures.items()) if _worth_showing(name))
        print(f"[{self.title}] epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  {shown}", flush=True)


def _worth_showing(name: str) -> bool:
    return name == "train/loss" or (
        name.startswith("val/") and name.split("/")[1] in ("n_mpjpe_mm", "pa_mpjpe_mm", "iou")
    )


def last_checkpoint(directory: Path) -> ModelCheckpoint:
    """Keep the latest epoch's state in ``last.ckpt``, for resuming only."""
    return ModelCheckpoint(
        dirpath=directory, filename="last", save_on_train_epoch_end=True, enable_version_counter=False
    )


def stage_callbacks(title: str, checkpoints: Path, seed: int) -> list[Callback]:
    """The callbacks of a stage; a progress bar where somebody is watching."""
    progress: list[Any] = [TQDMProgressBar(refresh_rate=10)] if sys.stderr.isatty() else [EpochLines(title)]
    return [last_checkpoint(checkpoints), SeedEveryEpoch(seed), *progress]
