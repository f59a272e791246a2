"""Callbacks that every stage runs with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, TQDMProgressBar
from pytorch_lightning.utilities import rank_zero_only

from stages.checkpoints import MidEpochCheckpoint, Position, Randomness, epoch_checkpoint


class EpochLines(Callback):
    """One line per epoch, for log files, where a progress bar is only noise.

    Args:
        title: What the lines begin with: run and stage.
    """

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


def stage_callbacks(title: str, checkpoints: Path, seed: int, minutes: float) -> list[Callback]:
    """The callbacks of a stage; a progress bar where somebody is watching.

    Args:
        title: What the lines begin with: run and stage.
        checkpoints: Folder of the checkpoints.
        seed: Seed of the run.
        minutes: Between checkpoints in an epoch.
    """
    progress: list[Any] = [TQDMProgressBar(refresh_rate=10)] if sys.stderr.isatty() else [EpochLines(title)]
    saved = [epoch_checkpoint(checkpoints), MidEpochCheckpoint(checkpoints, minutes)]
    return [*saved, Position(), Randomness(seed), *progress]
