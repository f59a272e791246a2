"""Videos as they are shown: frame by frame, upright, with their times; and written anew."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar

import numpy as np

from s2m.data.zoo.picture_files import LARGEST_PIXELS
from s2m.detect import Picture
from s2m.errors import FormatError
from s2m.optional import require
from s2m.reading import reading

_T = TypeVar("_T")
_AHEAD = 3  # frames, which of a large video are 25 MB each
_USUAL_FPS = 30.0
_FPS = (0.5, 1000.0)
_MATRIX = "DISPLAYMATRIX"  # FFmpeg's name of the side data
_SQUARE = 0.01  # what a pixel's sides may differ by and still count as square
_NARROWEST = 0.25  # of pixels: what says less, or more than the inverse, is damaged
_FILTER = "AREA"
# What every browser shows, then what most do; the last, which FFmpeg always has, only players show.
_CODECS = (
    ("libx264", {"crf": "20", "preset": "veryfast", "x264-params": "subme=1:trellis=0:me=dia:rc-lookahead=4"}),
    ("libopenh264", {"b": "4000000"}),
    ("libvpx-vp9", {"crf": "32", "b": "0", "deadline": "realtime", "cpu-used": "8"}),
    ("mpeg4", {"qscale": "4"}),
)
_CLOCK = 60_000  # ticks per second of what is written; MPEG-4 knows no more than 65,535


@dataclass(frozen=True)
class Frame:
    """One frame of a video.

    Attributes:
        pixels: (H, W, 3) uint8, upright.
        time: Seconds from the first frame.
    """

    pixels: Picture
    time: float


class Video:
    """A video file.

    :attr:`stretched` says what was done to frames whose pixels are not square, :attr:`cut` where the file breaks off.

    Args:
        file: The video.
        largest: Pixels of the longer side that frames have at most, larger ones are made smaller; ``None``: any.

    Raises:
        FormatError: It is no video, or has no picture in it.
        MissingPackageError: The extra ``photo`` is not installed.
    """

    def __init__(self, file: Path, largest: int | None = None) -> None:
        self._av, self.file, self._largest = require("av", "photo"), file, largest
        with self._opened() as (container, stream):
            rate = stream.average_rate or stream.guessed_rate
            self.fps = float(rate) if rate and _FPS[0] <= float(rate) <= _FPS[1] else _USUAL_FPS
            known = stream.frames or 0
            if not known and container.duration:
                known = round(container.duration / self._av.time_base * self.fps)
            self.expected = int(known)
            self._wide = _width_of_pixels(stream)
            size = f"{stream.width} x {stream.height}"
            shown = f"{round(stream.width * self._wide)} x {stream.height}"
        self.cut = ""
        self.stretched = ""
        if self._wide != 1:
            self.stretched = f"its pixels are not square: frames of {size} are taken as they are shown, {shown}"

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        if not self.file.is_file():
            raise FormatError(f"{self.file}: expected a video, found no such file")
        with reading(self.file, "a video"):
            container = self._av.open(str(self.file), metadata_errors="ignore")
        try:
            if not container.streams.video:
                raise FormatError(f"{self.file}: expected a video stream, found none")
            stream = container.streams.best("video")  # no cover, and of several the one that players show
            if stream.codec_context is None:  # PyAV knows no decoder for what stands there
                raise FormatError(f"{self.file}: expected a video that can be decoded, found an unknown codec")
            if stream.width * stream.height > LARGEST_PIXELS:
                found = f"{stream.width} x {stream.height}"
                raise FormatError(f"{self.file}: expected frames of at most {LARGEST_PIXELS} pixels, found {found}")
            stream.thread_type = "AUTO"
            yield container, stream
        finally:
            container.close()

    def __iter__(self) -> Iterator[Frame]:
        """The frames in the order in which they are shown.

        A video that breaks off ends there; :attr:`cut` says why.

        Yields:
            Frame by frame.

        Raises:
            FormatError: Not even one frame can be read.
        """
        count, first, size = 0, None, (0, 0)
        turned, matrix = None, None
        self.cut = ""
        with self._opened() as (container, stream):
            frames = container.decode(stream)
            while True:
                try:
                    frame = next(frames)
                except StopIteration:
                    break
                # Decoders raise nearly anything on damaged files.
                except Exception as error:
                    self.cut = f"breaks off after {count} frames ({str(error)[:120]})"
                    break
                time = count / self.fps if frame.time is None else float(frame.time)
                if first is None:
                    first, size = time, fitting(round(frame.width * self._wide), frame.height, self._largest)
                if turned != frame.rotation:  # who reads a frame's side data keeps the frame in memory, for long
                    turned, matrix = frame.rotation, _matrix(frame)
                # Streams may change their size on the way; people and camera are those of the first frame.
                how = None if size == (frame.width, frame.height) else _FILTER
                pixels = frame.to_ndarray(format="rgb24", width=size[0], height=size[1], interpolation=how)
                yield Frame(np.ascontiguousarray(_upright(pixels, matrix)), max(0.0, time - first))
                count += 1
        if not count:
            raise FormatError(f"{self.file}: expected frames, found none{f': {self.cut}' if self.cut else ''}")


def _matrix(frame: Any) -> list[list[int]] | None:
    """How a frame is to be shown: (3, 3) FFmpeg's display matrix."""
    side = frame.side_data.get(_MATRIX)
    return None if side is None else np.frombuffer(bytes(side), np.int32).reshape(3, 3).tolist()


def _upright(pixels: Picture, matrix: list[list[int]] | None) -> Picture:
    """A frame as its display matrix has it: turned by quarters, mirrored, or both."""
    if matrix is None:
        return pixels
    # A point (x, y) of what is stored is shown at (a x + c y, b x + d y).
    (a, b, _), (c, d, _), _ = matrix
    if abs(a) + abs(d) < abs(b) + abs(c):  # what lay across stands
        pixels, a, d = pixels.transpose(1, 0, 2), c, b
    return pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def _width_of_pixels(stream: Any) -> float:
    """In pixels' heights: that of video cameras' and DVDs' is not 1."""
    ratio = float(stream.sample_aspect_ratio or 1)
    return ratio if abs(ratio - 1) > _SQUARE and _NARROWEST <= ratio <= 1 / _NARROWEST else 1.0


def fitting(width: int, height: int, largest: int | None) -> tuple[int, int]:
    """The size of a picture that is made smaller.

    Args:
        width: Pixels.
        height: Pixels.
        largest: Pixels that the longer side has at most; ``None``: any.

    Returns:
        Width and height, pixels.

    Example:
        >>> fitting(1920, 1080, 720), fitting(640, 480, 720)
        ((720, 405), (640, 480))
    """
    scale = 1.0 if largest is None else largest / max(width, height)
    return (width, height) if scale >= 1 else (max(2, round(width * scale)), max(2, round(height * scale)))


def ahead(frames: Iterable[_T], most: int = _AHEAD) -> Iterator[_T]:
    """The same, read by a thread of its own while the caller works: decoders wait for nobody.

    Args:
        frames: What is read; an error in it is raised here, in its place.
        most: How many wait at most.

    Yields:
        One after the other.
    """
    waiting: queue.Queue[tuple[str, Any]] = queue.Queue(most)
    stop = Event()

    def put(kind: str, value: Any = None) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                return waiting.put((kind, value), timeout=0.1)

    def read() -> None:
        source = iter(frames)
        try:
            while not stop.is_set():
                put("next", next(source))
        except StopIteration:
            put("end")
        except BaseException as error:
            put("error", error)
        finally:
            getattr(source, "close", lambda: None)()

    reader = Thread(target=read, daemon=True)
    reader.start()
    try:
        while (entry := waiting.get())[0] == "next":
            yield entry[1]
        if entry[0] == "error":
            raise entry[1]
    finally:
        stop.set()
        reader.join()


class VideoWriter:
    """Writes an MP4: H.264 where the installed PyAV has an encoder of it, else VP9 or MPEG-4.

    Args:
        file: Where to; a temporary file serves, its name does not tell the format.
        fps: Frames per second, for players that want one.
    """

    def __init__(self, file: Path, fps: float) -> None:
        av = require("av", "photo")
        self._container = av.open(str(file), "w", format="mp4")
        self._fps, self._av, self._stream = fps, av, None
        self._last = -1

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._stream is not None and error[0] is None:
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()

    def add(self, picture: Picture, time: float) -> None:
        """Write the next frame.

        Args:
            picture: (H, W, 3) uint8; all of one size.
            time: Seconds from the first frame.
        """
        height, width = (length // 2 * 2 for length in picture.shape[:2])  # encoders take pairs of pixels
        if self._stream is None:
            self._stream = self._opened(width, height)
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
        self._last = max(self._last + 1, round(time * _CLOCK))
        frame.pts, frame.time_base = self._last, Fraction(1, _CLOCK)
        self._container.mux(self._stream.encode(frame))  # type: ignore[attr-defined]

    def _opened(self, width: int, height: int) -> Any:
        name, options = next((codec for codec in _CODECS if codec[0] in self._av.codecs_available), _CODECS[-1])
        stream = self._container.add_stream(name, rate=Fraction(self._fps).limit_denominator(1001), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, _CLOCK)
        return stream
