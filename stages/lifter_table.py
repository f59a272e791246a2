"""``python -m stages.lifter_table``: train all variants of the lifter over seeds, compare them (``make table-lifter``).

Every training is a call of the public command, ``python -m stages lifter`` or ``twin``; a finished one with the same
settings is left alone, a stopped one goes on. Exit status 0 whatever the bars say: they are reported, not enforced.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from datetime import datetime
from pathlib import Path

from s2m.body import load_body
from s2m.data.store import FrameStore
from s2m.errors import UserError
from s2m.ik.results import machine, write
from s2m.lifter.objective import DetectionNoise
from s2m.lifter.study.bars import check_bars
from s2m.lifter.study.curves import plot_curves
from s2m.lifter.study.methods import load_network
from s2m.lifter.study.page import Page
from s2m.lifter.study.profile import read_ratio
from s2m.lifter.study.results import RowResult, Study
from s2m.lifter.study.rows import JOINT_SETS, Row, Setting, job, table_rows, variants
from s2m.lifter.study.runner import Job, read_mark, run_jobs
from s2m.skeletons import get_joint_set

ROOT = Path(__file__).parents[1]
Runs = dict[Row, list[Job]]


def main(arguments: list[str] | None = None) -> None:
    """Train what is missing, evaluate, write the table."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        make_table(options)
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on from here")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; what follows ``--`` is passed on to every training."""
    parser = argparse.ArgumentParser(prog="python -m stages.lifter_table", description=(__doc__ or "").splitlines()[0])
    known = variants(ROOT)
    every = " ".join(known)
    parser.add_argument("--store", type=Path, required=True, help="folder of a frame store with truth")
    parser.add_argument("--preset", default="quick", help="configs/preset/PRESET decides the budget (quick)")
    parser.add_argument("--data", default="open", help="configs/data/DATA.yaml (open)")
    parser.add_argument("--variants", nargs="+", choices=known, default=known, help=f"rows to train ({every})")
    parser.add_argument("--joint-sets", nargs="+", choices=JOINT_SETS, default=list(JOINT_SETS), help="(both)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of every row (3)")
    parser.add_argument("--jobs", type=int, default=max(1, min(2, os.cpu_count() or 1)), help="trainings at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each training (1)")
    parser.add_argument("--runs", type=Path, help="folder of the trainings (runs/table-lifter-PRESET)")
    parser.add_argument("--output", type=Path, default=Path("docs/results"), help="folder of the table (docs/results)")
    parser.add_argument("--retrain", action="store_true", help="repeat trainings that were made by other code")
    parser.add_argument("extra", nargs="*", metavar="-- ARGUMENTS", help="passed on to every training")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.jobs < 1 or options.threads < 1:
        parser.error("--seeds, --jobs and --threads: expected a positive number")
    options.runs = options.runs or Path(f"runs/table-lifter-{options.preset}")
    return options


def make_table(options: argparse.Namespace) -> None:
    """The whole of it. Raises UserError."""
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
        rows += [study.planar(first), *study.linear(get_joint_set(joint_set), DetectionNoise())]
        rows += [study.trained(row, [job.artifact for job in runs[row]]) for row in trained]
    stem = "table_lifter" if options.preset == "quick" else f"table_lifter_{options.preset}"
    ratio = read_ratio(options.output / "lifter_profile.json")
    page = Page(rows, check_bars(rows, ratio), options.seeds, about(options, store), other_code(jobs))
    options.output.mkdir(parents=True, exist_ok=True)
    logs = {row.name: [job.folder / "metrics.csv" for job in row_jobs] for row, row_jobs in runs.items()}
    plot_curves(logs, options.output / f"{stem}.png")
    write(options.output / f"{stem}.json", page.to_dict())
    write(options.output / f"{stem}.md", page.markdown(f"{stem}.png"))
    for bar in page.bars:
        say(f"{bar.verdict}: {bar.name}")
    say(f"written: {options.output / stem}.md, .json, .png")


def plan_runs(options: argparse.Namespace, store_hash: str) -> Runs:
    """The trainings of every row, one per seed."""
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
        raise UserError("--variants: for s2m27 at least one of ours and twin is needed")
    return runs


def forget_other_code(jobs: list[Job]) -> None:
    """Make trainings by other code count as unfinished."""
    for entry in jobs:
        if entry.finished and read_mark(entry.folder).get("code") != entry.code:
            entry.artifact.unlink()


def other_code(jobs: list[Job]) -> list[str]:
    """A warning when some trainings were made by other code than there is now."""
    stale = [entry.name for entry in jobs if read_mark(entry.folder).get("code") != entry.code]
    if not stale:
        return []
    return [f"Trained by other code than the present (--retrain repeats it): {'; '.join(stale)}."]


def about(options: argparse.Namespace, store: FrameStore) -> dict[str, str]:
    """What the table was made with."""
    host = machine()
    command = ["python", "-m", "stages.lifter_table", "--preset", options.preset, "--data", options.data]
    command += ["--seeds", str(options.seeds), "--jobs", str(options.jobs), "--threads", str(options.threads)]
    command += ["--", *options.extra] if options.extra else []
    return {
        "command": shlex.join(command),
        "data": f"settings {str(store.header.get('settings_hash'))[:16]}, {store.header.get('kind')}",
        "machine": f"{host['cpu']}, torch {host['torch']}; {options.jobs} trainings at a time",
        "threads of each training": str(options.threads),
        "date": datetime.now().strftime("%Y-%m-%d"),
    }


def say(line: str) -> None:
    """Progress, with the time of day."""
    print(f"[{datetime.now():%H:%M:%S}] {line}", flush=True)


if __name__ == "__main__":
    main()
