"""The whole model against steps done by hand, with parts that need no training."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from s2m.batch import BodyParams, FrameBatch, Observation, Truth
from s2m.body import Body, load_body
from s2m.body.regressors import ConvexRegressor, FixedRegressor, FreeRegressor
from s2m.evaluation.baselines import Baselines
from s2m.evaluation.methods import MEANS_REPLACED, MeanRecorder, compare, true_values
from s2m.geometry.camera import weak_perspective
from s2m.heads import CorrectedCamera, RefinedPose, SilhouetteEncoder, SilhouetteShape, SkeletonRoot
from s2m.ik import DIK, RestSkeleton
from s2m.lifter import Lifter
from s2m.model import MeshRecovery, assemble
from s2m.render import hard_silhouette
from s2m.skeletons import EXTREMITIES, H36M17, SMPL24


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def model(body: Body) -> MeshRecovery:
    torch.manual_seed(0)
    regressor = ConvexRegressor(body, H36M17)
    rest = RestSkeleton.of(body, regressor.weights().detach(), H36M17)
    heads = (SilhouetteShape(512, 10), RefinedPose(512), SkeletonRoot(512), CorrectedCamera(512))
    lifter = Lifter("h36m17", rest_bone_length=0.25)
    return MeshRecovery(body, H36M17, lifter, regressor, DIK(rest), SilhouetteEncoder(H36M17, 32), *heads)


def observation(frames: int) -> Observation:
    masks = torch.zeros(frames, 32, 32)
    masks[:, 6:26, 12:20] = 1
    return Observation(torch.rand(frames, 17, 2) - 0.5, torch.ones(frames, 17), masks, index=torch.arange(frames))


def test_recovery_is_consistent(model: MeshRecovery) -> None:
    recovery = model.eval()(observation(3))
    root = H36M17.root_index
    torch.testing.assert_close(recovery.joints3d[:, root], torch.zeros(3, 3))
    # W reads the same skeleton off the returned vertices, and the camera projects it.
    torch.testing.assert_close(model.regressor(recovery.body.vertices), recovery.joints3d, atol=1e-5, rtol=0)
    torch.testing.assert_close(weak_perspective(recovery.joints3d, recovery.camera), recovery.joints2d)
    points = recovery.projected()[:, [5, 7]]
    expected = recovery.camera[:, None, :1] * (recovery.body.vertices[:, [5, 7], :2] + recovery.camera[:, None, 1:])
    torch.testing.assert_close(points[..., :2], expected)


def test_some_vertices_are_the_same_body(model: MeshRecovery) -> None:
    """Whatever W reads: its own few vertices, or every one."""
    wanted = torch.tensor([5, 900, 7])
    seen = observation(2)
    for regressor in (model.regressor, FreeRegressor(model.body, H36M17)):
        other = copy.copy(model.eval())
        other._modules = {**model._modules, "regressor": regressor}
        some, whole = other(seen, wanted), other(seen)
        torch.testing.assert_close(some.projected(), whole.projected()[:, wanted], atol=1e-5, rtol=0)
        torch.testing.assert_close(some.joints2d, whole.joints2d, atol=1e-5, rtol=0)
        gradients = [
            torch.autograd.grad(found.joints3d.square().sum(), list(regressor.parameters())) for found in (some, whole)
        ]
        for found, expected in zip(*gradients, strict=True):
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


def test_gradients_reach_the_heads_and_w_but_not_the_frozen_lifter(model: MeshRecovery) -> None:
    recovery = model.train()(observation(2))
    recovery.projected().square().mean().backward()
    assert not any(p.requires_grad for p in model.lifter.parameters())
    assert not model.lifter.training
    for part in (model.shape, model.pose, model.camera, model.encoder, model.regressor):
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in part.parameters())
    model.zero_grad()


def test_the_draft_is_the_body_of_the_baseline(body: Body, model: MeshRecovery) -> None:
    """The baseline is another model: its own solver, shape head and camera head."""
    seen = observation(2)
    baselines = Baselines(body, H36M17, model.lifter, copy.deepcopy(model.regressor))
    baselines.models["dik_mean_shape"].ik = model.ik  # told of the same noise
    expected = baselines.recover(seen)["dik_mean_shape"]
    initial = model.initial(seen, model.lift(seen))
    torch.testing.assert_close(initial.joints2d, expected.joints2d, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(initial.lifted3d, expected.lifted.joints3d)
    torch.testing.assert_close(initial.lifted2d, expected.lifted.joints2d)
    # The end of a chain of rotations, multiplied by hand.
    arm = SMPL24.indices(["pelvis", "spine1", "spine2", "spine3", "left_collar", "left_shoulder", "left_elbow"])
    turned = torch.linalg.multi_dot([expected.params.rotations[0, j] for j in (*arm, SMPL24.index("left_wrist"))])
    torch.testing.assert_close(initial.orientations[0, EXTREMITIES.index("left_wrist")], turned, atol=1e-5, rtol=0)
    whole = hard_silhouette(expected.projected(), body.faces, 32).float()
    assert (initial.silhouette - whole).abs().mean() < 0.02  # of the decimated mesh
    assert initial.silhouette.sum() > 0


def test_a_missing_silhouette_is_named(model: MeshRecovery) -> None:
    with pytest.raises(ValueError, match=r"Observation\.silhouette"):
        model(Observation(torch.rand(1, 17, 2), torch.ones(1, 17)))


def test_the_truth_scores_perfectly(body: Body, model: MeshRecovery) -> None:
    """A truth made from the baseline's own output gives it an error of zero, and the others more."""
    seen = observation(2)
    baselines = Baselines(body, H36M17, model.lifter, FixedRegressor(body, H36M17))
    baselines.prepare(seen)
    recovery = baselines.recover(seen)["dik_mean_shape"]
    truth = Truth(recovery.joints3d + torch.tensor([0.0, 0.0, 4.0]), recovery.params)
    values = compare(model.eval(), baselines, FrameBatch(seen, truth))
    assert set(values) == {"full", "dik_mean_shape", "mean_pose", "lifter", "planar", "oracle_shape_and_extremities"}
    own = values["dik_mean_shape"]
    for name in ("joints", "vertices", "rotations"):
        torch.testing.assert_close(own[f"pred_{name}"], own[f"true_{name}"], atol=1e-5, rtol=0)
    poses = values["mean_pose"]["pred_rotations"]
    assert poses is not None
    torch.testing.assert_close(poses[0], poses[1])
    assert (values["planar"]["pred_joints"][..., 2].abs() < 1e-6).all()  # type: ignore[index]


def test_means_replace_the_models_own_outputs(body: Body, model: MeshRecovery) -> None:
    """Over a split in batches; a frame whose outputs are the mean is not changed by the replacement."""
    seen = observation(6)
    model.eval()
    torch.nn.init.normal_(model.shape.layer.weight, std=0.3)  # type: ignore[union-attr,arg-type]
    torch.nn.init.normal_(model.pose.layer.weight, std=0.3)  # type: ignore[union-attr,arg-type]
    torch.nn.init.normal_(model.camera.layer.weight, std=0.01)  # type: ignore[union-attr,arg-type]
    assert seen.silhouette is not None
    seen.silhouette[2, :10] = 0
    with torch.no_grad():
        full = model(seen)
        recorder = MeanRecorder()
        for rows in (slice(0, 1), slice(1, 6)):
            recorder.record(model.read(seen[rows]))
        means = recorder.means()
        torch.testing.assert_close(means.betas.float(), full.params.betas.mean(0))
        torch.testing.assert_close(means.theta_pr.float(), full.theta_pr.mean(0))
        replaced = means.replaced(model.read(seen))
        bodies = {name: model.build_body(evidence, seen) for name, evidence in replaced.items()}
    both = bodies["mean_betas_and_pr"]
    for name, same_betas, same_pose in (("mean_betas", True, False), ("mean_pr", False, True)):
        torch.testing.assert_close(bodies[name].params.betas, (both if same_betas else full).params.betas)
        torch.testing.assert_close(bodies[name].params.rotations, (both if same_pose else full).params.rotations)
    assert (both.params.betas - full.params.betas)[2].abs().max() > 1e-3
    torch.testing.assert_close(both.params.betas[0], both.params.betas[5])
    torch.testing.assert_close(weak_perspective(both.joints3d, both.camera), both.joints2d)
    truth = Truth(full.joints3d, full.params)
    baselines = Baselines(body, H36M17, model.lifter, FixedRegressor(body, H36M17))
    baselines.prepare(seen)
    values = compare(model, baselines, FrameBatch(seen, truth), means)
    assert set(MEANS_REPLACED) < set(values)
    assert torch.equal(values["full"]["pred_betas"], values["full"]["true_betas"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one frame"):
        MeanRecorder().means()


def test_mean_pose_is_the_chordal_mean(body: Body, model: MeshRecovery) -> None:
    seen = observation(4)
    baselines = Baselines(body, H36M17, model.lifter, FixedRegressor(body, H36M17))
    baselines.prepare(seen)
    rotations = baselines.recover(seen)["dik_mean_shape"].params.rotations.double()
    mean = baselines.constant.rotations.double()
    torch.testing.assert_close(torch.linalg.det(mean), torch.ones(24, dtype=torch.float64), atol=1e-5, rtol=0)
    cost = ((rotations - mean) ** 2).sum()
    for seed in range(20):
        nudge = Rotation.from_rotvec(np.random.default_rng(seed).normal(0, 0.1, (24, 3))).as_matrix()
        assert ((rotations - mean @ torch.from_numpy(nudge)) ** 2).sum() >= cost


def test_true_values_without_body_parameters(body: Body) -> None:
    values = true_values(Truth(torch.rand(2, 17, 3)), 0, body)
    assert values["true_vertices"] is None
    assert values["true_joints"] is not None
    assert not values["true_joints"][:, 0].any()


def test_assemble_centres_on_the_regressed_root(body: Body) -> None:
    regressor = FixedRegressor(body, H36M17)
    params = BodyParams.from_rotations(torch.eye(3).expand(1, 24, 3, 3), torch.zeros(1, 10), torch.ones(1, 3))
    centred, joints = assemble(body, regressor, H36M17.root_index, params)
    moved = body(params)
    torch.testing.assert_close(moved.joints - regressor(moved.vertices)[:, :1], centred.joints)
    assert not joints[:, H36M17.root_index].any()


def test_parameters_of_another_body_are_not_posed_on_ours(body: Body) -> None:
    """A dataset's female SMPL has other vertices and betas of another space; its rotations mean the same."""
    params = BodyParams.from_rotations(torch.eye(3).expand(2, 24, 3, 3), torch.randn(2, 10))
    joints = torch.randn(2, 17, 3)
    ours = true_values(Truth(joints, params), H36M17.root_index, body)
    theirs = true_values(Truth(joints, params, gender=torch.tensor([1, 2])), H36M17.root_index, body)
    assert ours["true_vertices"] is not None
    assert ours["true_betas"] is not None
    assert theirs["true_vertices"] is None
    assert theirs["true_betas"] is None
    torch.testing.assert_close(theirs["true_rotations"], params.rotations)
