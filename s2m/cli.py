"""The ``s2m`` command."""

from __future__ import annotations

import argparse
import sys

from s2m import __version__
from s2m.errors import UserError


def build_parser() -> argparse.ArgumentParser:
    """The command's parser. Subcommands import what they need when they run, so that ``s2m ik`` starts fast."""
    parser = argparse.ArgumentParser(prog="s2m", description="Skeleton2Mesh: bodies from skeletons and silhouettes.")
    parser.add_argument("--version", action="version", version=f"s2m {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    from s2m.data.commands import add_data_commands
    from s2m.ik.commands import add_ik_command
    from s2m.report.commands import add_report_command

    add_data_commands(subparsers)
    add_ik_command(subparsers)
    add_report_command(subparsers)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; bad input ends with one clear line and exit code 2."""
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
