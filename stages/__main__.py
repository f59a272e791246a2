"""``python -m stages STAGE``: train one stage, evaluate it, and export what the next one needs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from s2m.config_files import find_config
from s2m.errors import UserError, one_line
from s2m.optional import extras_explained
from s2m.reading import read_yaml
from stages.names import STAGES

_EXAMPLE = """\
Settings come from yaml files, of which later ones win, and from options, which win over all:

  python -m stages lifter --output runs/mine/lifter --config configs/lifter.yaml --config configs/data/open.yaml \\
      --config configs/preset/quick/lifter.yaml --data.init_args.store data/open-quick

`configs/...` are files of the current folder, else those that ship with the package. `make train` runs the chain."""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the stage's name. What follows the name is LightningCLI's."""
    width = max(map(len, STAGES))
    stages = "\n".join(f"  {name:{width}}  {entry.does}" for name, entry in STAGES.items())
    parser = argparse.ArgumentParser(
        prog="python -m stages",
        description=f"Train one stage, evaluate it, and export what the next one needs.\n\nstages:\n{stages}",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "stage",
        choices=STAGES,
        metavar="STAGE",
        help="one of these; `python -m stages STAGE --help` lists its options",
    )
    return parser


def _check_configs(words: Sequence[str]) -> None:
    """Read the yaml files once, before anything heavy is loaded: LightningCLI's reader has no word for damaged ones.

    Args:
        words: The command line after the stage's name.

    Raises:
        UserError: The message names the file.
    """
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, _, value = word.partition("=")
        path = find_config(value or following)
        if option == "--config" and path.is_file():
            read_yaml(path)


def main() -> None:
    """Take the stage's name and hand the rest to LightningCLI."""
    stage, rest = build_parser().parse_args(sys.argv[1:2]).stage, sys.argv[2:]
    try:
        _check_configs(rest)
        with extras_explained():
            from stages.cli import run

            run(stage, rest)
    except (UserError, OSError) as error:  # OSError: a folder that cannot be written, a full disk; it names the file
        print(f"error: {one_line(error)}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
