"""Lifters on videos of a real person, against joints triangulated from four calibrated views; no 3D label is used.

``python -m studies.real.table``; ``make real`` runs it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from s2m.files import write_png
from s2m.lifter.committee import Committee
from s2m.lifter.keypoints import best_lifter_set
from s2m.lifter.shipped_lifters import shipped_committee, shipped_records
from s2m.markdown import markdown_table
from s2m.skeletons import BLAZEPOSE33
from studies import writing
from studies.command import run_command
from studies.real.adapted import SEED, adapted_methods
from studies.real.figures import FIGURES, errors
from studies.real.methods import METHODS, SHOWN
from studies.real.pictures import all_views
from studies.real.recording import Recording, read_recording
from studies.real.wheel import CAMERAS, REQUIREMENT, SHA256, fetched

_FRAME = 50
_HEADINGS = ("N-MPJPE", "PA-MPJPE", "acceleration")

PROTOCOL = """\
# Real people

Videos of one person walking over a beam, {frames} frames at 60 per second, seen by four calibrated cameras: the
demonstration `Demo_SinglePerson` in the wheel `{wheel}` (BSD-3-Clause), which `make real` fetches. There is
no 3D label in it. Truth is made of our own detections: BlazePose's 33 landmarks in each view (tracked by
`s2m.detect.BlazePose`), triangulated by robust least squares and smoothed at 6 Hz. The median distance between the
truth in a picture and the detection there is **{median:.1f} pixels** ({each}),
{millimetres:.0f} mm at the person. No figure below is better known than that, and what all four views see wrongly in
the same way is not seen at all.

Each camera alone against that truth, in millimetres over the pelvis and 12 joints of the limbs, relative to the
pelvis: N-MPJPE after the best scale of each frame; PA-MPJPE after Procrustes without reflection; acceleration in
mm/frame² at 60 frames per second, under one scale for the recording. Mean of the four views, then N / PA of each
camera. Exact 2D is the truth projected into the picture. Hidden joints: visibility below 0.2. `s2m recover` gives
the joints of whole bodies of one shape, fitted into the picture; how that fit weighs time was chosen on these
videos. BlazePose's world landmarks come from a network that was trained with 3D labels: something to compare with,
and no part of what this project trains or computes.

`s2m adapt` lets the lifter of 27 joints learn on the detections of some views, each a recording of its own, for 400
steps: on all four, on the other three (the same person and walk as other cameras see them), or on the one that is
lifted. Its settings were chosen on these videos.
"""
NOTES = """\

The videos of `cam01` and `cam02` are 1080 pixels wide and have seven black rows above and below; the pictures that the
cameras were calibrated with are 1088 wide and have none. The background falls into place to the pixel when the videos
are taken as pictures that were made narrower (scale 1080 / 1088), so their intrinsics are scaled likewise.
"""


def measured(recording: Recording) -> list[dict[str, Any]]:
    """All figures.

    Args:
        recording: Of the person.

    Returns:
        One row for each method and camera.
    """
    methods = {name: [method] * len(CAMERAS) for name, method in METHODS.items()} | adapted_methods(recording)
    return [
        {"method": name, "camera": camera} | errors(own[number](recording.view(number)), recording.true_joints(number))
        for name, own in methods.items()
        for number, camera in enumerate(CAMERAS)
    ]


def page(rows: Sequence[dict[str, Any]], recording: Recording, about: dict[str, str]) -> str:
    """The page for people.

    Args:
        rows: Of :func:`measured`.
        recording: Of the person.
        about: Command, data, lifter and date.

    Returns:
        Markdown.
    """
    medians = np.nanmedian(recording.reprojection, (1, 2))
    text = PROTOCOL.format(
        frames=len(recording.truth),
        wheel=REQUIREMENT,
        median=np.nanmedian(recording.reprojection),
        each=", ".join(f"{name} {value:.1f}" for name, value in zip(CAMERAS, medians, strict=True)),
        millimetres=_at_the_person(recording),
    )
    lines = [[name, *_means(rows, name)] for name in dict.fromkeys(row["method"] for row in rows)]
    header = ["method", *(f"{h} [mm{'/frame²' if h == 'acceleration' else ''}]" for h in _HEADINGS), "each camera"]
    picture = (
        f"\nFrame {_FRAME}: 2D joints as detected; {SHOWN}; and the truth, in each camera's axes.\n\n"
        "![Four views of a person on a beam with skeletons](real.png)\n\n"
    )
    return text + "\n" + markdown_table(header, lines) + NOTES + picture + _list(about)


def _means(rows: Sequence[dict[str, Any]], method: str) -> list[str]:
    own = [row for row in rows if row["method"] == method]
    means = [f"{np.mean([row[figure] for row in own]):.1f}" for figure in FIGURES]
    return [*means, ", ".join(f"{row[FIGURES[0]]:.0f} / {row[FIGURES[1]]:.0f}" for row in own)]


def _at_the_person(recording: Recording) -> float:
    """The median reprojection error in millimetres at the person's distance."""
    scales = [camera.intrinsics[0, 0] / camera.seen(recording.truth)[..., 2] for camera in recording.cameras]
    return 1000 * float(np.nanmedian(recording.reprojection / np.stack(scales)))


def _list(about: dict[str, str]) -> str:
    return "".join(f"- {name}: `{value}`\n" for name, value in about.items())


def _about() -> dict[str, str]:
    asked, records = shipped_committee(best_lifter_set(BLAZEPOSE33, list(shipped_records()))), shipped_records()
    parts = [asked.lifter, asked.core] if isinstance(asked, Committee) else [asked]
    names = [part.joint_set.name for part in parts]
    return {
        "command": "python -m studies.real.table",
        "data": f"{REQUIREMENT}, sha256 {SHA256[:16]}...",
        "lifters": "shipped, " + ", ".join(f"{name} (sha256 {records[name]['sha256'][:16]}...)" for name in names),
        "seed": f"{SEED}, of what learns; nothing else is random",
        "machine": f"{writing.machine()['cpu']}, torch {torch.__version__}",
        "date": datetime.now().strftime("%Y-%m-%d"),
    }


def real(options: argparse.Namespace) -> None:
    """Measure, and write ``real.md``, ``real.json`` and ``real.png``.

    Args:
        options: The parsed command line.
    """
    demo = fetched(options.cache)
    recording = read_recording(demo, options.cache / "detections.npz")
    rows, about = measured(recording), _about()
    pixels = {name: float(np.nanmedian(own)) for name, own in zip(CAMERAS, recording.reprojection, strict=True)}
    options.output.mkdir(parents=True, exist_ok=True)
    write_png(options.output / "real.png", all_views(demo, recording, _FRAME))
    writing.write(options.output / "real.json", {"about": about, "reprojection_px": pixels, "rows": rows})
    writing.write(options.output / "real.md", page(rows, recording, about))


def main(arguments: list[str] | None = None) -> None:
    """Entry point.

    Args:
        arguments: The command line; the process's own by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.real.table", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("data/real"), help="for the wheel and the detections")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results"))
    torch.set_num_threads(1)
    run_command(real, parser.parse_args(arguments))


if __name__ == "__main__":
    main()
