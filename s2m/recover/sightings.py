"""What a detector saw of one person over a video, frame by frame, on the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from s2m.detect import Detection
from s2m.formats.clips import Block
from s2m.formats.spool import Spool
from s2m.recover.silhouettes import SIDE, Silhouettes, cut_out

_BYTES = SIDE * SIDE // 8  # of a silhouette: a bit for each pixel


class Sightings:
    """Joints and silhouettes of one person from the first to the last frame that shows them.

    Args:
        folder: Where they wait.
        person: The person's number.
    """

    def __init__(self, folder: Path, person: int) -> None:
        self.person, self.first, self.seen = person, 0, 0
        self._joints, self._boxes, self._masks = Spool(folder), Spool(folder), Spool(folder)
        self.size = 0.0

    def __len__(self) -> int:
        return len(self._joints)

    def add(self, frame: int, detection: Detection) -> None:
        """Take in the next sighting; frames in between have nothing.

        Args:
            frame: Its number, larger than those before.
            detection: What was seen.
        """
        if not len(self):
            self.first = frame
        missing = frame - self.first - len(self)
        joints = np.concatenate([detection.joints2d, detection.confidence[:, None]], 1).astype(np.float32)
        if missing:
            nothing = np.zeros((missing, *joints.shape), np.float32)
            nothing[..., :2] = np.nan
            self._joints.append(nothing)
            self._boxes.append(np.full((missing, 5), np.nan, np.float32))
        self._joints.append(joints[None])
        self._boxes.append(np.array([[*detection.box, detection.score]], np.float32))
        self._masks.append(np.concatenate([np.zeros((missing, 2 * _BYTES + 12), np.uint8), _packed(detection.mask)]))
        self.seen += 1
        self.size += float(np.hypot(*(detection.box[2:] - detection.box[:2])))

    def read(self, start: int, stop: int) -> Block:
        """See :class:`s2m.formats.clips.FrameSource`; frame 0 is the first one that shows the person."""
        rows = self._joints.read(start, stop)
        return rows[..., :2].astype(np.float64), rows[..., 2].copy()

    def boxes(self, start: int, stop: int) -> NDArray[np.float32]:
        """Boxes and scores.

        Args:
            start: The first row.
            stop: One after the last.

        Returns:
            (N, 5) x0, y0, x1, y1 in pixels and the score; NaN where the person was not seen.
        """
        found: NDArray[np.float32] = self._boxes.read(start, stop)
        return found

    def silhouettes(self, start: int, stop: int) -> Silhouettes:
        """Silhouettes; rows without one are empty.

        Args:
            start: The first row.
            stop: One after the last.
        """
        rows = self._masks.read(start, stop)
        covered, unknown = (
            np.unpackbits(rows[:, place : place + _BYTES], axis=1).reshape(-1, SIDE, SIDE) for place in (0, _BYTES)
        )
        values = np.where(unknown, np.float32(np.nan), covered.astype(np.float32))
        squares = np.ascontiguousarray(rows[:, 2 * _BYTES :]).view(np.float32)
        return Silhouettes(torch.from_numpy(values), torch.from_numpy(squares))

    def close(self) -> None:
        """Give the disk space back."""
        for spool in (self._joints, self._boxes, self._masks):
            spool.close()


def _packed(mask: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """(1, N) a silhouette's pixels, those outside of the picture, and its square."""
    values, square = cut_out(mask)
    bits = [np.packbits(flags.ravel()) for flags in (values > 0, np.isnan(values))]
    return np.concatenate([*bits, square.view(np.uint8)])[None]
