"""Lifted skeletons as a level camera in the same place would have them."""

from __future__ import annotations

import torch

from s2m.formats.clips import Block
from s2m.lifter.tilt import Tilt, looked_at, read_tilt, upward
from s2m.lifter.writing import LiftWriter
from s2m.skeletons import JointSet


class Levelled:
    """See :class:`s2m.formats.clips.FrameSource`.

    Args:
        lifted: Skeletons in the camera's frame.
        tilt: How the camera is held.
    """

    def __init__(self, lifted: LiftWriter, tilt: Tilt) -> None:
        self._lifted, self._turn = lifted, tilt.levelled.double().numpy()

    def __len__(self) -> int:
        return len(self._lifted)

    def read(self, start: int, stop: int) -> Block:
        """See :meth:`s2m.formats.clips.FrameSource.read`.

        Args:
            start: The first frame.
            stop: One after the last.
        """
        points, confidence = self._lifted.read(start, stop)
        return points @ self._turn.T, confidence


def tilt_of(lifted: LiftWriter, joint_set: JointSet, fps: float) -> Tilt:
    """How the camera of a clip is held, as far as the person tells.

    Args:
        lifted: The person's skeletons.
        joint_set: Of the skeletons.
        fps: Frames per second.
    """
    lines = []
    for start, stop in looked_at(len(lifted)):
        points, confidence = lifted.read(start, stop)
        seen = torch.from_numpy((lifted.confidence(start, stop) > 0) & (confidence > 0))
        lines.append(upward(torch.from_numpy(points).float(), seen, joint_set))
    return read_tilt([torch.cat(lines)], fps)
