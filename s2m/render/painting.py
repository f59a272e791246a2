"""A mesh painted into an image, row by row of its faces, the farthest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_SLIVER = 1e-3  # twice the area in pixels; of smaller faces only the middle is known
_RANKS = 65535


@dataclass(frozen=True)
class Strokes:
    """Runs of pixels in the order in which they are painted. All (N,) long.

    Attributes:
        pixel: The first of a run: row times the width of the image, plus column.
        length: Pixels of a run.
        value: Of the mesh at the first pixel.
        slope: How the value changes from pixel to pixel.
    """

    pixel: NDArray[np.int64]
    length: NDArray[np.int64]
    value: Floats
    slope: Floats

    def pixels(self) -> tuple[NDArray[np.int64], Floats]:
        """Every pixel of every run, and the value there; the last word on a pixel is that of the nearest face."""
        run = np.repeat(np.arange(len(self.length), dtype=np.int32), self.length)
        offset = np.arange(len(run)) - (self.length.cumsum() - self.length).take(run)
        return self.pixel.take(run) + offset, self.value.take(run) + self.slope.take(run) * offset.astype(np.float32)


def strokes(corners: Floats, values: Floats, width: int, height: int) -> Strokes:
    """What to paint so that near faces hide far ones.

    Runs are ordered by the depth of their middles. That is a depth buffer as fine as a face is wide: where surfaces
    are closer to each other than the depth changes over half a run, a pixel may show the wrong one.

    Args:
        corners: (F, 3, 3) of the faces, wound like SMPL's, of which those are painted that look at the camera: x, y in
            pixels (the centre of pixel i lies at i; +y down), depth in any unit.
        values: (F, 3) at the corners; linear in between.
        width: Of the image, pixels.
        height: Of the image, pixels.

    Returns:
        The strokes: they cover every pixel whose centre lies in a face.
    """
    front = _area(corners) < 0
    corners, values = corners[front], values[front]
    face, row, start, stop = _scan(corners[..., :2], width, height)
    depth, value = _Plane(corners, corners[..., 2]), _Plane(corners, values)
    middle = depth.at(face, (start + stop - 1) / np.float32(2), row)
    # Ranks of 16 bits are sorted in a tenth of the time of floats.
    nearness = middle.max(initial=-np.inf) - middle
    rank = (nearness * (_RANKS / max(float(nearness.max(initial=0.0)), 1e-9))).astype(np.uint16)
    order = rank.argsort(kind="stable")
    face, row, start, stop = face[order], row[order], start[order], stop[order]
    first = row.astype(np.int64) * width + start.astype(np.int64)
    return Strokes(first, (stop - start).astype(np.int64), value.at(face, start, row), value.over[face])


class _Plane:
    """What changes linearly over each of some faces.

    Args:
        corners: (F, 3, 2 or more), x, y in pixels.
        values: (F, 3) at the corners.
    """

    def __init__(self, corners: Floats, values: Floats) -> None:
        (ax, ay), (bx, by), (cx, cy) = (corners[:, k, :2].T for k in range(3))
        to_b, to_c = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
        area = _area(corners)
        flat = np.abs(area) < _SLIVER
        area = np.where(flat, np.float32(np.inf), area)
        self.over = (to_b * (cy - ay) - to_c * (by - ay)) / area
        self.down = (to_c * (bx - ax) - to_b * (cx - ax)) / area
        self.base = np.where(flat, values.mean(1), values[:, 0] - self.over * ax - self.down * ay)

    def at(self, face: NDArray[np.int64], column: Floats, row: Floats) -> Floats:
        """(N,) values at pixels of faces."""
        found: Floats = self.base[face] + self.over[face] * column + self.down[face] * row
        return found


def _scan(corners: Floats, width: int, height: int) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """(N,) each: a face, a row, the first column that it covers there, and one after the last.

    Each edge is walked from its upper end to its lower one, whichever face it belongs to, so that two faces that share
    it get the very same number and no crack opens between them.
    """
    order = corners[..., 1].argsort(1, kind="stable")
    (x0, x1, x2), (y0, y1, y2) = (np.take_along_axis(corners[..., k], order, 1).T for k in (0, 1))
    first, last = np.clip(np.ceil(y0), 0, height), np.clip(np.ceil(y2) - 1, -1, height - 1)
    count = np.maximum(last - first + 1, 0).astype(np.int64)
    face = np.repeat(np.arange(len(count)), count)
    row = (first - (count.cumsum() - count))[face] + np.arange(len(face))
    with np.errstate(divide="ignore", invalid="ignore"):  # no row crosses a level edge
        whole, upper, lower = (x2 - x0) / (y2 - y0), (x1 - x0) / (y1 - y0), (x2 - x1) / (y2 - y1)
        down = row - y0[face]
        long = x0[face] + down * whole[face]
        short = np.where(row < y1[face], x0[face] + down * upper[face], x1[face] + (row - y1[face]) * lower[face])
    start = np.clip(np.ceil(np.minimum(long, short)), 0, width)
    stop = np.clip(np.floor(np.maximum(long, short)) + 1, 0, width)
    kept = np.flatnonzero(stop > start)
    return face[kept], *(part[kept].astype(np.float32) for part in (row, start, stop))


def _area(corners: Floats) -> Floats:
    """(F,) twice the area of faces, below zero where they look at the camera (:mod:`s2m.render.base`)."""
    (ax, ay), (bx, by), (cx, cy) = (corners[:, k, :2].T for k in range(3))
    found: Floats = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    return found
