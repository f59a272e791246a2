"""Which pixels of a mask are which person: masks in which each person has a value, or a colour, of their own.

A mask of one person may be written in all the ways of :mod:`s2m.data.zoo.mask_values`, and means the same here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s2m.data.zoo.mask_values import (
    DEEP_FULL,
    GREY,
    HALF,
    IGNORE,
    IGNORE_COLOUR,
    LARGEST_LABEL,
    NEARLY_FULL,
    OUTLINE_SHARE,
    MaskError,
    decided,
    is_outline,
    opaque,
    palette_colours,
)

Numbers = NDArray[np.int64]

_BLACK, _WHITE = 16, 240  # of grey that is meant to be black or white, these are the bounds
_MOSTLY = 0.5  # of what is not background lies in areas of one value: else it is a photo
_MOST_PEOPLE = 1000


def people(picture: Image.Image) -> Numbers:
    """The people in a mask.

    * Alpha, where there is any: at least half opaque is somebody; people differ by colour, where colours are flat.
    * A palette with colours: the numbers are people; 0 is background, 255 ("ignore") nobody, see below.
    * Grey, of any depth: black and white with soft edges is one person. Otherwise every value that covers areas is a
      person; 255 is "ignore" beside values below 64.
    * Colour: black is background, every colour that covers areas is a person.

    An undecided outline ("ignore", soft edges) goes to whichever side is nearer where it is narrow; else it is nobody.

    Args:
        picture: Any mode of Pillow.

    Returns:
        (H, W) 0 where nobody is, else a number for each person.

    Raises:
        MaskError: A photo, too many values, or values that can be read in two ways.

    Example:
        >>> people(Image.fromarray(np.repeat(np.array([[0, 7, 9]], np.uint8), 9, 1).repeat(9, 0))).max(0)[[0, 9, 18]]
        array([0, 1, 2])
    """
    alpha = opaque(picture)
    if alpha is not None:
        shown = _packed(picture.convert("RGBA"))
        flat = _in_areas(shown) & alpha
        several = flat.sum() > _MOSTLY * alpha.sum() and len(np.unique(shown[flat])) > 1
        return _of_areas(np.where(alpha, shown + 1, 0), ~alpha) if several else alpha.astype(np.int64)
    if picture.mode == "P" and any(len(set(colour)) > 1 for colour in palette_colours(picture)):
        return _of_labels(np.asarray(picture).astype(np.int64))
    if picture.mode in ("1", "L", "P", "I", "F") or picture.mode.startswith("I;"):
        values = np.asarray(picture.convert("L") if picture.mode in ("1", "L", "P") else picture)
        return _of_grey(_whole(values))
    colours = picture.convert("RGB")
    channels = np.asarray(colours).astype(np.int64)
    if int((channels.max(2) - channels.min(2)).max(initial=0)) <= GREY:
        return _of_grey(np.asarray(colours.convert("L")).astype(np.int64))
    values = _packed(colours)
    return _of_areas(values, values == 0, values == _pack(np.array(IGNORE_COLOUR)))


def _pack(channels: NDArray[np.integer]) -> Numbers:  # type: ignore[type-arg]
    numbers: Numbers = channels[..., :3].astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    return numbers


def _packed(picture: Image.Image) -> Numbers:
    """(H, W) a number for each colour."""
    return _pack(np.asarray(picture))


def _whole(values: NDArray[np.generic]) -> Numbers:
    """Grey of any depth as whole numbers; floating point up to 1 as bytes."""
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if not 0 <= low <= high < 1 << 32:
        raise MaskError(f"expected values of 0 and more, found {low:g} to {high:g}")
    scale = IGNORE if high <= 1 and values.dtype.kind == "f" else 1
    whole = np.rint(values.astype(np.float64) * scale)
    if scale == 1 and (whole != values).any():
        raise MaskError("expected whole numbers, or values from 0 to 1, found others")
    return np.asarray(whole, np.int64)


def _of_grey(values: Numbers) -> Numbers:
    top = int(values.max(initial=0))
    if top > IGNORE and not NEARLY_FULL * DEEP_FULL <= top <= DEEP_FULL:  # no scale of grey
        return _of_areas(values, values == 0)
    full = IGNORE if top <= IGNORE else DEEP_FULL
    lit, small, white = values > 0, (values > 0) & (values <= LARGEST_LABEL), values == full
    if not (lit & ~small & ~white).any():
        areas = bool((_in_areas(values) & small).any())
        if small.sum() >= white.sum() or (areas and is_outline(white)):
            return _of_labels(values)
        if areas or small.sum() * OUTLINE_SHARE > white.sum():
            raise MaskError(
                f"expected black and white, or a value for each person and {IGNORE} for a narrow outline, found both"
            )
    between = (values >= _BLACK * full // IGNORE) & (values <= _WHITE * full // IGNORE)
    if not (_in_areas(values) & between).any():  # soft edges at the most
        if between.sum() > _MOSTLY * lit.sum():
            raise MaskError("expected black and white, or a value for each person, found a picture in grey")
        return (values >= -(-HALF * full // IGNORE)).astype(np.int64)
    return _of_areas(values, values == 0)


def _of_labels(values: Numbers) -> Numbers:
    """Every number is somebody, but for 0 and 255."""
    return _renumbered(decided(np.where(values == IGNORE, 0, values), values == IGNORE))


def _of_areas(values: Numbers, background: NDArray[np.bool_], ignored: NDArray[np.bool_] | None = None) -> Numbers:
    """Every value that covers areas is somebody; what lies between belongs to whoever is nearer."""
    ignored = np.zeros_like(background) if ignored is None else ignored
    inside = _in_areas(values) & ~background & ~ignored
    if inside.sum() <= _MOSTLY * (~background & ~ignored).sum():
        raise MaskError("expected a value or colour for each person, alpha, or black and white, found a photo")
    known = np.unique(values[inside])
    people_ = np.isin(values, known) & ~background & ~ignored
    numbers = np.where(people_, np.searchsorted(known, values) + 1, 0)
    return _renumbered(decided(numbers, ~people_ & ~background))


def _renumbered(numbers: Numbers) -> Numbers:
    there, found = np.unique(numbers, return_inverse=True)
    if len(there) > _MOST_PEOPLE:
        raise MaskError(f"expected up to {_MOST_PEOPLE} people, found {len(there)} values")
    first = 0 if len(there) and there[0] == 0 else 1
    return (found.reshape(numbers.shape) + first).astype(np.int64)


def _in_areas(values: Numbers) -> NDArray[np.bool_]:
    """Pixels whose eight neighbours have the same value: what edges, lines and photos are not made of."""
    framed = np.pad(values, 1, mode="edge")
    height, width = values.shape
    same = np.ones(values.shape, bool)
    for row in range(3):
        for column in range(3):
            same &= framed[row : row + height, column : column + width] == values
    return same
