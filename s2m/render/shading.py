"""Smoothly shaded meshes as small pictures with an edge that fades, to be laid over others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from s2m.render.painting import strokes

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

_AMBIENT = 0.12
# Direction towards the light (camera frame: up is -y, towards the camera -z) and its strength.
_LIGHTS = (((-0.6, -0.8, -0.75), 0.78), ((0.9, -0.1, -0.5), 0.2), ((0.0, -1.0, 0.3), 0.14))
_BRIGHTEST = _AMBIENT + sum(strength for _, strength in _LIGHTS)
_EXPOSURE = 1.15
_GAMMA = 2.2
_SHADES = 1024


@dataclass(frozen=True)
class Patch:
    """A part of a picture, to be laid over it.

    Attributes:
        left: First column of the picture.
        top: First row of the picture.
        image: RGBA.
    """

    left: int
    top: int
    image: Image.Image

    def lay(self, picture: Picture) -> None:
        """Lay it over a picture, in place.

        Args:
            picture: (H, W, 3) uint8.
        """
        part = picture[self.top : self.top + self.image.height, self.left : self.left + self.image.width]
        behind = Image.fromarray(part)
        behind.paste(self.image, mask=self.image)
        part[:] = np.asarray(behind)


@torch.no_grad()
def shaded(
    points: Tensor,
    faces: Tensor,
    width: int,
    height: int,
    colour: Colour,
    opacity: float = 1.0,
    depth_scale: float = 1.0,
    supersampling: int = 2,
) -> Patch | None:
    """A smoothly shaded, anti-aliased mesh.

    Args:
        points: (V, 3) x, y in pixels of the picture, which spans [0, W] x [0, H] (+y down), and depth in metres.
        faces: (F, 3), wound like SMPL's.
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        colour: RGB, 0 to 255.
        opacity: 0 to 1.
        depth_scale: Pixels per metre, which the light's directions depend on.
        supersampling: Rays per pixel along each side.

    Returns:
        The rectangle around what of it lies in the picture; ``None`` where nothing does. Faces with a corner that is
        not finite are left out.
    """
    known = torch.isfinite(points).all(1)
    faces = faces[known[faces].all(1)]
    left, top, right, bottom = _window(points[known, :2], width, height)
    if right <= left or bottom <= top:
        return None
    solid = torch.cat([points[:, :2], points[:, 2:] * depth_scale], 1)
    light = _light(vertex_normals(solid, faces))
    fine = torch.cat([(points[:, :2] - points.new_tensor([left, top])) * supersampling - 0.5, points[:, 2:]], 1)
    size = ((right - left) * supersampling, (bottom - top) * supersampling)
    pixel, value = strokes(fine[faces].numpy(), light[faces].numpy(), *size).pixels()
    image = np.zeros(size[0] * size[1], np.uint32)
    image[pixel] = _palette(colour, opacity)[_shades(value)]
    # Four bands of any meaning: colours that are multiplied by their opacity are averaged like it.
    small = Image.frombuffer("RGBX", size, image, "raw", "RGBX", 0, 1).reduce(supersampling)
    return Patch(left, top, Image.frombytes("RGBa", small.size, small.tobytes()).convert("RGBA"))


def _window(pixels: Tensor, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels of a picture around points."""
    if not len(pixels):
        return 0, 0, 0, 0
    (left, top), (right, bottom) = pixels.amin(0).floor().tolist(), pixels.amax(0).ceil().tolist()
    return int(max(0, left)), int(max(0, top)), int(min(width, right)), int(min(height, bottom))


def _shades(light: NDArray[np.float32]) -> NDArray[np.int32]:
    """Positions in a palette."""
    found = (light * np.float32((_SHADES - 1) / _BRIGHTEST) + np.float32(0.5)).astype(np.int32)
    return found.clip(0, _SHADES - 1, out=found)


def _palette(colour: Colour, opacity: float) -> NDArray[np.uint32]:
    """(shades,) the colour from no light to full light: red, green, blue times the opacity, and the opacity."""
    light = np.linspace(0, _BRIGHTEST, _SHADES)[:, None]
    shades = ((np.array(colour) / 255) ** _GAMMA * light * _EXPOSURE).clip(0, 1) ** (1 / _GAMMA)
    parts = np.concatenate([shades, np.ones_like(light)], 1) * opacity
    return np.ascontiguousarray(np.round(parts * 255).astype(np.uint8)).view(np.uint32)[:, 0]


def _light(normal: Tensor) -> Tensor:
    """(V,) wrapped diffuse light of three lamps, linear."""
    light = torch.full_like(normal[:, 0], _AMBIENT)
    for direction, strength in _LIGHTS:
        towards = functional.normalize(torch.tensor(direction), dim=0)
        light = light + strength * ((normal @ towards + 0.12) / 1.12).clamp_min(0)
    return light


def vertex_normals(points: Tensor, faces: Tensor) -> Tensor:
    """Outward unit normals of a mesh: the mean of the faces' around, weighted by area.

    Args:
        points: (V, 3).
        faces: (F, 3), wound like SMPL's.

    Returns:
        (V, 3).
    """
    a, b, c = points[faces].unbind(1)
    normal = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(points).index_add_(0, faces.reshape(-1), normal.repeat_interleave(3, 0))
    return functional.normalize(total, dim=1)
