"""Silhouettes of people, cut out of whole pictures, and what bodies miss of them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from s2m.batch import BodyParams
from s2m.body import Body
from s2m.optional import require
from s2m.recover.camera import Camera
from s2m.render import RaggedSilhouette

SIDE = 64  # pixels of a silhouette
_FACES = 1000
_MARGIN = 1.2  # side of the cut-out over the longer side of the silhouette


def cut_out(mask: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A person's silhouette in a square of its own.

    Args:
        mask: (H, W), 1 on the person.

    Returns:
        (S, S) coverage in [0, 1], NaN where the square lies outside of the picture: nobody knows what is there; and
        (3,) the square's centre x, centre y and half side in pixels. All zero for an empty mask.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.zeros((SIDE, SIDE), np.float32), np.zeros(3, np.float32)
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    half = max(bottom - top, right - left) * _MARGIN / 2
    square = np.array([(left + right) / 2, (top + bottom) / 2, half], np.float32)
    return _sampled(mask, square), square


def _sampled(mask: NDArray[np.uint8], square: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = mask.shape
    steps = (2 * torch.arange(SIDE) + 1) / SIDE - 1
    x, y = square[0] + steps * float(square[2]), square[1] + steps * float(square[2])
    grid = torch.stack(torch.meshgrid(x / width * 2 - 1, y / height * 2 - 1, indexing="xy"), -1)
    # Large silhouettes are made smaller first, or thin limbs would fall between the samples.
    step = max(1, int(2 * square[2] / SIDE))
    image = torch.from_numpy(mask)[None, None].float()
    image = functional.avg_pool2d(image, step, ceil_mode=True) if step > 1 else image
    found = functional.grid_sample(image, grid[None].float(), align_corners=False)[0, 0]
    inside = (grid.abs() <= 1).all(-1)
    return torch.where(inside, found, torch.nan).numpy()


class Outlines:
    """Silhouettes of some frames, to be compared with bodies.

    Args:
        silhouettes: (B, S, S) of :func:`cut_out`.
        squares: (B, 3) of it.
        body: Whose parameters are compared.
        camera: Of the pictures.
    """

    def __init__(self, silhouettes: Tensor, squares: Tensor, body: Body, camera: Camera) -> None:
        self._known = torch.isfinite(silhouettes).float()
        self._there = (squares[:, 2] > 0).float()
        self._silhouettes, self._squares = torch.nan_to_num(silhouettes), squares
        self._body, self._camera, self._renderer = body, camera, RaggedSilhouette()
        require("fast_simplification", "photo")  # what makes the coarser mesh
        self._vertices, self._faces = body.render_mesh(_FACES)

    def __getitem__(self, rows: Tensor) -> Outlines:
        chosen = object.__new__(Outlines)
        chosen.__dict__ |= self.__dict__
        for name in ("_known", "_there", "_silhouettes", "_squares"):
            setattr(chosen, name, getattr(self, name)[rows])
        return chosen

    def overlap(self, params: BodyParams) -> Tensor:
        """Soft intersection over union of bodies and silhouettes, where the picture tells.

        Args:
            params: Of B bodies, with their places.

        Returns:
            (B,).
        """
        vertices = self._body(params, self._vertices).vertices
        pixels = self._camera.pixels(vertices)
        half = self._squares[:, None, 2:].clamp_min(1)
        points = torch.cat([(pixels - self._squares[:, None, :2]) / half, vertices[..., 2:]], -1)
        soft = self._renderer(points, self._faces, SIDE) * self._known
        shared = (soft * self._silhouettes).sum((1, 2))
        union = (soft + self._silhouettes - soft * self._silhouettes).sum((1, 2))
        return shared / union.clamp_min(1e-6)

    def lost(self, params: BodyParams) -> Tensor:
        """1 - IoU of each row that has a silhouette, 0 for the others; see :meth:`overlap`.

        Args:
            params: Of B bodies, with their places.
        """
        return (1 - self.overlap(params)) * self._there
