"""Front and back look alike to a silhouette; what the model makes of that."""

from __future__ import annotations

import pytest
import roma
import torch
from torch import Tensor

from s2m.batch import BodyParams, Observation
from s2m.body import Body, load_body
from s2m.body.regressors import ConvexRegressor, FixedRegressor
from s2m.geometry.camera import FACING_CAMERA, weak_perspective
from s2m.heads import SilhouetteEncoder, SilhouetteRoot
from s2m.ik import DIK, RestSkeleton
from s2m.losses import iou_loss, joints2d_loss
from s2m.render import RaggedSilhouette, hard_silhouette
from s2m.skeletons import H36M17
from studies.render.ambiguity import centred, mirrored_in_depth

SIDE, FACES = 64, 2000


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def walker() -> BodyParams:
    """Somebody who moves, seen from the front and a little from the side."""
    generator = torch.Generator().manual_seed(2)
    pose = roma.rotvec_to_rotmat(0.25 * torch.randn(1, 23, 3, generator=generator))
    turn = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.4, 0.0]))
    return BodyParams((FACING_CAMERA @ turn)[None], pose, torch.zeros(1, 10))


CAMERA = torch.tensor([[0.75, 0.0, 0.2]])


def observed(body: Body, params: BodyParams) -> Observation:
    vertices, _ = centred(body, params)
    mask = hard_silhouette(weak_perspective(vertices, CAMERA), body.faces, SIDE).float()
    joints = weak_perspective(FixedRegressor(body, H36M17)(vertices), CAMERA)
    return Observation(joints, torch.ones(1, 17), mask)


def angle(one: Tensor, two: Tensor) -> float:
    """Geodesic angle between rotations (1, 3, 3), degrees."""
    cosine = (((one.transpose(1, 2) @ two).diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1)
    return float(cosine.arccos().rad2deg())


def test_the_mask_loss_cannot_tell_front_from_back_but_labelled_joints_can(body: Body, walker: BodyParams) -> None:
    front, back = walker, mirrored_in_depth(walker)
    assert angle(front.global_orient, back.global_orient) > 120
    seen = observed(body, front)
    assert seen.silhouette is not None
    index, faces = body.render_mesh(FACES)
    losses, misses = [], []
    for params in (front, back):
        vertices, _ = centred(body, params)
        soft = RaggedSilhouette()(weak_perspective(vertices[:, index], CAMERA), faces, SIDE)
        losses.append(float(iou_loss(soft, seen.silhouette)))
        joints = weak_perspective(FixedRegressor(body, H36M17)(vertices), CAMERA)
        misses.append(float(joints2d_loss(joints, seen.joints2d, seen.confidence)))
    assert losses[1] == pytest.approx(losses[0], abs=0.01)
    # Left and right have changed places in the picture: the labels say what the outline does not.
    assert misses[0] == pytest.approx(0, abs=1e-5)
    assert misses[1] > 0.1


def test_dik_finds_the_root_of_either_from_the_skeleton(body: Body, walker: BodyParams) -> None:
    regressor = ConvexRegressor(body, H36M17)
    solver = DIK(RestSkeleton.of(body, regressor.weights().detach(), H36M17))
    for params in (walker, mirrored_in_depth(walker)):
        skeleton = regressor(centred(body, params)[0]).detach()
        root = skeleton[:, H36M17.root_index][:, None]
        found = solver(skeleton - root, None, None).rotations[:, 0]
        assert angle(found, params.global_orient) < 20


def test_a_root_from_the_silhouette_is_the_same_for_both_so_one_of_them_is_wrong(
    body: Body, walker: BodyParams
) -> None:
    """Whatever is learned: two equal pictures have one answer, and its two errors add up to the angle between them."""
    torch.manual_seed(0)
    encoder, head = SilhouetteEncoder(H36M17, 32).eval(), SilhouetteRoot(512)
    torch.nn.init.normal_(head.layer.weight, std=0.05)
    other = mirrored_in_depth(walker)
    seen = [observed(body, params) for params in (walker, other)]
    with torch.no_grad():
        roots = [head(encoder(observation, lambda: pytest.fail("needs no initial estimate"))) for observation in seen]
    assert angle(*roots) < 2
    apart = angle(walker.global_orient, other.global_orient)
    assert angle(roots[0], walker.global_orient) + angle(roots[1], other.global_orient) >= apart - 2
