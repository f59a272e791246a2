"""Where a run is recorded: CSV files and Weights & Biases, with the lineage lifter -> regressor -> mesh.

Nobody is ever asked for a login: without one, or without a way to the server, W&B records offline under the run's
folder (``wandb sync`` uploads it later, ``wandb leet`` browses it in a terminal).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger

from s2m.compare.login import api_key

_PROBE_SECONDS = 5.0
# W&B's own default is a minute and a half; the server has answered before.
_INIT_SECONDS = 30.0
# A server that is gone at the end of a run must not keep it from ending; the files stay, for `wandb sync`.
_FINISH_SECONDS = 300.0
_SYNC = "`wandb sync {}/wandb/offline-run-*` uploads it later"


def prepare_environment(run: Path) -> None:
    """Keep W&B and matplotlib out of the home folder, which may not be writable, and decide whether W&B is online.

    It is with a login and a server that answers. Where there is a login alone, a line says that recording is offline.

    Args:
        run: folder of the run; caches go below it.
    """
    for variable, folder in (
        ("WANDB_CACHE_DIR", "wandb-cache"),
        ("WANDB_CONFIG_DIR", "wandb-config"),
        ("WANDB_DATA_DIR", "wandb-data"),
        ("WANDB_ARTIFACT_DIR", "wandb-artifacts"),
        ("MPLCONFIGDIR", "matplotlib"),
    ):
        os.environ.setdefault(variable, str(run.absolute() / ".cache" / folder))
    os.environ.setdefault("WANDB_MODE", "online" if api_key() else "offline")
    if os.environ["WANDB_MODE"] == "online" and (reason := unreachable()):
        go_offline(run, reason)
    if os.environ["WANDB_MODE"] != "online":
        os.environ.setdefault("WANDB_SILENT", "true")


def unreachable() -> str:
    """Why W&B's server cannot be reached; empty when it answers, whatever it says."""
    import requests
    import wandb

    url = wandb.Settings().base_url
    try:
        requests.head(url, timeout=_PROBE_SECONDS)
    except requests.RequestException as error:
        return f"{url} does not answer ({type(error).__name__})"
    return ""


def go_offline(run: Path, reason: str) -> None:
    """Record offline from here on, in this process and those that it starts, and say so in one line.

    Args:
        run: Folder of the run.
        reason: In words.
    """
    print(f"W&B: {reason}; recording offline, {_SYNC.format(run)}", flush=True)
    os.environ["WANDB_MODE"] = "offline"
    os.environ["WANDB_SILENT"] = "true"


class SteadyWandbLogger(WandbLogger):
    """A W&B logger that goes on offline when the server takes no run, instead of ending the training."""

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """W&B's run; begun when it is first asked for."""
        import wandb

        try:
            return super().experiment
        except wandb.Error as error:
            wandb.teardown()
            go_offline(Path(self._save_dir or "."), f"no run could be begun ({str(error).splitlines()[0]})")
            self._offline = True
            self._wandb_init["mode"] = "offline"
            return super().experiment


def make_loggers(output: Path, stage: str, config: dict[str, Any]) -> list[Logger]:
    """A CSV logger and, unless ``WANDB_MODE=disabled``, a W&B logger.

    Args:
        output: the stage's folder, RUN/STAGE.
        stage: the stage's name.
        config: the resolved configuration; ``project``, ``group`` (without one: the name of RUN) and ``tags`` say
            where W&B puts the run.
    """
    run = output.parent
    prepare_environment(run)
    loggers: list[Logger] = [CSVLogger(save_dir=output, name="", version="", flush_logs_every_n_steps=1)]
    if os.environ["WANDB_MODE"] != "disabled":
        online = os.environ["WANDB_MODE"] == "online"
        wandb_logger = SteadyWandbLogger(
            project=config["project"],
            group=config.get("group") or run.name,
            tags=tags(config),
            job_type=stage,
            name=f"{run.name}-{stage}",
            save_dir=run,
            offline=not online,
            config=config,
            settings={"console": "off", "init_timeout": _INIT_SECONDS, "finish_timeout": _FINISH_SECONDS}
            if online
            else {"console": "off"},
        )
        # Lightning still passes an argument that W&B warns about.
        wandb_logger._wandb_init.pop("anonymous", None)
        loggers.append(wandb_logger)
    return loggers


def tags(config: dict[str, Any]) -> list[str]:
    """The tags that were asked for, the joint set and the seed; each once.

    Args:
        config: The resolved configuration.

    Example:
        >>> tags({"tags": ["quick"], "model": {"joint_set": "h36m17"}, "seed_everything": 3})
        ['quick', 'h36m17', 'seed 3']
    """
    joint_set = (config.get("model") or {}).get("joint_set")
    known = [*(config.get("tags") or []), *([joint_set] if joint_set else []), f"seed {config['seed_everything']}"]
    return list(dict.fromkeys(known))


def continue_csv(loggers: list[Logger], resuming: bool) -> None:
    """Let a resumed run append to its CSV log; a run that starts afresh leaves an older log beside its own.

    Args:
        loggers: Those of the trainer.
        resuming: Whether the run goes on from a checkpoint.
    """
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
    """A name beside ``path`` that nothing has: ``metrics-old-0.csv`` for ``metrics.csv``.

    Args:
        path: The file.
    """
    names = (path.with_name(f"{path.stem}-old-{i}{path.suffix}") for i in range(100_000))
    return next(name for name in names if not name.exists())


def record_lineage(loggers: list[Logger], artifact: Path, lineage: dict[str, str], parents: Sequence[Path]) -> None:
    """Record what an artifact was made from: in the run's config always, as links between artifacts when online.

    Args:
        loggers: the trainer's.
        artifact: the stage's file, RUN/STAGE/STAGE.pt.
        lineage: for the config; ``stage`` is the artifact's type, ``sha256`` one of its aliases.
        parents: files of the artifacts that it was built on. One that the server does not know is left out.
    """
    import wandb

    from s2m.files import sha256

    for logger in loggers:
        if not isinstance(logger, WandbLogger):
            continue
        run = logger.experiment
        run.config.update({"lineage": lineage}, allow_val_change=True)
        if os.environ["WANDB_MODE"] == "online":
            for parent in parents:
                try:
                    run.use_artifact(f"{artifact_name(parent)}:{_alias(sha256(parent))}")
                except (wandb.Error, ValueError) as error:  # trained offline, or shipped with the package
                    print(f"W&B: {parent} is not linked: {str(error).splitlines()[0]}", flush=True)
        published = wandb.Artifact(artifact_name(artifact), type=lineage["stage"], metadata=lineage)
        published.add_file(str(artifact))
        run.log_artifact(published, aliases=["latest", _alias(lineage["sha256"])])


def artifact_name(path: Path) -> str:
    """``RUN-STAGE`` of ``RUN/STAGE/STAGE.pt``.

    Args:
        path: The file.
    """
    return f"{path.absolute().parent.parent.name}-{path.stem}"


def _alias(digest: str) -> str:
    return digest[:12]
