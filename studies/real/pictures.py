"""All views at one moment: what was detected, and the skeleton that was made of it, from two sides beside the truth."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from s2m.geometry.procrustes import scale_align
from s2m.render.picture import draw_skeleton, view
from s2m.render.shading import Picture
from s2m.skeletons import BLAZEPOSE33
from studies.real.methods import MEASURED, METHODS, SHOWN
from studies.real.recording import Recording
from studies.real.wheel import CAMERAS, Demo

_SIZE = 300
_BAND = 20
_MARGIN = 1.25
_HALF = 1.0  # metres from the middle to the edge of a picture of a skeleton
_SIDES = (("as the camera sees it", 0.0), ("from the picture's right", 90.0))


def all_views(demo: Demo, recording: Recording, frame: int) -> Picture:
    """One column for each camera.

    Args:
        demo: The videos.
        recording: What was made of them.
        frame: Number of the frame.

    Returns:
        (H, W, 3) uint8.
    """
    columns = []
    for number, name in enumerate(CAMERAS):
        seen = recording.view(number)
        true = torch.from_numpy(recording.true_joints(number)[frame])
        found = torch.from_numpy(METHODS[SHOWN](seen)[frame])
        found = scale_align(found[None], true[None])[0]
        cells = [_labelled(_overlay(demo.video(name)[frame], seen.detected[frame]), f"{name}: detected")]
        for label, azimuth in _SIDES:
            cells.append(_labelled(_skeleton(found, azimuth), f"lifted, {label}"))
            cells.append(_labelled(_skeleton(true, azimuth), f"triangulated, {label}"))
        columns.append(np.concatenate(cells))
    return np.concatenate(columns, 1)


def _overlay(picture: NDArray[np.uint8], joints: NDArray[np.float64]) -> Picture:
    low, high = joints.min(0), joints.max(0)
    half, (x, y) = float((high - low).max()) * _MARGIN / 2, (low + high) / 2
    crop = Image.fromarray(picture).crop((int(x - half), int(y - half), int(x + half), int(y + half)))
    square = np.asarray(crop.resize((_SIZE, _SIZE), Image.Resampling.LANCZOS))
    return draw_skeleton(square, torch.from_numpy((joints - [x, y]) / half), BLAZEPOSE33)


def _skeleton(joints: torch.Tensor, azimuth: float) -> Picture:
    blank = np.full((_SIZE, _SIZE, 3), 255, np.uint8)
    return draw_skeleton(blank, view(joints, azimuth, half_extent=_HALF)[:, :2], MEASURED)


def _labelled(picture: Picture, label: str) -> Picture:
    band = np.full((_BAND, picture.shape[1], 3), 255, np.uint8)
    image = Image.fromarray(np.concatenate([band, picture]))
    ImageDraw.Draw(image).text((6, 4), label, fill=(70, 70, 70))
    return np.asarray(image)
