"""Run one stage: train (or resume), evaluate on every test split, export the artifact."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NoReturn

import pytorch_lightning as pl
import yaml
from jsonargparse.typing import PositiveFloat
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

from s2m.artifact import Artifact, save
from s2m.compare.execution import PARENTS, changes_a_result
from s2m.compare.runs import flatten
from s2m.config_files import find_config
from s2m.data import FrameDataModule
from s2m.errors import UserError
from s2m.files import clean_leftovers, sha256, write_text
from s2m.report.datasets import dataset_name
from stages.base import Stage
from stages.callbacks import stage_callbacks
from stages.checkpoints import WholeCheckpoints, resume_point, set_finished
from stages.imports import allow_known, explained, split_allowed
from stages.lock import sole_writer
from stages.names import STAGES
from stages.precision import DoubleFrames
from stages.ranges import check_ranges
from stages.ranks import bound_to_first
from stages.tracking import continue_csv, make_loggers, record_lineage

# What a checkpoint depends on, of a resolved config; the data by its hash, the parents by theirs.
SECTIONS = ("seed_everything", "trainer", "model", "data")
# What only measures: a training goes on although a test split was mended or left out.
_MEASURES = (
    "data.init_args.val_split",
    "data.init_args.test_splits",
    "data.init_args.eval_batch_size",
    "trainer.limit_test_batches",
)

_CHOICES_HELP = """An option whose help names known subclasses builds one of them: `--model.ik s2m.ik.DIK
--model.ik.init_args.noise 0.015` on the command line, `class_path` and `init_args` in a configuration. `--data.help`,
`--model.ik.help s2m.ik.DIK` and their like explain the options of a class. Classes are those of this suite, of
Lightning and of torch; `--allow PACKAGE` (on the command line alone) adds those of a package of your own."""


class StageParser(LightningArgumentParser):
    """A parser that says what configurations may name."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """End with the complaint, exit code 2.

        Args:
            message: The complaint.
            ex: The error that it came from, if any.
        """
        super().error(explained(message), ex)


class StageCLI(LightningCLI):
    """LightningCLI with an output folder; configs have the sections ``trainer``, ``model`` and ``data``.

    Args:
        stage: Class of the stage.
        args: The command line; that of the process by default.
    """

    def __init__(self, stage: type[Stage], args: list[str]) -> None:
        self.stage_class = stage
        packages, args = split_allowed(args)
        allow_known(packages)
        super().__init__(
            model_class=stage,
            datamodule_class=FrameDataModule,
            subclass_mode_data=True,
            run=False,
            args=shipped_configs(args),
            seed_everything_default=0,
            save_config_callback=None,
            auto_configure_optimizers=False,
            parser_class=StageParser,
            parser_kwargs={
                "parser_mode": "omegaconf",
                "prog": f"python -m stages {stage.name}",
                "usage": f"python -m stages {stage.name} --config FILE [--config FILE ...] --output DIR [OPTION ...]",
                "description": f"Train stage `{stage.name}`, evaluate it on every test split, export its artifact.",
                "epilog": _CHOICES_HELP,
            },
        )

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add our own options and the sections of a configuration; Lightning's trainer comes last in the help.

        Args:
            parser: Of the stage.
        """
        suite = parser.add_argument_group("Options of the suite")
        suite.add_argument("--output", type=str, required=True, help="Folder of this stage's results: runs/RUN/STAGE")
        suite.add_argument(
            "--checkpoint_minutes", type=PositiveFloat, default=10.0, help="Minutes between checkpoints within an epoch"
        )
        suite.add_argument("--project", type=str, default="skeleton2mesh", help="Name of the W&B project")
        suite.add_argument(
            "--group", type=str, default=None, help="W&B group, one for all seeds (name of RUN's folder)"
        )
        suite.add_argument(
            "--tags", type=str, nargs="*", default=[], help="W&B tags; the joint set and the seed are added to them"
        )
        parser.add_lightning_class_args(self.stage_class, "model")
        parser.add_lightning_class_args(FrameDataModule, "data", subclass_mode=True)
        parser.add_lightning_class_args(pl.Trainer, "trainer")
        for section, group in (parser.groups or {}).items():
            title = "Options of Lightning's Trainer" if section == "trainer" else group.title
            group.title = f"{title} (section `{section}` of a configuration)"

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Link what two sections share.

        Args:
            parser: Of the stage.
        """
        parser.link_arguments("data.init_args.joint_set", "model.joint_set")

    @property
    def output(self) -> Path:
        """The stage's folder."""
        return Path(self.config["output"])

    def resolved(self) -> dict[str, Any]:
        """The resolved configuration as plain data."""
        return dict(yaml.safe_load(self.parser.dump(self.config, skip_link_targets=False)))

    def before_instantiate_classes(self) -> None:
        """Refuse numbers out of range."""
        check_ranges(self.resolved())

    def instantiate_classes(self) -> None:
        """Build stage, data and trainer.

        Raises:
            UserError: A setting that cannot be used, whoever found that out.
        """
        try:
            super().instantiate_classes()
        except (ValueError, TypeError, LookupError, RuntimeError, MisconfigurationException) as error:
            if isinstance(error, UserError):
                raise
            said = " ".join(str(error).split())[:500] or type(error).__name__
            raise UserError(f"stage {self.stage_class.name}: {said}") from error

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Build the trainer with our loggers and callbacks.

        Args:
            **kwargs: Arguments of the trainer, in place of those of the configuration.

        Returns:
            The trainer, with the output folder as its root.
        """
        chosen = self._get(self.config_init, "trainer")
        plugins = chosen["plugins"] or []
        plugins = [WholeCheckpoints(), *(plugins if isinstance(plugins, list) else [plugins])]
        if str(chosen["precision"]) in ("64", "64-true"):  # Lightning's own cannot convert frozen records
            kwargs["precision"] = None
            plugins.append(DoubleFrames())
        title = f"{self.output.parent.name}/{self.stage_class.name}"
        seed = int(self.config["seed_everything"])
        self.trainer_defaults["callbacks"] = stage_callbacks(
            title, self.output / "checkpoints", seed, float(self.config["checkpoint_minutes"])
        )
        if self.config["trainer"]["logger"] is not False:
            kwargs["logger"] = make_loggers(self.output, self.stage_class.name, self.resolved())
        trainer: pl.Trainer = super().instantiate_trainer(
            default_root_dir=self.output,
            use_distributed_sampler=False,
            enable_model_summary=False,
            enable_progress_bar=sys.stderr.isatty(),
            num_sanity_val_steps=0,
            plugins=plugins,
            **kwargs,
        )
        return trainer


def shipped_configs(arguments: list[str]) -> list[str]:
    """The command line, its ``--config configs/...`` found among the files that ship where the folder has none.

    Args:
        arguments: The command line.
    """
    found = list(arguments)
    for place, argument in enumerate(arguments):
        option, sign, value = argument.partition("=")
        if option == "--config" and sign:
            found[place] = f"--config={find_config(value)}"
        elif option == "--config" and place + 1 < len(arguments):
            found[place + 1] = str(find_config(arguments[place + 1]))
    return found


def fingerprint(config: dict[str, Any], stage: Stage, data_hash: str) -> str:
    """What a checkpoint depends on.

    Args:
        config: the resolved configuration.
        stage: knows the artifacts that it builds on.
        data_hash: of the frames that are trained on.

    Returns:
        SHA-256 over settings, data and parents; how a run is executed, and where things lie, does not count.
    """
    settings = flatten({section: config[section] for section in SECTIONS})
    content = {key: value for key, value in settings.items() if changes_a_result(key) and not key.startswith(_MEASURES)}
    content |= {"data": data_hash, "parents": stage.parents}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a JSON file whole or not at all.

    Args:
        path: The file.
        values: Plain data.
    """
    write_text(path, json.dumps(values, indent=2, sort_keys=True) + "\n")


def finish(cli: StageCLI, stage: Stage, config: dict[str, Any]) -> Path:
    """Export the artifact; the last thing a stage does, since Make takes the file for the whole.

    Args:
        cli: The stage's command line, parsed.
        stage: The stage's module.
        config: The resolved configuration.
    """
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
    record_lineage(cli.trainer.loggers, path, lineage(stage, cli.datamodule, path), parent_artifacts(config))
    set_finished(cli.output / "checkpoints")
    return path


def lineage(stage: Stage, data: FrameDataModule, artifact: Path) -> dict[str, str]:
    """What an artifact was made from, for whoever compares runs.

    Args:
        stage: The stage's module.
        data: The data module.
        artifact: The file that was made.
    """
    return {
        "stage": stage.name,
        "sha256": sha256(artifact),
        "data": str(data.store_hash),
        "dataset": dataset_name(data.frame_store),
        "parents": " ".join(stage.parents),
    }


def parent_artifacts(config: dict[str, Any]) -> list[Path]:
    """Files of the artifacts that a stage was built on.

    Args:
        config: The resolved configuration.
    """
    settings = flatten(config)
    return [Path(str(settings[key])) for key in PARENTS.values() if settings.get(key)]


def skipped_frames(data: FrameDataModule) -> dict[str, float]:
    """How many frames were unusable, by split and reason.

    Args:
        data: The data module.
    """
    return {f"data/skipped/{name}": float(count) for name, count in data.skipped.items()}


def run(name: str, args: list[str]) -> None:
    """Run stage ``name`` with LightningCLI arguments.

    Args:
        name: Name of the stage.
        args: The command line after the stage's name.
    """
    quieten()
    with bound_to_first():
        cli = StageCLI(STAGES[name].load(), args)
        config = cli.resolved()
        cli.output.mkdir(parents=True, exist_ok=True)
        with sole_writer(cli.output) if cli.trainer.is_global_zero else nullcontext():
            for folder in (cli.output, cli.output / "checkpoints"):
                clean_leftovers(folder)
            train(name, cli, config)


def train(name: str, cli: StageCLI, config: dict[str, Any]) -> None:
    """Train or resume, evaluate, export.

    Args:
        name: Name of the stage.
        cli: The stage's command line, parsed.
        config: The resolved configuration.
    """
    stage, trainer = cli.model, cli.trainer
    assert isinstance(stage, Stage)
    cli.datamodule.check_splits()
    settings = fingerprint(config, stage, cli.datamodule.training_hash)
    checkpoint = resume_point(cli.output / "checkpoints", settings, trainer.is_global_zero)
    if trainer.is_global_zero:
        continue_csv(trainer.loggers, resuming=checkpoint is not None)
        write_text(cli.output / "config.yaml", yaml.safe_dump(config, sort_keys=False))
        print(f"[{name}] " + (f"resuming from {checkpoint}" if checkpoint else f"training into {cli.output}"))
    trainer.fit(stage, datamodule=cli.datamodule, ckpt_path=checkpoint, weights_only=True)
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
    # What Lightning itself calls that torch is about to change; those of our own code are for us to see.
    warnings.filterwarnings("ignore", category=FutureWarning, module="pytorch_lightning|lightning_fabric")
