"""Names of photos and videos: what `s2m recover` takes, and what other commands send there."""

from __future__ import annotations

from pathlib import Path

PHOTOS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".mpo")
VIDEOS = (
    *(".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".gif"),
    *(".mts", ".m2ts", ".3gp", ".flv", ".ogv"),
)
# Of telephones: no reader that comes with Pillow, and FFmpeg gives single tiles of them.
_NOT_READ = (".heic", ".heif", ".hif")


def is_picture(path: Path) -> bool:
    """Whether a file is a photo or a video that can be read, by its suffix.

    Args:
        path: The file.
    """
    return path.suffix.lower() in (*PHOTOS, *VIDEOS)


def to_convert(path: Path) -> str:
    """What to do with a picture of a kind that is not read.

    Args:
        path: The file.

    Returns:
        A hint that goes on from a message; nothing for files of other kinds.

    Example:
        >>> to_convert(Path("IMG_1.HEIC")), to_convert(Path("a.txt"))
        (' (HEIF pictures are not read: save them as JPEG)', '')
    """
    return " (HEIF pictures are not read: save them as JPEG)" if path.suffix.lower() in _NOT_READ else ""


def to_recover(path: Path) -> str:
    """Where pictures go that were given for joints.

    Args:
        path: The file.

    Returns:
        A hint that goes on from a message; nothing for files of other kinds.

    Example:
        >>> to_recover(Path("walk.mp4")), to_recover(Path("a.txt"))
        (': `s2m recover` takes photos and videos', '')
    """
    return ": `s2m recover` takes photos and videos" if is_picture(path) or to_convert(path) else ""
