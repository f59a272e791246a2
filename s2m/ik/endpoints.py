"""Head, wrists and ankles from a few points that move with them.

The paper calls endpoint rotations ambiguous, and with 17 joints they are. Two knuckles, or heel and toe, or ears and
nose, settle them: a small weighted Procrustes problem in the frame of the parent that DIK has just solved, with a
prior towards the parent because the noise of a lifted hand is as large as the hand.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2m.ik import quaternion as quat
from s2m.ik.columns import constant

_SQUARINGS = 10


class Endpoints(nn.Module):
    """All endpoints of a body at once, each from up to N points.

    The estimate is the mode of a posterior: points with isotropic noise of ``noise`` metres, and a rotation that
    differs from the parent by ``spread`` radians. It is the dominant eigenvector of Davenport's 4x4 matrix, found by
    repeated squaring and read off along the prior's own quaternion, so that it is defined and differentiable when
    the points leave rotations open (one point, coincident points) and stays at the prior for what they do not say.

    Args:
        points: (E, N, 3) metres, relative to the pivot, at rest, body frame.
        use: (E, N) 1 where the slot is used, else 0.
        centred: (E, 1) 1 where the pivot is the points' own centroid, else 0.
        spread: (E, 1) radians, a standard deviation.
        noise: Standard deviation of the points, metres.
    """

    points: Tensor
    use: Tensor
    centred: Tensor
    prior: Tensor

    def __init__(self, points: Tensor, use: Tensor, centred: Tensor, spread: Tensor, noise: float) -> None:
        super().__init__()
        constant(self, "points", points)
        constant(self, "use", use)
        constant(self, "centred", centred)
        # <R, I> weighs sigma^2 / (2 s^2) against sum_i <R p_i, q_i>, in square metres.
        constant(self, "prior", noise**2 / (2 * spread**2))

    def forward(self, points: Tensor, confidence: Tensor) -> Tensor:
        """Solve the endpoints.

        Args:
            points: (B, E, N, 3) metres, relative to the pivot, parent's frame.
            confidence: (B, E, N) in [0, 1]; a point with 0 says nothing.

        Returns:
            Unit quaternions (B, E, 4), relative to the parents.
        """
        weight = (self.use * confidence)[..., None]
        total = weight.sum(-2, keepdim=True).clamp_min(1e-6)
        move = self.centred[..., None]
        rest = self.points - move * (weight * self.points).sum(-2, keepdim=True) / total
        seen = points - move * (weight * points).sum(-2, keepdim=True) / total
        profile = (weight * seen).transpose(-1, -2) @ rest
        return _dominant(_davenport(profile, self.prior))


def _davenport(profile: Tensor, prior: Tensor) -> Tensor:
    """The symmetric matrix (4, 4, ...) whose form q^T K q is <R(q), profile + prior I>, shifted to be positive.

    Its rows and columns come first: torch multiplies many small matrices at a tenth of the speed of many numbers.
    """
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in profile.unbind(-2))
    a, e, i = a + prior[..., 0], e + prior[..., 0], i + prior[..., 0]
    x, y, z = h - f, c - g, d - b
    rows = [a - e - i, b + d, c + g, x, b + d, e - a - i, f + h, y, c + g, f + h, i - a - e, z, x, y, z, a + e + i]
    matrix = torch.stack(rows).reshape(4, 4, *a.shape)
    shift = torch.sqrt((matrix * matrix).sum((0, 1)) + 1e-16)
    eye = torch.eye(4, dtype=matrix.dtype, device=matrix.device).reshape(4, 4, *[1] * a.ndim)
    return matrix + shift * eye


def _dominant(matrix: Tensor) -> Tensor:
    """The power method by squaring, started at the identity rotation: (4, 4, ...) to quaternions (..., 4)."""
    for _ in range(_SQUARINGS):
        matrix = matrix / (matrix[0, 0] + matrix[1, 1] + matrix[2, 2] + matrix[3, 3])
        first, *others = zip(matrix.unbind(1), matrix.unbind(0), strict=True)
        matrix = first[0].unsqueeze(1) * first[1]
        for column, row in others:
            matrix = torch.addcmul(matrix, column.unsqueeze(1), row)
    # Half a turn from the prior the identity has no component along the answer: a trace of x keeps it defined.
    q = (matrix[:, 3] + 1e-5 * matrix[:, 0]).movedim(0, -1)
    return q * torch.rsqrt(quat.dot(q, q) + 1e-24)
