"""A modern iterative solver: batched damped least squares with an analytic Jacobian, regularised towards rest."""

from __future__ import annotations

import torch
from torch import Tensor

from s2m.batch import IKOutput
from s2m.ik import quaternion as quat
from s2m.ik.baselines.rigid import carriers, forward_kinematics, keypoints
from s2m.ik.interface import IKSolver, all_solved
from s2m.ik.rest import RestSkeleton
from s2m.skeletons import SMPL24


class DampedIK(IKSolver):
    """Gauss-Newton on all 24 rotations at once, the whole batch in parallel.

    Minimises the weighted squared joint error plus ``stiffness`` (metres per radian, squared) times the squared angles
    of the 23 local rotations, from the rest pose or, by default, with DIK's root as the start of the root.

    Args:
        rest: The skeleton at rest.
        iterations: Gauss-Newton steps.
        stiffness: Weight of the angles of the 23 local rotations against the joint error, metres per radian.
        damping: What is added to the diagonal of the normal equations.
    """

    def __init__(
        self, rest: RestSkeleton, iterations: int = 15, stiffness: float = 0.02, damping: float = 1e-4
    ) -> None:
        super().__init__(rest)
        self.iterations, self.stiffness, self.damping = iterations, stiffness, damping
        carrier = carriers(rest)
        moved = torch.zeros(len(SMPL24), len(rest.joint_set))
        for point, joint in enumerate(carrier):
            while joint >= 0:
                moved[joint, point] = 1.0
                joint = SMPL24.parents[joint]
        self.register_buffer("moved", moved.to(rest.joints))

    moved: Tensor

    def forward(self, joints: Tensor, root: Tensor | None = None, confidence: Tensor | None = None) -> IKOutput:
        """See :meth:`IKSolver.forward`. The iterations carry no gradient."""
        points, seen = self._sanitised(joints, confidence)
        with torch.no_grad():
            rotations = self._iterate(points, seen, root)
        return IKOutput(rotations, all_solved(rotations))

    def _iterate(self, points: Tensor, seen: Tensor, root: Tensor | None) -> Tensor:
        batch, free = len(points), 0 if root is None else 3
        eye = torch.eye(3, dtype=points.dtype, device=points.device)
        rotations = eye.expand(batch, len(SMPL24), 3, 3).clone()
        weight = seen / seen.sum(1, keepdim=True).clamp_min(1e-6) * len(self.joint_set)
        target = points - _centre(points, weight)
        rotations[:, 0] = self._start(points, weight) if root is None else root.to(points)
        stiff = points.new_full((3 * len(SMPL24),), self.stiffness**2)
        stiff[:3] = 0.0
        for _ in range(self.iterations):
            frames, places = forward_kinematics(rotations, self.rest)
            found = keypoints(frames, places, self.rest)
            residual = target - (found - _centre(found, weight))
            jacobian = self._jacobian(frames, places, found, weight)[..., free:]
            angles = quat.to_axis_angle(quat.from_matrix(rotations)).flatten(1)[:, free:]
            weighted = jacobian * weight.repeat_interleave(3, 1)[..., None]
            normal = jacobian.transpose(1, 2) @ weighted
            normal = normal + torch.diag(stiff[free:] + self.damping)
            gradient = (weighted.transpose(1, 2) @ residual.flatten(1)[..., None])[..., 0] - stiff[free:] * angles
            step = torch.linalg.solve(normal, gradient)
            step = torch.cat([step.new_zeros(batch, free), step], 1).reshape(batch, -1, 3).clamp(-1.0, 1.0)
            rotations = rotations @ _exponential(step)
        return rotations

    def _start(self, points: Tensor, weight: Tensor) -> Tensor:
        """The rotation that takes the rest skeleton onto the joints (B, 3, 3)."""
        rest = self.rest_joints - _centre(self.rest_joints[None], weight)
        profile = (weight[..., None] * (points - _centre(points, weight))).transpose(1, 2) @ rest
        u, _, vh = torch.linalg.svd(profile)
        sign = torch.linalg.det(u @ vh)
        flip = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], -1)
        start: Tensor = (u * flip[:, None]) @ vh
        return start

    def _jacobian(self, frames: Tensor, places: Tensor, found: Tensor, weight: Tensor) -> Tensor:
        """(B, 3J, 72): how the centred joints follow small turns of each joint in its own frame."""
        arm = (found[:, None] - places[:, :, None]) * self.moved[..., None]  # (B, 24, J, 3)
        axes = frames.transpose(2, 3)[:, :, None]  # rows are the joint's axes in the world
        move = quat.cross(axes, arm[..., None, :])  # (B, 24, J, 3 axes, 3)
        move = (
            move
            - (move * weight[:, None, :, None, None]).sum(2, keepdim=True) / weight.sum(1)[:, None, None, None, None]
        )
        return move.permute(0, 2, 4, 1, 3).flatten(3).flatten(1, 2)


def _centre(points: Tensor, weight: Tensor) -> Tensor:
    return (weight[..., None] * points).sum(1, keepdim=True) / weight.sum(1)[:, None, None].clamp_min(1e-9)


def _exponential(vector: Tensor) -> Tensor:
    angle = quat.dot(vector, vector).clamp_min(1e-16).sqrt()
    return quat.to_matrix(torch.cat([vector / angle * torch.sin(angle / 2), torch.cos(angle / 2)], -1))
