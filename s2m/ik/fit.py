"""How well a solution fits the joints that it was made from, in words."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.batch import BodyParams
from s2m.body import Body
from s2m.ik.body_joints import body_regressor
from s2m.skeletons import JointSet

_FRAMES = 200  # frames that are posed, spread over the clip
_AT_ONCE = 50
_WORST = 3  # joints that are named
_BONES_OFF = 0.05  # a typical bone that differs by more from the body's calls for another shape


def joint_errors(params: BodyParams, joints: Tensor, joint_set: JointSet, body: Body) -> Tensor:
    """Distance (J,) in metres between given joints and the posed body's, averaged over frames.

    Args:
        params: Solution, in the joints' frame; every frame its own.
        joints: (T, J, 3) metres; joints that are not finite are passed over.
        joint_set: Their names.
        body: The body that was posed.

    Returns:
        NaN for joints that were never seen.
    """
    chosen = torch.linspace(0, len(joints) - 1, min(_FRAMES, len(joints))).long()
    weights = body_regressor(body, joint_set)
    with torch.no_grad():
        posed = torch.cat([weights @ body(params[part]).vertices for part in chosen.split(_AT_ONCE)])
    return torch.nanmean((posed - joints[chosen]).norm(dim=-1), 0)


def fit_message(errors: Tensor, joint_set: JointSet) -> str:
    """Mean and worst of ``joint_errors`` in millimetres."""
    seen = torch.isfinite(errors)
    if not bool(seen.any()):
        return "fit: no joint was seen"
    order = torch.where(seen, errors, torch.zeros_like(errors)).argsort(descending=True)[:_WORST].tolist()
    worst = ", ".join(f"{joint_set.joints[j]} {errors[j] * 1000:.0f}" for j in order)
    return f"fit: {errors[seen].mean() * 1000:.0f} mm mean; worst: {worst} mm"


def shape_hint(joints: Tensor, rest: Tensor, joint_set: JointSet) -> str | None:
    """A hint at ``--fit-shape`` when bones of a clip (T, J, 3) differ from those at rest (J, 3); else ``None``."""
    first, second = (list(column) for column in zip(*joint_set.bones, strict=True))
    expected = (rest[first] - rest[second]).norm(dim=-1)
    found = (joints[:, first] - joints[:, second]).norm(dim=-1)
    ratio = torch.nanmedian(torch.where(torch.isfinite(found), found, torch.nan), 0).values / expected.clamp_min(1e-6)
    ratio = ratio[torch.isfinite(ratio) & (expected > 0.05)]
    if not len(ratio) or float((ratio - 1).abs().median()) < _BONES_OFF:
        return None
    off = float((ratio - 1).abs().median()) * 100
    return f"a typical bone is {off:.0f} % off this body's; --fit-shape estimates the person's shape"
