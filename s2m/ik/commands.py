"""``s2m ik``: a file of 3D joints in, a motion file for SMPL tools out."""

from __future__ import annotations

import argparse
from pathlib import Path

from s2m.clip_options import ONE_FILE_EACH, of_person
from s2m.export.known import SUFFIXES, add_export, chosen_format
from s2m.ik.source_options import FILES, add_sources, check_sources, files_named
from s2m.options import add_output, add_voice, check_free, check_outputs, readable, writable


def add_ik_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount ``s2m ik``. Nothing heavy is imported before the command runs.

    Args:
        subparsers: Those of the command line.
    """
    parser = subparsers.add_parser(
        "ik",
        help="3D joints to SMPL parameters",
        description="Turn 3D joints into SMPL rotations with DIK: no training, no GPU, no licence.",
    )
    parser.add_argument("file", type=Path, help=f"{FILES}; - reads a file from standard input")
    add_output(
        parser,
        "the motion to write: AMASS-style .npz, .glb, .bvh, .fbx, .usd, .csv, .trc; - is an npz on standard output",
    )
    add_export(parser)
    add_sources(parser, ONE_FILE_EACH)
    add_voice(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Args:
        arguments: Parsed options of ``s2m ik``.

    Returns:
        Exit code 0.

    Raises:
        UserError: For bad input.
    """
    output: Path = arguments.output
    check_outputs({"--output": (output, SUFFIXES)}, [arguments.file, *files_named(arguments)], arguments.overwrite)
    chosen_format(output, arguments)
    check_sources(arguments)

    from s2m.ik.chosen_body import BodyChoice
    from s2m.ik.people import people_of
    from s2m.ik.writing import write_solved

    with readable(arguments.file) as file:
        people = people_of(file, BodyChoice.of(arguments.body), arguments, arguments.file)
        outputs = [output if arguments.people is None else of_person(output, person.number or 0) for person in people]
        for own in outputs:
            check_free("--output", own, arguments.overwrite)
        for person, own in zip(people, outputs, strict=True):
            with writable(own) as target, person.opened(own.stem, target.resolve().parent) as found:
                write_solved(found, own, target, arguments)
    return 0
