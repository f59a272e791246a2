"""Body shape from bone lengths."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.body import Body
from s2m.ik.body_joints import body_regressor
from s2m.skeletons import JointSet

LARGEST_BETA = 5.0  # standard deviations: no person is further from the mean
_LENGTH_NOISE = 0.01  # metres: how well the median length of a bone is known


def fit_betas(joints: Tensor, joint_set: JointSet, body: Body, noise: float = _LENGTH_NOISE) -> Tensor:
    """Shape whose rest skeleton has the bone lengths of a clip.

    Least squares on the median bone lengths, with the shape space's own prior (unit variance) and within
    ``LARGEST_BETA``: bones say little about anything but size and proportions, and what they do not say stays at the
    mean.

    Args:
        joints: (T, J, 3) metres; where joints are missing (not finite), frames are left out bone by bone.
        joint_set: Names of the joints.
        body: The body whose shape space it is.
        noise: How well the median length of a bone is known: standard deviation, metres.

    Returns:
        (1, K) shape coefficients.

    Raises:
        ValueError: When no bone was seen.
    """
    from scipy.optimize import least_squares

    first, second = (torch.tensor(column) for column in zip(*joint_set.bones, strict=True))
    lengths = (joints[:, first] - joints[:, second]).norm(dim=-1)
    median = torch.where(torch.isfinite(lengths), lengths, torch.nan).nanmedian(0).values.double().numpy()
    bone = _rest_bones(body, joint_set, first, second)
    # Joints that share their place on the body (a face's points) have no bone to speak of.
    used = np.isfinite(median) & (np.linalg.norm(bone[0], axis=-1) > 0.03)
    if not used.any():
        raise ValueError("no bone has a length in any frame")
    mean, change, target = bone[0][used], (bone[1:] - bone[0])[:, used], median[used]

    def residuals(betas: NDArray[np.float64]) -> NDArray[np.float64]:
        length = np.linalg.norm(mean + np.einsum("k,kbc->bc", betas, change), axis=-1)
        return np.concatenate([(length - target) / noise, betas])

    def jacobian(betas: NDArray[np.float64]) -> NDArray[np.float64]:
        vector = mean + np.einsum("k,kbc->bc", betas, change)
        unit = vector / np.linalg.norm(vector, axis=-1, keepdims=True)
        return np.concatenate([np.einsum("bc,kbc->bk", unit, change) / noise, np.eye(len(betas))])

    bounds = (-LARGEST_BETA, LARGEST_BETA)
    found = least_squares(residuals, np.zeros(body.num_betas), jac=jacobian, bounds=bounds, xtol=1e-10)
    return torch.from_numpy(found.x).float()[None]


def _rest_bones(body: Body, joint_set: JointSet, first: Tensor, second: Tensor) -> NDArray[np.float64]:
    """(1 + K, B, 3) bones of the mean shape and of each shape coefficient at one."""
    with torch.no_grad():
        unit = torch.cat([torch.zeros(1, body.num_betas), torch.eye(body.num_betas)])
        rest = body_regressor(body, joint_set) @ body.rest(unit).vertices
    bones: NDArray[np.float64] = (rest[:, first] - rest[:, second]).double().numpy()
    return bones
