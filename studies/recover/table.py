"""`s2m recover` on rendered people, whose bodies are known: how well they lie over the picture, and how right they are.

``python -m studies.recover.table``. Synthetic: it says whether the parts work
together, not how good they are on people.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.body import Body, load_body
from s2m.detect import Detection
from s2m.markdown import markdown_table
from s2m.recover.bodies import Bodies
from s2m.recover.options import RecoverOptions
from s2m.recover.people import PictureRecovery
from s2m.recover.trained import shipped_model
from s2m.skeletons import S2M27, S2M27_DETECTED
from studies import writing
from studies.command import positive, run_command
from studies.recover import clothes
from studies.recover.figures import FIGURES, figures, pa_mm
from studies.recover.scenes import SIDE, Scene, cut, scene

Recover = Callable[[Sequence[Detection]], Bodies]

REFINED = 40  # steps of --refine
# Which joints an edge below them leaves: it passes through the middle of what these words name, or above it.
EDGES = {"knees": ("knee",), "hips": ("hip",), "chest": ("hip", "shoulder")}
HEADS = "shape read off the silhouette"
_LEAST = 6

PROTOCOL = """\
# Rendered people

{count} bodies of random shapes in poses of the open data's test clips, each before a camera of its own in a picture of
{side} x {side} pixels, seen as a detector sees them: joints with BlazePose's errors and places, masks whose outlines
are moved. Seed {seed}. These figures are on our own synthetic people; those on a real one are in [real.md](real.md).

- overlay: median over people of the IoU of the recovered body's silhouette with the true one, in the whole picture.
- PA-MPJPE: of the joints that were seen.
- shape: mean distance of the vertices of both bodies in the T-pose, after the best translation; height: of the upright
  body. One picture cannot tell how tall people are: the mean shape is the baseline.
"""


def methods(body: Body) -> dict[str, RecoverOptions]:
    """What is compared.

    Args:
        body: Whose bodies they are.
    """
    plain = RecoverOptions(body=body)
    heads = replace(plain, model=shipped_model(body))
    return {
        "mean shape": plain,
        HEADS: heads,
        f"mean shape, --refine {REFINED}": replace(plain, refine=REFINED),
        f"{HEADS}, --refine {REFINED}": replace(heads, refine=REFINED),
    }


def recovering(known: Scene, options: RecoverOptions) -> Recover:
    """What makes bodies of detections.

    Args:
        known: Whose camera it is.
        options: How bodies are recovered.
    """
    recovery = PictureRecovery(S2M27_DETECTED, known.camera, options)
    return lambda detections: recovery(detections).bodies


def truncated(known: Scene, recover: Recover) -> list[dict[str, Any]]:
    """The same people whole and cut: PA-MPJPE of the joints that both show.

    Args:
        known: Whole people.
        recover: Makes bodies of them.

    Returns:
        One row per edge: its name, the errors whole and cut, and how many people it leaves enough of.
    """
    whole, rows = recover(known.detections), []
    for name, words in EDGES.items():
        parts = cut(known.detections, _edges(known, words))
        enough = [row for row, one in enumerate(parts) if (one.confidence > 0).sum() >= _LEAST]
        bodies = recover([parts[row] for row in enough])
        true = known.joints3d[enough]
        before, after = (
            float(np.mean(pa_mm(true, joints, bodies.seen))) for joints in (whole.joints3d[enough], bodies.joints3d)
        )
        rows.append({"edge": name, "people": len(enough), "whole_mm": before, "cut_mm": after})
    return rows


def _edges(known: Scene, words: Sequence[str]) -> NDArray[np.float64]:
    """(B,) pixels: the mean height of joints in the picture."""
    places = [place for place, joint in enumerate(S2M27.joints) if joint.split("_")[-1] in words]
    found: NDArray[np.float64] = known.camera.pixels(known.joints3d)[:, places, 1].mean(1).double().numpy()
    return found


def page(
    rows: Sequence[dict[str, Any]],
    cuts: Sequence[dict[str, Any]],
    worn: Sequence[dict[str, Any]],
    options: argparse.Namespace,
) -> str:
    """The page for people.

    Args:
        rows: Figures of each method.
        cuts: Of :func:`truncated`.
        worn: Of :func:`studies.recover.clothes.rows`.
        options: The parsed command line.
    """
    shown = [[row["method"], f"{row['iou']:.3f}", *(f"{row[name]:.0f}" for name in list(FIGURES)[1:])] for row in rows]
    parts = [
        [
            row["edge"],
            str(row["people"]),
            f"{row['whole_mm']:.0f}",
            f"{row['cut_mm']:.0f}",
            f"{row['cut_mm'] / row['whole_mm']:.2f}",
        ]
        for row in cuts
    ]
    about = (
        f"`python -m studies.recover.table --people {options.people} --seed {options.seed}`, {datetime.now():%Y-%m-%d}"
    )
    return "\n".join(
        [
            PROTOCOL.format(count=options.people, side=SIDE, seed=options.seed),
            markdown_table(["bodies", *FIGURES.values()], shown),
            "\nPictures whose lower edge passes through the knees, through the hips, or half-way up the trunk; the "
            "joints that they still show, in the whole picture and in the cut one:\n",
            markdown_table(["edge", "people", "whole [mm]", "cut [mm]", "ratio"], parts),
            clothes.text(worn),
            about,
            "",
        ]
    )


def run(options: argparse.Namespace) -> None:
    """Measure, and write the page.

    Args:
        options: The parsed command line.
    """
    body = load_body()
    known, rows = scene(body, options.people, options.seed), []
    for name, chosen in methods(body).items():
        rows.append({"method": name} | figures(body, known, recovering(known, chosen)(known.detections)))
        print(rows[-1], flush=True)
    cuts = truncated(known, recovering(known, methods(body)[HEADS]))
    worn = clothes.rows(body, known, methods(body)[HEADS])
    writing.write(options.output / "recover.md", page(rows, cuts, worn, options))
    found = {"methods": rows, "cuts": cuts, "clothes": worn, "seed": options.seed}
    writing.write(options.output / "recover.json", found)


def main(arguments: list[str] | None = None) -> None:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m studies.recover.table", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--people", type=positive, default=200, help="how many (200)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (0)")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results"), help="folder of the page")
    run_command(run, parser.parse_args(arguments))


if __name__ == "__main__":
    main()
