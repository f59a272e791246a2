"""The ``s2m`` command."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from s2m import __version__
from s2m.errors import UserError, one_line
from s2m.optional import extras_explained
from s2m.options import LateParser

_COMMANDS = {
    "data": "s2m.data.commands:add_data_command",
    "recover": "s2m.recover.commands:add_recover_command",
    "ik": "s2m.ik.commands:add_ik_command",
    "lift": "s2m.lifter.commands:add_lift_command",
    "adapt": "s2m.adaptation.commands:add_adapt_command",
    "convert": "s2m.convert.commands:add_convert_command",
    "view": "s2m.view.commands:add_view_command",
    "report": "s2m.report.commands:add_report_command",
    "compare": "s2m.compare.commands:add_compare_command",
}
_BROKEN_PIPE = 141  # what shells say of a program that such a signal ended


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The command's parser. Heavy packages are imported when a subcommand runs, so that help is quick.

    Args:
        only: The command that is going to run: no other's modules are loaded. All if it is none of them.

    Returns:
        The parser; what it parses has ``run``, a function of the parsed arguments.
    """
    parser = argparse.ArgumentParser(prog="s2m", description="Skeleton2Mesh: bodies from skeletons and silhouettes.")
    parser.add_argument("--version", action="version", version=f"s2m {__version__}")
    parser.add_argument(
        "--print-completion",
        choices=("bash", "zsh", "tcsh"),
        action=_PrintCompletion,
        help='print a shell\'s completion of this command and exit; for bash: eval "$(s2m --print-completion bash)"',
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in [only] if only in _COMMANDS else _COMMANDS:
        module, _, function = _COMMANDS[name].partition(":")
        getattr(import_module(module), function)(commands)
    return parser


class _PrintCompletion(argparse.Action):
    """Prints the completion of the whole command, with the options that parsers get when they are chosen."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option_string: Any = None) -> None:
        import shtab

        _complete(parser)
        print(shtab.complete(parser, values))
        parser.exit()


def _complete(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                if isinstance(child, LateParser):
                    child.complete(["--help"])
                _complete(child)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; bad input ends with one clear line.

    Args:
        argv: Words of the command line; those of the process by default.

    Returns:
        The exit code: 0, 2 for bad input, or 141 where nobody reads what it says any more.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = build_parser(words[0] if words else None).parse_args(words)
    try:
        with extras_explained():
            return int(arguments.run(arguments) or 0)
    except UserError as error:
        if getattr(arguments, "verbose", False):
            traceback.print_exc()
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # as with `| head`; what is left to say would be refused when the process ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE


if __name__ == "__main__":
    sys.exit(main())
