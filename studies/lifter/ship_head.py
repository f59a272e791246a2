"""``make ship-heads``: turn finished temporal heads into those that come with the package's lifters."""

from __future__ import annotations

import argparse
import sys
from itertools import product
from pathlib import Path
from typing import Any

from s2m.data.store import FrameStore
from s2m.errors import UserError
from s2m.lifter.committee import AnyLifter
from s2m.lifter.shipped_lifters import assets, shipped_records
from s2m.lifter.temporal_head import TemporalLifter, load_temporal
from s2m.markdown import code, markdown_table
from studies.lifter.head_figures import FIGURES, INPUTS, METHODS, SPLITS, measured
from studies.lifter.ship_beside import Beside, ship_beside
from studies.writing import write

_ABOUT = """Unseen clips and bodies of the open data. Errors are over the 17 shared
joints, the acceleration's at 30 frames per second. Angles are of the rotations that DIK solves from the skeletons: to
the true local rotation, and (shaking) between the turns before and after a frame. Lasting noise: nine tenths of a
joint's error are left in the next frame."""


def _figures(model: TemporalLifter, lifter: AnyLifter, store: FrameStore) -> dict[str, Any]:
    return measured(TemporalLifter(lifter, model.head), store)


HEAD = Beside("temporal", "video", "make ship-heads", load_temporal, _figures)


def table(records: dict[str, dict[str, Any]]) -> str:
    """The figures of all heads that ship, for people.

    Args:
        records: What is known of each, by joint set.
    """
    rows = []
    for name, record in records.items():
        for split, condition in product(SPLITS, INPUTS) if "video" in record else ():
            methods = record["video"]["metrics"][split][condition]
            figures = [" / ".join(_shown(figure, methods[method][figure]) for method in METHODS) for figure in FIGURES]
            rows.append([code(name), SPLITS[split], condition, *figures])
    header = ["lifter", "motion", "input", *FIGURES.values()]
    return f"{' / '.join(METHODS)}. {_ABOUT}\n\n{markdown_table(header, rows)}"


def _shown(figure: str, value: float) -> str:
    return f"{value:.3f}" if figure.endswith("_rad") else f"{value:.1f}"


def main(arguments: list[str] | None = None) -> None:
    """Entry point: ship the heads of some runs.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m studies.lifter.ship_head", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished temporal stages")
    parser.add_argument("--store", type=Path, required=True, help="the frame store that they were trained on")
    parser.add_argument("-o", "--output", type=Path, default=assets(), help="folder of the shipped lifters")
    parser.add_argument("--table", type=Path, help="a markdown file to write their figures to")
    options = parser.parse_args(arguments)
    try:
        for run in options.runs:
            record = ship_beside(HEAD, run, FrameStore(options.store), options.output, Path.cwd())
            print(f"{record['file']}: {record['bytes'] / 1e6:.2f} MB")
        if options.table is not None:
            write(options.table, table(shipped_records(options.output)))
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
