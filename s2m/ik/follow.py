"""Rotations that put every bone exactly where the joints are, for joints that are the body's own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from s2m.batch import IKOutput
from s2m.ik.interface import IKSolver
from s2m.ik.rest import RestSkeleton
from s2m.ik.solver import DIK
from s2m.skeletons import SMPL24

_SHORT = 1e-6  # metres


class FollowingDIK(IKSolver):
    """DIK, whose rotations are then swung so that each bone points where its joints are.

    DIK reads a back as one bend and shares it among three joints; a clip of SMPL's own joints tells each of them. Every
    joint takes the shortest swing from the direction that DIK gives its bone to the one that is seen; where several
    bones go out (pelvis and chest) the rotation that fits them best. Twists, which positions do not tell, stay DIK's.

    Args:
        rest: The skeleton at rest, of one of SMPL's own joint sets.
        noise: See :class:`DIK`.
    """

    def __init__(self, rest: RestSkeleton, noise: float = 0.0) -> None:
        super().__init__(rest)
        self.dik = DIK(rest, noise=noise)
        present = [joint for joint in SMPL24.joints if joint in rest.joint_set]
        below: dict[str, list[str]] = {}
        for joint in present:
            parent = SMPL24.parent_of.get(joint)
            if parent is not None and parent in present:
                below.setdefault(parent, []).append(joint)
        self._single = [(joint, ends[0]) for joint, ends in below.items() if len(ends) == 1]
        self._hubs = [(joint, ends) for joint, ends in below.items() if len(ends) > 1]

    def forward(self, joints: Tensor, root: Tensor | None = None, confidence: Tensor | None = None) -> IKOutput:
        """See :meth:`IKSolver.forward`."""
        found = self.dik(joints, root, confidence)
        points = joints.to(found.rotations.dtype)
        if confidence is not None:
            points = torch.where((confidence > 0)[..., None], points, torch.nan)
        points = points.permute(2, 1, 0)  # components first and samples last, where small matrices cost least
        world = _in_world(found.rotations.permute(2, 3, 1, 0).unbind(2))
        if root is None:
            for hub, ends in self._hubs:
                world[SMPL24.index(hub)] = self._turned(world[SMPL24.index(hub)], hub, ends, points)
        self._swing(world, points)
        return IKOutput(torch.stack(_relative(world), 2).permute(3, 2, 0, 1), found.solved)

    def _bones(self, points: Tensor, starts: list[str], ends: list[str]) -> Tensor:
        return points[:, self.joint_set.indices(ends)] - points[:, self.joint_set.indices(starts)]

    def _rest_bones(self, starts: list[str], ends: list[str]) -> Tensor:
        return (self.rest_body_joints[SMPL24.indices(ends)] - self.rest_body_joints[SMPL24.indices(starts)]).T

    def _turned(self, own: Tensor, hub: str, ends: list[str], points: Tensor) -> Tensor:
        """The rotation of a part from which several bones go out (Kabsch's), (3, 3, B)."""
        starts = [hub] * len(ends)
        seen, rest = self._bones(points, starts, ends), self._rest_bones(starts, ends)
        there = torch.isfinite(seen).flatten(0, 1).all(0)
        left, _, right = torch.linalg.svd(torch.einsum("ikb,jk->bij", torch.nan_to_num(seen), rest))
        sign = torch.linalg.det(left @ right)
        left = torch.cat([left[..., :2], left[..., 2:] * sign[:, None, None]], -1)
        return torch.where(there, (left @ right).permute(1, 2, 0), own)

    def _swing(self, world: list[Tensor], points: Tensor) -> None:
        """The shortest swings of the parts that one bone goes out from, all at once."""
        starts, ends = ([pair[side] for pair in self._single] for side in (0, 1))
        rows = SMPL24.indices(starts)
        own = torch.stack([world[row] for row in rows], 2)
        now = _unit((own * self._rest_bones(starts, ends)[None, :, :, None]).sum(1))
        seen = self._bones(points, starts, ends)
        known = torch.nan_to_num(seen)
        there = torch.isfinite(seen).all(0) & (known.norm(dim=0) > _SHORT)
        turned = _product(_shortest(now, torch.where(there, _unit(known), now)), own)
        for place, row in enumerate(rows):
            world[row] = turned[:, :, place]


def _in_world(local: Sequence[Tensor]) -> list[Tensor]:
    """(3, 3, B) rotations in the world of rotations relative to the parents."""
    world: list[Tensor] = []
    for own, parent in zip(local, SMPL24.parents, strict=True):
        world.append(own if parent < 0 else _product(world[parent], own))
    return world


def _relative(world: list[Tensor]) -> list[Tensor]:
    return [
        own if parent < 0 else _product(world[parent].transpose(0, 1), own)
        for own, parent in zip(world, SMPL24.parents, strict=True)
    ]


def _product(first: Tensor, second: Tensor) -> Tensor:
    """Of matrices (3, 3, ...)."""
    return (first[:, :, None] * second[None]).sum(1)


def _unit(vectors: Tensor) -> Tensor:
    return vectors / vectors.square().sum(0, keepdim=True).sqrt().clamp_min(1e-12)


def _shortest(start: Tensor, end: Tensor) -> Tensor:
    """(3, 3, ...) shortest rotations between unit vectors (3, ...); some half a turn between opposite ones."""
    x, y, z = torch.linalg.cross(start, end, dim=0)
    cosine = (start * end).sum(0)
    h = 1 / (1 + cosine).clamp_min(1e-6)
    rows = (
        *(cosine + h * x * x, h * x * y - z, h * x * z + y),
        *(h * x * y + z, cosine + h * y * y, h * y * z - x),
        *(h * x * z - y, h * y * z + x, cosine + h * z * z),
    )
    found = torch.stack(rows).unflatten(0, (3, 3))
    if bool((cosine > -1 + 1e-5).all()):
        return found
    other = torch.nn.functional.one_hot(start.abs().argmin(0), 3).movedim(-1, 0).to(start)
    side = _unit(torch.linalg.cross(start, other, dim=0))
    eye = torch.eye(3, dtype=start.dtype, device=start.device).reshape(3, 3, *[1] * (start.ndim - 1))
    return torch.where(cosine > -1 + 1e-5, found, 2 * side[:, None] * side[None] - eye)
