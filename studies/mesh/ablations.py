"""``python -m studies.mesh.ablations``: train all ablations of stage 3 over seeds and compare them (``make
ablations``).

Every training is a call of the public command, ``python -m stages``; a finished one with the same settings is left
alone, a stopped one goes on. Exit status 0 whatever the checks say: they are reported, not enforced.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import torch

from s2m.body import Body, load_body
from s2m.data.store import FrameStore
from s2m.files import write_png
from s2m.pretrained import load_mesh_model
from studies.command import QUICK, about, other_code, results_folder, run_study, say, study_parser
from studies.lifter.runner import Job, read_mark, run_jobs
from studies.mesh.ablation_page import TABLE4_LAYOUT, TABLE7_LAYOUT, Page
from studies.mesh.fits import compare_fits, sample_frames
from studies.mesh.pictures import ablation_picture, regressor_picture
from studies.mesh.row_figures import StudyResults, read_row
from studies.mesh.rows import FULL, ROWS, SHARED, Chain, Row, Setting, chain, chosen_rows
from studies.mesh.smplify import FitBudget
from studies.writing import write

ROOT = Path(__file__).parents[2]
PICTURED = (FULL, "no_sr", "no_pr", "no_dik")
PICTURE_FRAMES = 4
FIT_BATCH = 32
MODULE = "studies.mesh.ablations"

Runs = dict[Row, list[Chain]]


def main(arguments: list[str] | None = None) -> None:
    """Train what is missing, evaluate, write the tables.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    run_study(make_tables, parse(sys.argv[1:] if arguments is None else arguments))


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = study_parser(MODULE, __doc__)
    names = " ".join(row.name for row in ROWS)
    costly = " ".join(row.name for row in ROWS if row.costly)
    parser.add_argument(
        "--rows", nargs="+", metavar="ROW", help=f"{names} (all but {costly}; full always); ROW:N: N seeds"
    )
    parser.add_argument("--fit-frames", type=int, default=128, help="frames for the optimisers; 0: none (128)")
    parser.add_argument("--fit-steps", type=int, nargs=2, default=(100, 60), help="on joints, with masks (100 60)")
    parser.add_argument("--runs", type=Path, help="folder of the trainings (runs/ablations-PRESET)")
    parser.add_argument("--lifters", type=Path, help="folder of table-lifter's runs (runs/table-lifter-PRESET)")
    parser.add_argument("-o", "--output", type=Path, help="folder (docs/results; of other presets: the runs')")
    parser.add_argument("--mesh-arguments", default="", help="further arguments of stage 3 alone, in one string")
    options = parser.parse_args(arguments)
    if options.fit_frames < 0:
        parser.error(f"--fit-frames: expected at least 0, found {options.fit_frames}")
    options.lifters = options.lifters or Path(f"runs/table-lifter-{options.preset}")
    options.runs = options.runs or Path(f"runs/ablations-{options.preset}")
    options.output = options.output or results_folder(options.preset, options.runs)
    return options


def make_tables(options: argparse.Namespace) -> None:
    """The whole of it.

    Args:
        options: The parsed command line.

    Raises:
        UserError: Names what is wrong, in one sentence.
    """
    store, body = FrameStore(options.store), load_body(None)
    runs = plan_runs(options, store.hash)
    train(runs, options.jobs)
    torch.set_num_threads(options.threads)  # the optimisers' seconds are to be those of one training's share
    results = gather(options, store, body, runs)
    say("drawing")
    draw(options, body, runs)
    suffix = "" if options.preset == QUICK else f"_{options.preset}"
    for name, layout in (("table7", TABLE7_LAYOUT), ("table4", TABLE4_LAYOUT)):
        page = Page(layout, results, FIT_BATCH)
        write(options.output / f"{name}{suffix}.json", page.to_dict())
        write(options.output / f"{name}{suffix}.md", page.markdown())
        for pair in page.signs:
            say(f"{name}: {pair.row}, {pair.column}: {pair.verdict}")
    for check in page.checks:
        say(f"{check.verdict}: {check.name}")
    say(f"written: {options.output / 'table7'}{suffix} and table4{suffix}, .md and .json, figure6.png, figure7.png")


def plan_runs(options: argparse.Namespace, store_hash: str) -> Runs:
    """The trainings of every row, one chain per seed.

    Args:
        options: The parsed command line.
        store_hash: Hash of the store.
    """
    setting = Setting(
        root=ROOT,
        output=options.runs,
        lifters=options.lifters,
        python=sys.executable,
        preset=options.preset,
        data=options.data,
        store=options.store,
        store_hash=store_hash,
        extra=tuple(options.extra),
        mesh_extra=tuple(shlex.split(options.mesh_arguments)),
        threads=options.threads,
    )
    counts = chosen_rows(options.rows, options.seeds)
    return {row: [chain(row, seed, setting) for seed in range(count)] for row, count in counts.items()}


def train(runs: Runs, at_once: int) -> None:
    """Stage by stage, since each needs the one before; shared trainings once.

    Args:
        runs: The trainings.
    """
    chains = [each for row in runs.values() for each in row]
    for stage in ("lifter", "regressor", "mesh"):
        jobs = {job.artifact: job for job in (getattr(each, stage) for each in chains)}
        run_jobs(list(jobs.values()), at_once, say)


def gather(options: argparse.Namespace, store: FrameStore, body: Body, runs: Runs) -> StudyResults:
    """Read every run's figures, and set the optimisers beside the full model of the first seed.

    Args:
        options: The parsed command line.
        store: The frame store.
        body: A body in SMPL format.
        runs: The trainings.
    """
    rows = {}
    for row, chains in runs.items():
        folders = [each.mesh.folder.parent for each in chains]
        rows[row.name] = read_row(row, folders, [seconds(each.mesh) for each in chains])
    fits, fitted = [], 0
    if options.fit_frames:
        say(f"fitting {options.fit_frames} frames")
        first = full_chain(runs)
        frame = sample_frames(store.path, SHARED, options.fit_frames)
        fitted = len(frame)
        budget = FitBudget(*options.fit_steps)
        fits = compare_fits(first.mesh.artifact, first.regressor.artifact, body, frame, budget, FIT_BATCH, 2000)
    more = ["--fit-frames", str(options.fit_frames), *(["--rows", *options.rows] if options.rows else [])]
    chains = [each for row in runs.values() for each in row]
    jobs = {job.artifact: job for each in chains for job in (each.lifter, each.regressor, each.mesh)}.values()
    return StudyResults(rows, fits, fitted, about(MODULE, options, store, more), other_code(jobs))


def draw(options: argparse.Namespace, body: Body, runs: Runs) -> None:
    """Figures 6 and 7 of the first seed.

    Args:
        options: The parsed command line.
        body: A body in SMPL format.
        runs: The trainings.
    """
    frame = sample_frames(options.store, SHARED, PICTURE_FRAMES)
    pictured = [(row, chains[0]) for row, chains in runs.items() if row.name in PICTURED]
    models = [(row.name, load_mesh_model(each.mesh.artifact, body)[0]) for row, each in pictured]
    options.output.mkdir(parents=True, exist_ok=True)
    write_png(options.output / "figure6.png", ablation_picture(models, frame))
    write_png(options.output / "figure7.png", regressor_picture(dict(models)[FULL], frame))


def full_chain(runs: Runs) -> Chain:
    """The first seed of the full model.

    Args:
        runs: The trainings.
    """
    return next(chains[0] for row, chains in runs.items() if row.name == FULL)


def seconds(job: Job) -> float:
    """How long a training took.

    Args:
        job: A training.
    """
    return float(str(read_mark(job.folder).get("seconds", "nan")))


if __name__ == "__main__":
    main()
