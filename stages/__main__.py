"""``python -m stages STAGE``: train one stage."""

from __future__ import annotations

import argparse
import sys

from s2m.errors import UserError
from stages.base import DivergedError
from stages.cli import STAGES, run


def main() -> None:
    """Take the stage's name and hand the rest to LightningCLI."""
    parser = argparse.ArgumentParser(prog="python -m stages", description=__doc__, add_help=False)
    parser.add_argument(
        "stage", choices=STAGES, help="what to train; `python -m stages STAGE --help` lists its options"
    )
    stage, rest = parser.parse_args(sys.argv[1:2]).stage, sys.argv[2:]
    try:
        run(stage, rest)
    except (UserError, DivergedError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
