"""Pictures of rendered people, whose joints and silhouettes are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from s2m.body import load_body
from s2m.body.regressors import own_regressor
from s2m.detect import BlazePose
from s2m.geometry.camera import FACING_CAMERA
from s2m.render.picture import shade
from s2m.skeletons import S2M27

WHITE = 255


@dataclass(frozen=True)
class Rendered:
    picture: NDArray[np.uint8]
    joints2d: NDArray[np.float64]  # of s2m27, pixels
    mask: NDArray[np.bool_]


def rendered(size: tuple[int, int], height: float, middle: tuple[float, float]) -> Rendered:
    """A body in T-pose, ``height`` pixels tall, with its middle at a place of a white picture."""
    width, tall = size
    body = load_body()
    low, high = body.v_template.amin(0), body.v_template.amax(0)
    centre, half = (low + high) / 2, float(high[0] - low[0]) / 2 * 1.1
    pixels_per_metre = height / float(high[1] - low[1])
    side = round(2 * half * pixels_per_metre)
    vertices = (body.v_template - centre) @ FACING_CAMERA.T
    joints = ((own_regressor(body, S2M27) @ body.v_template) - centre) @ FACING_CAMERA.T
    square = shade(vertices / half, body.faces, side, colour=(176, 122, 98), depth_scale=half)
    picture = np.full((tall, width, 3), WHITE, np.uint8)
    left, top = round(middle[0] - side / 2), round(middle[1] - side / 2)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, tall)
    picture[y0:y1, x0:x1] = square[y0 - top : y1 - top, x0 - left : x1 - left]
    points = (joints[:, :2].double().numpy() / half + 1) * (side / 2) + [left, top]
    return Rendered(picture, points, (picture != WHITE).any(-1))


@pytest.fixture(scope="session")
def person() -> Rendered:
    return rendered((480, 400), 300, (230, 210))


@pytest.fixture(scope="session")
def blazepose() -> BlazePose:
    return BlazePose(scales=1)
