"""Where a run is recorded: CSV files and Weights & Biases, with the lineage lifter -> regressor -> mesh.

Nobody is ever asked for a login: without one, W&B records offline under the run's folder (``wandb sync`` uploads
it later, ``wandb leet`` browses it in a terminal).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger

from s2m.compare.login import api_key


def prepare_environment(run: Path) -> None:
    """Keep W&B and matplotlib out of the home folder, which may not be writable, and W&B quiet when offline."""
    for variable, folder in (
        ("WANDB_CACHE_DIR", "wandb-cache"),
        ("WANDB_CONFIG_DIR", "wandb-config"),
        ("WANDB_DATA_DIR", "wandb-data"),
        ("WANDB_ARTIFACT_DIR", "wandb-artifacts"),
        ("MPLCONFIGDIR", "matplotlib"),
    ):
        os.environ.setdefault(variable, str(run.absolute() / ".cache" / folder))
    os.environ.setdefault("WANDB_MODE", "online" if api_key() else "offline")
    if os.environ["WANDB_MODE"] != "online":
        os.environ.setdefault("WANDB_SILENT", "true")


def make_loggers(output: Path, stage: str, project: str, config: dict[str, Any]) -> list[Logger]:
    """A CSV logger and, unless ``WANDB_MODE=disabled``, a W&B logger."""
    run = output.parent
    prepare_environment(run)
    loggers: list[Logger] = [CSVLogger(save_dir=output, name="", version="", flush_logs_every_n_steps=1)]
    if os.environ["WANDB_MODE"] != "disabled":
        wandb_logger = WandbLogger(
            project=project,
            group=run.name,
            job_type=stage,
            name=f"{run.name}-{stage}",
            save_dir=run,
            offline=os.environ["WANDB_MODE"] != "online",
            config=config,
            settings={"console": "off"},
        )
        # Lightning still passes an argument that W&B warns about.
        wandb_logger._wandb_init.pop("anonymous", None)
        loggers.append(wandb_logger)
    return loggers


def continue_csv(loggers: list[Logger], resuming: bool) -> None:
    """Let a resumed run append to its CSV log; a run that starts afresh leaves an older log beside its own."""
    for logger in loggers:
        if not isinstance(logger, CSVLogger):
            continue
        path = Path(logger.log_dir) / "metrics.csv"
        if not path.is_file():
            continue
        if resuming:
            # Lightning's writer deletes an older log when it opens, and knows only columns that it has written.
            log = path.read_text()
            writer = logger.experiment
            path.write_text(log)
            writer.metrics_keys = log.partition("\n")[0].split(",")
        else:
            os.replace(path, unused_name(path))


def unused_name(path: Path) -> Path:
    """A name beside ``path`` that nothing has: ``metrics-old-0.csv`` for ``metrics.csv``."""
    names = (path.with_name(f"{path.stem}-old-{i}{path.suffix}") for i in range(100_000))
    return next(name for name in names if not name.exists())


def record_lineage(loggers: list[Logger], stage: str, artifact: Path, lineage: dict[str, str]) -> None:
    """Record what the artifact was made from: in the run's config always, as W&B artifact links when online."""
    import wandb

    for logger in loggers:
        if not isinstance(logger, WandbLogger):
            continue
        run = logger.experiment
        run.config.update({"lineage": lineage}, allow_val_change=True)
        if os.environ["WANDB_MODE"] == "online":
            for parent in lineage.get("parents", "").split():
                run.use_artifact(f"{run.group}-{parent}:latest")
        published = wandb.Artifact(f"{run.group}-{stage}", type=stage, metadata=lineage)
        published.add_file(str(artifact))
        run.log_artifact(published)
