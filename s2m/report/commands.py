"""``s2m report RUN_DIR``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from s2m.options import add_voice, say

GENDERS = ("neutral", "female", "male")


def add_report_command(subparsers: Any) -> None:
    """Add ``report`` to the subparsers of a command line.

    Args:
        subparsers: What ``add_subparsers`` of the command line gave.
    """
    parser = subparsers.add_parser(
        "report",
        help="write the report of a run",
        description="Write RUN_DIR/report: report.md, index.html, PNGs. A run on another dataset than the open data is "
        "measured on its test splits by that dataset's protocols. A run with a lifter alone gets that one's tables.",
    )
    parser.add_argument(
        "run_dir", type=Path, metavar="RUN_DIR", help="folder with lifter, regressor and mesh, or the lifter"
    )
    parser.add_argument("--checks-only", action="store_true", help="open data: print the checks and write nothing")
    parser.add_argument("--body", type=Path, metavar="FILE", help="body of the run (default: the open body)")
    for gender in GENDERS:
        parser.add_argument(f"--{gender}", type=Path, metavar="FILE", help=f"{gender} body of the truth, for PVE")
    add_voice(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from s2m.report.checks import checks_text, compute_checks
    from s2m.report.datasets import run_data
    from s2m.report.results import ReportError, read_run

    stages, data = read_run(arguments.run_dir), run_data(arguments.run_dir)
    checked = data.store is None and len(stages) > 1
    if checked and (arguments.checks_only or not arguments.quiet):
        print(checks_text(compute_checks(stages)))
    if arguments.checks_only:
        if not checked:
            of = "all stages, the run has a lifter alone"
            if data.store is not None:
                of = f"the open data, the run is on {data.title}"
            raise ReportError(f"{arguments.run_dir}: --checks-only: checks are of {of}")
        return 0
    from s2m.report.build import Options, gather, write_report
    from s2m.report.protocol_table import as_text
    from s2m.report.tables import as_text as stage_text

    bodies = {gender: file for gender in GENDERS if (file := getattr(arguments, gender)) is not None}
    contents = gather(arguments.run_dir, Options(arguments.body, bodies))
    for table in contents.by_protocol:
        say(arguments, as_text(table) + "\n")
    if len(stages) == 1:
        for stage_table in contents.tables["lifter"]:
            say(arguments, stage_text(stage_table) + "\n")
    for note in contents.notes:
        say(arguments, f"note: {note}")
    say(arguments, f"report: {write_report(arguments.run_dir, contents) / 'index.html'}")
    return 0
