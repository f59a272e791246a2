"""Silhouettes that lie as one picture per frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s2m.data.zoo.mask_values import Labels, MaskError, person
from s2m.data.zoo.picture_files import UPRIGHT, opened, orientation, turned, upright_size
from s2m.data.zoo.source import SourceError


class ImageMasks:
    """Masks from picture files, one per row; ``None`` for a row without one.

    What counts as the person is told in :func:`s2m.data.zoo.mask_values.person`. A mask is set upright as its own EXIF
    data say; one that was made of a lying picture by a program that ignores EXIF is turned as its picture is.

    Args:
        files: Picture of the mask by row; None where there is none.
        size: (width, height) that every picture must have when it is upright.
        labels: Labels of the person in label maps. None: the only one; empty: all.
        orientations: EXIF's orientation of each row's photo; None: all are upright.
    """

    def __init__(
        self,
        files: Sequence[Path | None],
        size: tuple[int, int],
        labels: Labels = None,
        orientations: Sequence[int] | None = None,
    ) -> None:
        self.files, self.size, self.labels = tuple(files), size, labels
        self.orientations = tuple(orientations) if orientations is not None else (UPRIGHT,) * len(self.files)

    def read(self, rows: NDArray[np.int64], windows: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """(n, H, W) bool; a row without a picture is all False.

        Args:
            rows: Increasing rows of the recording's arrays.
            windows: Boxes (n, 4) x0, y0, x1, y1 in pixels; what lies outside need not be read. None: whole images.

        Raises:
            SourceError: The message names the picture.
        """
        width, height = self.size
        masks = np.zeros((len(rows), height, width), bool)
        for position, row in enumerate(rows):
            file = self.files[int(row)]
            if file is not None:
                masks[position] = self._read(file, self.orientations[int(row)])
        return masks

    def _read(self, file: Path, of_photo: int) -> NDArray[np.bool_]:
        with opened(file) as picture:
            how = self._turn(picture, of_photo)
            if upright_size(picture.size, how) != self.size:
                raise SourceError(f"{file}: expected a mask of {self.size} pixels, found {picture.size}")
            try:
                return person(turned(picture, how), self.labels)
            except MaskError as error:
                raise SourceError(f"{file}: mask: {error}") from error

    def _turn(self, picture: Image.Image, of_photo: int) -> int:
        own = orientation(picture)
        if own == UPRIGHT and picture.size != self.size and upright_size(picture.size, of_photo) == self.size:
            return of_photo
        return own
