"""2D joints of a video without what no body does: left and right that change places, joints that are elsewhere."""

from __future__ import annotations

from s2m.formats.clips import Block, FrameSource, blocks
from s2m.ik.gaps import frame_ranges
from s2m.ik.swaps import SwapFinder, undo
from s2m.lifter.stray_joints import WithoutStrays
from s2m.skeletons import JointSet

_SHOWN = 8  # frames that a message names


def tidied(source: FrameSource, joint_set: JointSet, fps: float) -> tuple[FrameSource, list[str]]:
    """A clip without strays (:mod:`s2m.lifter.stray_joints`) and exchanged labels, and what was found, in words.

    Args:
        source: 2D joints of one video.
        joint_set: Their names.
        fps: Frames per second.
    """
    kept = WithoutStrays(source, joint_set)
    found = Untangled(kept, joint_set, fps)
    return found, [*kept.messages, *found.messages]


class Untangled:
    """A clip of which exchanged labels are put right, where the frames around agree (:mod:`s2m.ik.swaps`).

    Args:
        source: 2D joints of one video; read once to find the exchanges.
        joint_set: Their names.
        fps: Frames per second.
    """

    def __init__(self, source: FrameSource, joint_set: JointSet, fps: float) -> None:
        self._source, self._joint_set = source, joint_set
        finder = SwapFinder(joint_set, fps, dims=2)
        for start, stop in blocks(source):
            finder.look(source.read(start, stop)[0])
        self._swaps = finder.found()

    def __len__(self) -> int:
        return len(self._source)

    def read(self, start: int, stop: int) -> Block:
        """See :class:`s2m.formats.clips.FrameSource`.

        Args:
            start: The first frame.
            stop: One after the last.

        Returns:
            Points (N, J, 2) and confidences (N, J).
        """
        points, confidence = self._source.read(start, stop)
        undo(points, confidence, self._joint_set, self._swaps.undone(slice(start, stop)))
        return points, confidence

    @property
    def messages(self) -> list[str]:
        """What was exchanged, and what may be, in words."""
        found = []
        if self._swaps.frames.any():
            where = frame_ranges(self._swaps.frames)
            found.append(f"left and right were exchanged in {where} against the frames around; undone")
        if self._swaps.doubtful:
            shown = ", ".join(map(str, self._swaps.doubtful[:_SHOWN]))
            more = f" and {len(self._swaps.doubtful) - _SHOWN} more" if len(self._swaps.doubtful) > _SHOWN else ""
            found.append(
                f"left and right change places from frame to frame at {shown}{more}; which side is right is not clear"
            )
        return found
