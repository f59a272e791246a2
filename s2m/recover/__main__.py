"""``torchrun --nproc-per-node N -m s2m.recover FOLDER -o DIR``: each process takes its share of the files."""

from __future__ import annotations

import argparse
import sys

from s2m.errors import UserError, one_line
from s2m.optional import extras_explained
from s2m.recover.commands import add_options, run


def main() -> int:
    """Run the command; bad input ends with one clear line.

    Returns:
        Exit code, see :func:`s2m.recover.commands.run`; 2 for bad input.
    """
    parser = argparse.ArgumentParser(prog="python -m s2m.recover")
    add_options(parser)
    try:
        with extras_explained():
            return run(parser.parse_args())
    except UserError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
