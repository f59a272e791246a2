"""Hard silhouettes: exact coverage of pixel centres by a scan-line pass, for data generation and for IoU."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from s2m.render.base import check_mesh, signed_area

_FACES_AT_ONCE = 200_000


@torch.no_grad()
def hard_silhouette(points: Tensor, faces: Tensor, size: int, cull: bool = True) -> Tensor:
    """Which pixel centres a mesh covers.

    Every ray through a closed surface crosses as many front as back faces, also where the surface cuts itself, so for a
    closed mesh it makes no difference to draw front faces only. Faces with a coordinate that is not finite are left
    out.

    Args:
        points: (B, V, 2 or more) x, y in crop units, +y down, already projected.
        faces: (F, 3), wound like SMPL's.
        size: Pixels of the image's side.
        cull: Whether only front faces are drawn; for a mesh with holes pass False.

    Returns:
        (B, size, size) bool; row 0 is the top.

    Raises:
        ValueError: For tensors of another shape.
    """
    check_mesh(points, faces, size)
    images = max(1, _FACES_AT_ONCE // max(1, faces.shape[0]))
    return torch.cat([_scan(chunk, faces, size, cull) for chunk in torch.split(points, images)])


def _scan(points: Tensor, faces: Tensor, size: int, cull: bool) -> Tensor:
    """+1 where a run of pixels starts, -1 behind its end, then a running sum along the row."""
    runs = scan_runs(points, faces, size, cull)
    line = (runs.image * size + runs.row) * (size + 1)
    steps = torch.zeros(points.shape[0] * size * (size + 1), dtype=torch.int32, device=points.device)
    one = torch.ones((), dtype=torch.int32, device=points.device).expand(len(line))
    steps.index_add_(0, line + runs.start, one)
    steps.index_add_(0, line + runs.stop, -one)
    covered = steps.view(points.shape[0], size, size + 1).cumsum(-1) > 0
    return covered[..., :size]


@dataclass(frozen=True)
class Runs:
    """Runs of pixels: a face covers columns start..stop-1 of a row. All (N,) long.

    Attributes:
        image: Position in the batch.
        face: Position among the faces.
        row: Pixel row, 0 is the top.
        start: First column.
        stop: One after the last column.
    """

    image: Tensor
    face: Tensor
    row: Tensor
    start: Tensor
    stop: Tensor


def scan_runs(points: Tensor, faces: Tensor, size: int, cull: bool) -> Runs:
    """Every (face, pixel row) pair with covered pixel centres.

    Args:
        points: See :func:`hard_silhouette`.
        faces: See :func:`hard_silhouette`.
        size: Pixels of the image's side.
        cull: Whether only front faces count.
    """
    # Pixel coordinates: the centre of pixel i lies at i.
    corners = ((points[..., :2] + 1) * (size / 2) - 0.5)[:, faces]
    area = signed_area(corners)
    drawn = (area < 0) if cull else (area != 0)
    image, face = (drawn & area.isfinite()).nonzero(as_tuple=True)
    x, y = corners[image, face].unbind(-1)
    first, last = y.amin(1).ceil().clamp(0, size), (y.amax(1).ceil() - 1).clamp(-1, size - 1)
    rows = (last - first + 1).clamp_min(0).long()
    pair = torch.repeat_interleave(rows)
    row = first.long()[pair] + torch.arange(len(pair), device=rows.device) - (rows.cumsum(0) - rows)[pair]
    left, right = _ends(x[pair], y[pair], row.to(x.dtype))
    start = left.ceil().clamp(0, size).long()
    stop = (right.floor() + 1).clamp(0, size).long()
    kept = (stop > start).nonzero()[:, 0]
    pair = pair[kept]
    return Runs(image[pair], face[pair], row[kept], start[kept], stop[kept])


def _ends(x: Tensor, y: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
    """Left and right end of the triangles (N, 3) on the rows (N,).

    Each edge is walked from its upper end to its lower one, whichever face it belongs to, so that two faces that
    share it get the very same number and no crack opens between them.
    """
    left = torch.full_like(row, torch.inf)
    right = torch.full_like(row, -torch.inf)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        swap = y[:, a] > y[:, b]
        x0, x1 = torch.where(swap, x[:, b], x[:, a]), torch.where(swap, x[:, a], x[:, b])
        y0, y1 = torch.where(swap, y[:, b], y[:, a]), torch.where(swap, y[:, a], y[:, b])
        crossing = x0 + (row - y0) / (y1 - y0) * (x1 - x0)
        spans = (y0 <= row) & (row < y1)
        left = torch.where(spans, torch.minimum(left, crossing), left)
        right = torch.where(spans, torch.maximum(right, crossing), right)
    return left, right
