"""Body shape from bone lengths."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.body import Body
from s2m.ik.body_joints import body_regressor
from s2m.skeletons import JointSet

_STEPS = 6
_LENGTH_NOISE = 0.01  # metres: how well the median length of a bone is known


def fit_betas(joints: Tensor, joint_set: JointSet, body: Body) -> Tensor:
    """Shape coefficients (1, 10) whose rest skeleton has the bone lengths of a clip.

    Gauss-Newton on the median bone lengths, with the shape space's own prior (unit variance): bones say little about
    anything but size and proportions, and what they do not say stays at the mean.

    joints: (T, J, 3) metres; frames with missing joints (not finite) are left out bone by bone.
    Raises ValueError when no bone was seen.
    """
    first, second = (torch.tensor(column) for column in zip(*joint_set.bones, strict=True))
    lengths = (joints[:, first] - joints[:, second]).norm(dim=-1)
    median = torch.nanmedian(torch.where(torch.isfinite(lengths), lengths, torch.nan), 0).values
    with torch.no_grad():
        weights = body_regressor(body, joint_set)
        unit = torch.cat([torch.zeros(1, body.num_betas), torch.eye(body.num_betas)])
        rest = weights @ body.rest(unit).vertices
    bone = (rest[:, first] - rest[:, second]).double()
    mean, change = bone[0], bone[1:] - bone[0]
    # Joints that share their place on the body (a face's points) have no bone to speak of.
    used = torch.isfinite(median) & (mean.norm(dim=-1) > 0.03)
    if not bool(used.any()):
        raise ValueError("no bone has a length in any frame")
    mean, change, target = mean[used], change[:, used], median[used].double()
    betas = torch.zeros(body.num_betas, dtype=torch.float64)
    prior = torch.eye(body.num_betas, dtype=torch.float64) * _LENGTH_NOISE**2
    for _ in range(_STEPS):
        vector = mean + torch.einsum("k,kbc->bc", betas, change)
        length = vector.norm(dim=-1)
        jacobian = torch.einsum("bc,kbc->bk", vector / length[:, None], change)
        gradient = jacobian.T @ (target - length) - prior @ betas
        betas = betas + torch.linalg.solve(jacobian.T @ jacobian + prior, gradient)
    return betas.float()[None]
