"""Run one stage: train (or resume), evaluate on every test split, export the artifact."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import yaml
from jsonargparse.typing import PositiveFloat
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

from s2m.artifact import Artifact, save, sha256
from s2m.data import FrameDataModule
from stages.base import Stage
from stages.callbacks import stage_callbacks
from stages.lifter import LifterStage
from stages.lifter_supervised import SupervisedLifterStage
from stages.lock import sole_writer
from stages.mesh import MeshStage
from stages.mesh_supervised import SupervisedMeshStage
from stages.regressor import RegressorStage
from stages.temporal import TemporalStage
from stages.tracking import continue_csv, make_loggers, record_lineage, unused_name

# The pipeline, and after it what only studies use.
STAGES: dict[str, type[Stage]] = {
    "lifter": LifterStage,
    "regressor": RegressorStage,
    "mesh": MeshStage,
    "lifter_supervised": SupervisedLifterStage,
    "mesh_supervised": SupervisedMeshStage,
    "temporal": TemporalStage,
}

# How a run is executed, not what it computes: changing these does not invalidate a checkpoint.
EXECUTION = (
    "accelerator",
    "strategy",
    "devices",
    "num_nodes",
    "logger",
    "callbacks",
    "enable_progress_bar",
    "profiler",
)
# The same of the data: where it lies, and how it is brought.
LOADING = ("store", "num_workers", "resident")


_CHOICES_HELP = """An option whose help names known subclasses builds one of them: `--model.ik s2m.ik.DIK
--model.ik.init_args.noise 0.015` on the command line, `class_path` and `init_args` in a configuration. `--data.help`,
`--model.ik.help s2m.ik.DIK` and their like explain the options of a class."""


class StageCLI(LightningCLI):
    """LightningCLI with an output folder; configs have the sections ``trainer``, ``model`` and ``data``."""

    def __init__(self, stage: type[Stage], args: list[str]) -> None:
        self.stage_class = stage
        super().__init__(
            model_class=stage,
            datamodule_class=FrameDataModule,
            subclass_mode_data=True,
            run=False,
            args=args,
            seed_everything_default=0,
            save_config_callback=None,
            auto_configure_optimizers=False,
            parser_kwargs={
                "parser_mode": "omegaconf",
                "prog": f"python -m stages {stage.name}",
                "usage": f"python -m stages {stage.name} --config FILE [--config FILE ...] --output DIR [OPTION ...]",
                "description": f"Train stage `{stage.name}`, evaluate it on every test split, export its artifact.",
                "epilog": _CHOICES_HELP,
            },
        )

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the sections of a configuration; Lightning's trainer, with the most options, comes last in the help."""
        parser.add_lightning_class_args(self.stage_class, "model")
        parser.add_lightning_class_args(FrameDataModule, "data", subclass_mode=True)
        parser.add_lightning_class_args(pl.Trainer, "trainer")
        for section, group in (parser.groups or {}).items():
            title = "Options of Lightning's Trainer" if section == "trainer" else group.title
            group.title = f"{title} (section `{section}` of a configuration)"

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what is not Lightning's."""
        parser.add_argument("--output", type=str, required=True, help="Folder of this stage's results: runs/RUN/STAGE")
        parser.add_argument(
            "--checkpoint_minutes", type=PositiveFloat, default=10.0, help="Minutes between checkpoints within an epoch"
        )
        parser.add_argument("--project", type=str, default="skeleton2mesh", help="Name of the W&B project")
        parser.link_arguments("data.init_args.joint_set", "model.joint_set")

    @property
    def output(self) -> Path:
        """The stage's folder."""
        return Path(self.config["output"])

    def resolved(self) -> dict[str, Any]:
        """The resolved configuration as plain data."""
        return dict(yaml.safe_load(self.parser.dump(self.config, skip_link_targets=False)))

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Build the trainer with our loggers and callbacks."""
        title = f"{self.output.parent.name}/{self.stage_class.name}"
        seed = int(self.config["seed_everything"])
        self.trainer_defaults["callbacks"] = stage_callbacks(
            title, self.output / "checkpoints", seed, float(self.config["checkpoint_minutes"])
        )
        if self.config["trainer"]["logger"] is not False:
            kwargs["logger"] = make_loggers(self.output, self.stage_class.name, self.config["project"], self.resolved())
        trainer: pl.Trainer = super().instantiate_trainer(
            default_root_dir=self.output,
            use_distributed_sampler=False,
            enable_model_summary=False,
            enable_progress_bar=sys.stderr.isatty(),
            num_sanity_val_steps=0,
            **kwargs,
        )
        return trainer


def fingerprint(config: dict[str, Any], stage: Stage, data_hash: str) -> str:
    """What a checkpoint depends on: settings, data and parents."""
    trainer = {k: v for k, v in config["trainer"].items() if k not in EXECUTION}
    content = {"seed": config["seed_everything"], "trainer": trainer, "model": config["model"], "data": data_hash}
    content["loader"] = {k: v for k, v in config["data"]["init_args"].items() if k not in LOADING}
    content["parents"] = stage.parents
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def resume_point(checkpoints: Path, settings: str) -> Path | None:
    """The checkpoint of an unfinished run with the same settings. One of other settings is moved aside, not lost."""
    last, mark = checkpoints / "last.ckpt", checkpoints / "settings.sha256"
    if last.is_file():
        if mark.is_file() and mark.read_text() == settings:
            return last
        aside = unused_name(checkpoints)
        print(f"{checkpoints}: made with other settings or data; moved to {aside.name}, starting afresh")
        os.replace(checkpoints, aside)
    checkpoints.mkdir(parents=True, exist_ok=True)
    mark.write_text(settings)
    return None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    temporary = path.with_suffix(".partial")
    temporary.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")
    os.replace(temporary, path)


def finish(cli: StageCLI, stage: Stage, config: dict[str, Any]) -> Path:
    """Export the artifact; the last thing a stage does, since Make takes the file for the whole."""
    path = cli.output / f"{stage.name}.pt"
    metrics = {name: float(value) for name, value in cli.trainer.callback_metrics.items()}
    write_json(cli.output / "metrics.json", {**metrics, **skipped_frames(cli.datamodule)})
    artifact = Artifact(
        stage=stage.name,
        joint_set=stage.joint_set.name,
        body=stage.body.hash,
        spec=stage.spec(config["model"]),
        state=stage.exported_state(),
        parents=stage.parents,
        config=config,
    )
    save(path, artifact)
    lineage = {"stage": stage.name, "sha256": sha256(path), "data": str(cli.datamodule.store_hash)}
    record_lineage(cli.trainer.loggers, stage.name, path, {**lineage, "parents": " ".join(stage.parents)})
    last = cli.output / "checkpoints" / "last.ckpt"
    if last.is_file():
        os.replace(last, last.with_name("finished.ckpt"))
    return path


def skipped_frames(data: FrameDataModule) -> dict[str, float]:
    """How many frames were unusable, by split and reason."""
    return {f"data/skipped/{name}": float(count) for name, count in data.skipped.items()}


def run(name: str, args: list[str]) -> None:
    """Run stage ``name`` with LightningCLI arguments."""
    quieten()
    cli = StageCLI(STAGES[name], args)
    config = cli.resolved()
    cli.output.mkdir(parents=True, exist_ok=True)
    with sole_writer(cli.output) if cli.trainer.is_global_zero else nullcontext():
        train(name, cli, config)


def train(name: str, cli: StageCLI, config: dict[str, Any]) -> None:
    """Train or resume, evaluate, export."""
    stage, trainer = cli.model, cli.trainer
    assert isinstance(stage, Stage)
    settings = fingerprint(config, stage, cli.datamodule.store_hash)
    checkpoint = resume_point(cli.output / "checkpoints", settings)
    if trainer.is_global_zero:
        continue_csv(trainer.loggers, resuming=checkpoint is not None)
        (cli.output / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        print(f"[{name}] " + (f"resuming from {checkpoint}" if checkpoint else f"training into {cli.output}"))
    trainer.fit(stage, datamodule=cli.datamodule, ckpt_path=checkpoint)
    if trainer.interrupted:
        sys.exit(130)
    trainer.test(stage, datamodule=cli.datamodule, verbose=False)
    if trainer.is_global_zero:
        print(f"[{name}] exported {finish(cli, stage, config)}")


def quieten() -> None:
    """Leave out Lightning's hints on choices that are made on purpose."""
    for library in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(library).setLevel(logging.WARNING)
    for hint in (
        "does not have many workers",
        "exists and is not empty",
        "number of training batches",
        "isinstance",
        "args parameter",
        "in eval mode",
        "No seed found",
    ):
        warnings.filterwarnings("ignore", f".*{hint}.*")
    warnings.filterwarnings("ignore", category=FutureWarning)
