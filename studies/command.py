"""What the command lines of the studies (tables over seeds, profiles) have in common."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from s2m.data.store import FrameStore
from s2m.errors import UserError
from studies.lifter.runner import Job, read_mark
from studies.writing import machine

QUICK = "quick"


def study_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """A parser of ``python -m MODULE`` with the arguments of every study. What follows ``--`` goes to the trainings.

    Args:
        module: Name of the module.
        description: Of what it does.
    """
    parser = _parser(module, description, "folder of a frame store with truth", "every training")
    parser.add_argument("--seeds", type=positive, default=3, help="trainings of every row (3)")
    parser.add_argument("--jobs", type=positive, default=min(2, os.cpu_count() or 1), help="trainings at a time")
    parser.add_argument("--threads", type=positive, default=1, help="of each training (1)")
    return parser


def profile_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """The same for the profile of a stage, whose results of other presets do not go to the published ones.

    Args:
        module: Name of the module.
        description: Of what it does.
    """
    parser = _parser(module, description, "folder of a frame store", "the stage")
    parser.add_argument("-o", "--output", type=Path, help="docs/results; of other presets: runs/profile-PRESET")
    return parser


def profile_folder(options: argparse.Namespace) -> Path:
    """Where a profile's results go.

    Args:
        options: The parsed command line.
    """
    chosen: Path | None = options.output
    return chosen or results_folder(options.preset, Path(f"runs/profile-{options.preset}"))


def _parser(module: str, description: str | None, store: str, receiver: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=(description or "").splitlines()[0])
    parser.add_argument("--store", type=Path, required=True, help=store)
    parser.add_argument("--preset", default=QUICK, help="configs/preset/PRESET decides the budget (quick)")
    parser.add_argument("--data", default="open", help="configs/data/DATA.yaml (open)")
    parser.add_argument("extra", nargs="*", metavar="-- ARGUMENTS", help=f"passed on to {receiver}")
    return parser


def positive(text: str) -> int:
    """A positive whole number.

    Args:
        text: What was typed.

    Raises:
        ArgumentTypeError: For any other text.
    """
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, found {text}")
    return int(text)


def run_study(study: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> None:
    """Run a study; a mistake of the user's, or an interruption, ends with one line instead of a traceback.

    A request to terminate is an interruption, too: otherwise the trainings that run would go on without us.

    Args:
        study: Takes the parsed command line.
        options: The parsed command line.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run_command(study, options)
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on from here")


def run_command(command: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> None:
    """Run what a command line asks for; a mistake of the user's ends with one line instead of a traceback.

    Args:
        command: Takes the parsed command line.
        options: The parsed command line.
    """
    try:
        command(options)
    except UserError as error:
        sys.exit(f"error: {error}")


def results_folder(preset: str, otherwise: Path) -> Path:
    """Where results go: what a smaller or larger budget makes must not take the place of the published tables.

    Args:
        preset: Name of the preset.
        otherwise: Where those of other presets go.
    """
    return Path("docs/results") if preset == QUICK else otherwise


def about(module: str, options: argparse.Namespace, store: FrameStore, more: Iterable[str] = ()) -> dict[str, str]:
    """What a study was made with.

    Args:
        module: Name of the module.
        options: The parsed command line.
        store: The frame store.
        more: Of its command line, what is not common to all studies.
    """
    host = machine()
    place = options.store if not options.store.is_absolute() else options.store.name  # pages name no machine's folders
    command = ["python", "-m", module, "--store", str(place), "--preset", options.preset, "--data", options.data]
    command += ["--seeds", str(options.seeds), "--jobs", str(options.jobs), "--threads", str(options.threads), *more]
    command += ["--", *options.extra] if options.extra else []
    return {
        "command": shlex.join(command),
        "data": f"settings {str(store.header.get('settings_hash'))[:16]}, {store.header.get('kind')}",
        "machine": f"{host['cpu']}, torch {host['torch']}; {options.jobs} trainings at a time",
        "threads of each training": str(options.threads),
        "date": datetime.now().strftime("%Y-%m-%d"),
    }


def other_code(jobs: Iterable[Job]) -> list[str]:
    """A warning when some trainings were made by other code than there is now.

    Args:
        jobs: Trainings.
    """
    stale = [job.name for job in jobs if read_mark(job.folder).get("code") != job.code]
    return [f"Trained by other code than the present: {'; '.join(stale)}."] if stale else []


def say(line: str) -> None:
    """Progress, with the time of day.

    Args:
        line: What is said.
    """
    print(f"[{datetime.now():%H:%M:%S}] {line}", flush=True)
