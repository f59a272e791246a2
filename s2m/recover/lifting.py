"""Detected joints to skeletons in the frame of the whole picture's camera."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.formats.clips import ROWS, ArrayFrames, FrameSource, blocks
from s2m.formats.keypoints2d import Keypoints
from s2m.lifter.keypoints import on_joint_set
from s2m.lifter.lifting import Lifting
from s2m.lifter.untangled import Untangled
from s2m.recover.camera import Camera
from s2m.recover.own_lifter import OwnLifter
from s2m.skeletons import JointSet

_NOSE = "nose"


@dataclass(frozen=True)
class Skeletons:
    """Lifted skeletons of some frames, and the joints that they are lifted from.

    Attributes:
        joints3d: (B, J, 3) relative to the pelvis, camera frame; NaN where too few joints were seen.
        joints2d: (B, J, 2) pixels; zero where a joint was not seen.
        confidence: (B, J), 0 where a joint was not seen.
        lifted: (B,) bool.
        nose: (B, 3) pixels and confidence of the nose, which is nothing to lift from; zero where it was not seen.
    """

    joints3d: Tensor
    joints2d: Tensor
    confidence: Tensor
    lifted: Tensor
    nose: Tensor


class PictureLifting:
    """Lifts joints that a detector saw in pictures of one camera.

    Args:
        joint_set: Of the detector.
        camera: Of the pictures.
        fps: Frames per second of a video, whose skeletons are smoothed over time; ``None`` for single pictures.
        own: A lifter of one's own; ``None`` for those that ship.
    """

    def __init__(
        self, joint_set: JointSet, camera: Camera, fps: float | None = None, own: OwnLifter | None = None
    ) -> None:
        self._given, self._fps = joint_set, fps
        size = camera.width, camera.height
        lifter, head = (None, None) if own is None else (own.lifter, own.head)
        smoothed = fps if lifter is None or head is not None else None
        head = None if smoothed is None else head
        self._lifting = Lifting(
            joint_set,
            lifter,
            focal=camera.focal,
            image_size=size,
            video_fps=smoothed,
            head=head,
            one_person=fps is not None,
        )

    @property
    def joint_set(self) -> JointSet:
        """Of the skeletons."""
        return self._lifting.joint_set

    def __call__(self, source: FrameSource, rows: int = ROWS) -> Iterator[Skeletons]:
        """Skeletons of a clip.

        Args:
            source: Pixels of one person over time, or of several people in one picture.
            rows: Frames at a time.

        Yields:
            Up to ``rows`` frames, in order.
        """
        if self._fps is not None:
            source = Untangled(source, self._given, self._fps)
        for (start, stop), part in zip(blocks(source, rows), self._lifting.blocks(source, rows), strict=True):
            points, confidence = source.read(start, stop)
            taken = on_joint_set(Keypoints(points, confidence, self._given), self.joint_set)  # type: ignore[arg-type]
            yield Skeletons(
                part.joints3d,
                torch.from_numpy(taken.points),
                torch.from_numpy(taken.confidence),
                part.lifted,
                torch.from_numpy(_nose(points, confidence, self._given)),
            )

    def arrays(self, joints2d: NDArray[np.float64], confidence: NDArray[np.float64]) -> Skeletons:
        """Skeletons of people in one picture.

        Args:
            joints2d: (B, K, 2) pixels, NaN where a joint was not seen.
            confidence: (B, K).
        """
        (found,) = self(ArrayFrames(joints2d, confidence), max(1, len(joints2d)))
        return found


def _nose(points: NDArray[np.float64], confidence: NDArray[np.float32], given: JointSet) -> NDArray[np.float32]:
    """(B, 3) the nose among detected joints (B, K, 2)."""
    found = np.zeros((len(points), 3), np.float32)
    if _NOSE in given:
        place = given.index(_NOSE)
        found[:, :2], found[:, 2] = points[:, place], confidence[:, place]
    found[~(np.isfinite(found).all(1) & (found[:, 2] > 0))] = 0
    return found
