"""Opening pictures of anybody: upright as EXIF says, of bounded size, and of the usual formats alone."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, TiffImagePlugin, WebPImagePlugin  # noqa: F401  Pillow registers few by itself

from s2m.data.zoo.source import SourceError
from s2m.errors import UserError

# A picture is as large as its header says, however small the file: one of these takes 256 MB as RGBA.
LARGEST_PIXELS = 1 << 26
# Others are not asked for; Pillow would hand some (EPS) to another program.
_FORMATS = (
    *("PNG", "JPEG", "BMP", "TIFF", "WEBP"),
    *(("AVIF",) if find_spec("PIL.AvifImagePlugin") else ()),  # since Pillow 11.3
)
_ORIENTATION = 0x0112
UPRIGHT = 1
_LYING = (5, 6, 7, 8)
# EXIF's orientation -> what sets the picture upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@contextlib.contextmanager
def opened(file: Path) -> Iterator[Image.Image]:
    """Open a picture; its pixels are read when they are asked for.

    Args:
        file: The picture.

    Yields:
        The picture as it is stored; see :func:`upright`.

    Raises:
        SourceError: It is damaged, too large, or of another format; the message names it. Errors of Pillow inside the
            block become such, too.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file, formats=_FORMATS) as picture:
                if picture.width * picture.height > LARGEST_PIXELS:
                    found = f"{picture.width} x {picture.height}"
                    raise SourceError(f"{file}: expected at most {LARGEST_PIXELS} pixels, found {found}")
                yield picture
    except UserError:
        raise
    # Pillow raises nearly anything on damaged files.
    except Exception as error:
        raise SourceError(f"{file}: not a readable picture ({str(error)[:200] or type(error).__name__})") from error


def orientation(picture: Image.Image) -> int:
    """EXIF's orientation, 1 (upright) to 8; 1 where it says none.

    Args:
        picture: The picture as Pillow gives it.
    """
    if picture.format == "TIFF":  # Pillow sets these upright as it loads them, and tells their upright size
        return UPRIGHT
    found = picture.getexif().get(_ORIENTATION, UPRIGHT)
    return int(found) if found in _TURNS else UPRIGHT


def turned(picture: Image.Image, how: int) -> Image.Image:
    """A picture that is stored with an orientation, set upright.

    Args:
        picture: The picture as it is stored.
        how: EXIF's orientation.
    """
    return picture.transpose(_TURNS[how]) if how in _TURNS else picture


def upright(picture: Image.Image) -> Image.Image:
    """A picture as viewers and detectors show it.

    Args:
        picture: The picture as it is stored.
    """
    return turned(picture, orientation(picture))


def upright_size(size: tuple[int, int], how: int) -> tuple[int, int]:
    """Width and height of a picture after it is set upright.

    Args:
        size: Width and height as stored.
        how: EXIF's orientation.
    """
    return size[::-1] if how in _LYING else size


def picture_geometry(file: Path) -> tuple[tuple[int, int], int]:
    """Width and height of a picture when it is upright, and EXIF's orientation; from the header alone.

    Args:
        file: The picture.

    Raises:
        SourceError: The message names the file.
    """
    with opened(file) as picture:
        how = orientation(picture)
        return upright_size(picture.size, how), how


def picture_size(file: Path) -> tuple[int, int]:
    """Width and height of a picture when it is upright, from the header alone.

    Args:
        file: The picture.

    Raises:
        SourceError: The message names the file.
    """
    return picture_geometry(file)[0]
