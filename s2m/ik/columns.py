"""The solver's inner loop: vectors and quaternions with their components first and samples last, (C, U, B).

On a CPU a small tensor costs a microsecond for each operation and a large one is read at full speed only along its
last axis. So all units are columns of one tensor, and what is bilinear (quaternion products, rotation matrices) is one
outer product and one multiplication by a constant table.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from s2m.ik import quaternion as quat

_TINY = 1e-20
_NEAR = 0.02  # 1 + cosine of the angle from which the normal of a swing is blended in


class Columns(nn.Module):
    """Tables of quaternion algebra in the precision and on the device of the module that owns them.

    Args:
        like: Any tensor of the precision and on the device that the tables shall have.
    """

    product_table: Tensor
    matrix_table: Tensor
    inverse_table: Tensor
    cross_table: Tensor
    identity: Tensor

    def __init__(self, like: Tensor) -> None:
        super().__init__()
        product, matrix = _tables()
        constant(self, "identity", like.new_tensor([0.0, 0.0, 0.0, 1.0])[:, None, None])
        # q^T K q with q as it is: a rotation matrix scaled by |q|^2, without the assumption that q has unit length.
        constant(self, "product_table", product.to(like, copy=True))
        # Half of what a quaternion product of vectors has of p q - q p.
        vectors = product.view(4, 4, 4)[:3, :3, :3]
        constant(self, "cross_table", ((vectors - vectors.transpose(1, 2)) / 2).reshape(3, 9).to(like))
        constant(self, "matrix_table", matrix.flatten(0, 1).to(like))
        constant(self, "inverse_table", matrix.transpose(0, 1).flatten(0, 1).to(like))

    def kept(self, known: Tensor | None, q: Tensor) -> Tensor:
        """Quaternions where they are known, no rotation elsewhere.

        Args:
            known: (U, B) bool; ``None``: known everywhere.
            q: (4, U, B) quaternions.

        Returns:
            (4, U, B).
        """
        return q if known is None else torch.where(known, q, self.identity)

    def product(self, p: Tensor, q: Tensor) -> Tensor:
        """Hamilton product: the rotation q followed by p.

        Args:
            p: (4, U, B) quaternions.
            q: (4, U, B) quaternions.

        Returns:
            (4, U, B).
        """
        return torch.mm(self.product_table, outer(p, q)).view(4, *q.shape[1:])

    def cross(self, a: Tensor, b: Tensor) -> Tensor:
        """Cross product of vectors.

        Args:
            a: (3, U, B).
            b: (3, U, B).

        Returns:
            (3, U, B).
        """
        return torch.mm(self.cross_table, (a.unsqueeze(1) * b).view(9, -1)).view(b.shape)

    def matrix(self, q: Tensor) -> Tensor:
        """Rotation matrices of quaternions.

        Args:
            q: (4, U, B) unit quaternions.

        Returns:
            (3, 3, U, B).
        """
        return torch.mm(self.matrix_table, outer(q, q)).view(3, 3, *q.shape[1:])

    def inverse(self, q: Tensor) -> Tensor:
        """Matrices of the inverse rotations.

        Args:
            q: (4, U, B) unit quaternions.

        Returns:
            (3, 3, U, B).
        """
        return torch.mm(self.inverse_table, outer(q, q)).view(3, 3, *q.shape[1:])


def bilinear_table(function: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """A bilinear function of two quaternions as a table that is applied to ``outer``.

    Args:
        function: Takes two quaternions (..., 4) and gives one (..., 4), linear in each.

    Returns:
        (4, 16) float64.
    """
    eye = torch.eye(4, dtype=torch.float64)
    return function(eye[:, None].expand(4, 4, 4), eye.expand(4, 4, 4)).reshape(16, 4).T.contiguous()


@cache
def _tables() -> tuple[Tensor, Tensor]:
    """The tables of the product and of the matrix, float64."""
    with torch.inference_mode(False):
        return bilinear_table(quat.product), _matrix_table()


def _matrix_table() -> Tensor:
    """(3, 3, 16): the rotation matrix as a quadratic form, by polarisation of v -> q v q*."""
    vectors = torch.cat([torch.eye(3, dtype=torch.float64), torch.zeros(3, 1, dtype=torch.float64)], 1)

    def moved(p: Tensor, q: Tensor) -> Tensor:
        rows = [quat.product(quat.product(p, v.expand_as(p)), quat.conjugate(q))[..., :3] for v in vectors]
        return torch.stack(rows, -1)

    eye = torch.eye(4, dtype=torch.float64)
    table = moved(eye[:, None].expand(4, 4, 4), eye.expand(4, 4, 4))  # (4, 4, 3, 3)
    table = (table + table.transpose(0, 1)) / 2
    return table.permute(2, 3, 0, 1).reshape(3, 3, 16)


def constant(module: nn.Module, name: str, value: Tensor) -> None:
    """A buffer that moves with the module and is computed again, not saved.

    Args:
        module: Who gets the buffer.
        name: What it is called there.
        value: Its content, of any shape.
    """
    module.register_buffer(name, value.contiguous(), persistent=False)


def outer(p: Tensor, q: Tensor) -> Tensor:
    """All sixteen products of the components of two quaternions.

    Args:
        p: (4, U, B).
        q: (4, U, B).

    Returns:
        (16, U * B).
    """
    return (p.unsqueeze(1) * q).view(16, -1)


def turned(matrix: Tensor, v: Tensor) -> Tensor:
    """Matrices times vectors.

    Args:
        matrix: (3, 3, ...).
        v: (3, ...).

    Returns:
        (3, ...).
    """
    return (matrix * v).sum(1)


def unit(x: Tensor) -> Tensor:
    """Columns of unit length; not for columns that may be zero.

    Args:
        x: (C, ...) columns of any length but zero.

    Returns:
        (C, ...).
    """
    return x * torch.rsqrt((x * x).sum(0))


def directions(v: Tensor, length: float = 5e-3) -> tuple[Tensor, Tensor]:
    """Unit vectors along the given ones; what is shorter than ``length`` fades to zero.

    Args:
        v: (C, ...) vectors.
        length: Where the fading begins, in the vectors' unit (metres for bones).

    Returns:
        The directions (C, ...), and 1 / |v| (...), at most 1 / ``length``.
    """
    scale = torch.rsqrt((v * v).sum(0).clamp_min(length * length))
    return v * scale, scale


def rounded(x: Tensor, width: float | Tensor) -> Tensor:
    """The absolute value of x, rounded off within ``width`` of zero, where it is ``width``.

    Args:
        x: Numbers of any shape.
        width: In the unit of ``x``; a number, or a tensor that broadcasts with ``x``.

    Returns:
        Numbers of the shape of ``x``, above zero for a ``width`` above zero.
    """
    return torch.sqrt(x * x + width * width)


def power(q: Tensor, exponent: Tensor) -> Tensor:
    """Shares of rotations: the same axes, the angles times a factor.

    Args:
        q: (4, U, B) quaternions, which need not have unit length but a real part that is not negative.
        exponent: (U, 1) factors, or (N, 1) for N shares of a single rotation (4, 1, B).

    Returns:
        Unit quaternions (4, U, B), or (4, N, B).
    """
    vector, real = q[:3], q[3]
    sine = torch.sqrt((vector * vector).sum(0) + _TINY)
    angle = torch.atan2(sine, real) * exponent
    return torch.cat([vector * (torch.sin(angle) / sine), torch.cos(angle).unsqueeze(0)])


def powers(q: Tensor, exponents: Tensor) -> Tensor:
    """Shares of one rotation, each by its own factors of the rotation vector.

    Args:
        q: (4, 1, B) quaternion; as in :func:`power`, it need not have unit length.
        exponents: (3, N, 1) factors about x, y and z of each share.

    Returns:
        Unit quaternions (4, N, B).
    """
    return _turns(_half_vectors(q) * exponents)


def mixed(q: Tensor, factors: Tensor) -> Tensor:
    """Rotations whose vectors are sums of other rotations' vectors.

    Args:
        q: (4, M, B) quaternions; as in :func:`power`, they need not have unit length.
        factors: (3 N, 3 M) from M rotation vectors, x of all of them first, to N; or (B, 3 N, 3 M).

    Returns:
        Unit quaternions (4, N, B).
    """
    vectors = _half_vectors(q).reshape(-1, q.shape[-1])
    mix = torch.mm(factors, vectors) if factors.ndim == 2 else torch.einsum("bnm,mb->nb", factors, vectors)
    return _turns(mix.view(3, -1, q.shape[-1]))


def _half_vectors(q: Tensor) -> Tensor:
    """(3, N, B) halves of the rotation vectors."""
    vector, real = q[:3], q[3]
    sine = torch.sqrt((vector * vector).sum(0) + _TINY)
    return vector * (torch.atan2(sine, real) / sine)


def _turns(half: Tensor) -> Tensor:
    angle = torch.sqrt((half * half).sum(0) + _TINY)
    return torch.cat([half * (torch.sin(angle) / angle), torch.cos(angle).unsqueeze(0)])


def each(blocks: Tensor) -> Tensor:
    """One matrix that applies a matrix of its own to each unit.

    Args:
        blocks: (U, C', C) the units' matrices.

    Returns:
        (C' * U, C * U), for columns (C, U, B) flattened to (C * U, B).
    """
    units, out, into = blocks.shape
    whole = blocks.new_zeros(out, units, into, units)
    for index, block in enumerate(blocks):
        whole[:, index, :, index] = block
    return whole.reshape(out * units, into * units)


class Swing(nn.Module):
    """Shortest rotations of fixed unit vectors to given ones.

    Args:
        a: (U, 3) the fixed unit vectors.
        normal: (U, 3) perpendicular to ``a``: within about 11 degrees of the antipode, where the shortest rotation has
            no definite axis, it is blended in so that the result stays defined and its gradient finite. ``None``: for
            rotations that stay below a right angle.
    """

    weight: Tensor
    bias: Tensor
    normal: Tensor | None

    def __init__(self, a: Tensor, normal: Tensor | None = None) -> None:
        super().__init__()
        eye = torch.eye(3).to(a)
        skew = quat.cross(a[:, None], eye).transpose(1, 2)  # a x b
        constant(self, "weight", each(torch.cat([skew, a[:, None]], 1)))
        bias = torch.cat([a.new_zeros(3 * len(a)), a.new_ones(len(a))])[:, None]
        constant(self, "bias", bias)
        self.register_buffer("normal", None)
        if normal is not None:
            push = torch.cat([0.01 / _NEAR**2 * normal.T, a.new_zeros(1, len(a))])
            constant(self, "normal", push[..., None])

    def forward(self, b: Tensor) -> Tensor:
        """The swings to given vectors.

        Args:
            b: (3, U, B) at most of unit length, in the frame of ``a``.

        Returns:
            Quaternions (4, U, B) that are not yet normalised.
        """
        q = torch.addmm(self.bias, self.weight, b.reshape(self.weight.shape[1], b.shape[-1])).view(4, *b.shape[1:])
        if self.normal is None:
            return q
        near = torch.relu(_NEAR - q[3])
        return torch.addcmul(q, self.normal, near * near)
