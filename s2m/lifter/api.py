"""One call from 2D joints to 3D skeletons."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.arrays import Array, as_tensor, back_to, short_repr
from s2m.errors import S2MWarning, UserError
from s2m.formats.clips import ArrayFrames, FrameSource, blocks
from s2m.formats.keypoints2d import Keypoints
from s2m.lifter.committee import AnyLifter
from s2m.lifter.doubt import Doubt, DoubtHead
from s2m.lifter.keypoints import FEWEST_JOINTS, as_detected, best_lifter_set, on_joint_set
from s2m.lifter.network import Lifter
from s2m.lifter.objective.chirality import Chirality
from s2m.lifter.settings import FASTEST, check_heads, metres_scale, pinhole
from s2m.lifter.shipped_lifters import shipped_committee, shipped_doubt, shipped_head, shipped_records
from s2m.lifter.temporal_head import TemporalHead
from s2m.lifter.untangled import tidied
from s2m.lifter.video import smoothed
from s2m.lifter.warnings import lift_warnings
from s2m.missing import mask_missing
from s2m.skeletons import H36M17_DETECTED, S2M27_DETECTED, JointSet, get_joint_set

_ROWS = 2048  # frames at a time: the networks take 27 KB for each
_DETECTED = {"h36m17": H36M17_DETECTED, "s2m27": S2M27_DETECTED}

__all__ = ["FEWEST_JOINTS", "Lift", "Lifting", "lift", "lift_keypoints"]


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


def lift(
    joints2d: Array,
    joint_set: str | JointSet = "h36m17",
    confidence: Array | None = None,
    *,
    lifter: Lifter | None = None,
    height: float | None = None,
    focal: float | None = None,
    image_size: tuple[int, int] | None = None,
    video_fps: float | None = None,
    head: TemporalHead | None = None,
    doubt: DoubtHead | None = None,
) -> Lift:
    """3D skeletons from the 2D joints of one person in one view; no training, no GPU.

    Arrays may be NumPy or torch, of any precision, on any device; the shipped lifters run where the joints are.

    Args:
        joints2d: (T, K, 2) or (K, 2) in pixels or any other unit, +x right, +y down; a joint that is not finite, or
            exactly (0, 0) or (-1, -1), counts as missing (:mod:`s2m.missing`).
        joint_set: Its name or the set itself; joints go to the lifter's by name, see
            :func:`s2m.lifter.keypoints.lifter_weights`.
        confidence: (T, K) or (K,); a joint counts where it is above 0.
        lifter: By default the shipped one that suits the joint set (of 27 joints: two, see
            :class:`s2m.lifter.committee.Committee`). One of your own runs on its own device.
        height: Of the person standing upright, in metres; without it the bones are on average as long as the lifter's
            prior says, since one view cannot tell scale.
        focal: Focal length of the camera, in the unit of the joints; with it, people beside the middle of the picture
            are seen from where they are seen.
        image_size: Width and height of the picture, in the unit of the joints, for the camera's middle; without a focal
            length the usual guess is taken, the picture's diagonal.
        video_fps: Frames per second where the frames are those of one video, in their order: each is then smoothed
            with those around it, left and right that are exchanged for a few frames are put right, and joints that are
            far from their body for a frame or two are missing.
        head: What smooths them, for a ``lifter`` of your own.
        doubt: What tells how far off a ``lifter`` of your own may be.

    Returns:
        The skeletons; NumPy or torch and on the device like ``joints2d``, float32.

    Raises:
        UserError: For wrong shapes, heights and frame rates, for a video with a lifter but no head of its own, and
            when no frame has six joints.

    Warns:
        S2MWarning: For what looks wrong: joints that are missing, left and right exchanged, people upside down.

    Example:
        >>> import numpy as np
        >>> from s2m import Solver, lift
        >>> rest = Solver("h36m17").rest_joints.numpy()  # a person at rest, +y up
        >>> found = lift(rest[:, :2] * [300, -300] + [500, 500], "h36m17", height=1.8)
        >>> found.joints3d.shape, bool(found.lifted.all())
        ((1, 17, 3), True)
    """
    given = get_joint_set(joint_set) if isinstance(joint_set, str) else joint_set
    keypoints, tidying = _keypoints(joints2d, confidence, given), list[str]()
    if video_fps is not None and 0 < video_fps <= FASTEST:
        source, tidying = tidied(ArrayFrames(keypoints.points, keypoints.confidence), given, video_fps)
        points, sure = source.read(0, len(source))
        keypoints = Keypoints(points.astype(np.float32), sure, given)
    device = joints2d.device if isinstance(joints2d, Tensor) else torch.device("cpu")
    found = lift_keypoints(
        keypoints,
        lifter=lifter,
        height=height,
        focal=focal,
        image_size=image_size,
        video_fps=video_fps,
        head=head,
        doubt=doubt,
        device=device,
    )
    for message in [*tidying, *lift_warnings(keypoints, found)]:
        warnings.warn(message, S2MWarning, stacklevel=2)
    back = back_to(joints2d)
    arrays = {field.name: back(getattr(found, field.name)) for field in fields(found) if field.name != "joint_set"}
    return replace(found, **arrays)


def lift_keypoints(
    keypoints: Keypoints,
    *,
    lifter: Lifter | None = None,
    height: float | None = None,
    focal: float | None = None,
    image_size: tuple[int, int] | None = None,
    video_fps: float | None = None,
    head: TemporalHead | None = None,
    doubt: DoubtHead | None = None,
    device: torch.device | None = None,
) -> Lift:
    """:func:`lift` of what was read from a file, without warnings and with tensors on the CPU.

    Args:
        keypoints: 2D joints of one person.
        lifter: See :func:`lift`.
        height: See :func:`lift`.
        focal: See :func:`lift`.
        image_size: See :func:`lift`.
        video_fps: See :func:`lift`.
        head: See :func:`lift`.
        doubt: See :func:`lift`.
        device: Where a shipped lifter runs; the CPU by default.

    Returns:
        The skeletons, as tensors on the CPU.

    Raises:
        UserError: See :func:`lift`.
    """
    source = ArrayFrames(keypoints.points, keypoints.confidence)
    lifting = Lifting(
        keypoints.joint_set,
        lifter,
        height=height,
        focal=focal,
        image_size=image_size,
        video_fps=video_fps,
        head=head,
        doubt=doubt,
        device=device,
    )
    parts = list(lifting.blocks(source))
    if not any(bool(part.lifted.any()) for part in parts):
        raise too_few_joints(max(int((part.confidence > 0).sum(1).max()) for part in parts))
    columns = {field.name: [getattr(part, field.name) for part in parts] for field in fields(Lift)[1:]}
    tensors: dict[str, Any] = {name: None if rows[0] is None else torch.cat(rows) for name, rows in columns.items()}
    return Lift(lifting.joint_set, **tensors)


def too_few_joints(most: int) -> UserError:
    """What to say where no frame has enough joints.

    Args:
        most: The largest number of joints that a frame has.

    Returns:
        The error, for the caller to raise.
    """
    return UserError(f"joints: expected {FEWEST_JOINTS} or more joints in some frame, found {most} at the most")


class Lifting:
    """Lifts clips of any length, some thousand frames at a time; what it makes does not depend on how many.

    Args:
        given: Joint set of the clips.
        lifter: See :func:`lift`.
        height: See :func:`lift`.
        focal: See :func:`lift`.
        image_size: See :func:`lift`.
        video_fps: See :func:`lift`.
        head: See :func:`lift`.
        doubt: See :func:`lift`.
        device: Where a shipped lifter runs; the CPU by default.

    Raises:
        UserError: See :func:`lift`.
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
        device: torch.device | None = None,
    ) -> None:
        check_heads(lifter, video_fps, head, doubt)
        if lifter is None:
            name, device = best_lifter_set(given, list(shipped_records())), device or torch.device("cpu")
            lifter, head = _kept_lifter(name, device), None if video_fps is None else _kept_head(name, device)
            doubt = _kept_doubt(name, device)
        self._lifter, self._head, self._doubt, self._given, self._fps = lifter, head, doubt, given, video_fps
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
        for start, stop in blocks(source, rows):
            yield self._block(source, start, stop)

    @torch.inference_mode()
    def _block(self, source: FrameSource, start: int, stop: int) -> Lift:
        video = self._head is not None and self._fps is not None
        reach = self._head.reach(self._fps) if video and self._head is not None else 0
        first = max(0, start - reach)
        points, confidence = source.read(first, min(len(source), stop + reach))
        taken = on_joint_set(Keypoints(points, confidence, self._given), self._lifter.joint_set)  # type: ignore[arg-type]
        points2d = torch.from_numpy(taken.points).to(self._device)
        sure = torch.from_numpy(taken.confidence).to(self._device)
        lifted = (sure > 0).sum(1) >= FEWEST_JOINTS
        camera = None if self._camera is None else points2d.new_tensor(self._camera).expand(len(points2d), 4)
        found = self._lifter(points2d, sure, camera)
        skeleton, denoised, angles = found.joints3d, found.joints2d, self._lifter.elevation(points2d, sure)
        own = slice(start - first, stop - first)
        doubt = None if self._doubt is None else self._doubt(points2d, sure, found, camera)[own]
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


@lru_cache(maxsize=8)
def _kept_lifter(name: str, device: torch.device) -> AnyLifter:
    return shipped_committee(name).to(device)


@lru_cache(maxsize=8)
def _kept_head(name: str, device: torch.device) -> TemporalHead:
    return shipped_head(name).to(device)


@lru_cache(maxsize=8)
def _kept_doubt(name: str, device: torch.device) -> DoubtHead | None:
    return shipped_doubt(name).to(device) if "doubt" in shipped_records()[name] else None


def _keypoints(joints2d: Array, confidence: Array | None, given: JointSet) -> Keypoints:
    points = _float32(joints2d)
    points = points[None] if points.ndim == 2 else points
    if points.ndim != 3 or points.shape[1:] != (len(given), 2) or len(points) == 0:
        found = tuple(np.shape(joints2d))
        raise UserError(f"joints2d: expected (frames, {len(given)}, 2) for the joint set {given.name}, found {found}")
    certain = np.ones(points.shape[:2], np.float32) if confidence is None else _float32(confidence)
    certain = certain[None] if certain.ndim == 1 else certain
    if certain.shape != points.shape[:2]:
        raise UserError(f"confidence: expected {points.shape[:2]} like the joints, found {certain.shape}")
    masked, sure = mask_missing(points, certain, given.root_index)
    return Keypoints(masked.astype(np.float32), sure, given)


def _float32(values: Array) -> NDArray[np.float32]:
    """A copy on the CPU: what a file's joints would be."""
    found: NDArray[np.float32] = as_tensor(values).detach().cpu().numpy().copy()
    return found


def _masked(values: Tensor, keep: Tensor) -> Tensor:
    mask = keep.view(-1, *[1] * (values.ndim - 1))
    return torch.where(mask, values, torch.nan)
