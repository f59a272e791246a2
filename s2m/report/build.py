"""From the folder of a run to its report."""

from __future__ import annotations

import io
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from s2m.body import Body, load_body
from s2m.files import WriteError
from s2m.report.checks import compute_checks
from s2m.report.contents import STAGE_TITLES, Contents, Figure
from s2m.report.curves import curves_picture
from s2m.report.dataset_report import measure_dataset, without_foreign_bodies
from s2m.report.datasets import OPEN_NOTE, RunData, conversion_notes, note_of, run_data, split_text
from s2m.report.examples import Examples, load_examples
from s2m.report.gallery import example_picture
from s2m.report.html import report_page
from s2m.report.markdown import report_markdown
from s2m.report.protocol import SPLITS
from s2m.report.protocol_table import protocol_table
from s2m.report.results import StageResults, read_run
from s2m.report.tables import stage_tables

_GALLERY = (
    "Split {split}. Top: the observed 2D joints on the observed mask; the recovered mesh as the camera sees it (front) "
    "and from the picture's right (side). Bottom: the mesh on the masks (grey: both, orange: observed only, blue: "
    "recovered only); the truth from the same sides and at the same scale. Best, median and worst are by PA-MPJPE over "
    "17 joints."
)
_SKELETONS = (
    "Split {split}. Top: the observed 2D joints on the observed mask; the recovered mesh as the camera sees it (front) "
    "and from the picture's right (side). Bottom: the mesh on the masks (grey: both, orange: observed only, blue: "
    "recovered only); the lifter's skeleton from the same sides."
)
_RANKED = "Best, median and worst are by PA-MPJPE over 17 joints."


@dataclass(frozen=True)
class Options:
    """What the report of a dataset needs beside the run.

    Attributes:
        body: The file of the run's body; the open body if not given.
        bodies: Files of the truth's, by gender; PVE needs them.
    """

    body: Path | None = None
    bodies: Mapping[str, Path] = field(default_factory=dict)

    def truth_bodies(self) -> dict[str, Body]:
        """The truth's bodies, loaded."""
        return {gender: load_body(file) for gender, file in self.bodies.items()}


def build_report(run: Path | str, options: Options | None = None) -> Path:
    """Write ``RUN/report/`` (``report.md``, ``index.html`` and PNGs) and return that folder.

    Args:
        run: A folder with ``{lifter,regressor,mesh}/metrics.json`` and ``metrics.csv``, or with those of the lifter
            alone; for the open data
            ``mesh/examples.npz``, for another dataset ``mesh/mesh.pt`` and the store that ``mesh/config.yaml`` names.
            An older report is replaced once the new one is whole.
        options: What the report of another dataset needs beside the run.

    Raises:
        UserError: Names the file that is missing or broken.
    """
    run = Path(run)
    return write_report(run, gather(run, options or Options()))


def write_report(run: Path, contents: Contents) -> Path:
    """Lay out what was gathered.

    Args:
        run: Folder of the run.
        contents: Numbers and pictures.
    """
    files = {"report.md": report_markdown(contents).encode(), "index.html": report_page(contents).encode()}
    files.update({figure.file: figure.png for figure in (*contents.gallery, *contents.curves.values())})
    return _replace_folder(run / "report", files)


def gather(run: Path, options: Options) -> Contents:
    """Read a run and draw its pictures; measure it by its dataset's protocols, if that is not the open data.

    Args:
        run: Folder of the run.
        options: What the report of another dataset needs beside the run.
    """
    stages, data = read_run(run), run_data(run)
    if len(stages) == 1:
        return _of_lifter(run, stages, data)
    return _of_dataset(run, stages, data, options) if data.store is not None else _of_open_data(run, stages)


def _of_open_data(run: Path, stages: dict[str, StageResults]) -> Contents:
    examples = load_examples(run / "mesh" / "examples.npz")
    order = [stages[name] for name in STAGE_TITLES]
    return Contents(
        run=run.resolve().name,
        note=OPEN_NOTE,
        checks=compute_checks(stages),
        tables={stage.name: stage_tables(stage) for stage in order},
        gallery=_gallery(examples, [f"frame {int(row)} of {examples.split}" for row in examples.index]),
        gallery_about=_GALLERY.format(split=examples.split),
        curves=_curves(order),
        skipped={stage.name: stage.skipped for stage in order},
    )


def _of_lifter(run: Path, stages: dict[str, StageResults], data: RunData) -> Contents:
    """Stage 1 alone, on any data: the tables of its own tests need no other stage and no silhouettes."""
    about = SPLITS if data.store is None else {split: split_text(data.store, split) for split in data.splits}
    return Contents(
        run=run.resolve().name,
        note=note_of(data),
        checks=[],
        tables={name: stage_tables(stage, about) for name, stage in stages.items()},
        gallery=[],
        gallery_about="",
        curves=_curves(list(stages.values())),
        skipped={name: stage.skipped for name, stage in stages.items()},
        split_texts=about,
        notes=conversion_notes(data),
    )


def _of_dataset(run: Path, stages: dict[str, StageResults], data: RunData, options: Options) -> Contents:
    store = data.store
    assert store is not None
    measured = measure_dataset(run, data, load_body(options.body), options.truth_bodies())
    order = [without_foreign_bodies(stages[name]) for name in STAGE_TITLES]
    about = {split: split_text(store, split) for split in data.splits}
    examples = measured.examples
    return Contents(
        run=run.resolve().name,
        note=note_of(data),
        checks=[],
        tables={stage.name: stage_tables(stage, about) for stage in order},
        gallery=[] if examples is None else _gallery(examples, measured.names),
        gallery_about="" if examples is None else _about_gallery(examples),
        curves=_curves(order),
        skipped={stage.name: stage.skipped for stage in order},
        by_protocol=[protocol_table(scores) for scores in measured.scores.values()],
        split_texts=about,
        notes=conversion_notes(data),
    )


def _about_gallery(examples: Examples) -> str:
    text = _SKELETONS.format(split=examples.split)
    if examples.true_joints is None:
        return text + " There is no truth: the frames are evenly spread, not ranked."
    return text + " The true skeleton is grey; both share their root, and the lifter's is at the best scale. " + _RANKED


def _gallery(examples: Examples, names: list[str]) -> list[Figure]:
    return [_example_figure(examples, row, name) for row, name in enumerate(names)]


def _curves(stages: list[StageResults]) -> dict[str, Figure]:
    return {stage.name: figure for stage in stages if (figure := _curves_figure(stage)) is not None}


def _example_figure(examples: Examples, row: int, name: str) -> Figure:
    buffer = io.BytesIO()
    Image.fromarray(example_picture(examples, row)).save(buffer, format="PNG", optimize=True)
    label, error = str(examples.label[row]), float(examples.pa_mpjpe_mm[row])
    caption = name if math.isnan(error) else f"{label}: PA-MPJPE {error:.1f} mm ({name})"
    return Figure(f"gallery_{row + 1:02d}_{label}.png", buffer.getvalue(), caption)


def _curves_figure(stage: StageResults) -> Figure | None:
    png = curves_picture(stage)
    if png is None:
        return None
    return Figure(f"curves_{stage.name}.png", png, f"{stage.name}: training terms and validation metrics by step")


def _replace_folder(folder: Path, files: dict[str, bytes]) -> Path:
    """Write a folder whole or not at all. Raises WriteError."""
    try:
        return _replaced(folder, files)
    except OSError as error:
        raise WriteError(
            f"{folder}: expected a place that can be written, found: {error.strerror or error}; what was there before "
            "is unchanged"
        ) from error


def _replaced(folder: Path, files: dict[str, bytes]) -> Path:
    _clean(folder)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-{os.getpid()}-", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        unfinished, old = temporary / "new", temporary / "old"
        unfinished.mkdir()
        for name, content in files.items():
            (unfinished / name).write_bytes(content)
        if folder.exists():
            os.replace(folder, old)
        try:
            os.replace(unfinished, folder)
        except OSError:
            if old.exists():
                os.replace(old, folder)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _clean(folder: Path) -> None:
    """Remove what killed processes left; a report that one of them had just set aside comes back."""
    for left in folder.parent.glob(f".{folder.name}-*"):
        owner = left.name.removeprefix(f".{folder.name}-").partition("-")[0]
        if owner.isdecimal() and _runs(int(owner)):
            continue
        if (left / "old").is_dir() and not folder.exists():
            os.replace(left / "old", folder)
        shutil.rmtree(left, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
