"""What is suspicious about a clip of 3D joints, said in words before it is solved.

The commands print these messages, the functions of the package warn of them. Another check is another function in
``CHECKS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from s2m.arrays import short_repr
from s2m.errors import ArgumentError
from s2m.formats.joints3d import UNITS, UP_AXES
from s2m.ik.joint_maps import part_matrix, parts_of
from s2m.ik.rest import RestSkeleton
from s2m.skeletons import JointSet

_SMALLEST, _LARGEST = 0.35, 1.6  # a toddler and a giant, as multiples of the rest skeleton
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


def warnings_of(clip: Clip) -> list[str]:
    """The messages of all checks that find something.

    Args:
        clip: The joints and what they are said to be.

    Returns:
        One sentence for people per finding; empty when nothing looks wrong.
    """
    with torch.no_grad():
        return [message for check in CHECKS if (message := check(clip)) is not None]


def wrong_unit(clip: Clip) -> str | None:
    """The bones say that the unit is wrong (a person two kilometres tall)."""
    joints, rest = clip.joints, clip.rest
    pairs = [(a, b) for a, b in clip.joint_set.bones if _bone(rest.joints, a, b) > 0.05]
    first, second = (list(column) for column in zip(*pairs, strict=True))
    found = _bone(joints, first, second)
    seen = found[torch.isfinite(found).all(1)]
    seen = seen if len(seen) else torch.nan_to_num(found)
    ratio = float((seen.median(0).values / _bone(rest.joints, first, second)).median())
    if _SMALLEST < ratio < _LARGEST:
        return None
    height = float(rest.joints[:, 1].max() - rest.joints[:, 1].min()) * ratio
    fitting = [name for name, size in UNITS.items() if _SMALLEST < ratio * size / UNITS[clip.unit] < _LARGEST]
    hint = f"; in {fitting[0]} the size would be right (--unit {fitting[0]}; Python takes metres)" if fitting else ""
    return f"unit: in {clip.unit} this person would be {height:.3g} m tall{hint}"


def _bone(points: Tensor, first: int | list[int], second: int | list[int]) -> Tensor:
    length: Tensor = (points[..., first, :] - points[..., second, :]).norm(dim=-1)
    return length


def missing_joints(clip: Clip) -> str | None:
    """Which joints are missing (not finite) in which frames."""
    joints, joint_set = clip.joints, clip.joint_set
    missing = ~torch.isfinite(joints).all(-1)
    if not bool(missing.any()):
        return None
    frames = missing.any(1).nonzero()[:, 0].tolist()
    names = [joint_set.joints[j] for j in missing.any(0).nonzero()[:, 0].tolist()]
    more = f" and {len(frames) - _SHOWN} more" if len(frames) > _SHOWN else ""
    return (
        f"joints missing (not finite) in {len(frames)} of {len(joints)} frames ({frames[:_SHOWN]}{more}): "
        f"{', '.join(names)}; what they determine stays at rest"
    )


def mirrored(clip: Clip) -> str | None:
    """Faces and knees point backwards: left and right swapped, or an axis mirrored."""
    score = forwardness(clip.joints, clip.joint_set)
    if score is None or score > -0.02:
        return None
    return (
        "left and right look mirrored: noses, toes or knees point to the back of the body. Swapped labels, or an axis "
        "that is flipped without another? (a right-handed frame is expected)"
    )


def forwardness(joints: Tensor, joint_set: JointSet) -> float | None:
    """How far (metres, mean) nose, knees and toes lie in front of the body; ``None`` when nothing tells."""
    parts = parts_of(joint_set)

    def at(name: str) -> Tensor:
        return (part_matrix(joint_set, (name,)).to(joints) @ torch.nan_to_num(joints))[:, 0]

    across = at("left_hip") - at("right_hip") + at("left_shoulder") - at("right_shoulder")
    front = torch.linalg.cross(across, at("thorax") - at("pelvis"))
    front = front / front.norm(dim=-1, keepdim=True).clamp_min(1e-9)
    cues = []
    if "nose" in parts:
        cues.append(at("nose") - at("thorax"))
    for side in ("left", "right"):
        cues.append(at(f"{side}_knee") - (at(f"{side}_hip") + at(f"{side}_ankle")) / 2)
        if f"{side}_toe" in parts:
            cues.append(at(f"{side}_toe") - at(f"{side}_ankle"))
    whole = torch.isfinite(joints).all(-1).all(-1)
    if not bool(whole.any()):
        return None
    return float(torch.stack([(cue * front).sum(-1)[whole] for cue in cues]).mean())


def not_upright(clip: Clip) -> str | None:
    """Most frames lie or stand on their heads: the wrong up axis. Says nothing where the axis is not known."""
    if clip.up is None:
        return None
    joints = torch.nan_to_num(clip.joints)
    pelvis, thorax = ((part_matrix(clip.joint_set, (part,)).to(joints) @ joints)[:, 0] for part in ("pelvis", "thorax"))
    trunk = thorax - pelvis
    up = torch.tensor(UP_AXES[clip.up][1]).to(trunk)
    cosine = ((trunk @ up) / trunk.norm(dim=-1).clamp_min(1e-9)).median()
    if float(cosine) > 0.3:
        return None
    posture = "upside down" if float(cosine) < -0.3 else "lying"
    return (
        f"with {clip.up} up this person is {posture} in most frames; is another axis up? (--up: y, z, y-down or z-down)"
    )


CHECKS: tuple[Check, ...] = (wrong_unit, missing_joints, mirrored, not_upright)
