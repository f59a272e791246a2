"""The shape of a person: from silhouettes, from the lengths of bones, and from a known height."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from s2m.body import Body
from s2m.errors import UserError
from s2m.ik.shape import LARGEST_BETA, fit_betas
from s2m.recover.silhouettes import Silhouettes
from s2m.skeletons import JointSet

_LENGTH_NOISE = 0.06  # metres: of a lifted bone in one frame; errors of neighbouring frames are alike
_LEAST_NOISE = 0.02  # and some are the same in all frames
_INDEPENDENT = 0.5  # seconds after which a lifter's errors are new ones
# Of a person who is whole in the picture these are seen; arms may be before or behind the trunk.
_WHOLE = ("hip", "knee", "ankle", "shoulder", "head")
_LIMBS = ("elbow", "wrist", "knee", "ankle")
_HELD = 0.8  # of the seen limbs' joints lie on a silhouette that can be trusted


def tells_shape(joints2d: Tensor, confidence: Tensor, joint_set: JointSet, silhouettes: Silhouettes) -> Tensor:
    """Which frames' silhouettes can be trusted: of people who are seen whole, with all their limbs on them.

    Args:
        joints2d: (B, J, 2) pixels.
        confidence: (B, J), 0 where a joint was not seen.
        joint_set: Names of the joints.
        silhouettes: Of the same frames.

    Returns:
        (B,) bool.
    """
    seen = confidence > 0
    whole = seen[:, _ending(joint_set, _WHOLE)].all(1) & silhouettes.whole()
    limbs = _ending(joint_set, _LIMBS)
    held = (silhouettes.hold(joints2d)[:, limbs] & seen[:, limbs]).sum(1)
    return whole & (held >= _HELD * seen[:, limbs].sum(1))


def _ending(joint_set: JointSet, words: Sequence[str]) -> list[int]:
    return [place for place, joint in enumerate(joint_set.joints) if joint.split("_")[-1] in words]


def bone_betas(skeletons: Tensor, seen: Tensor, joint_set: JointSet, body: Body, seconds: float = 0.0) -> Tensor:
    """The shape that bone lengths tell, as far as they are known.

    Args:
        skeletons: (T, J, 3) metres, of the body's size.
        seen: (T, J) bool; only bones with both ends seen count.
        joint_set: Names of the joints.
        body: Whose shape space it is.
        seconds: How long the clip is; 0 for a single picture.

    Returns:
        (1, 10); the mean where no bone was seen.
    """
    known = torch.where(seen[..., None], skeletons, torch.nan)
    looks = min(len(skeletons), 1 + seconds / _INDEPENDENT)
    noise = max(_LEAST_NOISE, _LENGTH_NOISE / looks**0.5)
    try:
        return fit_betas(known, joint_set, body, noise)
    except ValueError:
        return torch.zeros(1, body.num_betas)


def with_height(betas: Tensor, body: Body, height: float) -> Tensor:
    """The nearest shape of a height.

    Args:
        betas: (1, 10).
        body: Whose shape space it is.
        height: Metres, upright.

    Returns:
        (1, 10).

    Raises:
        UserError: For a height that the body's shapes do not reach.
    """
    upright = body.v_template[:, 1]
    top, bottom = int(upright.argmax()), int(upright.argmin())
    change = body.shapedirs[top, 1] - body.shapedirs[bottom, 1]
    missing = height - float(upright[top] - upright[bottom] + betas[0] @ change)
    found = betas + missing * change / (change @ change)
    if float(found.abs().max()) > LARGEST_BETA:
        reach = float(change.norm()) * LARGEST_BETA
        middle = float(upright[top] - upright[bottom])
        raise UserError(
            f"--height: expected metres between {middle - reach:.2f} and {middle + reach:.2f}, found {height:g}"
        )
    return found
