"""Pictures of recordings, for the contact sheet: from videos, or from files that somebody extracted.

Converting needs none of them: joints and silhouettes come from annotation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from s2m.data.zoo.picture_files import opened, upright
from s2m.data.zoo.source import PictureReader, SourceError
from s2m.optional import require


class NumberedPictures:
    """Files whose names hold the number of the frame; ``first`` is the number of frame 0. Any may be missing.

    Args:
        folder: Folder of the pictures.
        name: Pattern of the files' names.
        first: Number of frame 0 in the names.
    """

    def __init__(self, folder: Path, name: str, first: int = 0) -> None:
        self.folder, self.name, self.first = folder, name, first

    def found(self) -> bool:
        """Whether the picture of frame 0 is there: folders may hold too many files to be listed."""
        return (self.folder / self.name.format(self.first)).is_file()

    def read(self, frame: int) -> Image.Image | None:
        """The picture of a frame, or ``None`` where it is missing.

        Args:
            frame: Number of the frame.

        Raises:
            SourceError: The message names a damaged file.
        """
        return _open(self.folder / self.name.format(frame + self.first))


class ListedPictures:
    """Files by number of the frame.

    Args:
        files: Picture by number of the frame.
    """

    def __init__(self, files: Mapping[int, Path]) -> None:
        self.files = dict(files)

    def read(self, frame: int) -> Image.Image | None:
        """The picture of a frame, or ``None`` where it is missing.

        Args:
            frame: Number of the frame.

        Raises:
            SourceError: The message names a damaged file.
        """
        file = self.files.get(frame)
        return None if file is None else _open(file)


class VideoPictures:
    """Frames of a video, counted from its start.

    Args:
        file: The video.
        mirrored: Whether they must be mirrored to fit the joints.
    """

    def __init__(self, file: Path, mirrored: bool = False) -> None:
        self.file, self.mirrored = file, mirrored

    def read(self, frame: int) -> Image.Image | None:
        """The picture of a frame, or ``None`` beyond the end.

        Decoding starts at the key frame before it, so that the end of a long video costs no more than its start.

        Args:
            frame: Number of the frame.

        Raises:
            SourceError: The message names a damaged file.
        """
        av = require("av")
        try:
            with av.open(str(self.file)) as container:
                picture = _seek(container, frame)
        except (av.FFmpegError, IndexError, OSError) as error:
            raise SourceError(f"{self.file}: not a readable video ({error})") from error
        return ImageOps.mirror(picture) if picture is not None and self.mirrored else picture


def first_found(readers: Iterable[NumberedPictures | VideoPictures]) -> PictureReader | None:
    """The first reader that has anything to read.

    Args:
        readers: Readers in order of preference.
    """
    for reader in readers:
        if reader.file.is_file() if isinstance(reader, VideoPictures) else reader.found():
            return reader
    return None


def _seek(container: Any, frame: int) -> Image.Image | None:
    stream = container.streams.video[0]
    rate, start = stream.average_rate, stream.start_time or 0
    if rate is None:
        return _counted(container, frame)
    seconds_to_ticks = 1 / stream.time_base
    # Half a frame early: time stamps are rounded.
    earliest = start + (frame - 0.5) / rate * seconds_to_ticks
    container.seek(int(start + frame / rate * seconds_to_ticks), stream=stream, backward=True)
    for decoded in container.decode(video=0):
        if decoded.pts is not None and decoded.pts >= earliest:
            return _image(decoded)
    return None


def _counted(container: Any, frame: int) -> Image.Image | None:
    for number, decoded in enumerate(container.decode(video=0)):
        if number == frame:
            return _image(decoded)
    return None


def _image(decoded: Any) -> Image.Image:
    """As players show it: telephones write lying frames and by how much they are to be turned."""
    picture: Image.Image = decoded.to_image()
    return picture.rotate(decoded.rotation, expand=True) if decoded.rotation else picture


def _open(file: Path) -> Image.Image | None:
    if not file.is_file():
        return None
    with opened(file) as picture:
        return upright(picture).convert("RGB")
