"""What a detector saw of one person over a video, frame by frame, on the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.detect import Detection
from s2m.formats.clips import Block
from s2m.formats.spool import Spool
from s2m.recover.silhouettes import SIDE, cut_out
from s2m.recover.steadiness import Steadiness

_UNKNOWN = 255  # of a silhouette's pixels, outside of the picture


class Sightings:
    """Joints, and where they are wanted silhouettes, of one person from the first to the last frame that shows them.

    Args:
        folder: Where they wait.
        person: The person's number.
        masks: Whether silhouettes are kept.
    """

    def __init__(self, folder: Path, person: int, masks: bool = False) -> None:
        self.person, self.first, self.seen = person, 0, 0
        self._joints, self._boxes = Spool(folder), Spool(folder)
        self._masks = Spool(folder) if masks else None
        self.size, self.steadiness = 0.0, Steadiness()

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
        if self._masks is not None:
            self._add_mask(missing, detection)
        self.seen += 1
        self.steadiness.add(frame, detection)
        self.size += float(np.hypot(*(detection.box[2:] - detection.box[:2])))

    def _add_mask(self, missing: int, detection: Detection) -> None:
        assert self._masks is not None
        empty = np.zeros((missing, SIDE * SIDE + 12), np.uint8)
        mask = np.zeros((1, 1), np.uint8) if detection.mask is None else detection.mask
        silhouette, square = cut_out(mask)
        levels = np.where(np.isnan(silhouette), _UNKNOWN, np.round(np.nan_to_num(silhouette) * 254))
        row = np.concatenate([levels.astype(np.uint8).ravel(), square.astype(np.float32).view(np.uint8)])
        self._masks.append(np.concatenate([empty, row[None]]))

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

    def silhouettes(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Silhouettes as :func:`s2m.recover.silhouettes.cut_out` gives them.

        Args:
            start: The first row.
            stop: One after the last.

        Returns:
            (N, S, S) and (N, 3); ``None`` where they were not kept.
        """
        if self._masks is None:
            return None
        rows = self._masks.read(start, stop)
        levels = rows[:, : SIDE * SIDE].reshape(-1, SIDE, SIDE)
        silhouettes = np.where(levels == _UNKNOWN, np.nan, levels / np.float32(254)).astype(np.float32)
        return silhouettes, np.ascontiguousarray(rows[:, SIDE * SIDE :]).view(np.float32)

    def close(self) -> None:
        """Give the disk space back."""
        for spool in (self._joints, self._boxes, self._masks):
            if spool is not None:
                spool.close()
