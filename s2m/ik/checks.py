"""What is suspicious about a clip of 3D joints, said in words before it is solved.

The commands print these messages, the functions of the package warn of them. Another check is another function in
``CHECKS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.arrays import short_repr
from s2m.errors import ArgumentError
from s2m.formats.joints3d import UNITS, UP_AXES
from s2m.ik.joint_maps import part_of, parts_of
from s2m.ik.rest import RestSkeleton
from s2m.missing import names_and_counts
from s2m.skeletons import JointSet

_SMALLEST, _LARGEST = 0.35, 1.6  # a toddler and a giant, as multiples of the rest skeleton
_SHORTEST = 0.05  # metres: bones below say little about size
_ENOUGH = 500  # frames that tell size and posture
_FLAT = 0.005  # of a person's height; people are never so thin
_SHOWN = 8  # frames that a message names


@dataclass(frozen=True)
class Clip:
    """Joints that are about to be solved.

    Attributes:
        joints: (T, J, 3) metres; not finite where a joint is missing.
        joint_set: Names of the joints.
        rest: The skeleton of a person of ordinary size.
        confidence: (T, J) in [0, 1], or ``None``.
        unit: What the joints were read as.
        up: The axis of their frame that points up, a key of ``UP_AXES``; ``None`` where nobody knows.
    """

    joints: Tensor
    joint_set: JointSet
    rest: RestSkeleton
    confidence: Tensor | None = None
    unit: str = "m"
    up: str | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        if self.up is not None and self.up not in UP_AXES:
            raise ArgumentError(f"up: expected one of {', '.join(UP_AXES)}, found {self.up!r}")


Check = Callable[[Clip], "str | None"]


def warnings_of(clip: Clip, checks: tuple[Check, ...] | None = None) -> list[str]:
    """The messages of all checks that find something.

    Args:
        clip: The joints and what they are said to be.
        checks: The checks to make; all of ``CHECKS`` by default.

    Returns:
        One sentence for people per finding; empty when nothing looks wrong.
    """
    few = _sampled(clip)
    wanted = CHECKS if checks is None else checks
    with torch.no_grad():
        messages = [check(clip if check in _OF_EVERY_FRAME else few) for check in wanted]
    return [message for message in messages if message is not None]


def _sampled(clip: Clip) -> Clip:
    """Frames that stand for all: size and posture are medians and means over them."""
    step = math.ceil(len(clip.joints) / _ENOUGH)
    if step <= 1:
        return clip
    return replace(
        clip,
        joints=clip.joints[::step],
        confidence=None if clip.confidence is None else clip.confidence[::step],
    )


def wrong_unit(clip: Clip) -> str | None:
    """The bones say that the unit is wrong (a person two kilometres tall).

    Args:
        clip: The joints and what they are said to be.

    Returns:
        The message; ``None`` where the size is a person's, or no bone was seen.
    """
    ratio = size_ratio(clip.joints, clip.rest)
    if ratio is None or _SMALLEST < ratio < _LARGEST:
        return None
    rest = clip.rest
    height = float(rest.joints[:, 1].max() - rest.joints[:, 1].min()) * ratio
    fitting = [name for name, size in UNITS.items() if _SMALLEST < ratio * size / UNITS[clip.unit] < _LARGEST]
    hint = f"; in {fitting[0]} the size would be right (--unit {fitting[0]}; Python takes metres)" if fitting else ""
    return f"unit: in {clip.unit} this person would be {height:.3g} m tall{hint}"


def size_ratio(joints: Tensor, rest: RestSkeleton) -> float | None:
    """How large a person is beside a skeleton at rest: the median over the bones, each as often as it was seen.

    Args:
        joints: (T, J, 3) metres, not finite where missing.
        rest: The skeleton.

    Returns:
        1 for the same size; ``None`` where no bone was seen.
    """
    first, second = torch.tensor(rest.joint_set.bones).T
    expected = (rest.joints[first] - rest.joints[second]).norm(dim=-1)
    long = expected.cpu() > _SHORTEST
    first, second, expected = first[long], second[long], expected[long.to(expected.device)]
    lengths = typical_lengths(joints, first, second)
    ratios = lengths / expected.to(lengths)
    ratios = ratios[torch.isfinite(ratios)]
    return float(ratios.median()) if len(ratios) else None


def typical_lengths(joints: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Medians (K,) of bones' lengths over the frames that show them, metres; NaN where none does.

    Args:
        joints: (T, J, 3) metres, not finite where missing.
        first: (K,) number of the joint at one end of each bone.
        second: (K,) at the other.
    """
    columns = joints.permute(1, 2, 0).contiguous()  # frames last: medians of rows are fast
    x, y, z = (columns[first] - columns[second]).square_().unbind(1)
    squares = x.add_(y).add_(z)
    return squares.masked_fill_(squares == torch.inf, torch.nan).nanmedian(-1).values.sqrt()


def missing_joints(clip: Clip) -> str | None:
    """Which joints are missing in how many frames.

    Args:
        clip: The joints and what they are said to be.

    Returns:
        The message; ``None`` where none is missing.
    """
    missing: NDArray[np.bool_] = (~torch.isfinite(clip.joints).all(-1)).cpu().numpy()
    if not missing.any():
        return None
    return missing_words(
        missing.sum(0), np.asarray(missing.any(1)), clip.joint_set, "what they determine stays at rest"
    )


def missing_words(
    counts: NDArray[np.int64], frames: NDArray[np.bool_], joint_set: JointSet, consequence: str
) -> str | None:
    """A sentence about missing joints.

    Args:
        counts: (J,) number of frames without each joint.
        frames: (T,) bool, frames with any joint missing.
        joint_set: Names of the joints.
        consequence: What becomes of what they determine.

    Returns:
        ``None`` where nothing is missing.
    """
    where = np.flatnonzero(frames).tolist()
    if not where:
        return None
    more = f" and {len(where) - _SHOWN} more" if len(where) > _SHOWN else ""
    names = names_and_counts(counts.tolist(), joint_set.joints, len(frames))
    return f"joints missing in {len(where)} of {len(frames)} frames ({where[:_SHOWN]}{more}): {names}; {consequence}"


def mirrored(clip: Clip) -> str | None:
    """The face, knees or toes point backwards: left and right swapped, or an axis mirrored.

    Args:
        clip: The joints and what they are said to be.

    Returns:
        The message; ``None`` where they point forwards, or nothing tells.
    """
    score = forwardness(clip.joints, clip.joint_set)
    if score is None or score > -0.02:
        return None
    return (
        "left and right look mirrored: face, knees or toes point to the back of the body. Swapped labels, or an axis "
        "that is flipped without another? (a right-handed frame is expected)"
    )


def forwardness(joints: Tensor, joint_set: JointSet) -> float | None:
    """How far nose or neck, knees and toes lie in front of the body.

    Args:
        joints: (T, J, 3) metres, any right-handed frame; not finite where a joint is missing.
        joint_set: Names of the joints.

    Returns:
        Metres, the mean over the clip, below zero for behind; ``None`` when nothing tells.
    """
    parts = parts_of(joint_set)
    across = _part(joints, joint_set, "left_hip") - _part(joints, joint_set, "right_hip")
    shoulders = _part(joints, joint_set, "left_shoulder") - _part(joints, joint_set, "right_shoulder")
    across = across + torch.where(torch.isfinite(shoulders), shoulders, torch.zeros_like(shoulders))
    trunk = _part(joints, joint_set, "thorax") - _part(joints, joint_set, "pelvis")
    front = torch.linalg.cross(across, trunk)
    front = front / front.norm(dim=-1, keepdim=True).clamp_min(1e-9)
    cues = []
    for face in ("nose", "neck_nose"):
        if face in parts:
            cues.append(_part(joints, joint_set, face) - _part(joints, joint_set, "thorax"))
    for side in ("left", "right"):
        hip, knee, ankle = (_part(joints, joint_set, f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        cues.append(knee - (hip + ankle) / 2)
        if f"{side}_toe" in parts:
            cues.append(_part(joints, joint_set, f"{side}_toe") - ankle)
    score = torch.stack([(cue * front).sum(-1) for cue in cues]).nanmean(1)  # of each cue where it was seen
    score = score[torch.isfinite(score)]
    return float(score.mean()) if len(score) else None


def _part(joints: Tensor, joint_set: JointSet, name: str) -> Tensor:
    """(T, 3) a part of the body; NaN where one of the joints that make it up is missing."""
    weights = part_of(joint_set, parts_of(joint_set), name)
    index = joint_set.indices(weights)
    return (joints[:, index] * torch.tensor(list(weights.values())).to(joints)[:, None]).sum(1)


def not_upright(clip: Clip) -> str | None:
    """Most frames lie or stand on their heads: the wrong up axis. Says nothing where the axis is not known.

    Args:
        clip: The joints and what they are said to be.

    Returns:
        The message; ``None`` where most frames are upright, or nothing tells.
    """
    if clip.up is None:
        return None
    trunk = _part(clip.joints, clip.joint_set, "thorax") - _part(clip.joints, clip.joint_set, "pelvis")
    trunk = trunk[torch.isfinite(trunk).all(-1)]
    if not len(trunk):
        return None
    up = torch.tensor(UP_AXES[clip.up][1]).to(trunk)
    cosine = ((trunk @ up) / trunk.norm(dim=-1).clamp_min(1e-9)).median()
    if float(cosine) > 0.3:
        return None
    posture = "upside down" if float(cosine) < -0.3 else "lying"
    return (
        f"with {clip.up} up this person is {posture} in most frames; is another axis up? (--up: y, z, y-down or z-down)"
    )


def flat(clip: Clip) -> str | None:
    """All joints of nearly all frames lie in one plane: 2D joints that got a third coordinate.

    Args:
        clip: The joints and what they are said to be.

    Returns:
        The message; ``None`` where people have depth, or nobody was seen.
    """
    seen = torch.isfinite(clip.joints).all(-1, keepdim=True)
    high = clip.joints.masked_fill(~seen, -math.inf).amax(1)
    low = clip.joints.masked_fill(~seen, math.inf).amin(1)
    extent = (high - low)[seen.sum((1, 2)) > len(clip.joint_set) / 2]
    if not len(extent):
        return None
    thick = (extent / extent.amax(1, keepdim=True).clamp_min(1e-9)).median(0).values
    if float(thick.min()) > _FLAT:
        return None
    return (
        "all joints lie in one plane: these are 2D joints, of which no rotation in depth "
        "can be told; `s2m lift` takes 2D joints"
    )


# Of a clip that is known to have the right size and whose missing joints were named.
POSTURE: tuple[Check, ...] = (mirrored, not_upright, flat)
_OF_EVERY_FRAME: tuple[Check, ...] = (missing_joints,)
CHECKS: tuple[Check, ...] = (wrong_unit, missing_joints, *POSTURE)
