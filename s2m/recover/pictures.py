"""Photos of anybody as a detector takes them: upright, RGB, 8 bits; and what their files say of the lens."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from s2m.data.zoo.picture_files import opened, upright
from s2m.detect import Picture

# A picture that is mostly transparent shows its person on white.
_BEHIND = (255, 255, 255, 255)
_EXIF, _IN_35MM, _LENGTH, _PLANE, _UNIT = 0x8769, 0xA405, 0x920A, 0xA20E, 0xA210
_FULL_FRAME = math.hypot(36, 24)
_MILLIMETRES = {2: 25.4, 3: 10.0}  # of EXIF's units of the focal plane: inch and centimetre
# Of pictures with more than 8 bits and no fixed range: these shares of the pixels become black and white.
_DARKEST, _BRIGHTEST = 0.1, 99.9


@dataclass(frozen=True)
class Photo:
    """A picture and what its file says of the lens.

    Attributes:
        pixels: (H, W, 3) uint8, upright.
        focal_35mm: Millimetres of a full-frame camera with the same view; ``None`` where the file does not say.
        count: Of the pictures in the file, the first of which it is.
    """

    pixels: Picture
    focal_35mm: float | None
    count: int = 1


def read_photo(file: Path) -> Photo:
    """Read a photo of any of the usual kinds: EXIF's orientation, alpha, palettes, CMYK, 16 bits, floating point.

    Args:
        file: The picture.

    Returns:
        The photo.

    Raises:
        SourceError: (a UserError) It is damaged, too large, or of another format; the message names it.
    """
    with opened(file) as picture:
        focal = _focal_35mm(picture)
        count = _count(picture)
        return Photo(np.asarray(_rgb(upright(picture)), np.uint8).copy(), focal, count)


def _count(picture: Image.Image) -> int:
    """Pages or moments; a camera's MPO has further sides, sizes or depths of one moment."""
    with contextlib.suppress(Exception):  # a damaged second page is no fault of the first one
        return 1 if picture.format == "MPO" else int(getattr(picture, "n_frames", 1))
    return 1


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(np.asarray(picture))).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        whole = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", whole.size, _BEHIND), whole).convert("RGB")
    return picture.convert("RGB")


def _eight_bits(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(finite, (_DARKEST, _BRIGHTEST))
    scaled = (np.nan_to_num(values.astype(np.float64)) - low) / max(high - low, 1e-12)
    return np.round(scaled.clip(0, 1) * 255).astype(np.uint8)


def _focal_35mm(picture: Image.Image) -> float | None:
    try:
        lens = picture.getexif().get_ifd(_EXIF)
        known = float(lens.get(_IN_35MM) or 0)
        if known > 0:
            return known
        length, density = float(lens.get(_LENGTH) or 0), float(lens.get(_PLANE) or 0)
        if length <= 0 or density <= 0:
            return None
        diagonal = math.hypot(*picture.size) / density * _MILLIMETRES.get(int(lens.get(_UNIT) or 2), 25.4)
        return length * _FULL_FRAME / diagonal
    # What stands in EXIF is anybody's; a photo with a damaged one is still a photo.
    except Exception:
        return None
