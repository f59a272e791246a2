"""Bodies on the picture that they were recovered from, and from another side."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from s2m.body import Body
from s2m.detect import Picture
from s2m.optional import require
from s2m.recover.bodies import Bodies
from s2m.recover.camera import Camera
from s2m.render.picture import BLUE, CORAL, SAND, layer, shade, view

COLOURS = (BLUE, CORAL, SAND, (160, 206, 150), (196, 160, 214), (240, 205, 120), (130, 200, 205), (228, 150, 180))
_OPACITY = 0.85
_LARGEST = 640  # pixels of the square around a body that are drawn; more are only enlarged
_MARGIN = 4
_FACES = 6000
_STEP = 1.1  # metres between bodies in a row


def overlay(picture: Picture, bodies: Bodies, people: list[int], body: Body, camera: Camera) -> Picture:
    """The picture with bodies over it, the nearest last.

    Args:
        picture: (H, W, 3) uint8.
        bodies: Of B people.
        people: Their numbers, which choose the colours.
        body: Whose parameters they are.
        camera: Of the picture.

    Returns:
        (H, W, 3) uint8.
    """
    found = picture.copy()
    assert bodies.params.transl is not None
    depth = bodies.params.transl[:, 2]
    vertices, faces = _mesh(bodies, body)
    for row in torch.argsort(depth, descending=True).tolist():
        if bool(torch.isfinite(bodies.params.transl[row]).all()):
            _draw(found, vertices[row], faces, camera, colour(people[row]))
    return found


def colour(person: int) -> tuple[int, int, int]:
    """A person's colour.

    Args:
        person: Number of the person.
    """
    return COLOURS[person % len(COLOURS)]


def turned(bodies: Bodies, people: list[int], body: Body, size: int, azimuth_deg: float = 90.0) -> Picture:
    """Bodies in a row, each as somebody sees it who walked around it.

    Args:
        bodies: Of B people.
        people: Their numbers, which choose the colours.
        body: Whose parameters they are.
        size: Height of the picture, pixels.
        azimuth_deg: How far, degrees.

    Returns:
        (size, size, 3) uint8.
    """
    found = np.full((size, size, 3), 255, np.uint8)
    vertices, faces = _mesh(bodies, body)
    known = torch.isfinite(vertices).all(2).all(1).nonzero()[:, 0].tolist()
    if not known:
        return found
    # Each from where the picture shows it: real distances would make everybody tiny.
    spread = [row for _, row in sorted((float(vertices[row, :, 0].mean()), row) for row in known)]
    aside = [view(vertices[row], azimuth_deg, half_extent=1.0) for row in spread]
    steps = torch.arange(len(spread)) * _STEP
    everyone = torch.stack([one + one.new_tensor([float(x), 0, 0]) for one, x in zip(aside, steps, strict=True)])
    everyone = view(everyone.flatten(0, 1)).unflatten(0, (len(spread), -1))
    for points, row in zip(everyone, spread, strict=True):
        found = shade(points, faces, size, found, colour(people[row]), supersampling=2)
    return found


def _mesh(bodies: Bodies, body: Body) -> tuple[Tensor, Tensor]:
    require("fast_simplification", "photo")  # what makes the coarser mesh
    kept, faces = body.render_mesh(_FACES)
    with torch.inference_mode():
        return body(bodies.params, kept).vertices, faces


def _draw(picture: Picture, vertices: Tensor, faces: Tensor, camera: Camera, ink: tuple[int, int, int]) -> None:
    """Draw one body into a picture, in place: in the square around what of it lies in the picture."""
    in_front = vertices[:, 2] > 0.1
    if not bool(in_front.all()):
        return
    pixels = camera.pixels(vertices)
    height, width = picture.shape[:2]
    limit = torch.tensor([width, height], dtype=pixels.dtype)
    low = torch.maximum(pixels.amin(0) - _MARGIN, torch.zeros(2)).floor().int().tolist()
    high = torch.minimum(pixels.amax(0) + _MARGIN, limit).ceil().int().tolist()
    side = max(high[0] - low[0], high[1] - low[1])
    if min(high[0] - low[0], high[1] - low[1]) <= 0:
        return
    size = min(side, _LARGEST)
    square = torch.cat([(pixels - torch.tensor(low)) / side * 2 - 1, vertices[:, 2:]], 1)
    scale = 2 * camera.focal / (side * float(vertices[:, 2].mean()))
    drawn = layer(square, faces, size, ink, scale, supersampling=2 if size < _LARGEST else 1)
    _paste(picture, drawn, low, side)


def _paste(picture: Picture, drawn: Tensor, corner: list[int], side: int) -> None:
    """Lay a square of colours and coverage over a part of a picture, in place."""
    part = picture[corner[1] : corner[1] + side, corner[0] : corner[0] + side]
    if len(drawn) != side:
        drawn = functional.interpolate(drawn.permute(2, 0, 1)[None], size=side, mode="bilinear")[0].permute(1, 2, 0)
    over = drawn[: part.shape[0], : part.shape[1]].numpy() * np.float32(_OPACITY)
    part[:] = np.round(over[..., :3] * 255 + part * (1 - over[..., 3:])).astype(np.uint8)
