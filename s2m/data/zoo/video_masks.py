"""Person masks from segmentation videos, decoded when they are asked for.

Frames are counted as they are decoded, as when a video is taken apart into numbered images: that is how data sets
match annotations to frames, and time stamps of old AVI files cannot be trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.source import SourceError
from s2m.optional import require

_RED = 0
_HALF = 128


class RedChannel:
    """The red channel of a video, frame by frame, as bool: at least half of full scale (compression leaves noise).

    Reading forwards goes on where the last call ended; reading backwards starts again. Can be pickled.

    Args:
        path: The video.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._frames: Iterator[Any] | None = None
        self._next = 0

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_frames": None, "_next": 0}

    def read(self, numbers: Sequence[int]) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        """Yield (number, (H, W) bool) for ascending frame numbers.

        Args:
            numbers: Ascending numbers of frames.

        Raises:
            SourceError: For a broken or too short video.
        """
        for number in numbers:
            frame = self._seek(number)
            yield number, frame.to_ndarray(format="rgb24")[..., _RED] >= _HALF

    def _seek(self, number: int) -> Any:
        if self._frames is None or number < self._next:
            self._frames, self._next = _decode(self.path), 0
        for frame in self._frames:
            self._next += 1
            if self._next > number:
                return frame
        self._frames = None
        raise SourceError(f"{self.path}: expected frame {number}, found the end of the video after {self._next} frames")


class ForegroundMasks:
    """Masks of a person before a green screen, the way MPI-INF-3DHP stores them.

    Args:
        foreground: Video whose red channel is 1 on the person and on whatever else stands before the screen.
        chair: Video whose red channel is 0 on the chair and 1 elsewhere; ``None`` without one.
        frame: (T,) video frame of each row.
        boxes: (T, 4) pixels x0, y0, x1, y1: only what lies inside is person, since the screen does not fill every view.
    """

    def __init__(self, foreground: Path, chair: Path | None, frame: NDArray[np.int64], boxes: NDArray[np.float64]):
        self.frame, self.boxes = frame, boxes
        self._foreground = RedChannel(foreground)
        self._chair = None if chair is None else RedChannel(chair)

    def read(self, rows: NDArray[np.int64], windows: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """(n, H, W) bool at the resolution of the video.

        Args:
            rows: Increasing rows of the recording's arrays.
            windows: Boxes (n, 4) x0, y0, x1, y1 in pixels; what lies outside need not be read. None: whole images.
        """
        numbers = self.frame[rows]
        wanted = np.unique(numbers).tolist()
        masks: dict[int, NDArray[np.bool_]] = dict(self._foreground.read(wanted))
        if self._chair is not None:
            for number, outside in self._chair.read(wanted):
                masks[number] &= outside
        return np.stack([_inside(masks[int(n)], self.boxes[row]) for n, row in zip(numbers, rows, strict=True)])


def frame_count(path: Path) -> int:
    """How many frames the header of a video promises; 0 when it does not say.

    Args:
        path: The video.

    Raises:
        SourceError: When it cannot be read.
    """
    av = require("av")

    try:
        with av.open(str(path)) as container:
            return int(container.streams.video[0].frames)
    except (av.FFmpegError, IndexError, OSError) as error:
        raise SourceError(f"{path}: not a readable video ({error})") from error


def _decode(path: Path) -> Iterator[Any]:
    av = require("av")

    try:
        with av.open(str(path)) as container:
            yield from container.decode(video=0)
    except (av.FFmpegError, IndexError, OSError) as error:
        raise SourceError(f"{path}: not a readable video ({error})") from error


def _inside(mask: NDArray[np.bool_], box: NDArray[np.float64]) -> NDArray[np.bool_]:
    height, width = mask.shape
    x0, y0 = np.floor(box[:2]).astype(int).clip(0)
    x1, y1 = np.ceil(box[2:]).astype(int) + 1
    kept = np.zeros_like(mask)
    kept[y0 : min(y1, height), x0 : min(x1, width)] = mask[y0 : min(y1, height), x0 : min(x1, width)]
    return kept
