"""What is suspicious about a clip of 3D joints, said in words before it is solved."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.errors import UserError
from s2m.formats.joints3d import UNITS
from s2m.ik.joint_maps import part_matrix, parts_of
from s2m.ik.rest import RestSkeleton
from s2m.skeletons import JointSet

_SMALLEST, _LARGEST = 0.35, 1.6  # a toddler and a giant, as multiples of the rest skeleton
_SHOWN = 8  # frames that a message names


def check_size(joints: Tensor, rest: RestSkeleton, unit: str) -> None:
    """UserError when the bones say that the unit is wrong (a person two kilometres tall).

    joints: (T, J, 3) metres. rest: the skeleton of a person of ordinary size.
    """
    pairs = [(a, b) for a, b in rest.joint_set.bones if _bone(rest.joints, a, b) > 0.05]
    first, second = (list(column) for column in zip(*pairs, strict=True))
    found = _bone(joints, first, second)
    seen = found[torch.isfinite(found).all(1)] if found.ndim > 1 else found
    seen = seen if len(seen) else torch.nan_to_num(found)
    ratio = float((seen.median(0).values / _bone(rest.joints, first, second)).median())
    if _SMALLEST < ratio < _LARGEST:
        return
    height = float(rest.joints[:, 1].max() - rest.joints[:, 1].min()) * ratio
    fitting = [name for name, size in UNITS.items() if _SMALLEST < ratio * size / UNITS[unit] < _LARGEST]
    hint = f"; with --unit {fitting[0]} the size would be right" if fitting else ""
    raise UserError(f"unit: in {unit} this person would be {height:.3g} m tall{hint}")


def _bone(points: Tensor, first: int | list[int], second: int | list[int]) -> Tensor:
    length: Tensor = (points[..., first, :] - points[..., second, :]).norm(dim=-1)
    return length


def missing_message(joints: Tensor, joint_set: JointSet) -> str | None:
    """Which joints are missing (not finite) in which frames (T, J, 3); ``None`` when all are there."""
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


def mirrored_message(joints: Tensor, joint_set: JointSet) -> str | None:
    """A warning when faces and knees point backwards: left and right swapped, or an axis mirrored. (T, J, 3)."""
    score = forwardness(joints, joint_set)
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


def upright_message(joints: Tensor, joint_set: JointSet, up: str) -> str | None:
    """A warning when most frames (T, J, 3), +z up, stand on their heads: the wrong up axis."""
    pelvis, thorax = (
        (part_matrix(joint_set, (part,)).to(joints) @ torch.nan_to_num(joints))[:, 0] for part in ("pelvis", "thorax")
    )
    trunk = thorax - pelvis
    cosine = (trunk[:, 2] / trunk.norm(dim=-1).clamp_min(1e-9)).median()
    if float(cosine) > 0.3:
        return None
    posture = "upside down" if float(cosine) < -0.3 else "lying"
    return (
        f"with --up {up} this person is {posture} in most frames; is another axis up? (choose y, z, y-down or z-down)"
    )
