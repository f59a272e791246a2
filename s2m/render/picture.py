"""Pictures for people: shaded bodies and skeletons, without a display."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from s2m.render.base import check_mesh
from s2m.render.shading import Picture, shaded
from s2m.skeletons import JointSet

BLUE = (150, 180, 222)
CORAL = (238, 158, 132)
SAND = (222, 202, 172)

_LINES = {"left": (41, 121, 214), "right": (231, 92, 58), "middle": (52, 160, 105)}


@torch.no_grad()
def shade(
    points: Tensor,
    faces: Tensor,
    size: int,
    background: Picture | None = None,
    colour: tuple[int, int, int] = BLUE,
    alpha: float = 1.0,
    depth_scale: float = 1.0,
    supersampling: int = 3,
) -> Picture:
    """A smoothly shaded, anti-aliased picture of one closed mesh.

    Args:
        points: (V, 3) x, y in crop units (+y down), z depth in metres.
        faces: (F, 3), wound like SMPL's.
        size: Pixels of the picture's side.
        background: A square (H, H, 3) uint8 picture, resampled when H is not ``size``; ``None``: white.
        colour: RGB, 0 to 255, of the body.
        alpha: Opacity of the body, 0 to 1.
        depth_scale: Crop units per metre, which the light's directions depend on.
        supersampling: Rays per pixel along each side.

    Returns:
        (size, size, 3) uint8.

    Raises:
        ValueError: For tensors or a background of another shape.
    """
    check_mesh(points[None], faces, size)
    picture = _canvas(background, size)
    points = points.detach().float().cpu()
    pixels = torch.cat([(points[:, :2] + 1) * (size / 2), points[:, 2:]], 1)
    patch = shaded(pixels, faces.cpu(), size, size, colour, alpha, depth_scale * size / 2, supersampling)
    if patch is not None:
        patch.lay(picture)
    return picture


def _canvas(background: Picture | None, size: int) -> Picture:
    if background is None:
        return np.full((size, size, 3), 255, np.uint8)
    if background.ndim != 3 or background.shape[0] != background.shape[1] or background.shape[2] != 3:
        raise ValueError(f"background: expected a square (H, H, 3) picture, got {background.shape}")
    image = Image.fromarray(background)
    return np.array(image if image.width == size else image.resize((size, size), Image.Resampling.LANCZOS))


def view(
    vertices: Tensor, azimuth_deg: float = 0.0, elevation_deg: float = 0.0, half_extent: float | None = None
) -> Tensor:
    """Points for :func:`shade` that show a mesh from another side.

    The camera walks around the middle of the mesh's box.

    Args:
        vertices: (V, 3) camera frame, metres.
        azimuth_deg: Degrees; at 90 the camera stands where the picture's right was.
        elevation_deg: Degrees; at 90 it stands above.
        half_extent: Metres from the middle to the edge of the picture; ``None`` fits the mesh, and the same fit holds
            for every side.

    Returns:
        (V, 3), depth in the same unit as x and y.
    """
    low, high = vertices.amin(0), vertices.amax(0)
    x, y, z = (vertices - (low + high) / 2).unbind(1)
    if half_extent is None:
        half_extent = float((high - low).amax()) / 2 / 0.92
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    x, z = math.cos(azimuth) * x + math.sin(azimuth) * z, math.cos(azimuth) * z - math.sin(azimuth) * x
    y, z = math.cos(elevation) * y - math.sin(elevation) * z, math.sin(elevation) * y + math.cos(elevation) * z
    return torch.stack([x, y, z], 1) / max(half_extent, 1e-9)


def draw_skeleton(
    image: Picture, joints2d: Tensor, joint_set: JointSet, confidence: Tensor | None = None, width: float = 0.012
) -> Picture:
    """A copy of a square picture with a skeleton on it: left blue, right orange, middle green.

    Args:
        image: (H, H, 3) uint8.
        joints2d: (J, 2) crop units.
        joint_set: Names and order of the joints.
        confidence: (J,), fainter when lower, left out at 0.
        width: Of the bones, as a share of H.

    Raises:
        ValueError: When the number of joints is not that of the joint set.
    """
    if tuple(joints2d.shape) != (len(joint_set), 2):
        raise ValueError(f"joints2d: expected {(len(joint_set), 2)} for {joint_set.name}, got {tuple(joints2d.shape)}")
    side = image.shape[0]
    fine = 3 * side
    sure = [1.0] * len(joint_set) if confidence is None else confidence.detach().cpu().clamp(0, 1).tolist()
    at = [tuple(xy) for xy in ((joints2d.detach().cpu().float() + 1) * (fine / 2)).tolist()]
    shown = [t > 0 and all(math.isfinite(v) for v in xy) for t, xy in zip(sure, at, strict=True)]
    layer = Image.new("RGBA", (fine, fine), (0, 0, 0, 0))
    draw, thick = ImageDraw.Draw(layer), max(1, round(width * fine))
    for parent, child in joint_set.bones:
        if shown[parent] and shown[child]:
            opacity = min(sure[parent], sure[child])
            draw.line([at[parent], at[child]], fill=_ink(joint_set.joints[child], opacity), width=thick)
    for joint, (x, y), t, drawn in zip(joint_set.joints, at, sure, shown, strict=True):
        if drawn:
            draw.ellipse((x - thick, y - thick, x + thick, y + thick), fill=_ink(joint, t))
    small = np.asarray(layer.resize((side, side), Image.Resampling.BOX), dtype=np.float32) / 255
    blended = small[..., :3] * 255 * small[..., 3:] + _canvas(image, side) * (1 - small[..., 3:])
    return np.round(blended).astype(np.uint8)


def _ink(joint: str, opacity: float) -> tuple[int, int, int, int]:
    side = joint.split("_")[0]
    return (*_LINES.get(side, _LINES["middle"]), round(255 * (0.25 + 0.75 * opacity)))
