"""Synthetic bodies and what is seen of them, against projections by hand; what the synthetic supervision compares,
by closed forms."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import roma
import torch
from scipy.ndimage import binary_dilation
from scipy.stats import kstest

from s2m.batch import BodyParams, FrameBatch, Observation, Truth
from s2m.body import Body, load_body
from s2m.body.regressors import ConvexRegressor
from s2m.data.augment import NoAugmentation, ObservationAugmentation
from s2m.heads import (
    ComparingEncoder,
    CorrectedCamera,
    PoseHead,
    RefinedPose,
    ResidualRoot,
    RootHead,
    SilhouetteRoot,
    SilhouetteShape,
    SkeletonRoot,
)
from s2m.heads.pose import RefinedPoseAll, UnrefinedPose
from s2m.ik import DIK, RestSkeleton
from s2m.lifter import Lifter
from s2m.model import MeshRecovery
from s2m.skeletons import EXTREMITIES, H36M17, S2M27, SMPL24, JointSet
from s2m.synthetic.objective import SyntheticSupervision, answer_terms
from s2m.synthetic.pairs import SyntheticPairs

SIZE = 64
ENDS = SMPL24.indices(EXTREMITIES)
OTHERS = [joint for joint in range(24) if joint not in ENDS]


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


def build(
    body: Body,
    joint_set: JointSet = H36M17,
    pose: type[PoseHead] = RefinedPose,
    root: type[RootHead] = SkeletonRoot,
) -> MeshRecovery:
    torch.manual_seed(0)
    regressor = ConvexRegressor(body, joint_set)
    rest = RestSkeleton.of(body, regressor.weights().detach(), joint_set)
    features = ComparingEncoder.features
    heads = (SilhouetteShape(features, 10), pose(features), root(features), CorrectedCamera(features))
    lifter = Lifter(joint_set.name, rest_bone_length=0.25)
    return MeshRecovery(body, joint_set, lifter, regressor, DIK(rest), ComparingEncoder(joint_set, 16), *heads)


@pytest.fixture(scope="module")
def model(body: Body) -> MeshRecovery:
    return build(body)


def seen(model: MeshRecovery, frames: int) -> Observation:
    """The standing mean body from different sides, in crop units."""
    skeleton = (model.regressor.weights() @ model.body.v_template).detach()
    angles = torch.linspace(0, 2 * math.pi, frames + 1)[:-1]
    turns = roma.rotvec_to_rotmat(torch.stack([torch.zeros(frames), angles, torch.zeros(frames)], -1))
    points = torch.einsum("bij,nj->bni", turns, skeleton)[..., :2] * torch.tensor([0.7, -0.7])
    return Observation(points, torch.ones(points.shape[:2]), torch.zeros(frames, SIZE, SIZE))


def keys(observation: Observation, seed: int = 0) -> list[tuple[int, int]]:
    return [(seed, row) for row in range(len(observation))]


def test_a_made_frame_is_a_picture_of_its_truth(model: MeshRecovery) -> None:
    given = seen(model, 6)
    made = SyntheticPairs(near=3.0, far=8.0)(model, given, keys(given))
    assert made.truth is not None
    params = made.truth.params
    assert params is not None
    posed = model.body(params)
    torch.testing.assert_close(model.regressor(posed.vertices).detach(), made.truth.joints3d, atol=1e-4, rtol=0)
    root = made.truth.joints3d[:, H36M17.root_index]
    assert float(root[:, :2].abs().max()) < 1e-5
    assert 3.0 <= float(root[:, 2].min()) < float(root[:, 2].max()) <= 8.0
    for joints3d, joints2d, vertices, mask in zip(
        made.truth.joints3d, made.observation.joints2d, posed.vertices, made.observation.silhouette, strict=True
    ):
        # One scale and one shift lead from pinhole projections to the crop: least squares over all joints.
        pinhole = (joints3d[:, :2] / joints3d[:, 2:]).double().numpy()
        columns = np.concatenate([np.stack([pinhole[:, k], *np.eye(2)[k][:, None].repeat(17, 1)], 1) for k in (0, 1)])
        target = joints2d.double().numpy().T.ravel()
        solution, *_ = np.linalg.lstsq(columns, target, rcond=None)
        assert np.abs(columns @ solution - target).max() < 1e-4
        # Vertices lie on the mask or at its edge (fingers may be thinner than pixels), and it is nowhere else.
        points = solution[0] * (vertices[:, :2] / vertices[:, 2:]).double().numpy() + solution[1:]
        cells = np.floor((points + 1) / 2 * SIZE).astype(int)
        inside = ((cells >= 0) & (cells < SIZE)).all(1)
        drawn = np.zeros((SIZE, SIZE), bool)
        drawn[cells[inside, 1], cells[inside, 0]] = True
        covered = mask.bool().numpy()
        assert binary_dilation(covered, np.ones((3, 3)))[drawn].mean() > 0.98
        assert binary_dilation(drawn, np.ones((3, 3)), iterations=2)[covered].all()
        assert covered.sum() > 100


def test_made_people_stand_where_the_seen_ones_stand(model: MeshRecovery) -> None:
    given = seen(model, 5)
    made = SyntheticPairs()(model, given, keys(given)).observation
    theirs = model.lift(given).joints2d
    for measure in (lambda p: (p.amax(1) - p.amin(1)).amax(-1), lambda p: p.amax(1) + p.amin(1)):
        torch.testing.assert_close(measure(made.joints2d), measure(theirs), atol=1e-5, rtol=1e-5)
    assert made.silhouette is not None
    assert made.silhouette.shape == (5, SIZE, SIZE)
    assert set(made.silhouette.unique().tolist()) == {0.0, 1.0}
    hidden = replace(given, confidence=given.confidence * (torch.arange(17) != 3))
    assert torch.equal(SyntheticPairs()(model, hidden, keys(hidden)).observation.confidence, hidden.confidence)


def test_without_spread_the_pose_is_the_solvers_and_with_it_the_ends_alone_are_turned(model: MeshRecovery) -> None:
    given = seen(model, 400)[torch.arange(400)]
    solved = model.ik(model.lift(given).joints3d, None, None)
    calm = _params(SyntheticPairs(depth=0, open_extremities=0, solved_extremities=0)(model, given, keys(given)))
    torch.testing.assert_close(calm.rotations, solved.rotations, atol=1e-5, rtol=0)
    turned = _params(SyntheticPairs(depth=0, open_extremities=0.4)(model, given, keys(given)))
    limbs = ENDS[1:]
    assert not bool(solved.solved[:, limbs].any())  # 17 joints leave them open; the head has its share of the neck's
    torch.testing.assert_close(turned.rotations[:, OTHERS], solved.rotations[:, OTHERS], atol=1e-5, rtol=0)
    by = roma.rotmat_to_rotvec(solved.rotations[:, limbs].transpose(-1, -2) @ turned.rotations[:, limbs])
    assert kstest(by.flatten().numpy() / 0.4, "norm").pvalue > 1e-3
    assert kstest(turned.betas.flatten().numpy(), "norm").pvalue > 1e-3
    deeper = _params(SyntheticPairs(depth=0.1, open_extremities=0)(model, given, keys(given)))
    assert float((deeper.rotations - solved.rotations)[:, OTHERS].abs().max()) > 0.05


def test_ends_that_the_skeleton_determines_are_turned_less(body: Body) -> None:
    model = build(body, S2M27)
    given = seen(model, 200)
    solved = model.ik(model.lift(given).joints3d, None, None)
    known = solved.solved[:, ENDS]
    assert bool(known.any())
    made = _params(SyntheticPairs(depth=0, open_extremities=0.5, solved_extremities=0.1)(model, given, keys(given)))
    by = roma.rotmat_to_rotvec(solved.rotations[:, ENDS].transpose(-1, -2) @ made.rotations[:, ENDS])
    assert float(by[known].std()) == pytest.approx(0.1, rel=0.1)


def _params(frame: FrameBatch) -> BodyParams:
    assert frame.truth is not None
    assert frame.truth.params is not None
    return frame.truth.params


def test_right_answers_cost_nothing_and_wrong_ones_their_closed_form(model: MeshRecovery) -> None:
    made = SyntheticPairs(depth=0, open_extremities=0)(model, seen(model, 4), keys(seen(model, 4)))
    evidence = model.read(made.observation)
    # The truth as the model would have to say it: the solver's rotations, PR's turns and the betas are known here.
    theta, betas = 0.3 * torch.randn(4, 5, 3), torch.randn(4, 10)
    rotations = model.pose.refine(evidence.solution.rotations, theta)
    known = FrameBatch(made.observation, Truth(made.truth.joints3d, BodyParams.from_rotations(rotations, betas)))  # type: ignore[union-attr]
    right = replace(evidence, theta_pr=theta, betas=betas)
    assert {name: float(value) for name, value in answer_terms(model, right, known).items()} == pytest.approx(
        {"betas": 0, "extremities": 0}, abs=1e-5
    )
    # Turned once more by one angle about one axis, in the joints' own frames.
    more = torch.tensor([0.0, 0.0, 0.7]).expand(4, 5, 3)
    wrong = roma.rotmat_to_rotvec(roma.rotvec_to_rotmat(theta) @ roma.rotvec_to_rotmat(more))
    terms = answer_terms(model, replace(right, theta_pr=wrong, betas=betas + 0.5), known)
    assert float(terms["extremities"]) == pytest.approx(2 * math.sin(0.35), rel=1e-4)
    assert float(terms["betas"]) == pytest.approx(0.25, rel=1e-5)
    with pytest.raises(ValueError, match="expected those of a synthetic body, found None"):
        answer_terms(model, right, FrameBatch(made.observation))


@pytest.mark.parametrize(
    ("heads", "names"),
    [
        ({"pose": UnrefinedPose}, {"synthetic_betas"}),
        ({"pose": RefinedPoseAll}, {"synthetic_betas", "synthetic_extremities"}),
        ({"root": ResidualRoot}, {"synthetic_betas", "synthetic_extremities", "synthetic_root"}),
        ({"root": SilhouetteRoot}, {"synthetic_betas", "synthetic_extremities", "synthetic_root"}),
    ],
)
def test_other_heads_are_taught_what_they_have(body: Body, heads: dict[str, Any], names: set[str]) -> None:
    model = build(body, **heads).train()
    losses = SyntheticSupervision()(model, seen(model, 3), NoAugmentation())
    assert set(losses.terms) == names
    losses.total.backward()
    assert all(weights.grad is not None for part in (model.shape, model.root) for weights in part.parameters())


def test_a_root_that_is_read_is_compared_with_the_known_one(body: Body) -> None:
    model = build(body, root=SilhouetteRoot)
    given = seen(model, 4)
    made = SyntheticPairs()(model, given, keys(given))
    assert made.truth is not None
    assert made.truth.params is not None
    evidence = model.read(made.observation)
    rotations = evidence.solution.rotations.clone()
    turn = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.9, 0.0]))
    for angle, root in ((0.0, made.truth.params.global_orient), (0.9, made.truth.params.global_orient @ turn)):
        rotations[:, 0] = root
        solution = replace(evidence.solution, rotations=rotations)
        terms = answer_terms(model, replace(evidence, solution=solution), made)
        assert float(terms["root"]) == pytest.approx(2 * math.sin(angle / 2), abs=1e-5)


def test_the_supervision_reaches_encoder_and_heads_alone_and_is_learned(body: Body) -> None:
    model = build(body).train()
    given = replace(seen(model, 8), index=torch.arange(8))  # the same bodies in every step
    synthetic_supervision = SyntheticSupervision(pairs=SyntheticPairs(depth=0))
    optimiser = torch.optim.Adam([w for w in model.parameters() if w.requires_grad], lr=1e-3)
    losses = []
    for _ in range(30):
        loss = synthetic_supervision(model, given, NoAugmentation(), 1)
        optimiser.zero_grad()
        loss.total.backward()
        optimiser.step()
        losses.append(loss.total.item())
    assert losses[-1] < 0.5 * losses[0]
    for part in (model.encoder, model.shape, model.pose):
        assert all(weights.grad is not None and bool(weights.grad.isfinite().all()) for weights in part.parameters())
    for rests in (model.regressor, model.camera):
        assert all(weights.grad is None for weights in rests.parameters())
    weighted = (
        synthetic_supervision.weights["betas"] * loss.terms["synthetic_betas"]
        + synthetic_supervision.weights["extremities"] * loss.terms["synthetic_extremities"]
    )
    assert float(weighted) == pytest.approx(float(loss.total), rel=1e-6)


def test_what_is_shown_of_synthetic_bodies_is_augmented_too(model: MeshRecovery) -> None:
    given, losses = replace(seen(model, 3), index=torch.arange(3)), []
    for augmentation in (NoAugmentation(), ObservationAugmentation(occluder=1.0)):
        losses.append(float(SyntheticSupervision()(model, given, augmentation, 0).total))
    assert losses[0] != losses[1]


def test_a_body_depends_on_its_seeds_and_its_frame_alone(model: MeshRecovery) -> None:
    """Not on the batch: a run in two processes makes the bodies that one process makes."""
    given = seen(model, 6)
    together = _params(SyntheticPairs()(model, given, keys(given)))
    parts = [_params(SyntheticPairs()(model, given[rows], keys(given)[rows])) for rows in (slice(0, 2), slice(2, 6))]
    for name in ("betas", "rotations", "transl"):
        apart = torch.cat([getattr(part, name) for part in parts])
        torch.testing.assert_close(apart, getattr(together, name), atol=1e-5, rtol=1e-5)
    other = _params(SyntheticPairs()(model, given, keys(given, seed=1)))
    assert not torch.equal(other.betas, together.betas)
    numbered = replace(given, index=torch.arange(6))
    synthetic_supervision, terms = SyntheticSupervision(), []
    for seed in (0, 0, 1):
        terms.append(float(synthetic_supervision(model, numbered, NoAugmentation(), seed).total))
    assert terms[0] == terms[1] != terms[2]
    unnumbered = [float(synthetic_supervision(model, given, NoAugmentation(), 0).total) for _ in range(2)]
    assert unnumbered[0] != unnumbered[1]


def test_the_rate_rises_and_stays() -> None:
    synthetic_supervision = SyntheticSupervision(learning_rate=2e-3, warmup_steps=4)
    rates = [synthetic_supervision.rate(step, 1000, 1e-4) for step in (0, 1, 3, 4, 500, 750, 1000)]
    assert rates == pytest.approx([5e-4, 1e-3, 2e-3, 2e-3, 2e-3, 1.05e-3, 1e-4])
    assert SyntheticSupervision(learning_rate=1e-3, warmup_steps=0).rate(0, 10, 0.0) == 1e-3


def test_bad_input(model: MeshRecovery) -> None:
    with pytest.raises(ValueError, match="expected spreads >= 0, found depth=-1"):
        SyntheticPairs(depth=-1)
    with pytest.raises(ValueError, match="expected 0 < near <= far, found near=5, far=2"):
        SyntheticPairs(near=5, far=2)
    with pytest.raises(ValueError, match="expected numbers >= 0, found epochs=-1"):
        SyntheticSupervision(epochs=-1)
    with pytest.raises(ValueError, match=r"Observation\.silhouette"):
        SyntheticPairs()(model, replace(seen(model, 1), silhouette=None), [(0,)])
