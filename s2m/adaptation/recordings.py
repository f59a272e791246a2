"""Recordings of 2D joints, and what of them is learned from and what is held out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from s2m.errors import UserError
from s2m.formats.tracks import Track
from s2m.lifter.keypoints import FEWEST_JOINTS, on_joint_set
from s2m.lifter.normalise import turned_to
from s2m.skeletons import JointSet

# The end of each recording that is held out: frames in between would lie beside frames that were learned.
HELD_SHARE = 0.2
FEWEST_FRAMES = 50

Pinhole = tuple[float, float, float, float]


@dataclass(frozen=True)
class Recording:
    """One person, seen by one camera.

    Attributes:
        name: For messages.
        joints2d: (T, J, 2) consecutive frames, any unit, +y down.
        confidence: (T, J), 0 where a joint is missing; all of it where a frame has too few joints.
    """

    name: str
    joints2d: Tensor
    confidence: Tensor

    @classmethod
    def of_track(cls, name: str, track: Track, joint_set: JointSet, camera: Pinhole | None = None) -> Recording:
        """The joints of a file, as a lifter takes them.

        Args:
            name: For messages.
            track: What a reader gave.
            joint_set: Of the lifter.
            camera: Focal lengths and principal point, where known: people beside the picture's middle are then seen
                as by a camera turned to them.
        """
        taken = on_joint_set(track, joint_set)
        points, confidence = torch.from_numpy(taken.points), torch.from_numpy(taken.confidence)
        if camera is not None:
            intrinsics = points.new_tensor(camera).expand(len(points), 4)
            points = turned_to(points, confidence, intrinsics, joint_set).seen(points)
        enough = (confidence > 0).sum(1, keepdim=True) >= FEWEST_JOINTS
        return cls(name, points, confidence * enough)

    @property
    def usable(self) -> Tensor:
        """(T,) bool: which frames have joints enough."""
        return (self.confidence > 0).any(1)

    def part(self, rows: slice) -> Recording:
        """Some consecutive frames.

        Args:
            rows: Which.
        """
        return replace(self, joints2d=self.joints2d[rows], confidence=self.confidence[rows])


@dataclass(frozen=True)
class Frames:
    """Usable frames of some recordings, one after the other.

    Attributes:
        joints2d: (N, J, 2).
        confidence: (N, J).
        recording: (N,) number of the recording.
    """

    joints2d: Tensor
    confidence: Tensor
    recording: Tensor

    def __len__(self) -> int:
        return len(self.recording)

    @classmethod
    def of(cls, recordings: Sequence[Recording]) -> Frames:
        """The usable frames.

        Args:
            recordings: At least one.
        """
        kept = [(r.joints2d[r.usable], r.confidence[r.usable]) for r in recordings]
        number = [torch.full((len(points),), i) for i, (points, _) in enumerate(kept)]
        return cls(torch.cat([points for points, _ in kept]), torch.cat([sure for _, sure in kept]), torch.cat(number))

    def some(self, count: int, generator: torch.Generator) -> Frames:
        """Frames drawn at random, with repetition.

        Args:
            count: How many.
            generator: Of random numbers.
        """
        rows = torch.randint(len(self), (count,), generator=generator)
        return Frames(self.joints2d[rows], self.confidence[rows], self.recording[rows])


def divided(recordings: Iterable[Recording]) -> tuple[list[Recording], list[Recording]]:
    """What is learned from, and what is held out: the last fifth of each recording.

    Args:
        recordings: The user's.
    """
    learned, held = [], []
    for recording in recordings:
        cut = len(recording.joints2d) - round(HELD_SHARE * len(recording.joints2d))
        learned.append(recording.part(slice(0, cut)))
        held.append(recording.part(slice(cut, None)))
    return learned, held


def check_enough(learned: Sequence[Recording], held: Sequence[Recording]) -> None:
    """Refuse recordings that are too short to learn from, or to tell what was learned.

    Args:
        learned: What is learned from.
        held: What is held out.

    Raises:
        UserError: For too few frames with joints enough.
    """
    for what, recordings, fewest in (("to learn from", learned, FEWEST_FRAMES), ("held out", held, FEWEST_FRAMES // 5)):
        found = sum(int(recording.usable.sum()) for recording in recordings)
        if found < fewest:
            raise UserError(
                f"recordings: expected {fewest} or more frames with {FEWEST_JOINTS} or more joints {what}, "
                f"found {found}"
            )
