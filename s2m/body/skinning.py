"""Linear blend skinning, the formula of the SMPL paper (Loper et al. 2015, eqns. 2-4 and 7): the suite's own.

Two differentiable steps with gradients written out: :func:`rigid_transforms` walks down the kinematic tree,
:func:`skin` moves the vertices with it. Written out, because autograd would keep a (B, V, 4, 4) tensor for every step
and read it back from memory; here a chunk of bodies stays in the cache and the transforms of its vertices are
computed a second time when the gradient is asked for. First derivatives only.

Sums are taken in the order in which the package ``smplx`` takes them, so that results agree with it to the last bit
wherever the processor's matrix product does not depend on the shape of the matrices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from s2m.errors import ArgumentError
from s2m.skeletons import SMPL24

# Numbers in the (bodies, 12, vertices) transforms of a chunk: on a CPU these stay in the cache.
_CHUNK_ON_CPU = 1 << 20
_CHUNK_ON_GPU = 1 << 28


Positions = slice | list[int]


@dataclass(frozen=True)
class _Level:
    """Joints of one depth in the tree and their parents; ``turns``: the k-th child of each parent, and the parents."""

    joints: Positions
    parents: Positions
    turns: tuple[tuple[Positions, Positions], ...]


class Tree:
    """A kinematic tree, cut into levels: all joints of one depth are computed at once.

    Args:
        parents: (J,) position of every joint's parent, -1 for the root, which comes first; parents come before
            their children.

    Example:
        >>> len(Tree((-1, 0, 0, 1)).levels)  # below the root
        2
    """

    def __init__(self, parents: Sequence[int]) -> None:
        self.parents = tuple(parents)
        depths = [0]
        for parent in self.parents[1:]:
            depths.append(depths[parent] + 1)
        self.levels = [
            self._level([j for j, depth in enumerate(depths) if depth == level]) for level in range(1, max(depths) + 1)
        ]

    def _level(self, joints: list[int]) -> _Level:
        parents = [self.parents[joint] for joint in joints]
        # Later children first: the order of the sum over children is fixed, and it is smplx's.
        rank = [parents[i + 1 :].count(parent) for i, parent in enumerate(parents)]
        turns = [[i for i, r in enumerate(rank) if r == turn] for turn in range(max(rank) + 1)]
        return _Level(
            _positions(joints),
            _positions(parents),
            tuple((_positions(turn), _positions([parents[i] for i in turn])) for turn in turns),
        )


def _positions(numbers: list[int]) -> Positions:
    """A slice where the numbers follow each other: it costs no copy."""
    first = numbers[0]
    return slice(first, first + len(numbers)) if numbers == list(range(first, first + len(numbers))) else numbers


def rigid_transforms(rotations: Tensor, joints: Tensor, tree: Tree) -> tuple[Tensor, Tensor]:
    """Forward kinematics (eqns. 3 and 4): where each part of the body goes.

    Args:
        rotations: (B, J, 3, 3) of every joint relative to its parent; the root's into the camera frame.
        joints: (B, J, 3) at rest, metres, body frame.
        tree: whose child each joint is.

    Returns:
        transforms: (B, J, 3, 4), what takes a point at rest (x, y, z, 1) to its place when it moves with the joint.
        posed: (B, J, 3) the joints, metres, camera frame. The root stays where it was at rest.
    """
    transforms, posed = _RigidTransforms.apply(rotations, joints, tree)  # type: ignore[no-untyped-call]
    return transforms, posed


def global_rotations(rotations: Tensor) -> Tensor:
    """Rotations relative to the parents to rotations of the parts in the camera frame.

    Args:
        rotations: (B, 24, 3, 3): the root's to the camera frame, the others relative to their parent.

    Returns:
        (B, 24, 3, 3).

    Raises:
        ArgumentError: For another shape.
    """
    if rotations.shape[1:] != (len(SMPL24), 3, 3):
        raise ArgumentError(f"rotations: expected (B, {len(SMPL24)}, 3, 3), found {tuple(rotations.shape)}")
    found: list[Tensor] = []
    for joint, parent in enumerate(SMPL24.parents):
        local = rotations[:, joint]
        found.append(local if parent < 0 else found[parent] @ local)
    return torch.stack(found, dim=1)


def skin(transforms: Tensor, rest: Tensor, weights: Tensor) -> Tensor:
    """Blend the parts' transforms at every vertex and apply them (eqn. 2).

    Args:
        transforms: (B, J, 3, 4) of the parts, as :func:`rigid_transforms` gives them.
        rest: (B, V, 3) vertices of the shaped bodies at rest, metres, body frame.
        weights: (V, J), how much each part moves each vertex; rows sum to one. A constant: gets no gradient.

    Returns:
        Vertices (B, V, 3), metres, camera frame.
    """
    vertices: Tensor = _Skin.apply(transforms, rest, weights)  # type: ignore[no-untyped-call]
    return vertices


class _RigidTransforms(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rotations: Tensor, joints: Tensor, tree: Tree) -> tuple[Tensor, Tensor]:
        local = joints.new_zeros(*joints.shape[:2], 4, 4)
        local[..., :3, :3] = rotations
        local[:, 0, :3, 3] = joints[:, 0]
        local[:, 1:, :3, 3] = joints[:, 1:] - joints[:, list(tree.parents[1:])]
        local[..., 3, 3] = 1
        world = local[..., :3, :].clone()  # the root's is final
        for level in tree.levels:
            world[:, level.joints] = world[:, level.parents] @ local[:, level.joints]
        ctx.save_for_backward(joints, local, world)
        ctx.tree = tree
        transforms = world.clone()
        transforms[..., 3] -= (world[..., :3] @ joints[..., None])[..., 0]
        return transforms, world[..., 3].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_posed: Tensor) -> tuple[Tensor, Tensor, None]:
        joints, local, world = ctx.saved_tensors
        tree: Tree = ctx.tree
        up, down = world[..., :3].transpose(-1, -2), local.transpose(-1, -2)
        pull, shifts = grad.clone(), grad[..., 3:]
        pull[..., :3] -= shifts * joints[..., None, :]
        pull[..., 3] += grad_posed
        for level in reversed(tree.levels):
            to_parents = pull[:, level.joints] @ down[:, level.joints]
            for children, parents in level.turns:
                pull[:, parents] += to_parents[:, children]
        found = torch.empty_like(pull)
        found[:, 0] = pull[:, 0]
        for level in tree.levels:
            found[:, level.joints] = up[:, level.parents] @ pull[:, level.joints]
        d_offsets = found[..., 3]
        parents_of = torch.tensor(tree.parents[1:], device=grad.device)
        d_joints = torch.zeros_like(joints).index_add_(1, parents_of, -d_offsets[:, 1:])
        d_joints = d_joints - (up @ shifts)[..., 0] + d_offsets
        return found[..., :3], d_joints, None


class _Skin(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, transforms: Tensor, rest: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(transforms, rest, weights)
        vertices = torch.empty_like(rest, memory_format=torch.contiguous_format)
        for rows in _chunks(rest):
            blended = _blended(transforms[rows], weights)
            x, y, z = _planes(rest[rows]).unsqueeze(1).unbind(2)
            moved = _sum_of_products(blended[:, :, :3].unbind(2), (x, y, z)).add_(blended[:, :, 3])
            vertices[rows] = moved.transpose(1, 2)
        return vertices

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        transforms, rest, weights = ctx.saved_tensors
        d_transforms = torch.empty_like(transforms) if ctx.needs_input_grad[0] else None
        d_rest = torch.empty_like(rest) if ctx.needs_input_grad[1] else None
        for rows in _chunks(rest):
            pull = _planes(grad[rows])
            if d_rest is not None:
                blended = _blended(transforms[rows], weights)[:, :, :3]
                d_rest[rows] = _sum_of_products(blended.unbind(1), pull.unsqueeze(2).unbind(1)).transpose(1, 2)
            if d_transforms is not None:
                d_blended = pull.new_empty(len(pull), 3, 4, pull.shape[-1])
                torch.mul(pull[:, :, None], _planes(rest[rows])[:, None], out=d_blended[:, :, :3])
                d_blended[:, :, 3] = pull
                product = d_blended.view(-1, d_blended.shape[-1]) @ weights
                d_transforms[rows] = product.view(-1, 3, 4, weights.shape[1]).permute(0, 3, 1, 2)
        return d_transforms, d_rest, None


def _chunks(rest: Tensor) -> Iterator[slice]:
    """Rows of the batch that are worked on at a time."""
    size = max(1, (_CHUNK_ON_GPU if rest.is_cuda else _CHUNK_ON_CPU) // (12 * max(1, rest.shape[1])))
    return (slice(start, start + size) for start in range(0, len(rest), size))


def _sum_of_products(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """Rounded after every product, as in torch's product of small matrices; ``addcmul`` would round once."""
    total = first[0] * second[0]
    product = torch.empty_like(total)
    for one, other in zip(first[1:], second[1:], strict=True):
        total += torch.mul(one, other, out=product)
    return total


def _planes(points: Tensor) -> Tensor:
    """(B, V, 3) to (B, 3, V): one coordinate after the other, which a processor's vector units want."""
    return points.transpose(1, 2).contiguous()


def _blended(transforms: Tensor, weights: Tensor) -> Tensor:
    """The transforms (B, 3, 4, V) of the vertices."""
    rows = transforms.permute(0, 2, 3, 1).reshape(-1, weights.shape[1])
    return (rows @ weights.t()).view(-1, 3, 4, len(weights))
