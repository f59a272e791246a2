"""Lifting a clip block by block, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from s2m.arrays import short_repr
from s2m.formats.clips import FrameSource, blocks
from s2m.formats.keypoints2d import Keypoints
from s2m.lifter.committee import AnyLifter
from s2m.lifter.doubt import Doubt, DoubtHead
from s2m.lifter.keypoints import FEWEST_JOINTS, as_detected, best_lifter_set, on_joint_set
from s2m.lifter.objective.chirality import Chirality
from s2m.lifter.own_proportions import FEWEST as FEWEST_FRAMES
from s2m.lifter.own_proportions import sampled, tell_proportions
from s2m.lifter.proportions import Proportions, completed, with_own_bones
from s2m.lifter.settings import check_heads, metres_scale, pinhole
from s2m.lifter.shipped_lifters import shipped_committee, shipped_doubt, shipped_head, shipped_records
from s2m.lifter.temporal_head import TemporalHead
from s2m.lifter.video import smoothed
from s2m.skeletons import H36M17_DETECTED, S2M27_DETECTED, JointSet

_ROWS = 2048  # frames at a time: the networks take 27 KB for each
_DETECTED = {"h36m17": H36M17_DETECTED, "s2m27": S2M27_DETECTED}


@dataclass(frozen=True)
class Lift:
    """3D skeletons of one person over time, as torch tensors or NumPy arrays, whichever the joints were.

    Attributes:
        joint_set: Names of the joints. Where they came from a detector, its hips and shoulders lie where detectors have
            them (h36m17_detected, s2m27_detected).
        joints3d: (T, J, 3) metres, camera frame (+x right, +y down, +z forward), relative to the pelvis.
        joints2d: (T, J, 2) as the lifter believes them, each frame on its own, in the input's unit: denoised, missing
            ones filled in.
        confidence: (T, J) of the input's joints, 0 where the lifter had to fill in.
        elevation: (T,) radians, by how much the camera looks down; ``None`` where the lifter does not tell.
        lifted: (T,) bool; where it is False too few joints were seen and the numbers are NaN.
        reversed_suspected: (T,) bool, front and back may be exchanged: their probability is above one half or, where it
            is not known, the knees, the neck and the toes speak for the mirrored depth.
        deviation: (T, J, 3) metres, along the axes of the camera's frame: 90 % of the errors, root-relative and after
            the best scale of the frame, are smaller than 1.645 of it, see :class:`s2m.lifter.doubt.Doubt`; ``None``
            without a head that tells it.
        reversed_probability: (T,) from 0 to 1, that the mirrored depth is nearer to the truth; ``None`` likewise.
    """

    joint_set: JointSet
    joints3d: Tensor
    joints2d: Tensor
    confidence: Tensor
    elevation: Tensor | None
    lifted: Tensor
    reversed_suspected: Tensor
    deviation: Tensor | None = None
    reversed_probability: Tensor | None = None

    __repr__ = short_repr

    def __len__(self) -> int:
        return len(self.lifted)


class Lifting:
    """Lifts clips of any length, some thousand frames at a time; what it makes does not depend on how many.

    Args:
        given: Joint set of the clips.
        lifter: See :func:`s2m.lifter.api.lift`.
        height: See :func:`s2m.lifter.api.lift`.
        focal: See :func:`s2m.lifter.api.lift`.
        image_size: See :func:`s2m.lifter.api.lift`.
        video_fps: See :func:`s2m.lifter.api.lift`.
        head: See :func:`s2m.lifter.api.lift`.
        doubt: See :func:`s2m.lifter.api.lift`.
        one_person: See :func:`s2m.lifter.api.lift`.
        device: Where a shipped lifter runs; the CPU by default.

    Attributes:
        told: Proportions of the person in the clip that was begun last; ``None`` where it tells none.

    Raises:
        UserError: See :func:`s2m.lifter.api.lift`.
    """

    def __init__(
        self,
        given: JointSet,
        lifter: AnyLifter | None = None,
        *,
        height: float | None = None,
        focal: float | None = None,
        image_size: tuple[int, int] | None = None,
        video_fps: float | None = None,
        head: TemporalHead | None = None,
        doubt: DoubtHead | None = None,
        one_person: bool = True,
        device: torch.device | None = None,
    ) -> None:
        check_heads(lifter, video_fps, head, doubt)
        if lifter is None:
            name, device = best_lifter_set(given, list(shipped_records())), device or torch.device("cpu")
            lifter, head = _kept_lifter(name, device), None if video_fps is None else _kept_head(name, device)
            doubt = _kept_doubt(name, device)
        self._lifter, self._head, self._doubt, self._given, self._fps = lifter, head, doubt, given, video_fps
        self._one_person = one_person
        self.told: Proportions | None = None
        self._scale = 1.0 if height is None else metres_scale(height, lifter)
        self._device = next(lifter.parameters()).device
        self._camera = pinhole(focal, image_size)
        self._chirality = Chirality(lifter.joint_set).to(self._device)

    @property
    def joint_set(self) -> JointSet:
        """Joint set of the skeletons: the lifter's, or its variant for joints of detectors."""
        own = self._lifter.joint_set
        return _DETECTED.get(own.name, own) if self._given.detected else own

    def blocks(self, source: FrameSource, rows: int = _ROWS) -> Iterator[Lift]:
        """The skeletons of a clip, in order.

        Args:
            source: 2D joints.
            rows: Frames at a time.

        Yields:
            Skeletons of up to ``rows`` frames.
        """
        self.told = self.proportions(source) if self._one_person else None
        for start, stop in blocks(source, rows):
            yield self._block(source, start, stop, self.told)

    def proportions(self, source: FrameSource) -> Proportions | None:
        """Bones of the person in a clip, beside those that the lifter expects.

        Args:
            source: 2D joints.

        Returns:
            The proportions; ``None`` where too few frames show most of the body.
        """
        if len(source) < FEWEST_FRAMES:
            return None
        taken = (
            torch.from_numpy(part).to(self._device) for part in sampled(source, self._given, self._lifter.joint_set)
        )
        points2d, sure = taken
        return tell_proportions(self._lifter, self._doubt, points2d, sure, self._seen_by(points2d))

    def _seen_by(self, points2d: Tensor) -> Tensor | None:
        return None if self._camera is None else points2d.new_tensor(self._camera).expand(len(points2d), 4)

    @torch.inference_mode()
    def _block(self, source: FrameSource, start: int, stop: int, proportions: Proportions | None) -> Lift:
        video = self._head is not None and self._fps is not None
        reach = self._head.reach(self._fps) if video and self._head is not None else 0
        first = max(0, start - reach)
        points, confidence = source.read(first, min(len(source), stop + reach))
        taken = on_joint_set(Keypoints(points, confidence, self._given), self._lifter.joint_set)  # type: ignore[arg-type]
        points2d = torch.from_numpy(taken.points).to(self._device)
        sure = torch.from_numpy(taken.confidence).to(self._device)
        lifted = (sure > 0).sum(1) >= FEWEST_JOINTS
        camera, angles = self._seen_by(points2d), self._lifter.elevation(points2d, sure)
        own = slice(start - first, stop - first)
        if proportions is not None:
            points2d = proportions.expected(completed(self._lifter, points2d, sure, camera))
        found = self._lifter(points2d, sure, camera)
        doubt = None if self._doubt is None else self._doubt(points2d, sure, found, camera)[own]
        if proportions is not None:
            found = with_own_bones(found, proportions, self._lifter)
        skeleton, denoised = found.joints3d, found.joints2d
        if self._head is not None and self._fps is not None:
            skeleton = smoothed(self._head, skeleton, sure, lifted, self._fps)
        skeleton, lifted = skeleton[own], lifted[own]
        suspicious = self._suspicious(skeleton, doubt)
        skeleton, denoised = skeleton * self._scale, denoised[own]
        if self.joint_set.detected:
            skeleton, denoised = (as_detected(points, sure[own], self.joint_set) for points in (skeleton, denoised))
            skeleton = skeleton - skeleton[:, self.joint_set.root_index, None]
        return Lift(
            joint_set=self.joint_set,
            joints3d=_masked(skeleton, lifted).cpu(),
            joints2d=_masked(denoised, lifted).cpu(),
            confidence=sure[own].cpu(),
            elevation=None if angles is None else _masked(angles[own], lifted).cpu(),
            lifted=lifted.cpu(),
            reversed_suspected=suspicious.cpu() & lifted.cpu(),
            deviation=None if doubt is None else _masked(doubt.deviation * self._scale, lifted).cpu(),
            reversed_probability=None if doubt is None else _masked(doubt.reversed_probability, lifted).cpu(),
        )

    def _suspicious(self, skeleton: Tensor, doubt: Doubt | None) -> Tensor:
        return self._chirality.suspicious(skeleton) if doubt is None else doubt.reversed_logit > 0


# Proportions are found by gradients, also for those who lift in inference mode.
@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _kept_lifter(name: str, device: torch.device) -> AnyLifter:
    return shipped_committee(name).to(device)


@lru_cache(maxsize=8)
def _kept_head(name: str, device: torch.device) -> TemporalHead:
    return shipped_head(name).to(device)


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _kept_doubt(name: str, device: torch.device) -> DoubtHead | None:
    return shipped_doubt(name).to(device) if "doubt" in shipped_records()[name] else None


def _masked(values: Tensor, keep: Tensor) -> Tensor:
    mask = keep.view(-1, *[1] * (values.ndim - 1))
    return torch.where(mask, values, torch.nan)
