"""The paper's kind of iterative solver: Levenberg-Marquardt with central differences, one pose at a time.

After the published Minimal-IK, which the paper's Table 5 compares with: NumPy, axis-angle for all 24 joints, a
numerical Jacobian of two model evaluations for each parameter, no prior. Here it inverts the skeleton alone where
the original skins the whole mesh at every evaluation, so it is faster than the original, not slower.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.batch import IKOutput
from s2m.ik.baselines.rigid import carriers
from s2m.ik.interface import IKSolver, all_solved
from s2m.ik.rest import RestSkeleton
from s2m.skeletons import SMPL24

Array = NDArray[np.float64]


class LevenbergIK(IKSolver):
    """Fit axis-angles to joints by damped least squares with a numerical Jacobian.

    Missing joints are left out of the residual. A given root is kept fixed.

    Args:
        rest: The skeleton at rest.
        iterations: Steps at the most.
        step: Step of the central differences, radians.
        damping: Damping at the start.
        tolerance: It stops when the mean square error falls below this (m^2), or no longer changes.
    """

    def __init__(
        self,
        rest: RestSkeleton,
        iterations: int = 30,
        step: float = 1e-5,
        damping: float = 1e-3,
        tolerance: float = 1e-8,
    ) -> None:
        super().__init__(rest)
        self.iterations, self.step, self.damping, self.tolerance = iterations, step, damping, tolerance
        self._carriers = carriers(rest)

    def forward(self, joints: Tensor, root: Tensor | None = None, confidence: Tensor | None = None) -> IKOutput:
        """See :meth:`IKSolver.forward`. Not differentiable."""
        points, seen = self._sanitised(joints, confidence)
        poses = []
        for index in range(len(points)):
            fixed = None if root is None else root[index].detach().cpu().double().numpy()
            weight = seen[index].detach().cpu().double().numpy()
            poses.append(self._fit(points[index].detach().cpu().double().numpy(), weight, fixed))
        rotations = torch.from_numpy(np.stack(poses)).to(points)
        return IKOutput(rotations, all_solved(rotations))

    def _fit(self, target: Array, weight: Array, root: Array | None) -> Array:
        body = self.rest_body_joints.cpu().double().numpy()
        offset = self.rest_joints.cpu().double().numpy() - body[self._carriers]
        weight = np.sqrt(weight)[:, None]
        centre = (weight * target).sum(0) / max(weight.sum(), 1e-9)

        def residual(theta: Array) -> Array:
            rotations = _rodrigues(theta.reshape(-1, 3))
            if root is not None:
                rotations[0] = root
            frames, places = _kinematics(rotations, body)
            points = places[self._carriers] + np.einsum("jab,jb->ja", frames[self._carriers], offset)
            points = points - (weight * points).sum(0) / max(weight.sum(), 1e-9)
            out: Array = (weight * (points - (target - centre))).reshape(-1)
            return out

        theta, damping = np.zeros(3 * len(SMPL24)), self.damping
        current = residual(theta)
        loss = float(current @ current) / len(current)
        for _ in range(self.iterations):
            if loss < self.tolerance:
                break
            jacobian = self._jacobian(residual, theta)
            normal, gradient = jacobian.T @ jacobian, jacobian.T @ current
            trial = theta - np.linalg.solve(normal + damping * np.eye(len(theta)), gradient)
            changed = residual(trial)
            better = float(changed @ changed) / len(changed)
            if better < loss:
                stalled = loss - better < 1e-6 * loss
                theta, current, loss, damping = trial, changed, better, max(damping / 3, 1e-9)
                if stalled:
                    break
            else:
                damping *= 4
        rotations = _rodrigues(theta.reshape(-1, 3))
        if root is not None:
            rotations[0] = root
        return rotations

    def _jacobian(self, residual: object, theta: Array) -> Array:
        assert callable(residual)
        columns = []
        for k in range(len(theta)):
            ahead, behind = theta.copy(), theta.copy()
            ahead[k] += self.step
            behind[k] -= self.step
            columns.append((residual(ahead) - residual(behind)) / (2 * self.step))
        return np.stack(columns, 1)


def _rodrigues(vectors: Array) -> Array:
    """Rotation vectors (N, 3) to matrices (N, 3, 3)."""
    angle = np.linalg.norm(vectors, axis=1)[:, None, None]
    axis = vectors / np.maximum(angle[:, :, 0], 1e-12)
    x, y, z = axis.T
    zero = np.zeros_like(x)
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(-1, 3, 3)
    out: Array = np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * (skew @ skew)
    return out


def _kinematics(rotations: Array, body: Array) -> tuple[Array, Array]:
    frames, places = np.empty_like(rotations), np.zeros_like(body)
    frames[0] = rotations[0]
    for joint in range(1, len(rotations)):
        parent = SMPL24.parents[joint]
        places[joint] = places[parent] + frames[parent] @ (body[joint] - body[parent])
        frames[joint] = frames[parent] @ rotations[joint]
    return frames, places
