"""Where a run is recorded: CSV files and Weights & Biases, with the lineage lifter -> regressor -> mesh.

Nobody is ever asked for a login: without one, or without a way to the server, W&B records offline under the run's
folder (``wandb sync`` uploads it later, ``wandb leet`` browses it in a terminal).
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger

from s2m.compare.login import api_key
from s2m.errors import UserError
from s2m.files import write_text

_PROBE_SECONDS = 5.0
# W&B's own default is a minute and a half; the server has answered before.
_INIT_SECONDS = 30.0
# A server that is gone at the end of a run must not keep it from ending; the files stay, for `wandb sync`.
_FINISH_SECONDS = 300.0
# What W&B takes; it refuses others when the stage has finished.
_NAME_LENGTH, _TAG_LENGTH = 128, 64
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")
_NOT_IN_PROJECTS = re.compile(r"[/\\\\#?%:\x00-\x1f]")
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


def _never_fails(kind: type[Logger], name: str) -> Callable[..., Any]:
    """A logger's method that says what went wrong, once, where the other would end the training."""
    method = getattr(kind, name)

    @wraps(method)
    def steady(self: Any, *args: Any, **options: Any) -> Any:
        try:
            return method(self, *args, **options)
        except Exception as error:  # whatever it is: a figure is lost, and the training is not
            if not self.__dict__.get("_has_complained"):
                self._has_complained = True
                print(
                    f"{kind.__name__}: {first_line(error)}; the training goes on, its record is not whole", flush=True
                )

    return steady


def first_line(error: BaseException) -> str:
    """What an error says, in a line; its kind when it says nothing.

    Args:
        error: The error.
    """
    return next(iter(str(error).splitlines()), "") or type(error).__name__


class SteadyCSVLogger(CSVLogger):
    """A CSV logger that a full disk does not stop."""

    log_metrics = _never_fails(CSVLogger, "log_metrics")
    log_hyperparams = _never_fails(CSVLogger, "log_hyperparams")
    save = _never_fails(CSVLogger, "save")
    finalize = _never_fails(CSVLogger, "finalize")


class SteadyWandbLogger(WandbLogger):
    """A W&B logger that goes on offline when the server takes no run, and without a record when nothing can be written.

    It never ends a training.
    """

    log_metrics = _never_fails(WandbLogger, "log_metrics")
    log_hyperparams = _never_fails(WandbLogger, "log_hyperparams")
    log_image = _never_fails(WandbLogger, "log_image")
    finalize = _never_fails(WandbLogger, "finalize")

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """W&B's run; begun when it is first asked for."""
        import wandb

        try:
            return super().experiment
        except Exception as error:  # W&B's own, and those of its settings, of the disk, of its service
            wandb.teardown()
            if not self._offline:
                go_offline(Path(self._save_dir or "."), f"no run could be begun ({first_line(error)})")
                self._offline = True
                self._wandb_init["mode"] = "offline"
                return self.experiment
            print(f"W&B: no run could be begun ({first_line(error)}); nothing is recorded there", flush=True)
            self._wandb_init["mode"] = os.environ["WANDB_MODE"] = "disabled"
            return super().experiment


def make_loggers(output: Path, stage: str, config: dict[str, Any]) -> list[Logger]:
    """A CSV logger and, unless ``WANDB_MODE=disabled``, a W&B logger.

    Args:
        output: the stage's folder, RUN/STAGE.
        stage: the stage's name.
        config: the resolved configuration; ``project``, ``group`` (without one: the name of RUN) and ``tags`` say
            where W&B puts the run.

    Raises:
        UserError: W&B takes no project of that name.
    """
    run = output.absolute().parent
    prepare_environment(run)
    project = str(config["project"])
    if not 0 < len(project) <= _NAME_LENGTH or _NOT_IN_PROJECTS.search(project):
        raise UserError(
            f"project: expected 1 to {_NAME_LENGTH} characters without any of / \\ # ? % :, found {project[:80]!r}"
        )
    loggers: list[Logger] = [SteadyCSVLogger(save_dir=output, name="", version="", flush_logs_every_n_steps=1)]
    if os.environ["WANDB_MODE"] != "disabled":
        online = os.environ["WANDB_MODE"] == "online"
        wandb_logger = SteadyWandbLogger(
            project=project,
            group=shortened(config.get("group") or run.name, _NAME_LENGTH),
            tags=tags(config),
            job_type=stage,
            name=shortened(f"{run.name}-{stage}", _NAME_LENGTH),
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
    return list(dict.fromkeys(shortened(str(tag), _TAG_LENGTH) for tag in known if tag))


def continue_csv(loggers: list[Logger], resuming: bool) -> None:
    """Let a resumed run append to its CSV log; a run that starts afresh leaves an older log beside its own.

    Of a log that a kill or a full disk has torn, the rows that are whole stay; one without a header is left aside.

    Args:
        loggers: The run's loggers; only CSV loggers are looked at.
        resuming: Whether the run goes on from a checkpoint.
    """
    for logger in loggers:
        if not isinstance(logger, CSVLogger):
            continue
        path = Path(logger.log_dir) / "metrics.csv"
        if not path.is_file():
            continue
        log = whole_rows(path.read_text(encoding="utf-8", errors="replace")) if resuming else ""
        if log:
            # Lightning's writer deletes an older log when it opens, and knows only columns that it has written.
            write_text(path.with_name("metrics.kept.csv"), log)
            writer = logger.experiment
            os.replace(path.with_name("metrics.kept.csv"), path)
            writer.metrics_keys = next(csv.reader([log.partition("\n")[0]]))
        else:
            os.replace(path, unused_name(path))


def whole_rows(log: str) -> str:
    """The rows of a CSV log that have as many fields as its header; nothing when the header is torn.

    Args:
        log: The text; a row is a line.

    Example:
        >>> whole_rows("epoch,step\\n0,1\\n0,")
        'epoch,step\\n0,1\\n'
    """
    lines = [line for line in log.replace("\r\n", "\n").split("\n")[:-1] if line and "\0" not in line]
    rows = list(csv.reader(lines))
    if not rows or "step" not in rows[0] or len(rows) != len(lines):
        return ""
    return "".join(f"{line}\n" for line, row in zip(lines, rows, strict=True) if len(row) == len(rows[0]))


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
    for logger in loggers:
        if not isinstance(logger, WandbLogger):
            continue
        try:
            _record_lineage(logger.experiment, artifact, lineage, parents)
        except Exception as error:  # the stage has finished; nothing that a server or a disk says may undo that
            print(f"W&B: {artifact} is not recorded: {first_line(error)}", flush=True)


def _record_lineage(run: Any, artifact: Path, lineage: dict[str, str], parents: Sequence[Path]) -> None:
    import wandb

    from s2m.files import sha256

    run.config.update({"lineage": lineage}, allow_val_change=True)
    if os.environ["WANDB_MODE"] == "online":
        for parent in parents:
            try:
                run.use_artifact(f"{artifact_name(parent)}:{_alias(sha256(parent))}")
            except (wandb.Error, ValueError) as error:  # trained offline, or shipped with the package
                print(f"W&B: {parent} is not linked: {first_line(error)}", flush=True)
    published = wandb.Artifact(artifact_name(artifact), type=lineage["stage"], metadata=lineage)
    published.add_file(str(artifact))
    run.log_artifact(published, aliases=["latest", _alias(lineage["sha256"])])


def artifact_name(path: Path) -> str:
    """``RUN-STAGE`` of ``RUN/STAGE/STAGE.pt``, in characters that W&B takes; what is left out, a hash stands for.

    Args:
        path: The artifact's file.

    Returns:
        The name, at most as long as W&B takes.

    Example:
        >>> artifact_name(Path("runs/full-s0/mesh/mesh.pt")), artifact_name(Path("runs/lr=0.1/mesh/mesh.pt"))
        ('full-s0-mesh', 'lr-0.1-f27540d9-mesh')
    """
    run = path.absolute().parent.parent.name
    safe, room = _NOT_IN_NAMES.sub("-", run), _NAME_LENGTH - len(path.stem) - 1
    if safe != run:
        safe = f"{safe[: room - 9]}-{_text_hash(run)[:8]}"
    return f"{shortened(safe, room)}-{path.stem}"


def shortened(text: str, length: int) -> str:
    """A text of at most so many characters; the end of a longer one gives way to a hash of all of it.

    Args:
        text: The text.
        length: Characters at most, nine or more.

    Returns:
        The same text where it is short enough.
    """
    return text if len(text) <= length else f"{text[: length - 9]}-{_text_hash(text)[:8]}"


def _text_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _alias(digest: str) -> str:
    return digest[:12]
