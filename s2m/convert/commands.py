"""``s2m convert``: files of motion in, one of another format out."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from s2m.errors import UserError
from s2m.export.known import SUFFIXES, add_export, chosen_format
from s2m.ik.source_options import FILES, add_sources, check_sources, files_named
from s2m.options import PIPE, add_overwrite, add_voice, check_outputs, say

_ABOUT = """Turn motion into files that other programs open. IN is whatever `s2m ik` reads: bodies (AMASS, SMPL-H,
SMPL-X), BVH, joints of every kind. The suffix of OUT says which format: .glb, .bvh, .fbx, .usd, .npz (AMASS, or what
--format says), .csv, .trc. Several IN, or --people, become several people in one GLB, USD or FBX."""


def add_convert_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount ``s2m convert``. Nothing heavy is imported before the command runs.

    Args:
        subparsers: Those of the command line.
    """
    parser = subparsers.add_parser("convert", help="motion to GLB, BVH, FBX, USD, npz, CSV, TRC", description=_ABOUT)
    parser.add_argument("files", type=Path, nargs="+", metavar="IN", help=f"files of motion: {FILES}")
    parser.add_argument("output", type=Path, metavar="OUT", help="the file to write")
    add_export(parser)
    add_sources(parser)
    add_overwrite(parser)
    add_voice(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Args:
        arguments: Parsed options of ``s2m convert``.

    Returns:
        Exit code 0.

    Raises:
        UserError: For bad input, before anything is written.
    """
    output: Path = arguments.output
    if output == PIPE:
        raise UserError("OUT: expected the name of a file, found -")
    inputs = [*arguments.files, *files_named(arguments)]
    check_outputs({"OUT": (output, SUFFIXES)}, inputs, arguments.overwrite)
    known = chosen_format(output, arguments)
    check_sources(arguments)

    from s2m.convert.people import distinct
    from s2m.convert.sources import read_people
    from s2m.export.writers import write_people
    from s2m.ik.chosen_body import BodyChoice
    from s2m.ik.writing import say_shapes

    choice, folder = BodyChoice.of(arguments.body), output.resolve().parent
    with contextlib.ExitStack() as stack:
        found = [person for path in arguments.files for person in read_people(path, choice, folder, arguments, stack)]
        people = distinct([person.motion for person in found])
        lost = write_people(output, people, known, arguments.names)
        frames = ", ".join(f"{len(person.motion)} frames{person.remark}" for person in found)
        say(arguments, f"{output}: {frames}{lost}")
        say_shapes(found, known, arguments)
    return 0
