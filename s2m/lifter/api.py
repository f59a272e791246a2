"""One call from 2D joints to 3D skeletons."""

from __future__ import annotations

import math
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
from s2m.formats.clips import ROWS, ArrayFrames, FrameSource, blocks
from s2m.formats.keypoints2d import Keypoints
from s2m.lifter.keypoints import FEWEST_JOINTS, as_detected, best_lifter_set, on_joint_set
from s2m.lifter.network import Lifter, mean_bone_length
from s2m.lifter.objective.chirality import Chirality
from s2m.lifter.shipped_lifters import shipped, shipped_head, shipped_records
from s2m.lifter.temporal_head import TemporalHead
from s2m.lifter.untangled import Untangled
from s2m.lifter.video import smoothed
from s2m.lifter.warnings import lift_warnings
from s2m.missing import mask_missing
from s2m.skeletons import H36M17_DETECTED, S2M27_DETECTED, JointSet, get_joint_set

_FASTEST = 1000
_DETECTED = {"h36m17": H36M17_DETECTED, "s2m27": S2M27_DETECTED}
# Metres: a small child and a giant.
_HEIGHTS = (0.5, 2.6)

__all__ = ["FEWEST_JOINTS", "Lift", "Lifting", "lift", "lift_keypoints", "metres_scale"]


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
        reversed_suspected: (T,) bool, the knees, the neck and the toes speak for the mirrored depth.
    """

    joint_set: JointSet
    joints3d: Tensor
    joints2d: Tensor
    confidence: Tensor
    elevation: Tensor | None
    lifted: Tensor
    reversed_suspected: Tensor

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
) -> Lift:
    """3D skeletons from the 2D joints of one person in one view; no training, no GPU.

    Arrays may be NumPy or torch, of any precision, on any device; the shipped lifters run where the joints are.

    Args:
        joints2d: (T, K, 2) or (K, 2) in pixels or any other unit, +x right, +y down; a joint that is not finite, or
            exactly (0, 0) or (-1, -1), counts as missing (:mod:`s2m.missing`).
        joint_set: Its name or the set itself; joints go to the lifter's by name, see
            :func:`s2m.lifter.keypoints.lifter_weights`.
        confidence: (T, K) or (K,); a joint counts where it is above 0.
        lifter: By default the shipped one that suits the joint set. One of your own runs on its own device.
        height: Of the person standing upright, in metres; without it the bones are on average as long as the lifter's
            prior says, since one view cannot tell scale.
        video_fps: Frames per second where the frames are those of one video, in their order: each is then smoothed
            with those around it, and left and right that are exchanged for a few frames are put right.
        head: What smooths them, for a ``lifter`` of your own.

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
    keypoints, exchanged = _keypoints(joints2d, confidence, given), []
    if video_fps is not None and 0 < video_fps <= _FASTEST:
        source = Untangled(ArrayFrames(keypoints.points, keypoints.confidence), given, video_fps)
        points, sure = source.read(0, len(source))
        keypoints, exchanged = Keypoints(points.astype(np.float32), sure, given), source.messages
    device = joints2d.device if isinstance(joints2d, Tensor) else torch.device("cpu")
    found = lift_keypoints(
        keypoints,
        lifter=lifter,
        height=height,
        focal=focal,
        image_size=image_size,
        video_fps=video_fps,
        head=head,
        device=device,
    )
    for message in [*exchanged, *lift_warnings(keypoints, found)]:
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
        device: Where a shipped lifter runs; the CPU by default.

    Raises:
        UserError: See :func:`lift`.
    """

    def __init__(
        self,
        given: JointSet,
        lifter: Lifter | None = None,
        *,
        height: float | None = None,
        focal: float | None = None,
        image_size: tuple[int, int] | None = None,
        video_fps: float | None = None,
        head: TemporalHead | None = None,
        device: torch.device | None = None,
    ) -> None:
        _check_video(lifter, video_fps, head)
        if lifter is None:
            name, device = best_lifter_set(given, list(shipped_records())), device or torch.device("cpu")
            lifter, head = _kept_lifter(name, device), None if video_fps is None else _kept_head(name, device)
        self._lifter, self._head, self._given, self._fps = lifter, head, given, video_fps
        self._scale = 1.0 if height is None else metres_scale(height, lifter)
        self._device = next(lifter.parameters()).device
        self._camera = pinhole(focal, image_size)
        self._chirality = Chirality(lifter.joint_set).to(self._device)

    @property
    def joint_set(self) -> JointSet:
        """Joint set of the skeletons: the lifter's, or its variant for joints of detectors."""
        own = self._lifter.joint_set
        return _DETECTED.get(own.name, own) if self._given.detected else own

    def blocks(self, source: FrameSource, rows: int = ROWS) -> Iterator[Lift]:
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
        skeleton, denoised, angles = _lift(self._lifter, points2d, sure, camera)
        if self._head is not None and self._fps is not None:
            skeleton = smoothed(self._head, skeleton, sure, lifted, self._fps)
        own = slice(start - first, stop - first)
        skeleton, lifted = skeleton[own], lifted[own]
        suspicious = self._chirality.suspicious(skeleton)
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
        )


@lru_cache(maxsize=8)
def _kept_lifter(name: str, device: torch.device) -> Lifter:
    return shipped(name).to(device)


@lru_cache(maxsize=8)
def _kept_head(name: str, device: torch.device) -> TemporalHead:
    return shipped_head(name).to(device)


def pinhole(focal: float | None, image_size: tuple[int, int] | None) -> tuple[float, float, float, float] | None:
    """Focal lengths and principal point of a camera of which a picture tells something.

    Args:
        focal: Focal length, in the unit of the joints.
        image_size: Width and height of the picture, in the same unit.

    Returns:
        Focal lengths x, y, principal point x, y; ``None`` where nothing is known.

    Raises:
        UserError: For a focal length without the picture's size, and for values that no camera has.
    """
    if image_size is None:
        if focal is not None:
            raise UserError("focal: the camera's middle is the picture's; expected its image_size as well, found none")
        return None
    width, height = image_size
    if not (math.isfinite(width) and math.isfinite(height) and min(width, height) > 0):
        raise UserError(f"image_size: expected a width and a height above 0, found {width} and {height}")
    focal = math.hypot(width, height) if focal is None else focal
    if not (math.isfinite(focal) and focal > 0):
        raise UserError(f"focal: expected a length above 0, found {focal}")
    return focal, focal, width / 2, height / 2


def metres_scale(height: float, lifter: Lifter) -> float:
    """What makes a lifter's skeletons those of a person of some height with the open body's proportions.

    Args:
        height: Of the person standing upright, metres.
        lifter: Whose skeletons they are.

    Returns:
        The factor of the lifter's coordinates.

    Raises:
        UserError: For a height that no person has.
    """
    from s2m.body import load_body
    from s2m.body.regressors import defined_regressor

    if not _HEIGHTS[0] <= height <= _HEIGHTS[1]:
        raise UserError(f"height: expected metres between {_HEIGHTS[0]} and {_HEIGHTS[1]}, found {height}")
    body = load_body()
    upright = body.v_template[:, 1]
    bones = mean_bone_length(defined_regressor(body, lifter.joint_set) @ body.v_template, lifter.joint_set)
    return height * bones / float(upright.max() - upright.min()) / lifter.rest_bone_length


def _check_video(lifter: Lifter | None, video_fps: float | None, head: TemporalHead | None) -> None:
    if video_fps is None:
        if head is not None:
            raise UserError("head: it is for a video; expected its video_fps as well")
        return
    if not 0 < video_fps <= _FASTEST:
        raise UserError(f"video_fps: expected more than 0 and at most {_FASTEST} frames per second, found {video_fps}")
    if (lifter is None) != (head is None):
        found = "a lifter alone" if head is None else "a head alone"
        raise UserError(f"video_fps: expected a lifter and its temporal head, or neither, found {found}")
    if lifter is not None and head is not None and lifter.joint_set.name != head.joint_set.name:
        raise UserError(f"head: expected one for {lifter.joint_set.name}, found one for {head.joint_set.name}")


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


def _lift(
    lifter: Lifter, points: Tensor, confidence: Tensor, camera: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    found = lifter(points, confidence, camera)
    return found.joints3d, found.joints2d, lifter.elevation(points, confidence)


def _masked(values: Tensor, keep: Tensor) -> Tensor:
    mask = keep.view(-1, *[1] * (values.ndim - 1))
    return torch.where(mask, values, torch.nan)
