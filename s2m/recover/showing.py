"""What people look at: the overlay, as a picture or a video beside the original and another view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from s2m.batch import concatenate
from s2m.body import Body
from s2m.detect import Picture
from s2m.files import replacing, write_png
from s2m.recover.drawing import Meshes
from s2m.recover.result import Result, RowReader
from s2m.recover.videos import Video, VideoWriter, ahead, fitting

_LARGEST = 720  # pixels of the longer side of an overlay in a video
_LARGEST_PICTURE = 2048
_FILTER = Image.Resampling.HAMMING


def draw_photo(path: Path, picture: Picture, result: Result, body: Body) -> None:
    """Write the original, the overlay and a turned view side by side as PNG.

    Args:
        path: The file to write.
        picture: (H, W, 3) uint8.
        result: What was recovered from it.
        body: Whose parameters they are.

    Raises:
        WriteError: It cannot be written.
    """
    readers = [RowReader(person) for person in result.people]
    write_png(path, _panels(_smaller(picture, _LARGEST_PICTURE), 0, readers, result, body))


def draw_video(path: Path, file: Path, result: Result, body: Body, progress: Callable[[str, int, int], object]) -> None:
    """Write the original, the overlay and a turned view side by side as MP4, at the times of the original's frames.

    Args:
        path: The file to write.
        file: The video.
        result: What was recovered from it.
        body: Whose parameters they are.
        progress: Told how far it is.

    Raises:
        WriteError: It cannot be written.
    """
    readers = [RowReader(person) for person in result.people]
    with replacing(path) as temporary, VideoWriter(temporary, result.fps) as writer:
        for number, frame in enumerate(ahead(Video(file, _LARGEST))):
            if number >= len(result.times):
                break
            writer.add(_panels(frame.pixels, number, readers, result, body), frame.time)
            progress("drawn", number + 1, len(result.times))


def _panels(picture: Picture, frame: int, readers: list[RowReader], result: Result, body: Body) -> Picture:
    height, width = picture.shape[:2]
    found = np.full((height, 2 * width + height, 3), 255, np.uint8)
    found[:, :width] = found[:, width : 2 * width] = picture
    there = [(reader.person.number, at[0]) for reader in readers if (at := reader.at(frame)) is not None]
    if there:
        meshes = Meshes.of(concatenate([bodies for _, bodies in there]), [number for number, _ in there], body)
        meshes.over(found[:, width : 2 * width], result.camera.resized(width, height))
        meshes.turned_by(result.tilt.levelled).aside(found[:, 2 * width :])
    return found


def _smaller(picture: Picture, largest: int) -> Picture:
    height, width = picture.shape[:2]
    size = fitting(width, height, largest)
    return picture if size == (width, height) else np.asarray(Image.fromarray(picture).resize(size, _FILTER))
