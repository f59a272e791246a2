"""Silhouettes of people, cut out of whole pictures, and what bodies miss of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from s2m.batch import BodyParams, TensorRecord
from s2m.body import Body
from s2m.detect.masks import extent
from s2m.optional import require
from s2m.recover.camera import Camera
from s2m.render import RaggedSilhouette

SIDE = 128  # pixels of a silhouette
_FIT_SIDE = 64  # of those that bodies are compared with
_FACES = 1000
_MARGIN = 1.2  # side of the cut-out over the longer side of the silhouette
_FULL = 255  # of a pixel that is all the person's
_NEAR = 3  # pixels of a silhouette: what is so close to the unknown may go on there, and so close to a joint holds it


def cut_out(mask: NDArray[np.uint8] | None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A person's silhouette in a square of its own.

    Args:
        mask: (H, W), 1 on the person; ``None`` where nobody drew one.

    Returns:
        (S, S) 1 on the person and 0 beside, NaN where the square lies outside of the picture: nobody knows what is
        there; and (3,) the square's centre x, centre y and half side in pixels. All zero without a silhouette.
    """
    around = None if mask is None else extent(mask)
    if mask is None or around is None:
        return np.zeros((SIDE, SIDE), np.float32), np.zeros(3, np.float32)
    left, top, right, bottom = around
    half = max(bottom - top, right - left) * _MARGIN / 2
    square = np.array([(left + right) / 2, (top + bottom) / 2, half], np.float32)
    return _sampled(mask, square), square


def _sampled(mask: NDArray[np.uint8], square: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = mask.shape
    x, y, half = (float(value) for value in square)
    # Large silhouettes are made smaller first, or thin limbs would fall between the samples.
    step = max(1, int(2 * half / SIDE))
    left, top = (max(0, math.floor((middle - half) / step) - 1) * step for middle in (x, y))
    right, bottom = (math.ceil((middle + half) / step + 1) * step for middle in (x, y))
    part = Image.fromarray(mask[top:bottom, left:right] * np.uint8(_FULL)).reduce(step)
    pixel = 2 * half / SIDE / step
    values = (pixel, 0.0, (x - half - left) / step, 0.0, pixel, (y - half - top) / step)
    found = np.asarray(part.transform((SIDE, SIDE), Image.Transform.AFFINE, values, Image.Resampling.BILINEAR))
    places = (np.arange(SIDE) + 0.5) * (2 * half / SIDE) - half
    across, down = ((places >= -middle) & (places <= size - middle) for middle, size in ((x, width), (y, height)))
    return np.where(down[:, None] & across, found > _FULL / 2, np.float32(np.nan)).astype(np.float32)


@dataclass(frozen=True, repr=False)
class Silhouettes(TensorRecord):
    """Silhouettes of some frames.

    Attributes:
        values: (B, S, S) of :func:`cut_out`.
        squares: (B, 3) of it.
    """

    values: Tensor
    squares: Tensor

    @staticmethod
    def of(masks: Sequence[NDArray[np.uint8] | None]) -> Silhouettes:
        """Silhouettes of whole pictures' masks.

        Args:
            masks: (H, W) each, 1 on the person; ``None`` where nobody drew one.
        """
        values, squares = zip(*(cut_out(mask) for mask in masks), strict=True)
        return Silhouettes(torch.from_numpy(np.stack(values)), torch.from_numpy(np.stack(squares)))

    def in_crops(self, crops: Tensor, side: int) -> Tensor:
        """The silhouettes in other crops; what is not known counts as background.

        Args:
            crops: (B, 3) centre x, centre y and half side, pixels of the picture.
            side: Pixels of the result.

        Returns:
            (B, side, side) in {0, 1}.
        """
        half = self.squares[:, 2:].clamp_min(1)
        turn = torch.zeros(len(crops), 2, 3)
        turn[:, 0, 0] = turn[:, 1, 1] = crops[:, 2] / half[:, 0]
        turn[:, :, 2] = (crops[:, :2] - self.squares[:, :2]) / half
        grid = functional.affine_grid(turn, [len(crops), 1, side, side], align_corners=False)
        found = functional.grid_sample(torch.nan_to_num(self.values)[:, None], grid, align_corners=False)[:, 0]
        return (found > 0.5).float()

    def shrunk(self, share: float) -> Silhouettes:
        """The silhouettes with their outlines moved inwards.

        Args:
            share: How far, of the longer side of what a silhouette covers.

        Returns:
            The silhouettes; parts thinner than twice as much are gone.
        """
        if share <= 0:
            return self
        depth = share * SIDE / _MARGIN
        reach = math.ceil(depth)
        box = 2 * reach + 1
        # Across an outline the mean over a box rises evenly from 0 to 1, so levels of it are outlines moved.
        soft = functional.avg_pool2d(torch.nan_to_num(self.values)[:, None], box, 1, reach, count_include_pad=False)
        inner = (soft[:, 0] > 0.5 + depth / box).to(self.values.dtype)
        return replace(self, values=torch.where(self.values.isnan(), self.values, inner))

    def whole(self) -> Tensor:
        """(B,) bool, which are there and end inside the picture."""
        unknown = torch.isnan(self.values).float()[:, None]
        close = _spread(unknown)[:, 0] > 0
        covered = torch.nan_to_num(self.values) > 0
        return covered.flatten(1).any(1) & ~(covered & close).flatten(1).any(1)

    def hold(self, joints2d: Tensor) -> Tensor:
        """Which joints lie on the silhouettes, or close to them.

        Args:
            joints2d: (B, J, 2) pixels of the picture.

        Returns:
            (B, J) bool.
        """
        spread = _spread(torch.nan_to_num(self.values)[:, None])
        points = (joints2d - self.squares[:, None, :2]) / self.squares[:, None, 2:].clamp_min(1)
        found = functional.grid_sample(spread, points[:, None].float(), mode="nearest", align_corners=False)
        return found[:, 0, 0] > 0


def _spread(values: Tensor) -> Tensor:
    """(..., S, S) the largest of the numbers, none below zero, that are near each."""
    found = functional.pad(values, (_NEAR,) * 4)
    for axis in (-1, -2):
        width, wanted = 1, 2 * _NEAR + 1
        while width < wanted:  # a window of twice the width is two of them
            step = min(width, wanted - width)
            length = found.shape[axis] - step
            found = torch.maximum(found.narrow(axis, 0, length), found.narrow(axis, step, length))
            width += step
    return found


class Outlines:
    """Silhouettes of some frames, to be compared with bodies.

    Args:
        silhouettes: The silhouettes.
        body: Whose parameters are compared.
        camera: Of the pictures.
    """

    def __init__(self, silhouettes: Silhouettes, body: Body, camera: Camera) -> None:
        step = SIDE // _FIT_SIDE
        unknown = torch.isnan(silhouettes.values).float()
        self._known = 1 - functional.max_pool2d(unknown[:, None], step)[:, 0]
        self._there = (silhouettes.squares[:, 2] > 0).float()
        covered = functional.avg_pool2d(torch.nan_to_num(silhouettes.values)[:, None], step)[:, 0]
        self._silhouettes = covered * self._known
        self._squares = silhouettes.squares
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
        soft = self._renderer(points, self._faces, _FIT_SIDE) * self._known
        shared = (soft * self._silhouettes).sum((1, 2))
        union = (soft + self._silhouettes - soft * self._silhouettes).sum((1, 2))
        return shared / union.clamp_min(1e-6)

    def lost(self, params: BodyParams) -> Tensor:
        """1 - IoU of each row that has a silhouette, 0 for the others; see :meth:`overlap`.

        Args:
            params: Of B bodies, with their places.
        """
        return (1 - self.overlap(params)) * self._there
