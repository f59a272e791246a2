"""``s2m data DATASET``: converting a dataset's official files into a frame store."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from s2m.data.pool import WorkerError
from s2m.data.store import FrameStore
from s2m.data.zoo import SOURCES, source_class
from s2m.data.zoo.other import add_other_command
from s2m.data.zoo.source import SPLITS, Source, SourceError

_EPILOG = """\
The store takes the place of --out when it is complete. An interrupted conversion goes on where it was when the same
command is given again. report.md, report.json and contact_sheet.png inside the store say what was kept and dropped.
"""


def add_zoo_commands(subparsers: Any) -> None:
    """Add one command per dataset; each sets ``run``: Namespace -> exit code.

    Args:
        subparsers: The command line's subparsers.
    """
    for name in sorted(SOURCES):
        command = subparsers.add_parser(
            name,
            help=f"convert {name} from its official files",
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _when_used(command, name)
    add_other_command(subparsers, _add_options)


def _when_used(command: argparse.ArgumentParser, name: str) -> None:
    """Give a command its options when it is chosen: other commands do not wait for this dataset's module."""
    parse = command.parse_known_args
    added: list[str] = []

    def parse_with_options(*arguments: Any, **options: Any) -> Any:
        if not added:
            added.append(name)
            _add_options(command, source_class(name))
        return parse(*arguments, **options)

    command.parse_known_args = parse_with_options  # type: ignore[method-assign]


def _add_options(command: argparse.ArgumentParser, source: type[Source]) -> None:
    command.description = source.description or None
    command.add_argument("--root", required=True, type=Path, metavar="DIR", help="folder of the dataset's files")
    command.add_argument("--out", required=True, type=Path, metavar="DIR", help="store to write")
    own = command.add_argument_group("this dataset")
    source.add_arguments(own)  # type: ignore[arg-type]  # groups and parsers share add_argument
    choice = command.add_argument_group("what is kept")
    choice.add_argument("--splits", nargs="+", choices=SPLITS, default=list(SPLITS), help="default: all")
    choice.add_argument("--every", type=int, default=1, metavar="N", help="keep every n-th frame (default: 1)")
    choice.add_argument("--test-every", type=int, metavar="N", help="the same for the test split (default: as --every)")
    choice.add_argument("--masks", choices=("auto", "none"), default="auto", help="none: store no silhouettes")
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
    inputs = command.add_argument_group("2D input from elsewhere")
    inputs.add_argument("--detections", type=Path, metavar="FILE", help="COCO-style JSON or VideoPose3D npz")
    inputs.add_argument("--mask-folder", type=Path, metavar="DIR", help="DIR/<recording>/<frame number>.png")
    run = command.add_argument_group("how it runs")
    run.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one per CPU core)")
    run.add_argument("--force", action="store_true", help="replace a store of other settings")
    run.add_argument("--restart", action="store_true", help="forget what an interrupted conversion finished")
    run.add_argument("--progress", action=argparse.BooleanOptionalAction, default=None, help="default: on a terminal")
    command.set_defaults(run=_run, source=source)


def _run(arguments: argparse.Namespace) -> int:
    from s2m.data.zoo.convert import convert, working_folder
    from s2m.data.zoo.parts import Options

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if arguments.workers < 1:
        raise SourceError(f"--workers: expected at least 1, found {arguments.workers}")
    options = Options(
        splits=tuple(split for split in SPLITS if split in arguments.splits),
        every=arguments.every,
        test_every=arguments.test_every,
        masks=arguments.masks,
        mask_size=arguments.mask_size,
        margin=arguments.margin,
        min_joints=arguments.min_joints,
        reprojection_limit_px=arguments.reprojection_limit,
    )
    source = _source(arguments)
    if arguments.restart:
        shutil.rmtree(working_folder(arguments.out), ignore_errors=True)
    try:
        made = convert(source, arguments.out, options, arguments.workers, arguments.force, arguments.progress)
    except (SourceError, WorkerError) as error:
        done = len(list(working_folder(arguments.out).glob("parts/*.json")))
        kept = f"; {done} recordings are finished, the same command goes on from there (--restart forgets them)"
        raise SourceError(f"{error}{kept if done else ''}") from error
    store = FrameStore(arguments.out)
    rows = ", ".join(f"{split} {entry['rows']}" for split, entry in store.header["splits"].items())
    state = f"written, see {arguments.out / 'report.md'}" if made else "already there with the same settings"
    notes = "".join(f"note: {note}\n" for note in store.header["notes"])
    sys.stdout.write(f"{arguments.out}: {state} ({rows})\n{notes}")
    return 0


def _source(arguments: argparse.Namespace) -> Source:
    if not arguments.root.is_dir():
        found = "a file" if arguments.root.exists() else "nothing"
        raise SourceError(f"--root {arguments.root}: expected a folder, found {found}")
    source: Source = arguments.source.from_arguments(arguments)
    if arguments.detections is not None:
        from s2m.data.zoo.detections import with_detections

        source = with_detections(source, arguments.detections)
    if arguments.mask_folder is not None:
        from s2m.data.zoo.mask_folder import WithMasks

        source = WithMasks(source, arguments.mask_folder)
    return source
