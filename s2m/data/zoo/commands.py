"""``s2m data DATASET``: converting a dataset's official files into a frame store."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from s2m.data.pool import MOST_WORKERS, WorkerError
from s2m.data.store import FrameStore
from s2m.data.zoo import SOURCES, source_class
from s2m.data.zoo.mask_labels import add_mask_labels, chosen_labels
from s2m.data.zoo.other import add_other_command
from s2m.data.zoo.source import SPLITS, Source, SourceError
from s2m.options import add_output, add_voice, progress, say

_EPILOG = """\
The store takes the place of --output when it is complete. An interrupted conversion goes on where it was when the same
command is given again. report.md, report.json and contact_sheet.png inside the store say what was kept and dropped.
"""


def add_zoo_commands(subparsers: Any) -> None:
    """Add one command per dataset; each sets ``run``: Namespace -> exit code.

    Args:
        subparsers: The command line's subparsers, made with ``parser_class=LateParser``, so that no command waits for
            the modules of all datasets.
    """
    for name in sorted(SOURCES):
        command = subparsers.add_parser(
            name,
            help=f"convert {name} from its official files",
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.late = partial(_when_chosen, name)
    add_other_command(subparsers, _add_options)


def _when_chosen(name: str, command: argparse.ArgumentParser, words: list[str]) -> list[str]:
    _add_options(command, source_class(name))
    return words


def _add_options(command: argparse.ArgumentParser, source: type[Source]) -> None:
    command.description = source.description or None
    command.add_argument("--root", required=True, type=Path, metavar="DIR", help="folder of the dataset's files")
    add_output(command, "store to write", metavar="DIR")
    add_voice(command)
    own = command.add_argument_group("this dataset")
    source.add_arguments(own)  # type: ignore[arg-type]  # groups and parsers share add_argument
    choice = command.add_argument_group("what is kept")
    choice.add_argument("--splits", nargs="+", choices=SPLITS, default=list(SPLITS), help="default: all")
    choice.add_argument("--every", type=int, default=1, metavar="N", help="keep every n-th frame (default: 1)")
    choice.add_argument("--test-every", type=int, metavar="N", help="the same for the test split (default: as --every)")
    choice.add_argument("--no-masks", action="store_true", help="store no silhouettes")
    choice.add_argument("--mask-size", type=int, default=112, metavar="PX", help="side of silhouettes (default: 112)")
    choice.add_argument("--margin", type=float, default=1.5, help="side of a crop over the joints' box (default: 1.5)")
    choice.add_argument("--min-joints", type=int, default=6, metavar="N", help="fewest joints of a frame (default: 6)")
    choice.add_argument(
        "--reprojection-limit",
        type=float,
        metavar="PX",
        help="refuse recordings whose 3D truth projects further than this from the 2D joints in the median, in "
        f"pixels of a 1000-pixel image (default: {source.reprojection_limit_px:g}; 50 for joints of a detector)",
    )
    if not source.brings_2d:
        inputs = command.add_argument_group("2D input from elsewhere")
        inputs.add_argument("--keypoints", type=Path, metavar="FILE", help="COCO-style JSON or VideoPose3D npz")
        inputs.add_argument("--masks", type=Path, metavar="DIR", help="DIR/<recording>/<frame number>.png")
        add_mask_labels(inputs)
    run = command.add_argument_group("how it runs")
    run.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one per CPU core)")
    run.add_argument("--restart", action="store_true", help="forget what an interrupted conversion finished")
    run.add_argument("--progress", action=argparse.BooleanOptionalAction, default=None, help="default: on a terminal")
    command.set_defaults(run=_run, source=source)


def _run(arguments: argparse.Namespace) -> int:
    from s2m.data.zoo.convert import convert, working_folder
    from s2m.data.zoo.parts import Options

    level = logging.WARNING if arguments.quiet else logging.DEBUG if arguments.verbose else logging.INFO
    logging.basicConfig(level=level, format="%(message)s")
    if not 1 <= arguments.workers <= MOST_WORKERS:
        raise SourceError(f"--workers: expected 1 to {MOST_WORKERS}, found {arguments.workers}")
    options = Options(
        splits=tuple(split for split in SPLITS if split in arguments.splits),
        every=arguments.every,
        test_every=arguments.test_every,
        masks="none" if arguments.no_masks else "auto",
        mask_size=arguments.mask_size,
        margin=arguments.margin,
        min_joints=arguments.min_joints,
        reprojection_limit_px=arguments.reprojection_limit,
    )
    source = _source(arguments)
    if arguments.restart:
        shutil.rmtree(working_folder(arguments.output), ignore_errors=True)
    try:
        made = convert(source, arguments.output, options, arguments.workers, arguments.overwrite, progress(arguments))
    except (SourceError, WorkerError) as error:
        done = len(list(working_folder(arguments.output).glob("parts/*.json")))
        kept = f"; {done} recordings are finished, the same command goes on from there (--restart forgets them)"
        raise SourceError(f"{error}{kept if done else ''}") from error
    store = FrameStore(arguments.output)
    rows = ", ".join(f"{split} {entry['rows']}" for split, entry in store.header["splits"].items())
    state = f"written, see {arguments.output / 'report.md'}" if made else "already there with the same settings"
    notes = "".join(f"note: {note}\n" for note in store.header["notes"])
    say(arguments, f"{arguments.output}: {state} ({rows})\n{notes}".rstrip())
    return 0


def _source(arguments: argparse.Namespace) -> Source:
    if not arguments.root.is_dir():
        found = "a file" if arguments.root.exists() else "nothing"
        raise SourceError(f"--root {arguments.root}: expected a folder, found {found}")
    source: Source = arguments.source.from_arguments(arguments)
    if arguments.source.brings_2d:
        return source
    if arguments.keypoints is not None:
        from s2m.data.zoo.detections import with_detections

        source = with_detections(source, arguments.keypoints)
    if arguments.masks is not None:
        from s2m.data.zoo.mask_folder import WithMasks

        source = WithMasks(source, arguments.masks, chosen_labels(arguments.mask_labels))
    return source
