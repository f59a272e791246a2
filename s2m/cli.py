"""The ``s2m`` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from s2m import __version__
from s2m.errors import UserError
from s2m.optional import extras_explained


def build_parser() -> argparse.ArgumentParser:
    """The command's parser. Heavy packages are imported when a subcommand runs, so that help is quick."""
    from s2m.compare.commands import add_compare_command
    from s2m.data.commands import add_data_commands
    from s2m.ik.commands import add_ik_command
    from s2m.lifter.commands import add_lift_command
    from s2m.report.commands import add_report_command

    parser = argparse.ArgumentParser(prog="s2m", description="Skeleton2Mesh: bodies from skeletons and silhouettes.")
    parser.add_argument("--version", action="version", version=f"s2m {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    data = commands.add_parser("data", help="make and check frame stores", description="Make and check frame stores.")
    add_data_commands(data.add_subparsers(required=True, metavar="COMMAND"))
    add_ik_command(commands)
    add_lift_command(commands)
    add_report_command(commands)
    add_compare_command(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; bad input ends with one clear line and exit code 2."""
    arguments = build_parser().parse_args(argv)
    try:
        with extras_explained():
            return int(arguments.run(arguments) or 0)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
