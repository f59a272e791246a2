"""Silhouettes that lie as one picture per frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from s2m.data.zoo.source import SourceError

# Of full scale for grey and palette pictures; label maps (0 is background, small numbers are parts) are told apart.
_HALF = 128


class ImageMasks:
    """Masks from picture files, one per row; ``None`` for a row without one.

    A picture is a mask when it is black and white, grey (at least half of full scale is person), or a map of part
    labels (all values below 64: whatever is not 0 is person).

    Args:
        files: Picture of the mask by row; None where there is none.
        size: (width, height) that every picture must have.
    """

    def __init__(self, files: Sequence[Path | None], size: tuple[int, int]) -> None:
        self.files, self.size = tuple(files), size

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
                masks[position] = self._read(file)
        return masks

    def _read(self, file: Path) -> NDArray[np.bool_]:
        try:
            with Image.open(file) as picture:
                found = picture.size
                values = np.asarray(picture if picture.mode in ("1", "L", "P") else picture.convert("L"))
        except (OSError, UnidentifiedImageError, ValueError) as error:
            raise SourceError(f"{file}: not a readable picture ({error})") from error
        if found != self.size:
            raise SourceError(f"{file}: expected a mask of {self.size} pixels, found {found}")
        labels = values.dtype == bool or int(values.max(initial=0)) < _HALF // 2
        inside: NDArray[np.bool_] = values > 0 if labels else values >= _HALF
        return inside


def picture_size(file: Path) -> tuple[int, int]:
    """Width and height, from the header alone.

    Args:
        file: The picture.

    Raises:
        SourceError: The message names the file.
    """
    try:
        with Image.open(file) as picture:
            return picture.size
    except (OSError, UnidentifiedImageError) as error:
        raise SourceError(f"{file}: not a readable picture ({error})") from error
