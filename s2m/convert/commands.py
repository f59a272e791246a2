"""``s2m convert``: files of motion in, one of another format out."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from s2m.errors import UserError
from s2m.export.known import SUFFIXES, add_export, chosen_format
from s2m.options import PIPE, add_overwrite, add_voice, check_outputs, say, warn

_ABOUT = """Turn motion of bodies into files that other programs open. The suffix of OUT says which format: .glb, .bvh,
.fbx, .usd, .npz (AMASS, or what --format says), .csv, .trc. Several IN become several people in one GLB, USD or FBX."""


def add_convert_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount ``s2m convert``. Nothing heavy is imported before the command runs.

    Args:
        subparsers: Those of the command line.
    """
    parser = subparsers.add_parser("convert", help="motion to GLB, BVH, FBX, USD, npz, CSV, TRC", description=_ABOUT)
    parser.add_argument("files", type=Path, nargs="+", metavar="IN", help="files of motion, such as `s2m ik` writes")
    parser.add_argument("output", type=Path, metavar="OUT", help="the file to write")
    add_export(parser)
    parser.add_argument("--body", type=Path, metavar="FILE", help="an official SMPL file; the open body by default")
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
    inputs = [*arguments.files, *([arguments.body] if arguments.body else [])]
    if arguments.output == PIPE:
        raise UserError("OUT: expected the name of a file, found -")
    check_outputs({"OUT": (arguments.output, SUFFIXES)}, inputs, arguments.overwrite)
    known = chosen_format(arguments.output, arguments)

    from s2m.convert.people import distinct
    from s2m.convert.sources import BodyChoice, read_motion
    from s2m.export.writers import write_people

    choice = BodyChoice.of(arguments.body)
    folder = arguments.output.resolve().parent
    with contextlib.ExitStack() as stack:
        sources = [stack.enter_context(read_motion(path, choice, folder)) for path in arguments.files]
        for note in [note for source in sources for note in source.notes]:
            warn(note)
        people = distinct([person for source in sources for person in source.people])
        lost = write_people(arguments.output, people, known, arguments.names)
        say(arguments, f"{arguments.output}: {', '.join(f'{len(person)} frames' for person in people)}{lost}")
    return 0
