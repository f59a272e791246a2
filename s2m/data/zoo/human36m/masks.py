"""Human3.6M's masks: MATLAB v7.3 files with a cell ``Masks`` of one picture per frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.source import MaskReader, SourceError
from s2m.reading import reading

# "bs" was made by background subtraction; "bb" holds bounding boxes, filled.
SILHOUETTES, BOXES = "ground_truth_bs", "ground_truth_bb"
FOLDER = "MySegmentsMat"
_LOOKED_AT = 5


class CellMasks:
    """Masks of the cell ``Masks``.

    Args:
        path: The HDF5 file.
        frames: (T,) which entry belongs to each row of the recording.
        image_size: Width and height of the images, pixels.
    """

    def __init__(self, path: Path, frames: NDArray[np.int64], image_size: tuple[int, int]) -> None:
        self.path, self.frames, self.image_size = path, frames, image_size

    def read(self, rows: NDArray[np.int64], windows: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """(n, H, W); frames beyond the end of the cell are without a mask.

        Of a compressed picture only the pieces that touch its window are unpacked, which is most of the work.

        Args:
            rows: Increasing rows of the recording's arrays.
            windows: Boxes (n, 4) x0, y0, x1, y1 in pixels; what lies outside need not be read. None: whole images.

        Raises:
            SourceError: The message names file and entry.
        """
        import h5py

        width, height = self.image_size
        # MATLAB's columns come first in HDF5: the pictures lie on their sides and are turned together, without a copy.
        masks = np.zeros((len(rows), width, height), bool)
        # Damage deep in a file HDF5 finds when it gets there, and says by any error.
        with open_masks(self.path) as file, reading(self.path, "MATLAB v7.3 (HDF5) with masks", SourceError):
            cell = _cell(self.path, file)
            for position, frame in enumerate(self.frames[rows]):
                if frame < len(cell):
                    picture = file[cell[frame]] if isinstance(cell[frame], h5py.Reference) else None
                    x0, y0, x1, y1 = (0, 0, width, height) if windows is None else windows[position]
                    part = (slice(x0, x1), slice(y0, y1))
                    np.not_equal(self._picture(picture, int(frame), part), 0, out=masks[position][part])
        return masks.transpose(0, 2, 1)

    def _picture(self, picture: Any, frame: int, part: tuple[slice, slice]) -> NDArray[Any]:
        width, height = self.image_size
        if picture is None or picture.shape != (width, height):
            found = "no picture" if picture is None else f"{picture.shape[::-1]}"
            raise SourceError(f"{self.path}: Masks{{{frame + 1}}}: expected {(height, width)} pixels, found {found}")
        try:
            return np.asarray(picture[part])
        except OSError as error:
            raise SourceError(f"{self.path}: Masks{{{frame + 1}}}: cannot be read: {error}") from error


def find_masks(subject: Path, name: str, frames: NDArray[np.int64], size: tuple[int, int]) -> MaskReader | None:
    """The silhouettes of a recording; ``None`` where there are none.

    ``ground_truth_bb`` is looked at where ``ground_truth_bs`` is missing, and used only if its masks are silhouettes:
    in the official release they are filled boxes.

    Args:
        subject: Folder of the subject.
        name: Name of the recording's files.
        frames: Number of frames.
        size: Width and height, pixels.
    """
    for folder in (SILHOUETTES, BOXES):
        path = subject / FOLDER / folder / f"{name}.mat"
        if path.is_file():
            masks = CellMasks(path, frames, size)
            return masks if folder == SILHOUETTES or not _only_boxes(masks) else None
    return None


def open_masks(path: Path) -> Any:
    """The HDF5 file.

    Args:
        path: The HDF5 file.

    Raises:
        SourceError: When it is none.
    """
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise SourceError(f"{path}: expected a MATLAB v7.3 (HDF5) file with masks, found {error}") from error


def _cell(path: Path, file: Any) -> NDArray[Any]:
    import h5py

    dataset = file.get("Masks")
    if not isinstance(dataset, h5py.Dataset) or h5py.check_ref_dtype(dataset.dtype) is None:
        found = ", ".join(name for name in file if not name.startswith("#")) or "nothing"
        raise SourceError(f"{path}: Masks: expected a cell of pictures, found {found}")
    return np.asarray(dataset[()]).ravel()


def _only_boxes(masks: CellMasks) -> bool:
    rows = np.unique(np.linspace(0, len(masks.frames) - 1, _LOOKED_AT).astype(np.int64))
    return all(_is_box(mask) for mask in masks.read(rows))


def _is_box(mask: NDArray[np.bool_]) -> bool:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return not len(rows) or bool(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all())
