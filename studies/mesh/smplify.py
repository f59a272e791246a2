"""Fits pose, shape and camera to 2D joints and a silhouette by gradient descent, a batch of frames at a time."""

from __future__ import annotations

from dataclasses import dataclass

import roma
import torch
from torch import Tensor, nn

from s2m.batch import BodyParams, Observation
from s2m.body import Body
from s2m.body.regressors import JointRegressor
from s2m.geometry.camera import fit_weak_perspective, weak_perspective
from s2m.metrics.silhouette import soft_iou
from s2m.model import SeenBody, assemble
from s2m.render import RaggedSilhouette, SilhouetteRenderer
from s2m.skeletons import SMPL24, JointSet
from studies.mesh.smplify_starts import Start

_FAR = 2.0  # crop units: where joints saturate as long as they are fitted alone
# Joint, axis of the bend, and the sign of an impossible bend (SMPLify's angle prior, section 3.2 there).
_BENDS = (("left_elbow", 1, 1.0), ("right_elbow", 1, -1.0), ("left_knee", 0, -1.0), ("right_knee", 0, -1.0))


@dataclass(frozen=True)
class FitWeights:
    """Of the terms, per frame; 2D in crop units, angles in radians, betas in standard deviations.

    Attributes:
        joints: Robust squared distance of the 2D joints, saturating at ``robust`` crop units once the silhouette
            counts.
        mask: 1 - IoU of the soft silhouette.
        angle: Exponential penalty on elbows and knees that bend the wrong way.
        pose: Squared angles of all local rotations (a prior without 3D data: the rest pose).
        betas: Squared.
    """

    joints: float = 100.0
    robust: float = 0.2
    mask: float = 1.0
    angle: float = 0.01
    pose: float = 0.002
    betas: float = 0.005


@dataclass(frozen=True)
class FitBudget:
    """joint_steps: on joints alone, from every start.

    Attributes:
        mask_steps: With the silhouette, from the best of them.
        learning_rate: Adam's, radians per step at the most.
    """

    joint_steps: int = 100
    mask_steps: int = 60
    learning_rate: float = 0.05


class BodyFitter(nn.Module):
    """Optimises root, body pose, betas and camera of each frame by itself. It sees what a detector gives, no 3D data.

    Args:
        body: A body in SMPL format.
        joint_set: The joint set.
        regressor: Reads the joint set's skeleton off the mesh (not changed).
        start: Where to begin.
        render_faces: Size of the decimated mesh whose silhouette is compared.
    """

    render_vertices: Tensor
    render_faces: Tensor

    def __init__(
        self,
        body: Body,
        joint_set: JointSet,
        regressor: JointRegressor,
        start: Start,
        budget: FitBudget = FitBudget(),
        weights: FitWeights = FitWeights(),
        renderer: SilhouetteRenderer | None = None,
        render_faces: int = 2000,
    ) -> None:
        super().__init__()
        self.body, self.joint_set, self.regressor, self.start = body, joint_set, regressor, start
        self.budget, self.weights, self.renderer = budget, weights, renderer or RaggedSilhouette()
        vertices, faces = body.render_mesh(render_faces)
        self.register_buffer("render_vertices", vertices, persistent=False)
        self.register_buffer("render_faces", faces, persistent=False)

    def forward(self, observation: Observation) -> SeenBody:
        """Fit a batch of frames. Without a silhouette the joints alone are fitted."""
        starts = self.start(observation)
        count = starts.shape[1]
        every = observation[torch.arange(len(observation)).repeat_interleave(count)]
        unknowns = _Unknowns(starts.flatten(0, 1), self.body.num_betas)
        with torch.no_grad():
            joints = self._posed(unknowns).joints3d
            unknowns.set_camera(fit_weak_perspective(joints, every.joints2d, every.confidence))
        cost = self._descend(unknowns, every, self.budget.joint_steps, mask=False)
        best = cost.view(-1, count).argmin(1) + count * torch.arange(len(observation), device=cost.device)
        unknowns = unknowns.chosen(best)
        if observation.silhouette is not None:
            self._descend(unknowns, observation, self.budget.mask_steps, mask=True)
        with torch.no_grad():
            return self._posed(unknowns)

    def _posed(self, unknowns: _Unknowns, vertices: Tensor | None = None) -> SeenBody:
        params = BodyParams.from_rotations(unknowns.rotations(), unknowns.betas)
        body, joints3d = assemble(self.body, self.regressor, self.joint_set.root_index, params, vertices)
        camera = unknowns.camera()
        return SeenBody(params, body, joints3d, camera, weak_perspective(joints3d, camera))

    def _descend(self, unknowns: _Unknowns, observation: Observation, steps: int, mask: bool) -> Tensor:
        """Take steps in place; returns the last cost (B,). Frames do not touch: Adam works number by number."""
        optimiser = torch.optim.Adam(unknowns.parameters(), lr=self.budget.learning_rate)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps), 0.1 * self.budget.learning_rate)
        cost = torch.zeros(len(observation), device=observation.joints2d.device)
        for _ in range(steps):
            with torch.enable_grad():
                cost = self._cost(self._posed(unknowns, self.render_vertices), observation, mask)
                gradient = torch.autograd.grad(cost.sum(), unknowns.parameters())
            for parameter, slope in zip(unknowns.parameters(), gradient, strict=True):
                parameter.grad = slope
            optimiser.step()
            decay.step()
        return cost.detach()

    def _cost(self, seen: SeenBody, observation: Observation, mask: bool) -> Tensor:
        w = self.weights
        squared = ((seen.joints2d - observation.joints2d) ** 2).sum(-1)
        # Geman-McClure: an outlier pulls less and less. From a start far off every joint looks like one.
        limit = (w.robust if mask else _FAR) ** 2
        robust = limit * squared / (limit + squared)
        total = observation.confidence.sum(1).clamp_min(1e-6)
        cost = w.joints * ((observation.confidence * robust).sum(1) / total)
        angles = roma.rotmat_to_rotvec(seen.params.body_pose)
        cost = cost + w.angle * wrong_bend(angles) + w.pose * (angles**2).sum((1, 2))
        cost = cost + w.betas * (seen.params.betas**2).sum(1)
        if mask and observation.silhouette is not None:
            reference = observation.silhouette
            soft = self.renderer(seen.projected(), self.render_faces, reference.shape[-1])
            cost = cost + w.mask * (1 - soft_iou(soft, reference))
        return cost


def wrong_bend(angles: Tensor) -> Tensor:
    """SMPLify's angle prior (B,): exp of the angle by which elbows and knees bend the wrong way, squared and summed.

    Args:
        angles: (B, 23, 3) axis-angle of the body pose, radians.
    """
    columns = [sign * angles[:, SMPL24.index(joint) - 1, axis] for joint, axis, sign in _BENDS]
    return (torch.stack(columns, dim=1).exp() ** 2).sum(1)


class _Unknowns:
    """What is optimised: turns about the start (B, 24, 3), betas, the camera's log scale and translation."""

    def __init__(self, start: Tensor, num_betas: int) -> None:
        self._start = start
        self.turns = start.new_zeros(*start.shape[:2], 3).requires_grad_()
        self.betas = start.new_zeros(len(start), num_betas).requires_grad_()
        self._camera = start.new_zeros(len(start), 3).requires_grad_()

    def parameters(self) -> list[Tensor]:
        return [self.turns, self.betas, self._camera]

    def rotations(self) -> Tensor:
        return self._start @ roma.rotvec_to_rotmat(self.turns)

    def camera(self) -> Tensor:
        return torch.cat([self._camera[:, :1].exp(), self._camera[:, 1:]], dim=1)

    def set_camera(self, camera: Tensor) -> None:
        self._camera.copy_(torch.cat([camera[:, :1].log(), camera[:, 1:]], dim=1))

    @torch.no_grad()
    def chosen(self, rows: Tensor) -> _Unknowns:
        """The same state for some rows."""
        other = _Unknowns(self.rotations()[rows], self.betas.shape[1])
        other.betas.copy_(self.betas[rows])
        other._camera.copy_(self._camera[rows])
        return other
