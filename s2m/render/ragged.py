"""Soft silhouettes over all faces in plain PyTorch: a ragged list of (face, pixel) pairs instead of K layers.

Same values as SoftRas (Liu et al., ICCV 2019) and as PyTorch3D's silhouette shader with unlimited
``faces_per_pixel``: alpha = 1 - prod_f (1 - sigmoid(-d_f / sigma)), where d_f is the squared distance of the pixel
centre to the closest edge of face f, negative inside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from s2m.render.base import SMALLEST_AREA, SilhouetteRenderer, check_mesh, signed_area
from s2m.render.hard import hard_silhouette

_CUTOFF = 1e-4  # a face further away than this coverage is ignored: PyTorch3D's usual blur radius
_PAIRS_ON_CPU = 1 << 16  # a chunk that stays in the cache
_PAIRS_ON_GPU = 1 << 23


class RaggedSilhouette(SilhouetteRenderer):
    """SoftRas silhouettes, exact over all faces, on CPU and CUDA, in float32 (float64 stays float64).

    Measured on 8 bodies of 2 k faces at 112 px against neither option, mean change of alpha and cosine of an IoU loss's
    gradient: fill 0.001, 0.997; cull 0.012, 0.85; both 0.007, 0.90.

    Half precision input is computed in float32 and gives float32 silhouettes. Faces that are degenerate or have a
    coordinate that is not finite are left out and get no gradient. No second derivatives.

    Args:
        sigma: Softness of the outline: SoftRas' sigma, squared crop units; null: chosen for the size of the picture.
        fill: Whether a pixel whose 3x3 neighbourhood is covered gets alpha 1 and no gradient (outside the picture
            counts as covered). Elsewhere nothing changes. It spares most of the work, and closes the seam of alpha
            15/16 (3/4 with ``cull``) that SoftRas leaves inside the body where two faces meet.
        cull: Whether back faces are left out. Every edge of the outline belongs to one front and one back face, so
            without the latter the soft border is thinner.
        max_pairs: (face, pixel) pairs looked at in one go, which bounds the working memory; null: chosen for the
            device. What stays for the backward pass is 24 bytes per pair within reach of an edge.
    """

    def __init__(
        self, sigma: float | None = None, fill: bool = True, cull: bool = True, max_pairs: int | None = None
    ) -> None:
        super().__init__(sigma)
        if max_pairs is not None and max_pairs < 1:
            raise ValueError(f"max_pairs must be at least 1, got {max_pairs}")
        self.fill = fill
        self.cull = cull
        self.max_pairs = max_pairs

    def forward(self, points: Tensor, faces: Tensor, size: int) -> Tensor:
        """See :meth:`SilhouetteRenderer.forward`."""
        check_mesh(points, faces, size)
        xy = points[..., :2] if points.dtype == torch.float64 else points[..., :2].float()
        pairs = self.max_pairs or (_PAIRS_ON_GPU if points.is_cuda else _PAIRS_ON_CPU)
        setting = _Setting(size, self.sigma_at(size), self.fill, self.cull, pairs)
        alpha: Tensor = _Render.apply(xy, faces, setting)  # type: ignore[no-untyped-call]
        return alpha


@dataclass(frozen=True)
class _Setting:
    size: int
    sigma: float
    fill: bool
    cull: bool
    max_pairs: int

    @property
    def reach(self) -> float:
        """Squared distance beyond which a face does not count."""
        return math.log(1 / _CUTOFF - 1) * self.sigma


@dataclass(frozen=True)
class _Boxes:
    """Faces (N) that may touch a pixel that is still open, and their boxes in pixels."""

    corner: Tensor  # (3, N) row of each corner among the B * V points
    x: Tensor  # (3, N)
    y: Tensor
    image: Tensor  # (N,)
    left: Tensor
    top: Tensor
    width: Tensor
    pixels: Tensor

    def split(self, max_pairs: int) -> Iterator[_Boxes]:
        """Parts of at most about ``max_pairs`` pixels (a face is never divided)."""
        if len(self.pixels) == 0:
            return
        part = (self.pixels.cumsum(0) - self.pixels) // max_pairs
        lengths = torch.unique_consecutive(part, return_counts=True)[1].tolist()
        fields = [value.split(lengths, dim=-1) for value in vars(self).values()]
        for columns in zip(*fields, strict=True):
            yield _Boxes(*columns)


@dataclass(frozen=True)
class _Pairs:
    """(pixel, closest edge) pairs (N) and what alpha's derivative needs of them."""

    pixel: Tensor  # row among the B * S * S pixels
    start: Tensor  # rows of the edge's ends among the B * V points
    end: Tensor
    t: Tensor  # where on the edge the closest point lies, 0..1
    dx: Tensor  # from there to the pixel centre
    dy: Tensor
    distance: Tensor  # squared, negative inside the face


class _Render(torch.autograd.Function):
    """Alpha from x and y; the backward pass is written out, which spares autograd's copies of every step."""

    @staticmethod
    def forward(ctx: Any, xy: Tensor, faces: Tensor, setting: _Setting) -> Tensor:
        size, sigma = setting.size, setting.sigma
        closed = _closed(xy, faces, setting) if setting.fill else None
        log_clear = xy.new_zeros(xy.shape[0] * size * size)
        saved: list[tuple[Tensor, ...]] = []
        for part in _boxes(xy, faces, setting, closed).split(setting.max_pairs):
            pairs = _pairs(part, setting, closed)
            ratio = pairs.distance / sigma
            log_clear.index_add_(0, pairs.pixel, functional.logsigmoid(ratio))
            if ctx.needs_input_grad[0]:
                slope = torch.sigmoid(-ratio) * (pairs.distance.sign() * (-2 / sigma))
                index = (i.int() for i in (pairs.pixel, pairs.start, pairs.end))
                saved.append((*index, pairs.t, pairs.dx * slope, pairs.dy * slope))
        clear = log_clear.exp()
        if closed is not None:
            clear = clear.masked_fill(closed, 0)
        if saved:
            ctx.save_for_backward(clear, *(torch.cat(values) for values in zip(*saved, strict=True)))
        ctx.shape = xy.shape
        return (1 - clear).view(-1, size, size)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        total = grad.new_zeros(ctx.shape).view(-1, 2)
        if ctx.saved_tensors:
            clear, pixel, start, end, t, slope_x, slope_y = ctx.saved_tensors
            # d alpha / d log_clear = -clear; the slopes hold d log_clear / d (closest point of the edge).
            weight = (-clear * grad.reshape(-1))[pixel]
            push = torch.stack([slope_x * weight, slope_y * weight], dim=1)
            to_end = push * t[:, None]
            total.index_add_(0, start, push - to_end)
            total.index_add_(0, end, to_end)
        return total.view(ctx.shape), None, None


def _closed(xy: Tensor, faces: Tensor, setting: _Setting) -> Tensor:
    """Pixels (B * S * S) whose whole 3x3 neighbourhood is covered."""
    hard = hard_silhouette(xy, faces, setting.size, setting.cull)
    return (functional.max_pool2d((~hard[:, None]).float(), 3, 1, 1) == 0).view(-1)


def _boxes(xy: Tensor, faces: Tensor, setting: _Setting, closed: Tensor | None) -> _Boxes:
    size, reach = setting.size, math.sqrt(setting.reach)
    corners = xy[:, faces]
    area = signed_area(corners)
    drawn = (area < -SMALLEST_AREA) if setting.cull else (area.abs() > SMALLEST_AREA)
    low, high = corners.amin(2), corners.amax(2)
    # Pixel i has its centre at (2 i + 1) / size - 1.
    first = (((low - reach + 1) * size - 1) / 2).ceil().clamp(0, size)
    last = (((high + reach + 1) * size - 1) / 2).floor().clamp(-1, size - 1)
    drawn = drawn & area.isfinite() & (last >= first).all(-1)
    image, face = drawn.nonzero(as_tuple=True)
    (left, top), (right, bottom) = first[image, face].long().unbind(-1), last[image, face].long().unbind(-1)
    if closed is not None:
        wanted = _open_pixels(closed, size, image, left, top, right, bottom) > 0
        image, face, left, top, right, bottom = (v[wanted] for v in (image, face, left, top, right, bottom))
    width = right - left + 1
    x, y = corners[image, face].permute(2, 1, 0).contiguous()
    corner = (faces[face] + (image * xy.shape[1])[:, None]).t().contiguous()
    return _Boxes(corner, x, y, image, left, top, width, width * (bottom - top + 1))


def _open_pixels(
    closed: Tensor, size: int, image: Tensor, left: Tensor, top: Tensor, right: Tensor, bottom: Tensor
) -> Tensor:
    """How many pixels of each box are not closed, from a summed-area table."""
    table = functional.pad((~closed).view(-1, size, size).int().cumsum(1).cumsum(2), (1, 0, 1, 0))
    inside: Tensor = table[image, bottom + 1, right + 1] + table[image, top, left]
    return inside - table[image, top, right + 1] - table[image, bottom + 1, left]


def _pairs(box: _Boxes, setting: _Setting, closed: Tensor | None) -> _Pairs:
    size = setting.size
    face = torch.repeat_interleave(box.pixels)
    step = torch.arange(len(face), device=face.device) - (box.pixels.cumsum(0) - box.pixels)[face]
    down = torch.div(step, box.width[face], rounding_mode="floor")
    column, row = box.left[face] + step - down * box.width[face], box.top[face] + down
    pixel = (box.image[face] * size + row) * size + column
    if closed is not None:
        kept = (~closed[pixel]).nonzero()[:, 0]
        face, column, row, pixel = face[kept], column[kept], row[kept], pixel[kept]
    dtype = box.x.dtype
    centre_x, centre_y = (2 * column + 1).to(dtype) / size - 1, (2 * row + 1).to(dtype) / size - 1

    edge_x, edge_y = box.x.roll(-1, 0) - box.x, box.y.roll(-1, 0) - box.y
    per_length = 1 / (edge_x * edge_x + edge_y * edge_y).clamp_min(1e-12)
    along_x, along_y = edge_x[:, face], edge_y[:, face]
    from_x, from_y = centre_x - box.x[:, face], centre_y - box.y[:, face]
    t = ((from_x * along_x + from_y * along_y) * per_length[:, face]).clamp(0, 1)
    side = from_x * along_y - from_y * along_x
    inside = (side >= 0).all(0) | (side <= 0).all(0)
    from_x, from_y = from_x - t * along_x, from_y - t * along_y
    distance, edge = (from_x * from_x + from_y * from_y).min(0)

    near = (inside | (distance < setting.reach)).nonzero()[:, 0]
    face, edge, distance = face[near], edge[near], distance[near]
    return _Pairs(
        pixel=pixel[near],
        start=box.corner[edge, face],
        end=box.corner[(edge + 1) % 3, face],
        t=t[edge, near],
        dx=from_x[edge, near],
        dy=from_y[edge, near],
        distance=torch.where(inside[near], -distance, distance),
    )
