"""Fitting a body whose truth is known: the views are made with the same body, camera and regressor."""

from __future__ import annotations

import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams, Observation
from s2m.body import Body, load_body
from s2m.body.regressors import FixedRegressor
from s2m.geometry.camera import FACING_CAMERA, weak_perspective
from s2m.model import assemble
from s2m.render import hard_silhouette
from s2m.skeletons import H36M17, SMPL24
from studies.mesh.smplify import BodyFitter, FitBudget, FitWeights, wrong_bend
from studies.mesh.smplify_starts import RestStart, Start

CAMERA = torch.tensor([[0.8, 0.05, -0.1]])


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body().requires_grad_(False)


class GivenStart(Start):
    def __init__(self, rotations: torch.Tensor) -> None:
        super().__init__()
        self.rotations = rotations

    def forward(self, observation: Observation) -> torch.Tensor:
        return self.rotations[:, None]


def true_rotations(yaw: float) -> torch.Tensor:
    rotations = torch.eye(3).repeat(1, 24, 1, 1)
    turn = torch.tensor(Rotation.from_rotvec([0, yaw, 0]).as_matrix(), dtype=torch.float32)
    rotations[0, 0] = FACING_CAMERA @ turn
    for joint, angles in (("left_shoulder", [0, 0, -0.9]), ("right_shoulder", [0, 0, 0.6]), ("left_knee", [0.7, 0, 0])):
        rotations[0, SMPL24.index(joint)] = torch.tensor(Rotation.from_rotvec(angles).as_matrix(), dtype=torch.float32)
    return rotations


def view(body: Body, rotations: torch.Tensor, betas: torch.Tensor, size: int = 48) -> Observation:
    params = BodyParams.from_rotations(rotations, betas)
    posed, joints = assemble(body, FixedRegressor(body, H36M17), H36M17.root_index, params)
    mask = hard_silhouette(weak_perspective(posed.vertices, CAMERA), body.faces, size).float()
    return Observation(weak_perspective(joints, CAMERA), torch.ones(1, 17), mask)


def test_a_turned_person_is_found_from_rest(body: Body) -> None:
    """Joints within two hundredths of the crop's side, and the front to the right side, from starts a quarter apart."""
    seen = view(body, true_rotations(1.3), torch.zeros(1, 10))
    fitter = BodyFitter(
        body,
        H36M17,
        FixedRegressor(body, H36M17),
        RestStart(4),
        FitBudget(joint_steps=60, mask_steps=10),
        render_faces=600,
    )
    found = fitter(seen)
    assert (found.joints2d - seen.joints2d).norm(dim=-1).mean() < 0.035
    facing = found.params.global_orient[0, :, 2]  # the body's front in the camera's frame
    expected = true_rotations(1.3)[0, 0, :, 2]
    assert facing @ expected > 0.5
    torch.testing.assert_close(weak_perspective(found.joints3d, found.camera), found.joints2d)


def test_the_silhouette_moves_the_shape(body: Body) -> None:
    """From the true pose, joints that fit already: only the outline tells that the person is stout."""
    betas = torch.zeros(1, 10)
    betas[0, 1] = 2.5
    rotations = true_rotations(0.0)
    seen = view(body, rotations, betas)
    iou = []
    for steps in (0, 40):
        fitter = BodyFitter(
            body,
            H36M17,
            FixedRegressor(body, H36M17),
            GivenStart(rotations),
            FitBudget(joint_steps=0, mask_steps=steps, learning_rate=0.03),
            FitWeights(betas=0.0005, pose=0.0),
            render_faces=600,
        )
        found = fitter(seen)
        made = hard_silhouette(found.projected(), body.faces, 48)
        true = seen.silhouette[0] > 0.5  # type: ignore[index]
        iou.append(float((made & true).sum() / (made | true).sum()))
    assert iou[1] > iou[0] + 0.02


def test_frames_do_not_touch(body: Body) -> None:
    first, second = (view(body, true_rotations(yaw), torch.zeros(1, 10)) for yaw in (0.2, -0.4))
    assert first.silhouette is not None
    assert second.silhouette is not None
    both = Observation(
        torch.cat([first.joints2d, second.joints2d]),
        torch.ones(2, 17),
        torch.cat([first.silhouette, second.silhouette]),
    )
    budget = FitBudget(joint_steps=4, mask_steps=3)
    fitter = BodyFitter(body, H36M17, FixedRegressor(body, H36M17), RestStart(2), budget, render_faces=600)
    together, alone = fitter(both), fitter(second)
    torch.testing.assert_close(together.joints3d[1:], alone.joints3d, atol=2e-4, rtol=0)


def test_without_a_silhouette_joints_alone_are_fitted(body: Body) -> None:
    seen = view(body, true_rotations(0.1), torch.zeros(1, 10))
    budget = FitBudget(joint_steps=3, mask_steps=3)
    fitter = BodyFitter(body, H36M17, FixedRegressor(body, H36M17), RestStart(1), budget, render_faces=600)
    found = fitter(Observation(seen.joints2d, seen.confidence))
    assert torch.isfinite(found.joints3d).all()


@pytest.mark.parametrize(
    ("joint", "natural"),
    [("left_elbow", [0, -1, 0]), ("right_elbow", [0, 1, 0]), ("left_knee", [1, 0, 0]), ("right_knee", [1, 0, 0])],
)
def test_the_angle_prior_knows_which_way_limbs_bend(body: Body, joint: str, natural: list[float]) -> None:
    """A knee bent its natural way brings the foot behind, an elbow the hand to the front: read off the posed body."""
    angles = torch.zeros(2, 23, 3)
    angles[0, SMPL24.index(joint) - 1] = torch.tensor(natural)
    angles[1] = -angles[0]
    end = {"elbow": "wrist", "knee": "ankle"}[joint.split("_")[1]]
    rotations = torch.eye(3).repeat(2, 24, 1, 1)
    rotations[:, 1:] = torch.tensor(Rotation.from_rotvec(angles.view(-1, 3)).as_matrix()).float().view(2, 23, 3, 3)
    moved = body(BodyParams.from_rotations(rotations, torch.zeros(2, 10))).joints
    depth = moved[:, SMPL24.index(f"{joint.split('_')[0]}_{end}"), 2]
    front_first = end == "wrist"
    assert (depth[0] > depth[1]) == front_first
    cost = wrong_bend(angles)
    assert cost[1] > cost[0]
    torch.testing.assert_close(cost, torch.tensor([3 + torch.e**-2, 3 + torch.e**2]).to(cost))


def test_rest_starts_turn_once_around() -> None:
    roots = RestStart(4)(Observation(torch.zeros(2, 17, 2), torch.ones(2, 17)))[0, :, 0]
    yaw = [Rotation.from_matrix((FACING_CAMERA.T @ r).numpy()).as_rotvec()[1] for r in roots]
    assert sorted(round(abs(float(y)), 3) for y in yaw) == [0.0, 1.571, 1.571, 3.142]
    with pytest.raises(ValueError, match="yaws"):
        RestStart(0)
