"""From the folder of a run to its report."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from pathlib import Path

from PIL import Image

from s2m.report.bars import compute_bars
from s2m.report.contents import STAGE_TITLES, Contents, Figure
from s2m.report.curves import curves_picture
from s2m.report.examples import Examples, load_examples
from s2m.report.gallery import example_picture
from s2m.report.markdown import markdown
from s2m.report.page import page
from s2m.report.results import StageResults, read_run
from s2m.report.tables import stage_tables

_GALLERY = (
    "Split {split}. Top: the observed 2D joints on the observed mask; the recovered mesh as the camera sees it (front) "
    "and from the picture's right (side). Bottom: the mesh on the masks (grey: both, orange: observed only, blue: "
    "recovered only); the truth from the same sides and at the same scale. Best, median and worst are by PA-MPJPE over "
    "17 joints."
)


def build_report(run: Path | str) -> Path:
    """Write ``RUN/report/`` (``report.md``, ``index.html`` and PNGs) and return that folder.

    run: a folder with ``{lifter,regressor,mesh}/metrics.json`` and ``metrics.csv`` and ``mesh/examples.npz``. An
    older report is replaced once the new one is whole. Raises ReportError that names the file that is missing or
    broken.
    """
    run = Path(run)
    contents = gather(run)
    files = {"report.md": markdown(contents).encode(), "index.html": page(contents).encode()}
    files.update({figure.file: figure.png for figure in (*contents.gallery, *contents.curves.values())})
    return _replace_folder(run / "report", files)


def gather(run: Path) -> Contents:
    """Read a run and draw its pictures."""
    stages = read_run(run)
    examples = load_examples(run / "mesh" / "examples.npz")
    order = [stages[name] for name in STAGE_TITLES]
    return Contents(
        run=run.resolve().name,
        bars=compute_bars(stages),
        tables={stage.name: stage_tables(stage) for stage in order},
        gallery=[_example_figure(examples, row) for row in range(len(examples))],
        gallery_about=_GALLERY.format(split=examples.split),
        curves={stage.name: figure for stage in order if (figure := _curves_figure(stage)) is not None},
        skipped={stage.name: stage.skipped for stage in order},
    )


def _example_figure(examples: Examples, row: int) -> Figure:
    buffer = io.BytesIO()
    Image.fromarray(example_picture(examples, row)).save(buffer, format="PNG", optimize=True)
    label, error = str(examples.label[row]), float(examples.pa_mpjpe_mm[row])
    caption = f"{label}: PA-MPJPE {error:.1f} mm (frame {int(examples.index[row])} of {examples.split})"
    return Figure(f"gallery_{row + 1:02d}_{label}.png", buffer.getvalue(), caption)


def _curves_figure(stage: StageResults) -> Figure | None:
    png = curves_picture(stage)
    if png is None:
        return None
    return Figure(f"curves_{stage.name}.png", png, f"{stage.name}: training terms and validation metrics by step")


def _replace_folder(folder: Path, files: dict[str, bytes]) -> Path:
    """Write a folder whole or not at all."""
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        unfinished, old = temporary / "new", temporary / "old"
        unfinished.mkdir()
        for name, content in files.items():
            (unfinished / name).write_bytes(content)
        if folder.exists():
            os.replace(folder, old)
        os.replace(unfinished, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder
