"""``s2m data ...``: making and checking frame stores."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s2m.config_files import find_config
from s2m.data.open.config import OpenConfig
from s2m.data.pool import MOST_WORKERS
from s2m.data.store import FrameStore, StoreError
from s2m.data.zoo.commands import add_zoo_commands
from s2m.errors import UserError, one_line
from s2m.options import LateParser, add_output, add_voice, progress, say
from s2m.reading import read_yaml

BAD_INPUT = 2
# A process takes as long to start as it takes to make about this many frames.
_FRAMES_WORTH_A_WORKER = 2000
_LONGEST = 400  # characters of an error: jsonargparse's repeat what a file says
_OPEN_HELP = """\
Make the open data: people of the open body, moved by real motion capture and by random poses within anatomical
limits, seen by perspective cameras of all kinds. Splits: train (joints, silhouettes), train_pose (2D joints only),
train_video (the same in recordings), val, test, test_noisy, acrobatic, acrobatic_noisy, above (seen from high up),
half_body, sitting, detector (a detector's errors); no clip and no body is in two of train, val, test and acrobatic.

The result depends on the settings and the seed alone, not on the number of workers. A store of the same settings is
left as it is; one of other settings is replaced with --overwrite only, and not before the new one is complete.
"""


class ConfigError(UserError, ValueError):
    """A configuration file cannot be used; the message names the file and the key."""


def add_data_command(subparsers: Any) -> None:
    """Mount ``s2m data`` with its own commands.

    Args:
        subparsers: Those of the command line.
    """
    data = subparsers.add_parser("data", help="make and check frame stores", description="Make and check frame stores.")
    add_data_commands(data.add_subparsers(required=True, metavar="COMMAND", parser_class=LateParser))


def add_data_commands(subparsers: Any) -> None:
    """Add ``open``, ``check`` and the datasets of the zoo to the subparsers of a command line.

    Each sets ``run``: Namespace -> exit code.

    Args:
        subparsers: The command line's subparsers.
    """
    command = subparsers.add_parser(
        "open", help="make the open data", description=_OPEN_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_output(command, "store to write", metavar="DIR")
    command.add_argument("--config", type=Path, metavar="YAML", help="settings, e.g. configs/preset/quick/data.yaml")
    command.add_argument(
        "--motions", type=Path, metavar="DIR", help="npz files as AMASS's, and BVH files, for the training splits"
    )
    command.add_argument("--seed", type=int, help="random seed (default: the one of the settings, 0)")
    command.add_argument("--workers", type=int, help="processes (default: one per CPU core, fewer for few frames)")
    command.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, default=None, help="bar (default: on a terminal)"
    )
    add_voice(command)
    command.set_defaults(run=_run_open)
    check = subparsers.add_parser("check", help="compare a frame store's files with its hashes")
    check.add_argument("store", type=Path, metavar="DIR")
    add_voice(check)
    check.set_defaults(run=_run_check)
    add_zoo_commands(subparsers)


def read_config(path: Path | None, seed: int | None = None) -> OpenConfig:
    """Settings from a yaml file (defaults where it is silent).

    Args:
        path: The yaml file; None: defaults.
        seed: Seed in place of the file's.

    Raises:
        ConfigError: The message names the file and the key.
    """
    from jsonargparse import ArgumentError, ArgumentParser

    values: Any = {}
    if path is not None:
        values = read_yaml(find_config(path), ConfigError) or {}
        if not isinstance(values, dict):
            raise ConfigError(f"{path}: expected a mapping of settings, found {type(values).__name__}")
    if seed is not None:
        values = {**values, "seed": seed}
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(OpenConfig)
    try:
        # jsonargparse writes its usage to stderr before it raises
        with contextlib.redirect_stderr(io.StringIO()):
            parsed = parser.instantiate_classes(parser.parse_object(values))
        return OpenConfig(**_plain(parsed))
    except (ArgumentError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ConfigError(f"{path or 'settings'}: {' '.join(str(error)[:_LONGEST].split())}") from error


def _plain(parsed: Any) -> dict[str, Any]:
    return {key: value for key, value in vars(parsed).items() if key in OpenConfig.__dataclass_fields__}


def _run_open(options: argparse.Namespace) -> int:
    # torch takes seconds to import: --help does not wait for it
    from s2m.data.open.generate import generate

    if options.workers is not None and not 1 <= options.workers <= MOST_WORKERS:
        return _fail(f"--workers: expected 1 to {MOST_WORKERS}, found {options.workers}")
    try:
        config = read_config(options.config, options.seed)
        workers = options.workers or _default_workers(config)
        made = generate(options.output, config, options.motions, workers, options.overwrite, progress(options))
        store = FrameStore(options.output)
    except (UserError, OSError) as error:
        return _fail(str(error))
    rows = ", ".join(f"{split} {entry['rows']}" for split, entry in store.header["splits"].items())
    state = "written" if made else "already there with the same settings, nothing to do"
    say(options, f"{options.output}: {state} ({rows})")
    for split in store.splits:
        if not store.has_truth(split):
            say(options, f"{options.output}: the truth of {split} is missing: fit for training, not for evaluation")
    return 0


def _default_workers(config: OpenConfig) -> int:
    return min(os.cpu_count() or 1, 1 + config.frames.train // _FRAMES_WORTH_A_WORKER)


def _run_check(options: argparse.Namespace) -> int:
    try:
        store = FrameStore(options.store)
        for split in store.splits:
            store.open(split)
            store.verify(split)
    except StoreError as error:
        return _fail(str(error))
    say(options, f"{options.store}: {len(store.splits)} splits, all files as written")
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"error: {one_line(message)}\n")
    return BAD_INPUT


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m s2m.data``.

    Args:
        arguments: Command line without the program's name; that of the process if not given.
    """
    parser = argparse.ArgumentParser(prog="python -m s2m.data", description="Make and check frame stores.")
    add_data_commands(parser.add_subparsers(required=True, metavar="COMMAND", parser_class=LateParser))
    options = parser.parse_args(arguments)
    return int(options.run(options))
