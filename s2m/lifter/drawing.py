"""A picture that shows what a lifter made of some frames: from the front and from the side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from s2m.lifter.api import Lift
from s2m.render.picture import Picture, draw_skeleton, view

_FRAMES = 6
_MARGIN = 1.05
_BAND = 18
_INK = (70, 70, 70)
# Azimuth in degrees: the camera walks around the person to where the picture's right was.
VIEWS = (("as the camera sees it", 0.0), ("from the side; the camera stands at the left", 90.0))


def draw_lift(
    lifted: Lift, size: int = 260, frames: int = _FRAMES, views: Sequence[tuple[str, float]] = VIEWS
) -> Picture:
    """Frames spread over the recording, one a column; the views are labels and azimuths, one a row.

    Left is blue, right orange, the middle green.

    Args:
        lifted: Skeletons of a recording.
        size: Pixels of the side of a panel.
        frames: How many frames are shown, one a column.
        views: Labels and azimuths (degrees), one a row.

    Returns:
        (rows * (size + label), columns * size, 3) uint8.
    """
    shown = lifted.lifted.nonzero()[:, 0]
    shown = shown[torch.linspace(0, len(shown) - 1, min(frames, len(shown))).round().long()]
    half = float(lifted.joints3d[shown].abs().max()) * _MARGIN
    columns = [_column(lifted, int(frame), size, half, views) for frame in shown]
    return np.concatenate(columns, 1)


def _column(lifted: Lift, frame: int, size: int, half: float, views: Sequence[tuple[str, float]]) -> Picture:
    cells = []
    for label, azimuth in views:
        points = _seen(lifted.joints3d[frame], azimuth, half)
        blank = np.full((size, size, 3), 255, np.uint8)
        cells.append(_labelled(draw_skeleton(blank, points, lifted.joint_set), f"frame {frame}, {label}"))
    return np.concatenate(cells)


def _seen(joints: Tensor, azimuth: float, half: float) -> Tensor:
    """(J, 2) crop units, around the middle of the skeleton's box."""
    return view(joints, azimuth_deg=azimuth, half_extent=half)[:, :2]


def _labelled(picture: Picture, label: str) -> Picture:
    """The picture below a line of text."""
    band = np.full((_BAND, picture.shape[1], 3), 255, np.uint8)
    image = Image.fromarray(np.concatenate([band, picture]))
    ImageDraw.Draw(image).text((6, 4), label, fill=_INK)
    return np.asarray(image)
