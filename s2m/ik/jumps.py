"""Temporal correction (paper section 4.5, Table 6): frames that jump against their neighbours are replaced."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from s2m.ik import quaternion as quat

REACH = 2  # frames on either side that a frame is compared with
_CONTRAST = 2.0  # a fault stands out from the ordinary change between frames by this factor


@dataclass(frozen=True)
class Corrected:
    """A corrected clip.

    Attributes:
        rotations: (T, J, 3, 3).
        replaced: (T, J) bool, which rotations were interpolated.
    """

    rotations: Tensor
    replaced: Tensor


def correct(rotations: Tensor, solved: Tensor | None = None, threshold: float = 0.5) -> Corrected:
    """Replace rotations that jump away from their neighbours and come back.

    A rotation is discontinuous when it lies more than ``threshold`` radians, and several times the ordinary change
    between frames, from the medoid of the five frames around it: in smooth motion the medoid is the frame itself,
    and a fault of one or two frames is outvoted. What is discontinuous, or was never solved, is interpolated between
    the nearest frames that are not.
    Each joint is judged for itself. A joint that is never good keeps what it has.

    Args:
        rotations: (T, J, 3, 3), consecutive frames.
        solved: (T, J) bool; ``None`` where all are.
        threshold: Radians.

    Returns:
        The clip and what was replaced.

    Raises:
        ValueError: For another shape.
    """
    if rotations.ndim != 4 or tuple(rotations.shape[2:]) != (3, 3):
        raise ValueError(f"rotations: expected shape (T, J, 3, 3), found {tuple(rotations.shape)}")
    bad = discontinuous(rotations, threshold)
    if solved is not None:
        bad = bad | ~solved
    before, after = _nearest_good(~bad)
    fixable = bad & ((before >= 0) | (after >= 0))
    before, after = torch.where(before < 0, after, before), torch.where(after < 0, before, after)
    q = quat.from_matrix(rotations)
    start, end = (q.gather(0, index.clamp_min(0)[..., None].expand_as(q)) for index in (before, after))
    time = torch.arange(len(q), device=q.device)[:, None]
    share = (time - before) / (after - before).clamp_min(1)
    filled = quat.to_matrix(slerp(start, end, share.to(q.dtype)[..., None]))
    return Corrected(torch.where(fixable[..., None, None], filled, rotations), fixable)


def discontinuous(rotations: Tensor, threshold: float) -> Tensor:
    """Rotations that stand out from the five frames around them.

    Args:
        rotations: (T, J, 3, 3), consecutive frames.
        threshold: Radians.

    Returns:
        (T, J) bool.
    """
    q = quat.from_matrix(rotations)
    count = len(q)
    offsets = torch.arange(-REACH, REACH + 1, device=q.device)
    window = (torch.arange(count, device=q.device)[:, None] + offsets).clamp(0, count - 1)
    around = q[window]  # (T, W, J, 4)
    cosine = torch.einsum("twjk,tvjk->tjwv", around, around).abs().clamp(max=1)
    distance = 2 * torch.acos(cosine)
    medoid = distance.sum(-1).argmin(-1)  # (T, J)
    own = distance[..., REACH, :].gather(-1, medoid[..., None])[..., 0]
    # How far apart neighbours are around here: fast motion and noise are no faults.
    steps = torch.stack([distance[..., k, k + 1] for k in range(2 * REACH)], -1)
    return (own > threshold) & (own > _CONTRAST * steps.median(-1).values)


def _nearest_good(good: Tensor) -> tuple[Tensor, Tensor]:
    """For every frame the last good frame at or before it and the first at or after it (T, J); -1 for none."""
    count = len(good)
    time = torch.arange(count, device=good.device)[:, None].expand(good.shape)
    before = torch.where(good, time, torch.full_like(time, -1)).cummax(0).values
    after = torch.where(good, time, torch.full_like(time, count)).flip(0).cummin(0).values.flip(0)
    return before, torch.where(after == count, torch.full_like(after, -1), after)


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Rotations on the shortest way between two.

    Args:
        start: (..., 4) unit quaternions.
        end: (..., 4).
        share: (..., 1) how far along, 0 to 1.

    Returns:
        (..., 4) unit quaternions.
    """
    cosine = quat.dot(start, end)
    end = torch.where(cosine < 0, -end, end)
    relative = quat.product(quat.conjugate(start), end)
    vector, real = relative[..., :3], relative[..., 3:]
    norm = quat.dot(vector, vector).clamp_min(1e-24).sqrt()
    angle = torch.atan2(norm, real) * share
    step = torch.cat([vector / norm * torch.sin(angle), torch.cos(angle)], -1)
    return quat.product(start, step)
