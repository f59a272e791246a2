"""Bodies on the picture that they were recovered from, and from another side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from s2m.body import Body
from s2m.detect import Picture
from s2m.optional import require
from s2m.recover.bodies import Bodies
from s2m.recover.camera import Camera
from s2m.render.picture import BLUE, CORAL, SAND, view
from s2m.render.shading import shaded

COLOURS = (BLUE, CORAL, SAND, (160, 206, 150), (196, 160, 214), (240, 205, 120), (130, 200, 205), (228, 150, 180))
_OPACITY = 0.85
_NEAREST = 0.1  # metres: whoever reaches closer to the camera, or behind it, is not drawn
_FACES = 6000
_STEP = 1.1  # metres between bodies in a row
_FINE = 1 << 20  # pixels of a picture up to which edges are smoothed: in larger ones steps are not seen


@dataclass(frozen=True)
class Meshes:
    """What is drawn of a picture's people.

    Attributes:
        people: Their numbers, which choose the colours.
        vertices: (B, V, 3) metres, camera frame; not finite where nothing is known of a place.
        faces: (F, 3).
    """

    people: list[int]
    vertices: Tensor
    faces: Tensor

    @staticmethod
    def of(bodies: Bodies, people: list[int], body: Body) -> Meshes:
        """The meshes of bodies, coarser than the bodies' own.

        Args:
            bodies: Of B people.
            people: Their numbers.
            body: Whose parameters they are.
        """
        require("fast_simplification", "photo")  # what makes the coarser mesh
        kept, faces = body.render_mesh(_FACES)
        with torch.inference_mode():
            return Meshes(people, body(bodies.params, kept).vertices, faces)

    def over(self, picture: Picture, camera: Camera) -> None:
        """Draw them over the picture that they come from, in place, the nearest last.

        Args:
            picture: (H, W, 3) uint8.
            camera: Of the picture.
        """
        depth = self.vertices[..., 2].mean(1)
        for row in torch.argsort(depth, descending=True).tolist():
            vertices = self.vertices[row]
            # Also of what is not finite no comparison is true.
            if bool((vertices[:, 2] > _NEAREST).all()):
                points = torch.cat([camera.pixels(vertices), vertices[:, 2:]], 1)
                _draw(picture, points, self.faces, self.people[row], camera.focal / float(depth[row]), _OPACITY)

    def aside(self, picture: Picture, azimuth_deg: float = 90.0) -> None:
        """Draw them in a row, each as somebody sees it who walked around it.

        Args:
            picture: (H, H, 3) uint8, which is drawn over, in place.
            azimuth_deg: How far, degrees.
        """
        known = torch.isfinite(self.vertices).all(2).all(1).nonzero()[:, 0].tolist()
        if not known:
            return
        # Each from where the picture shows it: real distances would make everybody tiny.
        spread = [row for _, row in sorted((float(self.vertices[row, :, 0].mean()), row) for row in known)]
        aside = [view(self.vertices[row], azimuth_deg, half_extent=1.0) for row in spread]
        steps = torch.arange(len(spread)) * _STEP
        everyone = torch.stack([one + one.new_tensor([float(x), 0, 0]) for one, x in zip(aside, steps, strict=True)])
        everyone = view(everyone.flatten(0, 1)).unflatten(0, (len(spread), -1))
        scale = len(picture) / 2
        for points, row in zip((everyone + everyone.new_tensor([1.0, 1.0, 0.0])) * scale, spread, strict=True):
            _draw(picture, points, self.faces, self.people[row])


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
    Meshes.of(bodies, people, body).over(found, camera)
    return found


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
    Meshes.of(bodies, people, body).aside(found, azimuth_deg)
    return found


def colour(person: int) -> tuple[int, int, int]:
    """A person's colour.

    Args:
        person: Number of the person.
    """
    return COLOURS[person % len(COLOURS)]


def _draw(
    picture: Picture, points: Tensor, faces: Tensor, person: int, depth_scale: float = 1.0, opacity: float = 1.0
) -> None:
    """Draw one body in place; points: (V, 3) x, y in pixels, and depth."""
    height, width = picture.shape[:2]
    fine = 2 if height * width <= _FINE else 1
    patch = shaded(points, faces, width, height, colour(person), opacity, depth_scale, fine)
    if patch is not None:
        patch.lay(picture)
