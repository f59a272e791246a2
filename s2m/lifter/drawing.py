"""A picture that shows what a lifter made of some frames: from the front and from the side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from s2m.lifter.lifting import Lift
from s2m.render.picture import draw_skeleton, view
from s2m.render.shading import Picture
from s2m.skeletons import JointSet

_FRAMES = 6
_MARGIN = 1.05
_BAND = 18
# A joint whose standard deviation (metres, all axes together) is this large is drawn half as dark.
_HALF = 0.15
_INK = (70, 70, 70)
# Azimuth in degrees: the camera walks around the person to where the picture's right was.
VIEWS = (("as the camera sees it", 0.0), ("from the side; the camera stands at the left", 90.0))


def draw_lift(
    lifted: Lift, size: int = 260, frames: int = _FRAMES, views: Sequence[tuple[str, float]] = VIEWS
) -> Picture:
    """Frames spread over a recording, one a column; the views are one a row. Left is blue, right orange.

    What may be far off is paler, where the skeletons say so.

    Args:
        lifted: Skeletons, as tensors.
        size: Of a cell, in pixels.
        frames: How many are shown at the most.
        views: Labels and azimuths (degrees).

    Returns:
        (rows * (size + label), columns * size, 3) uint8.
    """
    shown = spread(lifted.lifted.numpy(), frames)
    doubt = None if lifted.deviation is None else lifted.deviation[shown]
    return draw_skeletons(lifted.joints3d[shown], doubt, shown.tolist(), lifted.joint_set, size, views)


def spread(lifted: NDArray[np.bool_], frames: int = _FRAMES) -> NDArray[np.int64]:
    """Numbers of frames spread over a recording.

    Args:
        lifted: (T,) bool, frames that may be shown.
        frames: How many at the most.

    Returns:
        (N,) numbers.
    """
    shown = np.flatnonzero(lifted)
    return shown[np.linspace(0, len(shown) - 1, min(frames, len(shown))).round().astype(np.int64)]


def draw_skeletons(
    skeletons: Tensor,
    deviation: Tensor | None,
    numbers: Sequence[int],
    joint_set: JointSet,
    size: int = 260,
    views: Sequence[tuple[str, float]] = VIEWS,
) -> Picture:
    """Skeletons beside one another.

    Args:
        skeletons: (N, J, 3) metres, camera frame.
        deviation: (N, J, 3) metres, how far off they may be: paler where it is large; ``None``: nobody knows.
        numbers: Of their frames.
        joint_set: Names of the joints.
        size: Of a cell, in pixels.
        views: Labels and azimuths (degrees).

    Returns:
        (rows * (size + label), N * size, 3) uint8.
    """
    half = float(skeletons.abs().max()) * _MARGIN
    columns = []
    sure = torch.ones(skeletons.shape[:2]) if deviation is None else _sureness(deviation)
    for joints, certain, frame in zip(skeletons, sure, numbers, strict=True):
        cells = []
        for label, azimuth in views:
            blank = np.full((size, size, 3), 255, np.uint8)
            drawn = draw_skeleton(blank, _seen(joints, azimuth, half), joint_set, certain)
            cells.append(_labelled(drawn, f"frame {frame}, {label}"))
        columns.append(np.concatenate(cells))
    return np.concatenate(columns, 1)


def _sureness(deviation: Tensor) -> Tensor:
    """(N, J) in (0, 1] of (N, J, 3) metres."""
    return 1 / (1 + (deviation.norm(dim=-1) / _HALF).square())


def _seen(joints: Tensor, azimuth: float, half: float) -> Tensor:
    """(J, 2) crop units, around the middle of the skeleton's box."""
    return view(joints, azimuth_deg=azimuth, half_extent=half)[:, :2]


def _labelled(picture: Picture, label: str) -> Picture:
    """The picture below a line of text."""
    band = np.full((_BAND, picture.shape[1], 3), 255, np.uint8)
    image = Image.fromarray(np.concatenate([band, picture]))
    ImageDraw.Draw(image).text((6, 4), label, fill=_INK)
    return np.asarray(image)
