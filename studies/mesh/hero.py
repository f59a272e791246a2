"""The picture at the top of README.md: ``python -m studies.mesh.hero --run runs/open-quick``.

Of the frames that a finished run shows in its report, those whose error is about the median: what went in (2D joints
and mask), the body from the camera and from the side, and the true body from the side.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from s2m.files import write_png
from s2m.render.picture import BLUE, SAND, draw_skeleton, shade, view
from s2m.render.shading import Picture
from s2m.report.examples import Examples, load_examples
from s2m.skeletons import get_joint_set

_PANEL = 240
_COLUMNS = ("2D joints and mask", "body, from the camera", "body, from the side", "truth, from the side")
_MASK, _PAPER, _TEXT = (214, 216, 221), (255, 255, 255), (70, 74, 82)
_CAPTION = 24


def hero_picture(examples: Examples, frames: int = 2) -> Picture:
    """Frames of a run side by side, in rows of four panels.

    Args:
        examples: Of a finished run, with the true bodies.
        frames: How many, those nearest to the median error first.

    Returns:
        RGB (height, width, 3).

    Raises:
        ValueError: When the run's data have no true bodies.
    """
    if examples.true_vertices is None:
        raise ValueError("true_vertices: expected the true bodies of the examples, found None")
    middle = np.argsort(np.abs(examples.pa_mpjpe_mm - np.nanmedian(examples.pa_mpjpe_mm)), kind="stable")[:frames]
    rows = [np.concatenate(_panels(examples, int(row)), axis=1) for row in middle]
    return np.concatenate([_captions(), *rows])


def _panels(examples: Examples, row: int) -> list[Picture]:
    assert examples.true_vertices is not None
    faces = torch.as_tensor(examples.faces.astype(np.int64))
    found, true = (
        torch.as_tensor(vertices[row].astype(np.float32))
        for vertices in (examples.pred_vertices, examples.true_vertices)
    )
    extent = max(float((mesh.amax(0) - mesh.amin(0)).amax()) for mesh in (found, true)) / 2 / 0.94
    shown = ((found, 0.0, BLUE), (found, 90.0, BLUE), (true, 90.0, SAND))
    blank = np.full((_PANEL, _PANEL, 3), _PAPER, np.uint8)
    meshes = [
        shade(view(mesh, side, half_extent=extent), faces, _PANEL, blank, colour, depth_scale=1.0)
        for mesh, side, colour in shown
    ]
    return [_input(examples, row), *meshes]


def _input(examples: Examples, row: int) -> Picture:
    mask = np.asarray(examples.silhouette[row]) > 0.5
    small = Image.fromarray(np.where(mask[..., None], _MASK, _PAPER).astype(np.uint8))
    image = np.asarray(small.resize((_PANEL, _PANEL), Image.Resampling.BILINEAR))
    joints, confidence = torch.as_tensor(examples.joints2d[row]), torch.as_tensor(examples.confidence[row])
    return draw_skeleton(image, joints.float(), get_joint_set(examples.joint_set), confidence.float())


def _captions() -> Picture:
    image = Image.new("RGB", (_PANEL * len(_COLUMNS), _CAPTION), _PAPER)
    for column, title in enumerate(_COLUMNS):
        middle = (_PANEL * (column + 0.5), _CAPTION / 2)
        ImageDraw.Draw(image).text(middle, title, fill=_TEXT, font=ImageFont.load_default(14), anchor="mm")
    return np.asarray(image)


def main(arguments: list[str] | None = None) -> None:
    """Entry point.

    Args:
        arguments: The command line, without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m studies.mesh.hero", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="folder of a finished run, runs/NAME")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images/hero.png"), help="PNG to write")
    options = parser.parse_args(arguments)
    write_png(options.output, hero_picture(load_examples(options.run / "mesh" / "examples.npz")))


if __name__ == "__main__":
    main()
