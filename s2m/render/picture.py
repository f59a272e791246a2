"""Pictures for people: shaded bodies and skeletons, without a display."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional

from s2m.render.base import check_mesh
from s2m.render.hard import scan_runs
from s2m.skeletons import JointSet

Picture = NDArray[np.uint8]

BLUE = (150, 180, 222)
CORAL = (238, 158, 132)
SAND = (222, 202, 172)

_AMBIENT = 0.12
# Direction towards the light (camera frame: up is -y, towards the camera -z) and its strength.
_LIGHTS = (((-0.6, -0.8, -0.75), 0.78), ((0.9, -0.1, -0.5), 0.2), ((0.0, -1.0, 0.3), 0.14))
_GAMMA = 2.2
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
    behind = _canvas(background, size)
    image = layer(points, faces, size, colour, depth_scale, supersampling)
    blended = image[..., :3] * alpha + behind * (1 - image[..., 3:] * alpha)
    return _to_bytes(blended.numpy())


@torch.no_grad()
def layer(
    points: Tensor,
    faces: Tensor,
    size: int,
    colour: tuple[int, int, int] = BLUE,
    depth_scale: float = 1.0,
    supersampling: int = 3,
) -> Tensor:
    """What :func:`shade` lays over its background.

    Args:
        points: See :func:`shade`.
        faces: See :func:`shade`.
        size: Pixels of the picture's side.
        colour: RGB, 0 to 255, of the body.
        depth_scale: Crop units per metre, which the light's directions depend on.
        supersampling: Rays per pixel along each side.

    Returns:
        (size, size, 4) float on the CPU: red, green and blue in [0, 1], multiplied by the coverage, which comes last.

    Raises:
        ValueError: For tensors of another shape.
    """
    check_mesh(points[None], faces, size)
    points = torch.cat([points[:, :2], points[:, 2:3] * depth_scale], 1).detach().float().cpu()
    fine = size * supersampling
    pixel, normal = _visible(points, faces.cpu(), fine)
    image = torch.zeros(fine * fine, 4)
    image[pixel, :3] = _lit(normal, colour)
    image[pixel, 3] = 1
    return functional.avg_pool2d(image.t().reshape(1, 4, fine, fine), supersampling)[0].permute(1, 2, 0)


def _canvas(background: Picture | None, size: int) -> Tensor:
    if background is None:
        return torch.ones(size, size, 3)
    if background.ndim != 3 or background.shape[0] != background.shape[1] or background.shape[2] != 3:
        raise ValueError(f"background: expected a square (H, H, 3) picture, got {background.shape}")
    image = Image.fromarray(background)
    if image.width != size:
        image = image.resize((size, size), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255)


def _to_bytes(image: NDArray[np.floating[Any]]) -> Picture:
    return np.round(image.clip(0, 1) * 255).astype(np.uint8)


def _visible(points: Tensor, faces: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Covered pixels (N,) and the surface normal seen there (N, 3): a depth buffer over the front faces."""
    runs = scan_runs(points[None], faces, size, cull=True)
    length = runs.stop - runs.start
    run = torch.repeat_interleave(length)
    column = runs.start[run] + torch.arange(len(run)) - (length.cumsum(0) - length)[run]
    row, corner = runs.row[run], faces[runs.face[run]]
    centre = (2 * torch.stack([column, row], 1) + 1) / size - 1
    weight = _barycentric(centre, points[..., :2][corner])
    depth = (weight * points[..., 2][corner]).sum(1)
    pixel = row * size + column
    nearest = torch.full((size * size,), torch.inf).scatter_reduce_(0, pixel, depth, "amin")
    front = (depth == nearest[pixel]).nonzero()[:, 0]
    normal = (weight[front, :, None] * vertex_normals(points, faces)[corner[front]]).sum(1)
    return pixel[front], functional.normalize(normal, dim=1)


def _barycentric(point: Tensor, corners: Tensor) -> Tensor:
    a, b, c = corners.unbind(1)
    ab, ac, ap = b - a, c - a, point - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    at_b = (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / area
    at_c = (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / area
    weight = torch.stack([1 - at_b - at_c, at_b, at_c], 1).clamp(0, 1)
    return weight / weight.sum(1, keepdim=True)


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


def _lit(normal: Tensor, colour: tuple[int, int, int]) -> Tensor:
    """Wrapped diffuse light of three lamps in linear colours."""
    light = torch.full_like(normal[:, :1], _AMBIENT)
    for direction, strength in _LIGHTS:
        towards = functional.normalize(torch.tensor(direction), dim=0)
        light = light + strength * ((normal @ towards + 0.12) / 1.12).clamp_min(0)[:, None]
    base = (torch.tensor(colour, dtype=normal.dtype) / 255) ** _GAMMA
    return (base * light * 1.15).clamp(0, 1) ** (1 / _GAMMA)


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
    canvas = _canvas(image, side)
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
    return _to_bytes(small[..., :3] * small[..., 3:] + canvas.numpy() * (1 - small[..., 3:]))


def _ink(joint: str, opacity: float) -> tuple[int, int, int, int]:
    side = joint.split("_")[0]
    return (*_LINES.get(side, _LINES["middle"]), round(255 * (0.25 + 0.75 * opacity)))
