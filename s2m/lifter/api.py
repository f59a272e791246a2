"""One call from 2D joints to 3D skeletons."""

from __future__ import annotations

import warnings
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.arrays import Array, as_tensor, back_to
from s2m.errors import S2MWarning, UserError
from s2m.formats.clips import ArrayFrames
from s2m.formats.keypoints2d import Keypoints
from s2m.lifter.doubt import DoubtHead
from s2m.lifter.keypoints import FEWEST_JOINTS
from s2m.lifter.lifting import Lift, Lifting
from s2m.lifter.network import Lifter
from s2m.lifter.settings import FASTEST
from s2m.lifter.temporal_head import TemporalHead
from s2m.lifter.untangled import tidied
from s2m.lifter.warnings import lift_warnings
from s2m.missing import mask_missing
from s2m.skeletons import JointSet, get_joint_set

__all__ = ["FEWEST_JOINTS", "Lift", "lift", "lift_keypoints"]


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
    one_person: bool = True,
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
        one_person: Whether all frames show the same person, whose proportions eight frames or more tell
            (:mod:`s2m.lifter.own_proportions`); otherwise, and with fewer frames, each frame is lifted for itself and
            everybody has the average person's bones.

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
        one_person=one_person,
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
    one_person: bool = True,
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
        one_person: See :func:`lift`.
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
        one_person=one_person,
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
