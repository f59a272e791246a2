from __future__ import annotations

import argparse
import base64
import io
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s2m.cli import main
from s2m.report import Examples, ReportError, save_examples
from s2m.report.build import build_report
from s2m.report.commands import add_report_command
from s2m.report.gallery import PANEL, example_picture

MakeRun = Callable[[], Path]
VOID = {"meta", "img", "br"}


class Balanced(HTMLParser):
    """Collects sources, and fails on tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


def test_report_is_whole(make_run: MakeRun) -> None:
    run = make_run()
    folder = build_report(run)
    assert folder == run / "report"
    pictures = {"gallery_01_best.png", "gallery_02_median.png", "gallery_03_worst.png"}
    pictures |= {f"curves_{stage}.png" for stage in ("lifter", "regressor", "mesh")}
    assert {path.name for path in folder.iterdir()} == pictures | {"report.md", "index.html"}
    assert sorted(p.name for p in run.iterdir()) == ["lifter", "mesh", "regressor", "report"]


def test_page_is_self_contained(make_run: MakeRun) -> None:
    folder = build_report(make_run())
    parser = Balanced()
    parser.feed((folder / "index.html").read_text())
    assert parser.open == []
    embedded = {base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in parser.sources}
    assert embedded == {path.read_bytes() for path in folder.glob("*.png")}
    assert "76.0" in parser.cells


def test_markdown_says_what_was_measured(make_run: MakeRun) -> None:
    folder = build_report(make_run())
    text = (folder / "report.md").read_text()
    assert "not Human3.6M" in text
    assert "open data" in text
    row = next(line for line in text.splitlines() if line.startswith("| full model"))
    assert "**76.0**" in row
    for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text):
        assert (folder / name).is_file()
    headings = {h for line in text.splitlines() if line.startswith("| method") for h in line.split(" | ")[1:]}
    for heading in headings:
        assert f"- **{heading.removesuffix(' |')}**: " in text
    assert "mesh: train/empty mask 3" in text


def test_missing_examples_leave_the_old_report(make_run: MakeRun) -> None:
    run = make_run()
    before = (build_report(run) / "index.html").read_text()
    (run / "mesh" / "examples.npz").unlink()
    with pytest.raises(ReportError, match=r"mesh/examples\.npz: expected the examples of stage mesh"):
        build_report(run)
    assert (run / "report" / "index.html").read_text() == before


def test_a_new_report_replaces_the_old_one(make_run: MakeRun) -> None:
    run = make_run()
    stale = build_report(run) / "stale.txt"
    stale.write_text("old")
    path = run / "mesh" / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "test/iou": 0.12345}))
    assert "0.123" in (build_report(run) / "report.md").read_text()
    assert not stale.exists()


def test_no_curves_no_picture(make_run: MakeRun) -> None:
    run = make_run()
    (run / "regressor" / "metrics.csv").write_text("epoch,step,test/iou\n0,2,0.5\n")
    folder = build_report(run)
    assert not (folder / "curves_regressor.png").exists()
    assert "curves_regressor" not in (folder / "report.md").read_text()


def test_text_from_files_is_escaped(make_run: MakeRun) -> None:
    run = make_run()
    path = run / "mesh" / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "<script>/iou": 0.5}))
    text = (build_report(run) / "index.html").read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_example_panels(examples: Examples) -> None:
    picture = example_picture(examples, 0)
    assert picture.shape == (2 * PANEL, 3 * PANEL, 3)

    def body(row: int, column: int) -> np.ndarray:
        panel = picture[row * PANEL + 30 : (row + 1) * PANEL, column * PANEL : (column + 1) * PANEL]
        return np.ptp(panel.astype(int), axis=2) > 12  # neither paper nor grey

    # The ellipsoid is 0.6 wide, 1.7 high and 0.4 deep.
    for row in (0, 1):
        front, side = body(row, 1).sum(), body(row, 2).sum()
        assert side / front == pytest.approx(0.4 / 0.6, rel=0.12)
    # The recovered mask is the observed one, two pixels of 32 to the right.
    overlay = picture[PANEL:, :PANEL]
    assert (overlay == (245, 190, 120)).all(-1).sum() > 100


def test_overlay_follows_the_camera(examples: Examples) -> None:
    camera = examples.camera.copy()
    camera[:, 1] = 0.4
    moved = replace(examples, camera=camera)
    centre = []
    for each in (examples, moved):
        panel = example_picture(each, 0)[PANEL + 30 :, :PANEL].astype(int)
        blue = (panel[..., 2] - panel[..., 0]) > 15
        centre.append(np.nonzero(blue)[1].mean())
    assert centre[1] - centre[0] > 20


def test_command(make_run: MakeRun, capsys: pytest.CaptureFixture[str], examples: Examples) -> None:
    run = make_run()
    save_examples(run / "mesh" / "examples.npz", examples)
    parser = argparse.ArgumentParser()
    add_report_command(parser.add_subparsers())
    arguments = parser.parse_args(["report", str(run), "--checks-only"])
    assert arguments.run(arguments) == 0
    assert "lifter: N-MPJPE / planar" in capsys.readouterr().out
    assert not (run / "report").exists()
    arguments = parser.parse_args(["report", str(run)])
    assert arguments.run(arguments) == 0
    printed = capsys.readouterr().out
    assert "lifter: N-MPJPE / planar" in printed
    assert str(run / "report" / "index.html") in printed
    with Image.open(io.BytesIO((run / "report" / "gallery_01_best.png").read_bytes())) as image:
        assert image.size == (3 * PANEL, 2 * PANEL)


def test_a_lifter_alone(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    """No other stage and no silhouettes: the lifter and the planar baseline, on every split."""
    run = make_run()
    for stage in ("regressor", "mesh"):
        shutil.rmtree(run / stage)
    assert main(["report", str(run)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"planar \(constant depth\) +180\.0 +120\.0 +90\.0", said)
    assert re.search(r"lifter +90\.0 +60\.0 +45\.0", said)
    assert {path.name for path in (run / "report").iterdir()} == {"report.md", "index.html", "curves_lifter.png"}
    text = (run / "report" / "report.md").read_text()
    assert text.count("### `") == 4
    assert "## Checks" not in text
    assert main(["report", str(run), "--checks-only"]) == 2
    assert "checks are of all stages, the run has a lifter alone" in capsys.readouterr().err
