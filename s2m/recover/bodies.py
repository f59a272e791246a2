"""Bodies of people in one picture, or of one person over time, without regard to time: lift, solve, place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from s2m.batch import BodyParams, TensorRecord
from s2m.body import Body, load_body
from s2m.ik.body_joints import body_regressor, rest_skeleton
from s2m.ik.solution import solve_with
from s2m.ik.solver import DIK
from s2m.lifter.to_rotations import NOISE
from s2m.recover.camera import Camera
from s2m.recover.place import translation
from s2m.recover.unseen import completed, rested, trusted
from s2m.skeletons import JointSet


@dataclass(frozen=True, repr=False)
class Bodies(TensorRecord):
    """Bodies before the camera of a whole picture.

    Attributes:
        params: Pose, shape and place: metres, camera frame (+x right, +y down, +z forward).
        joints3d: (B, J, 3) of the bodies, metres, camera frame.
        joints2d: (B, J, 2) the same in the picture, pixels.
        seen: (B, J) bool, which joints the detector saw; the others, and what hangs on them, are a guess.
        confidence: (B, J) of the seen joints, 0 for the others.
    """

    params: BodyParams
    joints3d: Tensor
    joints2d: Tensor
    seen: Tensor
    confidence: Tensor


class Poser:
    """From skeletons to placed bodies, for a person of one shape.

    Args:
        joint_set: Of the skeletons.
        body: The body to pose; the open one by default.
        betas: (1, 10) the person's shape; the mean by default.
    """

    def __init__(self, joint_set: JointSet, body: Body | None = None, betas: Tensor | None = None) -> None:
        self.joint_set = joint_set
        self.body = load_body() if body is None else body
        self.betas = torch.zeros(1, self.body.num_betas) if betas is None else betas
        self.rest = rest_skeleton(self.body, joint_set, self.betas)
        self._solver = DIK(self.rest, noise=NOISE)

    def shaped(self, betas: Tensor) -> Poser:
        """The same for a person of another shape.

        Args:
            betas: (1, 10).
        """
        return Poser(self.joint_set, self.body, betas)

    @torch.inference_mode()
    def rotations(self, skeleton: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """SMPL rotations of lifted skeletons.

        Args:
            skeleton: (B, J, 3) camera frame, any scale; all joints finite.
            seen: (B, J) bool.

        Returns:
            (B, 24, 3, 3) the root to the camera frame, and (B, 24) bool, False where nothing told a rotation.
        """
        whole = completed(skeleton, seen, self.rest)
        told = trusted(seen, self.joint_set)
        found = solve_with(self._solver, whole, self.betas, told.to(whole.dtype))
        return rested(found.params.rotations, found.solved), found.solved

    @torch.inference_mode()
    def placed(
        self,
        rotations: Tensor,
        joints2d: Tensor,
        confidence: Tensor,
        camera: Camera,
        betas: Tensor | None = None,
    ) -> Bodies:
        """Bodies where the picture shows their joints.

        Args:
            rotations: (B, 24, 3, 3), the root to the camera frame.
            joints2d: (B, J, 2) pixels.
            confidence: (B, J), 0 where a joint was not seen.
            camera: Of the picture.
            betas: (B, 10) shapes of their own; the poser's by default.

        Returns:
            The bodies; NaN in place and joints where fewer than two joints were seen.
        """
        betas = self.betas.expand(len(rotations), -1) if betas is None else betas
        params = BodyParams.from_rotations(rotations, betas)
        joints = self.joints(params)
        place = translation(joints, joints2d, confidence, camera)
        return self.at(params, place, confidence, camera, joints)

    def at(
        self, params: BodyParams, place: Tensor, confidence: Tensor, camera: Camera, joints: Tensor | None = None
    ) -> Bodies:
        """Bodies at known places.

        Args:
            params: Pose and shape.
            place: (B, 3) metres, camera frame.
            confidence: (B, J), 0 where a joint was not seen.
            camera: Of the picture.
            joints: (B, J, 3) of the bodies without the place, where they are known.
        """
        joints = self.joints(params) if joints is None else joints
        joints3d = joints + place[:, None]
        params = BodyParams(params.global_orient, params.body_pose, params.betas, place)
        return Bodies(params, joints3d, camera.pixels(joints3d), confidence > 0, confidence)

    def joints(self, params: BodyParams) -> Tensor:
        """Joints of posed bodies, without their place.

        Args:
            params: Of B bodies.

        Returns:
            (B, J, 3) metres, camera frame.
        """
        read, weights = self._reading
        posed = self.body(BodyParams(params.global_orient, params.body_pose, params.betas), read)
        return weights @ posed.vertices

    @cached_property
    def regressor(self) -> Tensor:
        """(J, V) what reads the joints off the body."""
        return body_regressor(self.body, self.joint_set)

    @cached_property
    def nose(self) -> Tensor:
        """(1, V) what reads the tip of the nose off the body."""
        row = torch.zeros_like(self.regressor[:1])
        row[0, self.body.vertex_ids["nose"]] = 1.0
        return row

    @cached_property
    def _reading(self) -> tuple[Tensor, Tensor]:
        """The vertices that joints are read from, and their weights."""
        read = (self.regressor != 0).any(0).nonzero()[:, 0]
        return read, self.regressor[:, read]
