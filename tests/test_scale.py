"""What tells size apart, and what does not: the person's height, the camera's scale, the lifter's own unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import roma
import torch
from torch import Tensor

from s2m.batch import BodyOutput, BodyParams, Observation, TensorRecord
from s2m.body import Body, load_body
from s2m.body.regressors import ConvexRegressor, FixedRegressor
from s2m.geometry.camera import FACING_CAMERA, perspective, pixels_to_crop, square_crop, weak_perspective
from s2m.heads import (
    CameraHead,
    CorrectedCamera,
    FittedCamera,
    RefinedPose,
    RegressedCamera,
    SilhouetteEncoder,
    SilhouetteShape,
    SkeletonRoot,
)
from s2m.ik import DIK, RestSkeleton
from s2m.lifter import Lifter
from s2m.lifter.network import mean_bone_length
from s2m.losses import iou_loss, joints2d_loss, joints3d_loss, pose_regulariser, shape_regulariser
from s2m.metrics import body_metrics, vertex_areas
from s2m.model import Evidence, MeshRecovery, Recovery
from s2m.render import RaggedSilhouette, hard_silhouette
from s2m.skeletons import H36M17

SIDE, FACES = 48, 600
BONE = 0.25
CAMERAS = (FittedCamera, CorrectedCamera, RegressedCamera)


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


def tiny_model(body: Body, camera: Callable[[int], CameraHead]) -> MeshRecovery:
    """All real parts, small; the heads and the lifter's last layer are made loud, so that nothing is near zero."""
    torch.manual_seed(1)  # with 0, what pulls on the two people's sizes cancels by chance
    regressor = ConvexRegressor(body, H36M17)
    rest = RestSkeleton.of(body, regressor.weights().detach(), H36M17)
    lifter = Lifter("h36m17", rest_bone_length=BONE, width=32, blocks=1)
    encoder = SilhouetteEncoder(H36M17, 32)
    shape, pose = SilhouetteShape(512, 10), RefinedPose(512)
    for layer, size in ((lifter.network[-1], 0.1), (shape.layer, 0.05), (pose.layer, 0.01)):
        torch.nn.init.normal_(layer.weight, std=size)  # type: ignore[arg-type]
    heads = (shape, pose, SkeletonRoot(512), camera(512))
    return MeshRecovery(body, H36M17, lifter, regressor, DIK(rest), encoder, *heads).eval()


@torch.no_grad()
def observation(body: Body, factor: float = 1.0) -> Observation:
    """Two people before a pinhole camera at 4 and 5 m; both they and their distance are ``factor`` times as large."""
    generator = torch.Generator().manual_seed(1)
    pose = roma.rotvec_to_rotmat(0.2 * torch.randn(2, 23, 3, generator=generator))
    betas = torch.randn(2, 10, generator=generator)
    transl = torch.tensor([[0.2, 0.1, 4.0], [-0.3, 0.0, 5.0]])
    vertices = factor * body(BodyParams(FACING_CAMERA.expand(2, 3, 3), pose, betas, transl)).vertices
    intrinsics = torch.tensor([[1100.0, 1100.0, 500.0, 500.0]]).expand(2, 4)
    joints = perspective(FixedRegressor(body, H36M17)(vertices), intrinsics)
    crop = square_crop(joints, torch.ones(2, 17, dtype=torch.bool), 1.5)
    points = pixels_to_crop(perspective(vertices, intrinsics), crop)
    mask = hard_silhouette(points, body.faces, SIDE).float()
    return Observation(pixels_to_crop(joints, crop), torch.ones(2, 17), mask)


def scaled(model: MeshRecovery, evidence: Evidence, seen: Observation, factor: Tensor) -> Recovery:
    """What the model makes of the evidence, had the mesh come out ``factor`` times as large."""
    found = model.build_body(evidence, seen)
    joints3d = factor * found.joints3d
    camera = model.camera(evidence.features, joints3d, seen.joints2d, seen.confidence)
    output = BodyOutput(factor * found.body.vertices, factor * found.body.joints)
    joints2d = weak_perspective(joints3d, camera)
    return replace(found, body=output, joints3d=joints3d, camera=camera, joints2d=joints2d)


def terms(model: MeshRecovery, recovery: Recovery, seen: Observation) -> dict[str, Tensor]:
    """The unweighted terms of Eqn. 7, L_3D at both scales."""
    assert seen.silhouette is not None
    index, faces = model.body.render_mesh(FACES)
    rendered = RaggedSilhouette(1e-3)(recovery.projected()[:, index], faces, SIDE)
    return {
        "2d": joints2d_loss(recovery.joints2d, seen.joints2d, seen.confidence),
        "3d": joints3d_loss(recovery.joints3d, recovery.lifted.joints3d),
        "3d_best": joints3d_loss(recovery.joints3d, recovery.lifted.joints3d, "best"),
        "mask": iou_loss(rendered, seen.silhouette),
        "sreg": shape_regulariser(recovery.params.betas, "squared"),
        "preg": pose_regulariser(recovery.theta_pr, "squared"),
        "wreg": model.regressor.row_sum_penalty(),
    }


def tensors(record: TensorRecord) -> list[Tensor]:
    found: list[Tensor] = []
    record._apply(lambda tensor: found.append(tensor) or tensor)  # type: ignore[func-returns-value]
    return found


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_person_twice_as_large_and_as_far_gives_the_same_output(
    body: Body, camera: type[CameraHead], factor: float
) -> None:
    """Bit by bit, since factors of two do not round: so no part of the model can know a person's size."""
    model = tiny_model(body, camera)
    near, far = observation(body), observation(body, factor)
    assert near.silhouette is not None
    assert near.silhouette.sum() > 100
    with torch.no_grad():
        for one, two in zip(tensors(model(near)), tensors(model(far)), strict=True):
            assert torch.equal(one, two)
        bones = [mean_bone_length(skeleton, H36M17) for skeleton in model.lift(near).joints3d]
    assert bones == pytest.approx([BONE, BONE])  # whoever it is


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_the_fitted_camera_undoes_the_size_of_the_mesh(body: Body, factor: float) -> None:
    model, seen = tiny_model(body, FittedCamera), observation(body)
    with torch.no_grad():
        evidence = model.read(seen)
        one, other = (scaled(model, evidence, seen, torch.tensor(value)) for value in (1.0, factor))
        torch.testing.assert_close(other.camera[:, 0], one.camera[:, 0] / factor)
        torch.testing.assert_close(other.camera[:, 1:], one.camera[:, 1:] * factor)
        torch.testing.assert_close(other.projected()[..., :2], one.projected()[..., :2], atol=1e-5, rtol=0)
        before, after = (terms(model, recovery, seen) for recovery in (one, other))
    for name in set(before) - {"3d"}:
        assert float(after[name]) == pytest.approx(float(before[name]), abs=1e-5), name
    assert abs(float(after["3d"] - before["3d"])) > 0.01


def test_a_corrected_camera_sees_size_through_its_shift_in_metres_alone(body: Body) -> None:
    model, seen, factor = tiny_model(body, CorrectedCamera), observation(body), torch.tensor(1.3)
    layer = model.camera.layer
    assert isinstance(layer, torch.nn.Linear)
    torch.nn.init.zeros_(layer.weight)
    with torch.no_grad():
        evidence = model.read(seen)
        for change in (torch.tensor([0.1, 0.0, 0.0]), torch.tensor([0.1, 0.02, -0.03])):
            layer.bias.copy_(change)
            one, other = (scaled(model, evidence, seen, value) for value in (torch.tensor(1.0), factor))
            moved = one.camera[:, None, :1] * change[1:] * (1 / factor - 1)
            torch.testing.assert_close(other.joints2d, one.joints2d + moved, atol=1e-5, rtol=0)


def test_a_regressed_camera_and_size_are_told_apart_by_nothing_in_the_picture() -> None:
    """The 2D terms see the product alone: a larger mesh before a camera of smaller scale is the same picture."""
    points, factor = torch.randn(2, 17, 3), 1.3
    camera = torch.tensor([[0.8, 0.1, -0.2], [0.6, 0.0, 0.3]])
    smaller = torch.stack([camera[:, 0] / factor, camera[:, 1] * factor, camera[:, 2] * factor], dim=1)
    torch.testing.assert_close(weak_perspective(factor * points, smaller), weak_perspective(points, camera))


def slopes(model: MeshRecovery, seen: Observation, camera_moves: bool) -> dict[str, float]:
    """d term / d log size of the mesh; with the camera fitted again, or held where it was."""
    evidence = model.read(seen).detach()
    found = {}
    for name in ("2d", "mask", "3d", "3d_best", "sreg", "preg", "wreg"):
        size = torch.ones((), requires_grad=True)
        recovery = scaled(model, evidence, seen, size)
        if not camera_moves:
            camera = recovery.camera.detach()
            recovery = replace(recovery, camera=camera, joints2d=weak_perspective(recovery.joints3d, camera))
        found[name] = float(slope(terms(model, recovery, seen)[name], size))
    return found


def slope(value: Tensor, leaf: Tensor) -> Tensor:
    """The gradient; zeros where there is no path from one to the other."""
    if not value.requires_grad:
        return torch.zeros_like(leaf)
    (found,) = torch.autograd.grad(value, leaf, allow_unused=True)
    return torch.zeros_like(leaf) if found is None else found


def test_only_the_lifters_skeleton_pulls_on_the_size_of_the_mesh(body: Body) -> None:
    model, seen = tiny_model(body, FittedCamera), observation(body)
    fitted, held = slopes(model, seen, camera_moves=True), slopes(model, seen, camera_moves=False)
    assert abs(held["2d"]) > 0.02
    assert abs(held["mask"]) > 0.02
    assert abs(fitted["2d"]) < 1e-3 * abs(held["2d"])
    assert abs(fitted["mask"]) < 1e-3 * abs(held["mask"])
    assert abs(fitted["3d"]) > 0.01
    assert fitted["3d"] == pytest.approx(held["3d"])
    assert max(abs(fitted["3d_best"]), abs(held["3d_best"])) < 1e-4 * abs(fitted["3d"])
    assert fitted["sreg"] == fitted["preg"] == fitted["wreg"] == 0


@pytest.mark.parametrize("wanted", [0.8, 1.25])
def test_that_pull_is_towards_the_lifters_own_scale(body: Body, wanted: float) -> None:
    """Were the lifted skeleton the mesh's own, ``wanted`` times as large, that size would be the minimum of L_3D."""
    model, seen = tiny_model(body, FittedCamera), observation(body)
    with torch.no_grad():
        evidence = model.read(seen)
        skeleton = model.build_body(evidence, seen).joints3d
        evidence = replace(evidence, lifted=replace(evidence.lifted, joints3d=wanted * skeleton))
        losses = [
            float(terms(model, scaled(model, evidence, seen, torch.tensor(wanted * share)), seen)["3d"])
            for share in (0.95, 1.0, 1.05)
        ]
    assert losses[1] == pytest.approx(0, abs=1e-6)
    assert min(losses[0], losses[2]) > 0.01


def test_the_first_beta_is_mostly_size_and_gets_its_gradient_from_the_skeleton_and_the_regulariser(body: Body) -> None:
    betas = torch.zeros(2, 10)
    betas[1, 0] = 1
    rest = body.rest(betas)
    mean, changed = (rest.vertices[k] - rest.joints[k, :1] for k in range(2))
    growth = float(((changed - mean) * mean).sum() / (mean * mean).sum())
    left_over = (changed - (1 + growth) * mean).norm(dim=1).mean()
    assert abs(growth) > 0.02  # per standard deviation
    assert left_over < 0.5 * (changed - mean).norm(dim=1).mean()

    model, seen = tiny_model(body, FittedCamera), observation(body)
    evidence = model.read(seen).detach()
    pulls = {}
    for name in ("2d", "mask", "3d", "sreg", "preg", "wreg"):
        leaf = evidence.betas.clone().requires_grad_()
        value = terms(model, model.build_body(replace(evidence, betas=leaf), seen), seen)[name]
        pulls[name] = float(slope(value, leaf)[:, 0].sum())
    torch.testing.assert_close(pulls["sreg"], float(evidence.betas[:, 0].sum()))  # 2 beta / B, B = 2
    assert pulls["preg"] == pulls["wreg"] == 0
    # What 2D and mask say of beta_0 is about proportions: less than what size would say to a camera that stays.
    held = slopes(model, seen, camera_moves=False)
    for name in ("2d", "mask"):
        assert abs(pulls[name]) < abs(growth * held[name]), name


def test_which_metrics_see_scale(body: Body) -> None:
    """A perfect body that is 20 % too large."""
    joints = H36M17.joints
    vertices = body.rest().vertices
    skeleton = FixedRegressor(body, H36M17)(vertices)
    rotations = torch.eye(3).expand(1, 24, 3, 3)
    mask = torch.ones(1, 8, 8)
    metrics = body_metrics(H36M17, vertex_areas(body.v_template, body.faces))
    root = skeleton[:, joints.index(H36M17.root)][:, None]
    metrics.update(
        pred_joints=1.2 * (skeleton - root), true_joints=skeleton - root,
        pred_vertices=1.2 * (vertices - root), true_vertices=vertices - root,
        pred_rotations=rotations, true_rotations=rotations, pred_mask=mask, true_mask=mask,
    )  # fmt: skip
    found = {name: float(value) for name, value in metrics.compute().items()}
    perfect = {"pck150": 1.0, "auc": 1.0, "depth_cosine": 1.0, "iou": 1.0}
    seen = {name for name, value in found.items() if abs(value - perfect.get(name, 0.0)) > 1e-3}
    assert seen == {"mpjpe_mm", "pve_mm", "pve_area_mm", "pck150", "auc"}
