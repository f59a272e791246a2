"""The whole of Skeleton2Mesh as one module: an observation in, a body mesh out (paper section 3, Fig. 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from s2m.batch import BodyOutput, BodyParams, IKOutput, Lifted, Observation, TensorRecord
from s2m.body import Body
from s2m.body.regressors import JointRegressor
from s2m.body.skinning import global_rotations
from s2m.geometry.camera import fit_weak_perspective, weak_perspective
from s2m.heads import CameraHead, Encoder, InitialEstimate, PoseHead, RootHead, ShapeHead
from s2m.heads.encoder import silhouette_of
from s2m.ik import IKSolver, RestSkeleton
from s2m.lifter import Lifter
from s2m.render import hard_silhouette
from s2m.skeletons import EXTREMITIES, SMPL24, JointSet

# About how many faces of the body are drawn for the initial estimate.
INITIAL_FACES = 2000

IKFactory = Callable[[RestSkeleton], IKSolver]


@dataclass(frozen=True, repr=False)
class SeenBody(TensorRecord):
    """A body in front of the crop. Metres, camera frame, relative to the regressed root joint.

    Args:
        params: The body's parameters.
        body: Vertices (B, V, 3), or those that were asked for, and SMPL joints.
        joints3d: (B, J, 3) the skeleton that W reads off the mesh.
        camera: (B, 3) weak perspective.
        joints2d: (B, J, 2) the projected skeleton, crop units.
    """

    params: BodyParams
    body: BodyOutput
    joints3d: Tensor
    camera: Tensor
    joints2d: Tensor

    def projected(self) -> Tensor:
        """The body's vertices (B, V, 3) in front of the crop: x, y in crop units (+y down), z the depth in metres."""
        points = self.body.vertices
        return torch.cat([weak_perspective(points, self.camera), points[..., 2:]], dim=-1)


@dataclass(frozen=True)
class Recovery(SeenBody):
    """What the model makes of an observation.

    Args:
        lifted: The frozen lifter's skeleton.
        theta_pr: (B, P, 3) PR's corrections.
        solved: (B, 24) which rotations the skeleton determined.
    """

    lifted: Lifted
    theta_pr: Tensor
    solved: Tensor


@dataclass(frozen=True, repr=False)
class Evidence(TensorRecord):
    """What the model reads off an observation before it builds a body.

    Args:
        lifted: The frozen lifter's skeleton.
        solution: DIK's rotations.
        features: (B, F) of the silhouette.
        betas: (B, 10) SR's shape.
        theta_pr: (B, P, 3) PR's corrections, radians.
    """

    lifted: Lifted
    solution: IKOutput
    features: Tensor
    betas: Tensor
    theta_pr: Tensor


def pose_and_read(
    body: Body, regressor: JointRegressor, params: BodyParams, vertices: Tensor | None = None
) -> tuple[BodyOutput, Tensor]:
    """Pose the body and read its skeleton (B, J, 3), metres.

    Args:
        body: The body model.
        regressor: W, which reads the skeleton off the vertices.
        params: Parameters of the bodies (B).
        vertices: Positions (V',) of those that are wanted; all if not given.
    """
    if vertices is None:
        posed = body(params)
        return posed, regressor(posed.vertices)
    read = regressor.support()
    both = body(params, torch.cat([read, vertices]))
    joints3d = regressor.weights()[:, read] @ both.vertices[:, : len(read)]
    return BodyOutput(both.vertices[:, len(read) :], both.joints), joints3d


def assemble(
    body: Body, regressor: JointRegressor, root: int, params: BodyParams, vertices: Tensor | None = None
) -> tuple[BodyOutput, Tensor]:
    """:func:`pose_and_read`, both moved so that the skeleton's root joint is the origin.

    Args:
        body: The body model.
        regressor: W, which reads the skeleton off the vertices.
        root: Head for the global orientation.
        params: Parameters of the bodies (B).
        vertices: Positions (V',) of the vertices that are wanted; all if not given.
    """
    posed, joints3d = pose_and_read(body, regressor, params, vertices)
    origin = joints3d[:, root : root + 1]
    centred = BodyOutput(vertices=posed.vertices - origin, joints=posed.joints - origin)
    return centred, joints3d - origin


# The parts that can be exchanged, in the order in which they are built, and what each is built from (the encoder comes
# first, from the joint set alone). A new part is a line here, an argument of MeshRecovery and a setting of its stage.
PARTS: dict[str, tuple[str, ...]] = {
    "encoder": (),
    "ik": ("rest",),
    "shape": ("features", "betas"),
    "pose": ("features",),
    "root": ("features",),
    "camera": ("features",),
}


class MeshRecovery(nn.Module):
    """Lifter -> DIK, silhouette -> root, shape, extremities and camera; both meet in the body model.

    Every component can be exchanged for another with the same interface: that is what an ablation is.

    Args:
        body: The body model.
        joint_set: Joint set of the frames.
        lifter: The lifter, frozen.
        regressor: W, which reads the skeleton off the vertices.
        ik: The inverse-kinematics solver.
        encoder: Reads features off the silhouette.
        shape: Head for the betas.
        pose: Head for the corrections of rotations.
        root: Head for the global orientation.
        camera: Head for the weak-perspective camera.
    """

    def __init__(
        self,
        body: Body,
        joint_set: JointSet,
        lifter: Lifter,
        regressor: JointRegressor,
        ik: IKSolver,
        encoder: Encoder,
        shape: ShapeHead,
        pose: PoseHead,
        root: RootHead,
        camera: CameraHead,
    ) -> None:
        super().__init__()
        self.joint_set = joint_set
        self.body = body
        self.lifter = lifter.requires_grad_(False)
        self.regressor = regressor
        self.ik = ik
        self.encoder = encoder
        self.shape = shape
        self.pose = pose
        self.root = root
        self.camera = camera

    @staticmethod
    def of(
        body: Body,
        joint_set: JointSet,
        lifter: Lifter,
        regressor: JointRegressor,
        parts: Mapping[str, Callable[..., Any]],
    ) -> MeshRecovery:
        """Build the parts that can be exchanged, and the model of them.

        Args:
            body: The body model.
            joint_set: The joints that are seen.
            lifter: Stage 1's network; it is frozen.
            regressor: W; its weights give the rest skeleton that inverse kinematics is calibrated to.
            parts: What builds each of :data:`PARTS`.

        Returns:
            The model, with the parts' weights as they were built.
        """
        encoder = parts["encoder"](joint_set)
        rest = RestSkeleton.of(body, regressor.weights().detach(), joint_set)
        known = {"rest": rest, "features": encoder.features, "betas": body.num_betas}
        built = {part: parts[part](*(known[name] for name in needs)) for part, needs in PARTS.items() if needs}
        return MeshRecovery(body, joint_set, lifter, regressor, encoder=encoder, **built)

    def train(self, mode: bool = True) -> MeshRecovery:
        """As in torch, but the frozen lifter stays in evaluation mode.

        Args:
            mode: Whether to train; False for evaluation.

        Returns:
            The model itself.
        """
        super().train(mode)
        self.lifter.eval()
        return self

    def lift(self, observation: Observation) -> Lifted:
        """The frozen lifter's skeleton (paper section 4.1: all its parameters are frozen).

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
        """
        with torch.no_grad():
            return self.lifter(observation.joints2d, observation.confidence, observation.camera)

    @torch.no_grad()
    def initial(self, observation: Observation, lifted: Lifted) -> InitialEstimate:
        """What the skeleton alone gives, for the encoder to compare with.

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
            lifted: The lifter's skeletons.

        Raises:
            ValueError: Without a silhouette.
        """
        rotations = self.ik(lifted.joints3d, None, None).rotations
        params = BodyParams.from_rotations(rotations, rotations.new_zeros(len(rotations), self.body.num_betas))
        drawn, faces = self.body.render_mesh(INITIAL_FACES)
        body, joints3d = self._assemble(params, drawn)
        camera = fit_weak_perspective(joints3d, observation.joints2d, observation.confidence)
        mask = silhouette_of(observation)
        covered = hard_silhouette(weak_perspective(body.vertices, camera), faces, mask.shape[-1])
        return InitialEstimate(
            lifted3d=lifted.joints3d,
            lifted2d=lifted.joints2d,
            joints2d=weak_perspective(joints3d, camera),
            orientations=global_rotations(rotations)[:, SMPL24.indices(EXTREMITIES)],
            silhouette=covered.to(mask.dtype),
        )

    def forward(self, observation: Observation, vertices: Tensor | None = None) -> Recovery:
        """Recover the body of each frame.

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
            vertices: Positions (V',) of those that are wanted; all if not given.
        """
        return self.build_body(self.read(observation), observation, vertices)

    def read(self, observation: Observation) -> Evidence:
        """Everything that comes before the body: skeleton, rotations, shape and corrections.

        Args:
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
        """
        lifted = self.lift(observation)
        features = self.encoder(observation, partial(self.initial, observation, lifted))
        solution = self.root.solve(self.ik, lifted.joints3d, features)
        return Evidence(lifted, solution, features, self.shape(features), self.pose.corrections(features))

    def build_body(self, evidence: Evidence, observation: Observation, vertices: Tensor | None = None) -> Recovery:
        """The body and camera of ``evidence``, which may have been changed since it was read.

        Args:
            evidence: What the model read off the frames.
            observation: Frames (B): 2D joints in crop units, their confidence and, where there are any, silhouettes.
            vertices: Positions (V',) of the vertices that are wanted; all if not given.
        """
        rotations = self.pose.refine(evidence.solution.rotations, evidence.theta_pr)
        params = BodyParams.from_rotations(rotations, evidence.betas)
        body, joints3d = self._assemble(params, vertices)
        camera = self.camera(evidence.features, joints3d, observation.joints2d, observation.confidence)
        return Recovery(
            lifted=evidence.lifted,
            params=params,
            body=body,
            joints3d=joints3d,
            camera=camera,
            joints2d=weak_perspective(joints3d, camera),
            theta_pr=evidence.theta_pr,
            solved=evidence.solution.solved,
        )

    def _assemble(self, params: BodyParams, vertices: Tensor | None) -> tuple[BodyOutput, Tensor]:
        return assemble(self.body, self.regressor, self.joint_set.root_index, params, vertices)
