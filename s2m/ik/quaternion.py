"""Quaternions for the solver's calibration and its neighbours: smooth, finite for every finite input.

Layout is roma's: (..., 4) as x, y, z, w. Most of this is what roma has no safe-gradient version of (directions of
bones without length, swings near the antipode). The two conversions are here too because importing roma loads torch's
compiler, which would double the start-up time of ``s2m ik``; the tests compare them with roma's. The solver's inner
loop works on columns: :mod:`s2m.ik.columns`.
"""

from __future__ import annotations

import torch
from torch import Tensor

_TINY = 1e-14  # m^2: keeps the direction of a bone of zero length differentiable


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product over the last axis, kept as a size-1 axis.

    Args:
        a: (..., C) a vector.
        b: (..., C) a vector.
    """
    return (a * b).sum(-1, keepdim=True)


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Cross product over the last axis; leading axes broadcast.

    Args:
        a: (..., C) a vector.
        b: (..., C) a vector.
    """
    # torch.linalg.cross broadcasts sizes but not the number of axes.
    rank = max(a.ndim, b.ndim)
    a, b = a[(None,) * (rank - a.ndim)], b[(None,) * (rank - b.ndim)]
    result: Tensor = torch.linalg.cross(a, b)
    return result


def product(p: Tensor, q: Tensor) -> Tensor:
    """Hamilton product: the rotation q followed by p.

    Args:
        p: (..., 4) a unit quaternion, real part first.
        q: (..., 4) a unit quaternion, real part first.
    """
    pv, pw, qv, qw = p[..., :3], p[..., 3:], q[..., :3], q[..., 3:]
    return torch.cat([pw * qv + qw * pv + cross(pv, qv), pw * qw - dot(pv, qv)], -1)


def conjugate(q: Tensor) -> Tensor:
    """The inverse of a unit quaternion.

    Args:
        q: (..., 4) a unit quaternion, real part first.
    """
    return torch.cat([-q[..., :3], q[..., 3:]], -1)


def direction(v: Tensor, fallback: Tensor | None = None, length: float = 5e-3) -> Tensor:
    """Unit vector along ``v``; where ``v`` is much shorter than ``length`` it turns smoothly into ``fallback``.

    Args:
        v: (..., 3) a vector.
        fallback: (..., 3) unit vector; ``None``: short vectors fade to zero.
        length: Below about this length, in the unit of ``v``, the vector gives way.
    """
    square = dot(v, v)
    if fallback is not None:
        v = v + fallback * (length * torch.exp(square * (-1 / length**2)))
        square = dot(v, v)
    return v * torch.rsqrt(square + _TINY)


def reject(v: Tensor, axis: Tensor) -> Tensor:
    """The part of ``v`` perpendicular to the unit vector ``axis``.

    Args:
        v: (..., 3) a vector.
        axis: (..., 3) unit vector.
    """
    return v - dot(v, axis) * axis


def swing(a: Tensor, b: Tensor, normal: Tensor) -> Tensor:
    """Shortest rotation that takes the unit vector a to the unit vector b.

    Args:
        a: (..., 3) unit vector.
        b: (..., 3) unit vector.
        normal: (..., 3) unit vector perpendicular to a; within about 11 degrees of the antipode, where the shortest
            rotation has no definite axis, it is blended in so that the result stays defined and its gradient finite.

    Returns:
        (..., 4) quaternion.

    Example:
        >>> up, right = torch.tensor([0.0, 1.0, 0.0]), torch.tensor([1.0, 0.0, 0.0])
        >>> turned = to_matrix(swing(up, right, normal=torch.tensor([0.0, 0.0, 1.0]))) @ up
        >>> torch.allclose(turned, right, atol=1e-6)
        True
    """
    w = 1 + dot(a, b)
    near = ((0.02 - w) / 0.02).clamp(min=0)
    v = cross(a.expand_as(b), b) + (1e-2 * near * near) * normal
    q = torch.cat([v, w], -1)
    return q * torch.rsqrt(dot(q, q) + 1e-24)


def to_matrix(q: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4).

    Args:
        q: (..., 4) a unit quaternion, real part first.
    """
    x, y, z, w = q.unbind(-1)
    entries = [
        1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
        2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
        2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(entries, -1).reshape(*q.shape[:-1], 3, 3)


def from_matrix(matrix: Tensor) -> Tensor:
    """Unit quaternions (..., 4) of rotation matrices (..., 3, 3): the largest of four candidates (Markley 2008).

    Args:
        matrix: (..., 3, 3) rotation matrices on column vectors.
    """
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in matrix.unbind(-2))
    square = torch.stack([1 + a - e - i, 1 - a + e - i, 1 - a - e + i, 1 + a + e + i], -1)
    x, y, z, w = square.unbind(-1)
    candidates = [x, b + d, c + g, h - f, b + d, y, f + h, c - g, c + g, f + h, z, d - b, h - f, c - g, d - b, w]
    table = torch.stack(candidates, -1).reshape(*square.shape, 4)
    best = square.argmax(-1)[..., None, None].expand(*square.shape[:-1], 1, 4)
    q = table.gather(-2, best)[..., 0, :]
    return q * torch.rsqrt(dot(q, q) + 1e-24)


def to_axis_angle(q: Tensor) -> Tensor:
    """Rotation vectors (..., 3) of unit quaternions, at most pi long; stable at zero and at half a turn.

    Args:
        q: (..., 4) a unit quaternion, real part first.
    """
    q = torch.where(q[..., 3:] < 0, -q, q)
    v, w = q[..., :3], q[..., 3:]
    square = dot(v, v)
    small = square < 1e-10
    norm = torch.sqrt(torch.where(small, torch.ones_like(square), square))
    return v * torch.where(small, 2 * torch.ones_like(norm), 2 * torch.atan2(norm, w) / norm)


def from_axis_angle(vector: Tensor) -> Tensor:
    """Unit quaternions (..., 4) of rotation vectors (..., 3); differentiable at zero, too.

    Args:
        vector: (..., 3) axis times angle, radians.

    Example:
        >>> to_axis_angle(from_axis_angle(torch.tensor([0.0, 0.5, 0.0]))).tolist()
        [0.0, 0.5, 0.0]
    """
    square = dot(vector, vector)
    small = square < 1e-10
    angle = torch.sqrt(torch.where(small, torch.ones_like(square), square))
    half = torch.where(small, 0.5 - square / 48, torch.sin(angle / 2) / angle)
    real = torch.where(small, 1 - square / 8, torch.cos(angle / 2))
    return torch.cat([vector * half, real], -1)
