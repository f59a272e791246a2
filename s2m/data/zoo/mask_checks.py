"""Whether pictures, joints and masks of a recording belong together and stand the same way up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.image_masks import ImageMasks
from s2m.data.zoo.picture_files import picture_geometry, upright_size
from s2m.data.zoo.source import SourceError

Array = NDArray[np.floating]
_SURE = 0.3
_MOST_OUTSIDE = 0.2
# Of a person's joints most lie on the person; on a mask turned upside down, inverted, or of somebody else, few do.
_FEWEST_INSIDE = 0.3
_LOOKED_AT = 8


def require_common_geometry(pictures: Sequence[Path]) -> tuple[tuple[int, int], list[int]]:
    """The size that all pictures have when they are upright, and EXIF's orientation of each.

    Args:
        pictures: At least one file.

    Raises:
        SourceError: The sizes differ; the message names the first that does.
    """
    found = [picture_geometry(picture) for picture in pictures]
    size = found[0][0]
    for picture, (other, _) in zip(pictures, found, strict=True):
        if other != size:
            raise SourceError(f"{picture}: expected {size} pixels as its neighbours (else --photos), found {other}")
    return size, [how for _, how in found]


def require_joints_inside(
    file: Path, joints2d: Array, confidence: Array, size: tuple[int, int], orientations: Sequence[int]
) -> None:
    """Refuse joints of a detector that ignored how EXIF says its pictures are turned.

    Args:
        file: The detector's file, for the message.
        joints2d: (T, J, 2) pixels.
        confidence: (T, J).
        size: Width and height of the upright pictures.
        orientations: EXIF's orientation of each row's picture.

    Raises:
        SourceError: The joints fit the pictures as they are stored, and not as they are shown.
    """
    lying = np.array([upright_size(size, how) != size for how in orientations], bool)
    sure = (confidence > _SURE) & lying[:, None]
    if not sure.any():
        return
    shown, stored = (_outside(joints2d, sure, area) for area in (size, size[::-1]))
    if shown > _MOST_OUTSIDE >= stored:
        raise SourceError(
            f"{file}: keypoints: expected pixels of the upright pictures ({size[0]} x {size[1]}, as their EXIF data "
            f"turn them), found joints of lying ones ({shown:.0%} outside): turn the pictures for good and detect again"
        )


def require_joints_on_masks(masks: ImageMasks, joints2d: Array, confidence: Array) -> None:
    """Refuse masks that do not lie where the joints are, by a few that are read.

    Args:
        masks: By row.
        joints2d: (T, J, 2) pixels.
        confidence: (T, J).

    Raises:
        SourceError: The message names a mask.
    """
    rows = [row for row, file in enumerate(masks.files) if file is not None]
    looked = [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, min(_LOOKED_AT, len(rows))).round().astype(int))]
    shares = {}
    for row in looked:
        (mask,) = masks.read(np.array([row]))
        sure = (confidence[row] > _SURE) & np.isfinite(joints2d[row]).all(1)
        inside = _covered(mask, joints2d[row][sure])
        if mask.any() and len(inside):
            shares[row] = float(inside.mean())
    if shares and np.median(list(shares.values())) < _FEWEST_INSIDE:
        worst = min(shares, key=shares.__getitem__)
        raise SourceError(
            f"{masks.files[worst]}: mask: expected the joints of its picture on it, found {shares[worst]:.0%} of them: "
            "is it inverted, turned, or of another picture?"
        )


def _outside(joints2d: Array, sure: NDArray[np.bool_], size: tuple[int, int]) -> float:
    beyond = np.asarray(((joints2d < 0) | (joints2d > np.array(size))).any(axis=2))
    return float(beyond[sure].mean())


def _covered(mask: NDArray[np.bool_], points: Array) -> NDArray[np.bool_]:
    """Whether points inside the picture are on the mask; those outside are left out."""
    height, width = mask.shape
    columns, rows = np.floor(points).T
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    return np.asarray(mask[rows[inside].astype(np.int64), columns[inside].astype(np.int64)])
