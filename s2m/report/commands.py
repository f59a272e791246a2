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
    parser.add_argument("--bars-only", action="store_true", help="print the bars and write nothing")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from s2m.report.bars import bars_text, compute_bars
    from s2m.report.results import read_run

    print(bars_text(compute_bars(read_run(arguments.run_dir))))
    if not arguments.bars_only:
        from s2m.report.build import build_report

        print(f"\nreport: {build_report(arguments.run_dir) / 'index.html'}")
    return 0
