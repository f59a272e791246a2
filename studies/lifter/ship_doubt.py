"""``make ship-doubt``: turn finished heads that tell doubt into those that come with the package's lifters."""

from __future__ import annotations

import argparse
import sys
from itertools import product
from pathlib import Path
from typing import Any

from s2m.data.store import FrameStore
from s2m.errors import UserError
from s2m.lifter.doubt import load_doubt
from s2m.lifter.shipped_lifters import assets, shipped_records
from s2m.markdown import code, markdown_table
from studies.lifter.doubt_figures import CAMERAS, SPLITS, doubt_figures
from studies.lifter.ship_beside import Beside, ship_beside
from studies.writing import write

_ABOUT = """Share of errors within the 90 % intervals that the heads tell (1.645 of the standard deviation), of unseen
clips and bodies of the open data: over all joints, and of the joint with the smallest and with the largest share, its
three axes together. Reversed depth: area under the ROC curve, a dash where no frame is reversed; and with as many
frames more, whose left and right are exchanged as a whole. Of 27 joints two lifters are asked, as by `s2m lift`."""

DOUBT = Beside("doubt", "doubt", "make ship-doubt", load_doubt, doubt_figures)


def table(records: dict[str, dict[str, Any]]) -> str:
    """The figures of all heads that ship, for people.

    Args:
        records: What is known of each lifter, by joint set.
    """
    rows = []
    for name, record in records.items():
        metrics = record["doubt"]["metrics"] if "doubt" in record else {}
        for split, camera in product((split for split in SPLITS if split in metrics), CAMERAS):
            rows.append([code(name), code(split), camera, *_shown(metrics[split][camera])])
    header = ["lifter", "split", "camera", "all", "least", "most", "reversed, AUROC", "with exchanged sides"]
    return f"{_ABOUT}\n\n{markdown_table(header, rows)}"


def _shown(figures: dict[str, Any]) -> list[str]:
    joints = figures["coverage90"]
    least, most = (choose(joints, key=joints.__getitem__) for choose in (min, max))
    areas = (figures.get(name) for name in ("reversed_auroc", "reversed_auroc_exchanged"))
    return [
        f"{100 * sum(joints.values()) / len(joints):.1f} %",
        *(f"{100 * joints[joint]:.1f} % ({joint})" for joint in (least, most)),
        *("–" if area is None else f"{area:.3f}" for area in areas),
    ]


def main(arguments: list[str] | None = None) -> None:
    """Entry point: ship the heads of some runs.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m studies.lifter.ship_doubt", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished doubt stages")
    parser.add_argument("--store", type=Path, required=True, help="the frame store that they were trained on")
    parser.add_argument("-o", "--output", type=Path, default=assets(), help="folder of the shipped lifters")
    parser.add_argument("--table", type=Path, help="a markdown file to write their figures to")
    options = parser.parse_args(arguments)
    try:
        for run in options.runs:
            record = ship_beside(DOUBT, run, FrameStore(options.store), options.output, Path.cwd())
            print(f"{record['file']}: {record['bytes'] / 1e6:.2f} MB")
        if options.table is not None:
            write(options.table, table(shipped_records(options.output)))
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
