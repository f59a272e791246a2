from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import IKOutput
from s2m.geometry.camera import FACING_CAMERA, fit_weak_perspective
from s2m.heads import (
    CorrectedCamera,
    FittedCamera,
    MeanShape,
    RefinedPose,
    RefinedPoseAll,
    RegressedCamera,
    ResidualRoot,
    SilhouetteRoot,
    SilhouetteShape,
    SkeletonRoot,
    UnrefinedPose,
)
from s2m.ik.interface import IKSolver
from s2m.skeletons import EXTREMITIES, SMPL24

FEATURES = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))


def rotations() -> torch.Tensor:
    return torch.tensor(Rotation.random(3 * 24, random_state=0).as_matrix().reshape(3, 24, 3, 3), dtype=torch.float32)


def test_refined_pose_multiplies_end_points_from_the_right_and_leaves_the_rest() -> None:
    head = RefinedPose(16)
    torch.nn.init.normal_(head.layer.weight, std=0.5)
    before = rotations()
    after, theta = head(FEATURES, before)
    for k, name in enumerate(EXTREMITIES):
        j = SMPL24.index(name)
        expected = before[:, j].numpy() @ Rotation.from_rotvec(theta[:, k].detach().numpy()).as_matrix()
        np.testing.assert_allclose(after[:, j].detach().numpy(), expected, atol=1e-5)
    others = [j for j in range(24) if SMPL24.joints[j] not in EXTREMITIES]
    torch.testing.assert_close(after[:, others], before[:, others])
    torch.testing.assert_close(before, rotations())


def test_refine_all_touches_every_joint_but_the_root() -> None:
    head = RefinedPoseAll(16)
    torch.nn.init.normal_(head.layer.weight, std=0.5)
    after, theta = head(FEATURES, rotations())
    assert theta.shape == (3, 23, 3)
    changed = (after - rotations()).abs().amax((0, 2, 3)) > 1e-3
    assert changed.tolist() == [False] + [True] * 23


def test_null_heads_change_nothing() -> None:
    after, theta = UnrefinedPose(16)(FEATURES, rotations())
    torch.testing.assert_close(after, rotations())
    assert theta.shape == (3, 0, 3)
    assert not MeanShape(16, 10)(FEATURES).any()
    assert SkeletonRoot(16)(FEATURES) is None
    for head in (UnrefinedPose(16), MeanShape(16, 10), SkeletonRoot(16), FittedCamera(16)):
        assert not list(head.parameters())


def test_heads_start_at_dik_and_the_mean_shape() -> None:
    assert SilhouetteShape(16, 10)(FEATURES).abs().max() < 0.05
    assert RefinedPose(16)(FEATURES, rotations())[1].abs().max() < 0.05
    torch.testing.assert_close(SilhouetteRoot(16)(FEATURES), FACING_CAMERA.expand(3, 3, 3), atol=0.05, rtol=0)


def test_silhouette_root_is_a_rotation() -> None:
    head = SilhouetteRoot(16)
    torch.nn.init.normal_(head.layer.weight)
    root = head(FEATURES)
    torch.testing.assert_close(root @ root.transpose(1, 2), torch.eye(3).expand(3, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(root), torch.ones(3))


def test_cameras() -> None:
    joints3d, joints2d, confidence = torch.randn(3, 17, 3), torch.randn(3, 17, 2), torch.ones(3, 17)
    fitted = FittedCamera(16)(FEATURES, joints3d, joints2d, confidence)
    torch.testing.assert_close(fitted, fit_weak_perspective(joints3d, joints2d, confidence))
    corrected = CorrectedCamera(16)(FEATURES, joints3d, joints2d, confidence)
    torch.testing.assert_close(corrected, fitted, atol=0.05, rtol=0.05)
    regressed = RegressedCamera(16)
    torch.nn.init.normal_(regressed.layer.weight)
    assert (regressed(FEATURES, joints3d, joints2d, confidence)[:, 0] > 0).all()


class _FirstJointAsRoot(IKSolver):
    """Returns the given root, or a fixed one; the limbs say which root they were solved for."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.own = torch.tensor(Rotation.from_rotvec([0.1, 0.7, -0.2]).as_matrix(), dtype=torch.float32)

    def forward(
        self, joints: torch.Tensor, root: torch.Tensor | None = None, confidence: torch.Tensor | None = None
    ) -> IKOutput:
        used = self.own.expand(len(joints), 3, 3) if root is None else root
        return IKOutput(used[:, None].repeat(1, 24, 1, 1), torch.ones(len(joints), 24, dtype=torch.bool))


def test_residual_root_turns_the_skeletons_root_and_solves_the_limbs_for_it() -> None:
    head, solver = ResidualRoot(16), _FirstJointAsRoot()
    torch.nn.init.zeros_(head.layer.weight)
    joints = torch.zeros(3, 17, 3)
    torch.testing.assert_close(head.solve(solver, joints, FEATURES).rotations[:, 0], solver.own.expand(3, 3, 3))
    torch.nn.init.normal_(head.layer.weight, std=0.3)
    turned = head.solve(solver, joints, FEATURES).rotations
    expected = solver.own.numpy() @ Rotation.from_rotvec(head.layer(FEATURES).detach().numpy()).as_matrix()
    np.testing.assert_allclose(turned[:, 0].detach().numpy(), expected, atol=1e-5)
    torch.testing.assert_close(turned[:, 7], turned[:, 0])
    turned[:, 3].square().sum().add(turned[:, 0, 0, 1].sum()).backward()
    assert head.layer.weight.grad is not None
    assert SkeletonRoot(16).solve(solver, joints, FEATURES).rotations.shape == (3, 24, 3, 3)
