"""``s2m report RUN_DIR``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_report_command(subparsers: Any) -> None:
    """Add ``report`` to the subparsers of a command line."""
    parser = subparsers.add_parser(
        "report", help="write the report of a run", description="Write RUN_DIR/report: report.md, index.html, PNGs."
    )
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="folder with lifter, regressor and mesh")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from s2m.report.bars import bars_text, compute_bars
    from s2m.report.build import build_report
    from s2m.report.results import read_run

    folder = build_report(arguments.run_dir)
    print(bars_text(compute_bars(read_run(arguments.run_dir))))
    print(f"\nreport: {folder / 'index.html'}")
    return 0
