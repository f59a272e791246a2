"""``python -m studies.lifter.table``: train all variants of the lifter over seeds, compare them (``make
table-lifter``).

Every training is a call of the public command, ``python -m stages lifter`` or ``lifter_supervised``; a finished one
with the same
settings is left alone, a stopped one goes on. Exit status 0 whatever the checks say: they are reported, not enforced.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from s2m.body import load_body
from s2m.data.store import FrameStore
from s2m.errors import UserError
from s2m.lifter.objective import DetectionNoise
from s2m.skeletons import get_joint_set
from studies.command import QUICK, about, other_code, run_study, say, study_parser
from studies.lifter.checks import lifter_checks
from studies.lifter.curves import plot_curves
from studies.lifter.measured import RowResult, Study
from studies.lifter.methods import load_network
from studies.lifter.profile import read_ratio
from studies.lifter.rows import JOINT_SETS, Row, Setting, job, table_rows, variants
from studies.lifter.runner import Job, read_mark, run_jobs
from studies.lifter.table_page import Page
from studies.writing import write

ROOT = Path(__file__).parents[2]
MODULE = "studies.lifter.table"
Runs = dict[Row, list[Job]]


def main(arguments: list[str] | None = None) -> None:
    """Train what is missing, evaluate, write the table.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    run_study(make_table, parse(sys.argv[1:] if arguments is None else arguments))


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = study_parser(MODULE, __doc__)
    known = variants(ROOT)
    every = " ".join(known)
    parser.add_argument("--variants", nargs="+", choices=known, default=known, help=f"rows to train ({every})")
    parser.add_argument("--joint-sets", nargs="+", choices=JOINT_SETS, default=list(JOINT_SETS), help="(both)")
    parser.add_argument("--runs", type=Path, help="folder of the trainings (runs/table-lifter-PRESET)")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results"), help="folder (docs/results)")
    parser.add_argument("--retrain", action="store_true", help="repeat trainings that were made by other code")
    options = parser.parse_args(arguments)
    options.runs = options.runs or Path(f"runs/table-lifter-{options.preset}")
    return options


def make_table(options: argparse.Namespace) -> None:
    """The whole of it.

    Args:
        options: The parsed command line.

    Raises:
        UserError: Names what is wrong, in one sentence.
    """
    store, body = FrameStore(options.store), load_body(None)
    runs = plan_runs(options, store.hash)
    jobs = [job for row_jobs in runs.values() for job in row_jobs]
    if options.retrain:
        forget_other_code(jobs)
    run_jobs(jobs, options.jobs, say)
    study = Study(store, body)
    rows: list[RowResult] = []
    for joint_set in options.joint_sets:
        trained = [row for row in runs if row.joint_set == joint_set]
        say(f"evaluating {joint_set}")
        first = load_network(runs[trained[0]][0].artifact, trained[0].stage, get_joint_set(joint_set), body)
        joints = get_joint_set(joint_set)
        rows += [study.planar(first), *study.linear(joints, DetectionNoise(joints))]
        rows += [study.trained(row, [job.artifact for job in runs[row]]) for row in trained]
    stem = "table_lifter" if options.preset == QUICK else f"table_lifter_{options.preset}"
    ratio = read_ratio(options.output / "lifter_profile.json")
    page = Page(rows, lifter_checks(rows, ratio), options.seeds, about(MODULE, options, store), other_code(jobs))
    options.output.mkdir(parents=True, exist_ok=True)
    logs = {row.name: [job.folder / "metrics.csv" for job in row_jobs] for row, row_jobs in runs.items()}
    plot_curves(logs, options.output / f"{stem}.png")
    write(options.output / f"{stem}.json", page.to_dict())
    write(options.output / f"{stem}.md", page.markdown(f"{stem}.png"))
    for check in page.checks:
        say(f"{check.verdict}: {check.name}")
    say(f"written: {options.output / stem}.md, .json, .png")


def plan_runs(options: argparse.Namespace, store_hash: str) -> Runs:
    """The trainings of every row, one per seed.

    Args:
        options: The parsed command line.
        store_hash: Hash of the store.
    """
    setting = Setting(
        root=ROOT,
        output=options.runs,
        python=sys.executable,
        preset=options.preset,
        data=options.data,
        store=options.store,
        store_hash=store_hash,
        extra=tuple(options.extra),
        threads=options.threads,
    )
    rows = table_rows(options.variants, options.joint_sets)
    runs = {row: [job(row, seed, setting) for seed in range(options.seeds)] for row in rows}
    if not all(any(row.joint_set == joint_set for row in rows) for joint_set in options.joint_sets):
        raise UserError("--variants: for s2m27 at least one of ours and supervised is needed")
    return runs


def forget_other_code(jobs: list[Job]) -> None:
    """Make trainings by other code count as unfinished.

    Args:
        jobs: Trainings.
    """
    for entry in jobs:
        if entry.finished and read_mark(entry.folder).get("code") != entry.code:
            entry.artifact.unlink()


if __name__ == "__main__":
    main()
