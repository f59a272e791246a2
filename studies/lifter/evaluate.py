"""The study's figures of one method on one set of frames."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from s2m.geometry.procrustes import scale_align
from s2m.lifter import Lifter
from s2m.metrics import skeleton_metrics
from s2m.metrics.base import MILLIMETRES
from s2m.metrics.motion import acceleration_error
from s2m.skeletons import JointSet
from studies.lifter.conditions import StudyFrames

# joints2d (B, J, 2) in crop units, confidence (B, J) -> (B, J, 3) metres, root-relative, camera frame.
Method = Callable[[Tensor, Tensor], Tensor]

# The open data is sampled at this rate.
FPS = 30.0
KEPT = ("mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "reversed_depth", "depth_cosine")
# Extremities and the joint that they are measured from.
END_PARTS = {"ears": ("ear", "head"), "hands": ("index pinky", "{side}_wrist"), "feet": ("heel toe", "{side}_ankle")}


@torch.no_grad()
def evaluate(method: Method, frames: StudyFrames, joint_set: JointSet) -> dict[str, float]:
    """Metrics by name; frames hold the joints of ``joint_set``.

    ``mpjpe_mm`` is as predicted: the scale comes from a prior on bone length. ``n_`` is after the best scale, ``pa_``
    after Procrustes without reflection; all three, reversed depth and depth cosine over the 17 joints of h36m17. The
    acceleration error is of skeletons as predicted. ``ears_mm``, ``hands_mm``, ``feet_mm``: see
    :func:`endpoint_errors`.

    Args:
        method: Name of a method.
        frames: Frames with their truth.
        joint_set: The joint set.
    """
    pred = method(frames.joints2d, frames.confidence)
    true = frames.joints3d - frames.joints3d[:, joint_set.root_index, None]
    metrics = skeleton_metrics(joint_set)
    metrics.update(pred_joints=pred, true_joints=true)
    computed = metrics.compute()
    figures = {name: float(computed[name]) for name in KEPT}
    acceleration = float(acceleration_error(pred, true, frames.sequence, frames.frame, joint_set))
    if not math.isnan(acceleration):
        figures["accel_mm_per_frame2"] = MILLIMETRES * acceleration
        figures["accel_mm_per_s2"] = MILLIMETRES * acceleration * FPS**2
    errors = endpoint_errors(pred, true, joint_set)
    return figures | {f"{name}_mm": MILLIMETRES * float(value.mean()) for name, value in errors.items()}


def endpoint_errors(pred: Tensor, true: Tensor, joint_set: JointSet) -> dict[str, Tensor]:
    """Errors (B, E) in metres of extremities relative to the joint that they hang on, after the best scale of the
    whole.

    Ears are measured from the top of the head, knuckles from the wrist, heels and toes from the ankle.

    Args:
        pred: (B, J, 3) root-relative. Empty for a joint set without extremities.
        true: (B, J, 3) likewise.
        joint_set: The joint set.
    """
    scaled = scale_align(pred, true)
    errors = {}
    for name, (parts, base) in END_PARTS.items():
        pairs = [(f"{s}_{p}", base.format(side=s)) for s in ("left", "right") for p in parts.split()]
        if not all(end in joint_set and start in joint_set for end, start in pairs):
            continue
        ends, starts = (joint_set.indices(column) for column in zip(*pairs, strict=True))
        difference = (scaled[:, ends] - scaled[:, starts]) - (true[:, ends] - true[:, starts])
        errors[name] = difference.norm(dim=-1)
    return errors


@torch.no_grad()
def elevation_figures(lifter: Lifter, frames: StudyFrames) -> dict[str, float]:
    """Mean and standard deviation over frames, in degrees, of the learned and of the true camera elevation.

    Empty where the lifter does not learn it; the true one is left out where the store does not tell.

    Args:
        lifter: The lifter.
        frames: Frames with their truth.
    """
    learn = getattr(lifter, "elevation", None)
    learned = learn(frames.joints2d, frames.confidence) if learn is not None else None
    if learned is None:
        return {}
    figures = _spread("elevation_learned", learned)
    if frames.elevation is not None:
        figures |= _spread("elevation_true", frames.elevation)
        figures["elevation_abs_error_deg"] = math.degrees(float((learned - frames.elevation).abs().mean()))
    return figures


def _spread(name: str, angle: Tensor) -> dict[str, float]:
    return {
        f"{name}_mean_deg": math.degrees(float(angle.mean())),
        f"{name}_std_deg": math.degrees(float(angle.std(correction=0))),
    }
