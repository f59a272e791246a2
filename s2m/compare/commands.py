"""``s2m compare``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2m.options import add_output, add_voice, check_free, say

if TYPE_CHECKING:
    from s2m.compare.online import OnlineRuns
    from s2m.compare.runs import Source

_DESCRIPTION = """\
Compare the runs of a project: a table sorted by any metric with the settings that differ, differences to a baseline,
seeds as mean and spread, and learning curves. Runs come from W&B's server when you are logged in, else from the files
that W&B recorded offline. Writes compare.md, configurations.csv, runs.csv, curves.png and index.html."""
_EXAMPLE = """\
examples:
  s2m compare --sort test/pa_mpjpe_mm --baseline full
  s2m compare --stage lifter --data open-quick --filter width=256 --filter chirality=5
  s2m compare --metrics 'test/*pve_mm' test/iou --curves val/pve_mm train/mask"""


def add_compare_command(subparsers: Any) -> None:
    """Add ``compare`` to the subparsers of a command line.

    Args:
        subparsers: What ``add_subparsers`` of the command line gave.
    """
    parser = subparsers.add_parser(
        "compare",
        help="compare runs: tables, learning curves, a page",
        description=_DESCRIPTION,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = parser.add_argument_group("which runs")
    where.add_argument("folder", type=Path, nargs="?", default=Path("runs"), metavar="FOLDER",
                       help="where local runs are looked for (default: runs)")  # fmt: skip
    where.add_argument("--source", choices=("auto", "wandb", "local"), default="auto",
                       help="W&B's server, local files, or the server if you are logged in (default)")  # fmt: skip
    where.add_argument("--project", default="skeleton2mesh", help="W&B project (default: skeleton2mesh)")
    where.add_argument("--entity", help="W&B user or team (default: yours)")
    where.add_argument("--stage", default="mesh", metavar="NAME", help="lifter, regressor, mesh (default), ...")
    where.add_argument("--data", metavar="NAME", help="store folder (open-quick), class or hash; * matches anything")
    where.add_argument("--ablation", metavar="NAME", help="overlay of configs/ablation, or full for none of them")
    where.add_argument("--filter", action="append", default=[], metavar="KEY=VALUE",
                       help="only runs with this setting; the end of a key is enough (may be repeated)")  # fmt: skip
    what = parser.add_argument_group("what to show")
    what.add_argument("--sort", metavar="METRIC", help="e.g. test/pve_mm; the best first")
    what.add_argument("--reverse", action="store_true", help="the worst first")
    what.add_argument("--baseline", metavar="NAME", help="run, configuration, ablation or W&B id to compare with")
    what.add_argument("--metrics", nargs="+", default=[], metavar="METRIC", help="columns; patterns such as 'test/*'")
    what.add_argument("--curves", nargs="+", default=[], metavar="METRIC", help="learning curves; patterns as well")
    out = parser.add_argument_group("where to")
    add_output(out, "default: FOLDER/compare, whose own earlier page is replaced", required=False, metavar="DIR")
    out.add_argument("--table-only", action="store_true", help="print the table and write nothing")
    out.add_argument("--upload-report", action="store_true", help="make a W&B report as well (online only)")
    add_voice(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from s2m.compare.ablations import DEFAULT_FOLDER, Ablations
    from s2m.compare.comparison import Wanted, compare
    from s2m.compare.output import write_comparison
    from s2m.compare.select import Selection
    from s2m.compare.text import notes_text, terminal
    from s2m.compare.upload import check_upload

    if arguments.output is not None and not arguments.table_only:
        check_free("--output", arguments.output / "index.html", arguments.overwrite)
    online = _online(arguments)
    if arguments.upload_report:
        check_upload(online is not None)
    wanted = Wanted(
        Selection(arguments.stage, arguments.data, arguments.ablation, arguments.filter),
        arguments.sort,
        arguments.reverse,
        arguments.baseline,
        arguments.metrics,
        arguments.curves,
    )
    comparison = compare(online or _local(arguments), wanted, Ablations(DEFAULT_FOLDER))
    if comparison.notes:
        print(notes_text(comparison.notes), file=sys.stderr)
    say(arguments, terminal(comparison))
    if not arguments.table_only:
        say(arguments, f"\npage: {write_comparison(comparison, arguments.output or arguments.folder / 'compare')}")
    if arguments.upload_report and online is not None:
        from s2m.compare.upload import upload_report

        say(arguments, f"report: {upload_report(comparison, arguments.project, online.entity)}")
    return 0


def _local(arguments: argparse.Namespace) -> Source:
    from s2m.compare.local import LocalRuns

    return LocalRuns(arguments.folder)


def _online(arguments: argparse.Namespace) -> OnlineRuns | None:
    """The server's runs, or None when local ones are meant.

    Raises:
        CompareError: Without a login if it was asked for.
    """
    from s2m.compare.login import api_key
    from s2m.compare.online import OnlineRuns
    from s2m.compare.runs import CompareError

    key = api_key()
    if arguments.source == "local" or (arguments.source == "auto" and key is None):
        return None
    if key is None:
        raise CompareError(
            "--source wandb: expected a W&B login, found none (WANDB_API_KEY, netrc) or WANDB_MODE=offline; "
            "`wandb login` logs in, --source local needs none"
        )
    os.environ.setdefault("WANDB_SILENT", "true")
    os.environ.setdefault("WANDB_CACHE_DIR", str((arguments.folder / ".compare-cache" / "wandb").absolute()))
    return OnlineRuns(lambda: _api(key), arguments.project, arguments.entity)


def _api(key: str) -> Any:
    """W&B's API; the key is handed over, so that it never asks for one."""
    import wandb

    return wandb.Api(api_key=key, timeout=60)
