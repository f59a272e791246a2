"""The paper's Tables 2, 3 and 4 with a run of ours beside them: ``make table2|table3|table4 DATA_ROOT=DIR``.

``python -m studies.paper.paper_tables table3`` measures finished runs on converted datasets; ``--check`` only says what
is missing and where to get it. Figures on open data have no place here: a run is accepted for the dataset that it was
trained on.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from s2m.data.store import FrameStore
from s2m.errors import UserError
from s2m.files import write_text
from s2m.report.datasets import dataset_name
from s2m.report.results import ReportError
from s2m.skeletons import H36M17, get_joint_set
from studies.paper.published import TABLES, PublishedTable

if TYPE_CHECKING:
    from s2m.report.dataset_evaluation import RunScores

MEASURED = ("table2", "table3", "table4")
# Table 4 is on the validation set, the others on test sets.
_SPLITS = {"table4": "val"}
_SCREEN_WIDTH = 100
_MISSING_EXIT = 2
# Where the datasets are, for people who have none yet.
SITES = {
    "human36m": "Human3.6M: http://vision.imar.ro/human3.6m (free for research, after registration)",
    "mpi_inf_3dhp": "MPI-INF-3DHP: https://vcai.mpi-inf.mpg.de/3dhp-dataset (free for research)",
    "surreal": "SURREAL: https://www.di.ens.fr/willow/research/surreal/data (free for research, after registration)",
}
_NEEDS = {
    "human36m": "S*/MyPoseFeatures, S*/MySegmentsMat and metadata.xml, or VideoPose3D's npz files; conversion takes "
    'DATA_ARGS (default: "--every 5 --val-subjects S8")',
    "mpi_inf_3dhp": "S*/Seq*/{annot.mat,camera.calibration,FGmasks,ChairMasks} and TS*/annot_data.mat; masks of the "
    'test set, which has none, come from a segmenter: DATA_ARGS="--masks DIR"',
    "surreal": "cmu/{train,val,test}/run*/ with *_info.mat and *_segm.mat; joints and PVE need SMPL's female and male "
    'models (https://smpl.is.tue.mpg.de): DATA_ARGS="--female F --male M --joint-set h36m17" '
    'ARGS="--model.body SMPL_NEUTRAL.pkl" TABLE_ARGS="--body SMPL_NEUTRAL.pkl --female F --male M"',
}


@dataclass(frozen=True)
class Request:
    """What a table is made from.

    Attributes:
        stores: Folder of converted datasets.
        run: RUN's folder.
        transferred: The folder of the run that was trained on Human3.6M, for Table 3.
        split: Name of a split.
        frames: File that lists the frames to measure on.
    """

    table: PublishedTable
    data_root: Path | None
    stores: Path
    run: Path
    transferred: Path | None = None
    split: str = "test"
    frames: Path | None = None

    @property
    def store(self) -> Path:
        """The converted dataset."""
        return self.stores / self.table.dataset

    @property
    def official(self) -> Path | None:
        """The dataset's official files; ``None`` if they are not there."""
        folder = None if self.data_root is None else self.data_root / self.table.dataset
        return folder if folder is not None and folder.is_dir() else None

    @property
    def runs(self) -> list[Path]:
        """Folders of the runs that are there."""
        wanted = [run for run in (self.transferred, self.run) if run is not None]
        return [run for run in wanted if mesh_of(run).is_file()]


def mesh_of(run: Path) -> Path:
    """A run's finished model."""
    return run / "mesh" / "mesh.pt"


def missing(request: Request) -> list[str]:
    """What stands between the user and the table, in words; empty when it can be made."""
    converted, dataset = (request.store / "store.json").is_file(), request.table.dataset
    found = []
    if not converted and request.official is None:
        where = (
            "no DATA_ROOT was given" if request.data_root is None else f"{request.data_root / dataset}: no such folder"
        )
        found += [
            f"the dataset ({where}):",
            f"  {SITES[dataset]}",
            f"  put its official files in DATA_ROOT/{dataset}: {_NEEDS[dataset]}",
            f"  or a store made by `s2m data {dataset} --root DIR --output {request.store}`",
        ]
    if converted:
        found += _incomplete(request.store, request.split)
    if not mesh_of(request.run).is_file() and not converted and request.official is None:
        found += [f"a run trained on it ({mesh_of(request.run)}: no such file); make trains one once the data is there"]
    return found


def _incomplete(path: Path, split: str) -> list[str]:
    store = FrameStore(path)
    if split not in store.splits:
        return [f"the split {split}: {path} holds {', '.join(store.splits)} only"]
    found = []
    if not store.has_truth(split):
        found.append(f"the truth of the split {split} ({path / split / 'truth'})")
    if "silhouette" not in store.open(split, truth=False).observation:
        found += [
            f"silhouettes of the split {split} of {path}, which the mesh model needs:",
            f"  s2m data ... --output {path} --overwrite --masks DIR, with DIR/<recording>/<frame number>.png",
        ]
    lacking = [joint for joint in H36M17.joints if joint not in get_joint_set(store.joint_set)]
    if lacking:
        found += [
            f"joints of h36m17 in {path}, whose joint set {store.joint_set} lacks {', '.join(lacking)}:",
            f"  s2m data {dataset_name(store)} ... --output {path} --overwrite --female F --male M --joint-set h36m17",
        ]
    return found


def screen(request: Request, gaps: Sequence[str]) -> str:
    """One screen: what is missing and how to go on."""
    name = request.table.name
    usage = f"make {name} DATA_ROOT=DIR [RUN=name]" + (" [H36M_RUN=name]" if name == "table3" else "")
    return "\n".join(
        [
            f"Table {request.table.number} ({request.table.caption}) cannot be made yet. Missing:",
            *(line for gap in gaps for line in _wrapped(gap)),
            "",
            f"Then: {usage}",
            "Published figures are in studies/paper/published.py. Figures on open data are in the report of a run",
            "(make train) and have no place in this table.",
        ]
    )


def _wrapped(gap: str) -> list[str]:
    indent = "    " if gap.startswith(" ") else "- "
    return textwrap.wrap(gap.strip(), _SCREEN_WIDTH, initial_indent=indent, subsequent_indent=" " * (len(indent) + 2))


def measure(
    request: Request, body: Path | None, truth_bodies: dict[str, Path], transferred_body: Path | None = None
) -> list[RunScores]:
    """Evaluate every run that is there, on the same frames of the same store.

    Args:
        request: the table, its dataset and the runs.
        body: file of the run's body; the open body if not given.
        truth_bodies: files of the truth's bodies, by gender.
        transferred_body: file of the body of the run that was trained on Human3.6M; the open body if not given.

    Returns:
        The figures of every run that is there.

    Raises:
        ReportError: the store holds another dataset, or a run was trained on something else.
    """
    from s2m.body import load_body
    from s2m.report.dataset_evaluation import evaluate_run, load_run
    from s2m.report.frame_list import read_frame_list
    from studies.paper.paper_layout import protocols_of

    found = dataset_name(FrameStore(request.store))
    if found != request.table.dataset:
        raise ReportError(f"{request.store}: expected {request.table.dataset}, found {found}")
    loaded = []
    for run in request.runs:
        expected, own_body = (request.table.dataset, body) if run == request.run else ("human36m", transferred_body)
        trained = load_run(mesh_of(run), load_body(own_body))
        if trained.trained_on != expected:
            raise ReportError(
                f"{trained.path}: expected a run trained on {expected}, found one on {trained.trained_on}"
            )
        loaded.append(trained)
    protocols, bodies = protocols_of(request.table.name), {g: load_body(path) for g, path in truth_bodies.items()}
    frames = None if request.frames is None else read_frame_list(request.frames)
    return [evaluate_run(trained, request.store, protocols, bodies, request.split, frames=frames) for trained in loaded]


def write(request: Request, runs: Sequence[RunScores], output: Path) -> str:
    """Write ``tableN.md``, ``.csv`` and ``.json`` into ``output``; returns the table for the terminal.

    Args:
        runs: The trainings.
        output: Folder of the results.
    """
    from studies.paper.paper_layout import as_csv, as_data, as_markdown, as_text, lines_of

    table, lines = request.table, lines_of(request.table, runs)
    files = {
        ".md": as_markdown(table, lines, runs, f"make {table.name}"),
        ".csv": as_csv(table, lines),
        ".json": json.dumps(as_data(runs), indent=1) + "\n",
    }
    output.mkdir(parents=True, exist_ok=True)
    for suffix, content in files.items():
        write_text(output / f"{table.name}{suffix}", content)
    return as_text(table, lines, runs)


def build_parser() -> argparse.ArgumentParser:
    """Options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m studies.paper.paper_tables", description=__doc__)
    parser.add_argument("table", choices=MEASURED)
    parser.add_argument("--check", action="store_true", help="only say what is missing; exit code 2 if something is")
    parser.add_argument("--data-root", default="", metavar="DIR", help="official files in DIR/<dataset>")
    parser.add_argument("--stores", type=Path, default=Path("data"), metavar="DIR", help="stores in DIR/<dataset>")
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="run trained on the table's dataset")
    parser.add_argument("--h36m-run", type=Path, metavar="DIR", help="Table 3: run trained on Human3.6M")
    parser.add_argument("--split", help="split to measure on (default: the paper's: test; val for table4)")
    parser.add_argument(
        "--frames",
        type=Path,
        metavar="FILE",
        help="only these: a recording per line, and perhaps a frame number from 0",
    )
    parser.add_argument("--h36m-body", type=Path, metavar="FILE", help="body of --h36m-run (default: the open body)")
    parser.add_argument("--body", type=Path, metavar="FILE", help="body of the run (default: the open body)")
    for gender in ("neutral", "female", "male"):
        parser.add_argument(f"--{gender}", type=Path, metavar="FILE", help=f"{gender} body of the truth, for PVE")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("docs/results"), metavar="DIR", help="for md, csv and json"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, or what is missing."""
    options = build_parser().parse_args(argv)
    request = Request(
        TABLES[options.table],
        Path(options.data_root) if options.data_root else None,
        options.stores,
        options.run,
        options.h36m_run if options.table == "table3" else None,
        options.split or _SPLITS.get(options.table, "test"),
        options.frames,
    )
    try:
        gaps = missing(request)
        if not gaps and not options.check and not (request.store / "store.json").is_file():
            gaps = [f"the converted dataset: s2m data {request.table.dataset} --root DIR --output {request.store}"]
        if not gaps and not options.check and not request.runs:
            gaps = [f"a finished run ({mesh_of(request.run)}: no such file)"]
        if gaps:
            print(screen(request, gaps), file=sys.stderr)
            return _MISSING_EXIT
        if not options.check:
            genders = {g: getattr(options, g) for g in ("neutral", "female", "male") if getattr(options, g)}
            runs = measure(request, options.body, genders, options.h36m_body)
            print(write(request, runs, options.output))
            for run in (request.run, request.transferred):
                if run is not None and run not in request.runs:
                    print(f"left out: {mesh_of(run)}: no such file (make table2 trains the one on Human3.6M)")
            print(f"\n{options.output / options.table}.md, .csv, .json")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return _MISSING_EXIT
    return 0


if __name__ == "__main__":
    sys.exit(main())
