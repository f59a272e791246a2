"""Pose refinement (PR, paper section 3.2): rotations of body parts that the skeleton leaves open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from s2m.heads.linear import small_linear
from s2m.optional import require
from s2m.skeletons import EXTREMITIES, SMPL24


class PoseHead(nn.Module, ABC):
    """Interface: refine the rotations of an inverse kinematics solver.

    ``forward`` maps silhouette features (B, F) and rotations (B, 24, 3, 3) to refined rotations of the same shape and
    the corrections theta_PR (B, P, 3) in axis-angle, P being 0 when nothing is refined. It does so in two steps, so
    that corrections from elsewhere (their mean over a split, say) can be applied, too. ``joints``: positions in SMPL's
    order of the P joints that are refined.
    """

    joints: Sequence[int] = ()

    @abstractmethod
    def corrections(self, features: Tensor) -> Tensor:
        """theta_PR (B, P, 3), radians, from silhouette features (B, F).

        Args:
            features: Silhouette features (B, F).
        """

    @abstractmethod
    def refine(self, rotations: Tensor, theta: Tensor) -> Tensor:
        """Rotations (B, 24, 3, 3) with the corrections (B, P, 3) applied.

        Args:
            rotations: Rotation matrices (B, 24, 3, 3): the root's to the camera frame, the others relative to their
                parent.
            theta: Corrections theta_PR (B, P, 3), axis-angle, radians.
        """

    def forward(self, features: Tensor, rotations: Tensor) -> tuple[Tensor, Tensor]:
        """Return refined rotations and theta_PR.

        Args:
            features: Silhouette features (B, F).
            rotations: Rotation matrices (B, 24, 3, 3): the root's to the camera frame, the others relative to their
                parent.
        """
        theta = self.corrections(features)
        return self.refine(rotations, theta), theta


class RefinedPose(PoseHead):
    """PR on the given SMPL joints; each correction acts in the joint's own frame, after the solver's rotation.

    Where the solver left a joint at rest (the paper's extremities) the correction is the whole rotation; where the
    joint set determines an extremity it is a residual.

    Args:
        features: Number F of silhouette features.
        joints: Names of the SMPL joints that are refined; head, wrists and ankles by default.
    """

    def __init__(self, features: int, joints: Sequence[str] = EXTREMITIES) -> None:
        super().__init__()
        self.joints = SMPL24.indices(joints)
        self.layer = small_linear(features, 3 * len(self.joints))

    def corrections(self, features: Tensor) -> Tensor:
        """theta_PR (B, P, 3), radians.

        Args:
            features: Silhouette features (B, F).
        """
        theta: Tensor = self.layer(features).unflatten(1, (-1, 3))
        return theta

    def refine(self, rotations: Tensor, theta: Tensor) -> Tensor:
        """Multiply the refined joints' rotations from the right.

        Args:
            rotations: Rotation matrices (B, 24, 3, 3): the root's to the camera frame, the others relative to their
                parent.
            theta: Corrections theta_PR (B, P, 3), axis-angle, radians.
        """
        refined = rotations.clone()
        refined[:, self.joints] = rotations[:, self.joints] @ require("roma").rotvec_to_rotmat(theta)
        return refined


class RefinedPoseAll(RefinedPose):
    """PR^all of Table 5: all 23 local rotations are refined.

    Args:
        features: Number F of silhouette features.
    """

    def __init__(self, features: int) -> None:
        super().__init__(features, [joint for joint in SMPL24.joints if joint != SMPL24.root])


class UnrefinedPose(PoseHead):
    """Without PR: the solver's rotations as they are.

    Args:
        features: Number F of silhouette features.
    """

    def __init__(self, features: int) -> None:
        super().__init__()

    def corrections(self, features: Tensor) -> Tensor:
        """An empty theta_PR (B, 0, 3).

        Args:
            features: Silhouette features (B, F).
        """
        return torch.zeros(len(features), 0, 3, dtype=features.dtype, device=features.device)

    def refine(self, rotations: Tensor, theta: Tensor) -> Tensor:
        """The rotations unchanged.

        Args:
            rotations: Rotation matrices (B, 24, 3, 3): the root's to the camera frame, the others relative to their
                parent.
            theta: Corrections theta_PR (B, P, 3), axis-angle, radians.
        """
        return rotations
