"""The supervised counterpart of stage 3: its loss against closed forms and brute force, and the stage as a user runs
it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from s2m.artifact import ArtifactError, load
from s2m.batch import BodyOutput, BodyParams, FrameBatch, Lifted, Truth
from s2m.body import Body, load_body
from s2m.data.augment import NoAugmentation
from s2m.data.store import StoreError
from s2m.errors import UserError
from s2m.model import Recovery
from s2m.pretrained import load_mesh_model
from s2m.skeletons import H36M17, S2M27, SMPL24
from stages.cli import StageCLI, quieten, run
from stages.mesh_supervised import WEIGHTS, SupervisedMeshStage, truth_terms
from tests.stages.fixtures import ROOT, stage_arguments

SUPERVISED = ("--config", str(ROOT / "configs/mesh_supervised.yaml"))
BLIND = ("--data.class_path", "s2m.data.OpenData")


def twin_arguments(store: Path, chain: Path, output: Path, *extra: str) -> list[str]:
    arguments = stage_arguments("mesh", store, chain)
    arguments[1] = str(output)
    return [*arguments, *SUPERVISED, *extra]


@pytest.fixture(scope="module")
def supervised(store: Path, chain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    os.environ["WANDB_MODE"] = "disabled"
    output = tmp_path_factory.mktemp("runs") / "mesh_supervised"
    run("mesh_supervised", twin_arguments(store, chain, output))
    return output / "mesh_supervised.pt"


@pytest.fixture
def ready(
    store: Path, chain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[SupervisedMeshStage, FrameBatch]:
    """An untrained stage that needs no trainer, and its first batch."""
    monkeypatch.setenv("WANDB_MODE", "disabled")
    quieten()
    cli = StageCLI(
        SupervisedMeshStage,
        twin_arguments(store, chain, tmp_path / "mesh_supervised", "--model.synthetic_supervision", "null"),
    )
    monkeypatch.setattr(cli.model, "log_terms", lambda terms, batch_size: None)
    monkeypatch.setattr(cli.model, "view", lambda observation: NoAugmentation()(observation, []))
    cli.model.train()
    return cli.model, next(iter(cli.datamodule.train_dataloader()))


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body(None)


def some_params(seed: int, count: int = 5) -> BodyParams:
    generator = torch.Generator().manual_seed(seed)
    rotations = roma.rotvec_to_rotmat(0.4 * torch.randn(count, 24, 3, generator=generator))
    return BodyParams.from_rotations(rotations, torch.randn(count, 10, generator=generator))


def skeleton(body: Body, posed: BodyOutput) -> Tensor:
    assert body.skeleton_regressor is not None
    joints = torch.einsum("jv,bvd->bjd", body.skeleton_regressor, posed.vertices)
    return joints[:, S2M27.indices(H36M17.joints)]


def recovered(body: Body, params: BodyParams, size: float = 1.0) -> Recovery:
    """A model's output with these parameters, and a mesh of ``size`` times their size, somewhere in space."""
    posed = body(params)
    joints = size * skeleton(body, posed)
    moved = BodyOutput(size * posed.vertices + 0.3, size * posed.joints + 0.3)
    empty = torch.zeros(len(joints), 0)
    lifted = Lifted(joints, joints[..., :2])
    centred = joints - joints[:, :1]
    return Recovery(params, moved, centred, empty, joints[..., :2], lifted=lifted, theta_pr=empty, solved=empty)


def truth_of(body: Body, params: BodyParams) -> Truth:
    placed = replace(params, transl=torch.tensor([0.5, -0.2, 4.0]).expand(len(params), 3))
    return Truth(skeleton(body, body(placed)), placed)


def terms_of(body: Body, recovery: Recovery, truth: Truth) -> dict[str, float]:
    terms = truth_terms(recovery, truth, H36M17.root_index, body)
    return {name: float(value) for name, value in terms.items()}


@pytest.mark.parametrize("size", [1.0, 0.7])
def test_the_loss_of_a_perfect_output_is_zero_at_any_place_and_size(body: Body, size: float) -> None:
    params = some_params(1)
    terms = terms_of(body, recovered(body, params, size), truth_of(body, params))
    assert set(terms) == {"vertices", "joints", "extremities", "betas"}
    assert max(terms.values()) < 1e-5, terms


def best_scaled(points: Tensor, target: Tensor) -> float:
    """Mean distance at the scale, not negative, that a search finds best in the sense of least squares."""
    errors = []
    for one, other in zip(points.double().numpy(), target.double().numpy(), strict=True):
        found = minimize_scalar(lambda s, one=one, other=other: ((s * one - other) ** 2).sum(), bounds=(0, 3))
        errors.append(np.linalg.norm(found.x * one - other, axis=-1).mean())
    return float(np.mean(errors))


def test_distances_are_those_after_the_best_scale_and_in_metres(body: Body) -> None:
    params, other = some_params(1), some_params(2)
    recovery, truth = recovered(body, params), truth_of(body, other)
    terms = terms_of(body, recovery, truth)
    ours, theirs = body(params), body(other)
    expected = best_scaled(ours.vertices - ours.joints[:, :1], theirs.vertices - theirs.joints[:, :1])
    assert terms["vertices"] == pytest.approx(expected, rel=1e-4)
    assert expected > 0.05
    first, second = skeleton(body, ours), skeleton(body, theirs)
    assert terms["joints"] == pytest.approx(best_scaled(first - first[:, :1], second - second[:, :1]), rel=1e-4)


def test_height_costs_a_fifth_of_what_it_moves_and_other_shapes_cost_all(body: Body) -> None:
    """The claim of truth_terms' documentation, at one standard deviation of each beta, T-pose."""
    straight = BodyParams.from_rotations(torch.eye(3).expand(1, 24, 3, 3), torch.zeros(1, 10))
    for beta, share in ((0, (0.15, 0.25)), (1, (0.95, 1.01)), (2, (0.95, 1.01)), (3, (0.95, 1.01))):
        changed = replace(straight, betas=torch.eye(10)[beta : beta + 1])
        cost = terms_of(body, recovered(body, changed), truth_of(body, straight))["vertices"]
        one, two = body(changed), body(straight)
        moved = float((one.vertices - one.joints[:, :1] - two.vertices + two.joints[:, :1]).norm(dim=-1).mean())
        assert share[0] < cost / moved < share[1], beta


@pytest.mark.parametrize("angle", [1e-3, 0.5, 3.1])
def test_rotations_cost_the_chord_of_their_angle(body: Body, angle: float) -> None:
    params = some_params(1)
    rotations = params.rotations.clone()
    wrist = SMPL24.index("left_wrist")
    rotations[:, wrist] = rotations[:, wrist] @ roma.rotvec_to_rotmat(torch.tensor([0.0, angle, 0.0]))
    turned = BodyParams.from_rotations(rotations, params.betas)
    # One of the five refined joints; the hand has no children among them.
    cost = terms_of(body, recovered(body, turned), truth_of(body, params))["extremities"]
    assert cost == pytest.approx(2 * np.sin(angle / 2) / 5, rel=1e-3)
    # In the camera frame: all of them turn with the root.
    rotations[:, wrist] = params.rotations[:, wrist]
    rotations[:, 0] = roma.rotvec_to_rotmat(torch.tensor([0.0, angle, 0.0])) @ rotations[:, 0]
    turned = BodyParams.from_rotations(rotations, params.betas)
    cost = terms_of(body, recovered(body, turned), truth_of(body, params))["extremities"]
    assert cost == pytest.approx(2 * np.sin(angle / 2), rel=1e-3)


def test_betas_cost_their_mean_square(body: Body) -> None:
    params = some_params(1)
    offset = torch.zeros(10)
    offset[3], offset[7] = 2.0, -1.0
    changed = replace(params, betas=params.betas + offset)
    assert terms_of(body, recovered(body, changed), truth_of(body, params))["betas"] == pytest.approx(0.5, rel=1e-4)


def test_gradients_reach_every_part_that_learns_and_not_the_lifter(
    ready: tuple[SupervisedMeshStage, FrameBatch],
) -> None:
    stage, frame = ready
    assert frame.truth is not None
    assert frame.truth.params is not None
    loss = stage.training_step(frame, 0)
    loss.backward()
    for part in ("encoder", "shape", "pose", "camera", "regressor"):
        gradients = {name: p.grad for name, p in getattr(stage.model, part).named_parameters() if p.requires_grad}
        assert gradients, part
        for name, gradient in gradients.items():
            # DDP would refuse a weight that plays no part.
            assert gradient is not None, (part, name)
            assert torch.isfinite(gradient).all(), (part, name)
        assert any(bool(gradient.abs().sum() > 0) for gradient in gradients.values()), part
    assert all(p.grad is None and not p.requires_grad for p in stage.model.lifter.parameters())
    assert set(WEIGHTS) == {"vertices", "joints", "extremities", "betas", "2d", "wreg"}


def test_it_learns_the_truth_of_a_batch(ready: tuple[SupervisedMeshStage, FrameBatch]) -> None:
    """Both what a silhouette must tell: betas by the stage's own loss, and, asked for alone, turns of extremities.

    In the loss the vertices outweigh them: on a root that the hardly trained lifter has wrong, a hand turned the wrong
    way covers more of the true one.
    """
    stage, frame = ready
    truth = frame.truth
    assert truth is not None

    def terms() -> dict[str, torch.Tensor]:
        return truth_terms(stage.model(frame.observation), truth, stage.joint_set.root_index, stage.body)

    def learned(loss: Callable[[int], torch.Tensor]) -> dict[str, float]:
        optimiser = torch.optim.Adam([p for p in stage.parameters() if p.requires_grad], lr=3e-3)
        for step in range(60):
            optimiser.zero_grad()
            loss(step).backward()
            optimiser.step()
        return {name: float(value.detach()) for name, value in terms().items()}

    before = {name: float(value.detach()) for name, value in terms().items()}
    after = learned(lambda step: stage.training_step(frame, step))
    assert after["vertices"] < 0.9 * before["vertices"], (before, after)
    assert after["betas"] < 0.5 * before["betas"], (before, after)
    after = learned(lambda step: terms()["extremities"])
    assert after["extremities"] < 0.7 * before["extremities"], (before, after)


def test_a_batch_without_the_true_bodies_is_refused(
    ready: tuple[SupervisedMeshStage, FrameBatch], store: Path, chain: Path, tmp_path: Path
) -> None:
    stage, frame = ready
    assert frame.truth is not None
    with pytest.raises(UserError, match="body parameters of their truth, found no truth"):
        stage.training_step(replace(frame, truth=None), 0)
    with pytest.raises(UserError, match="found 3D joints alone; use s2m.data.supervised.SupervisedFrames"):
        stage.training_step(replace(frame, truth=Truth(frame.truth.joints3d)), 0)
    with pytest.raises(UserError, match="stage mesh_supervised: data: expected training frames"):
        run("mesh_supervised", twin_arguments(store, chain, tmp_path / "run", *BLIND))
    assert not (tmp_path / "run/mesh_supervised.pt").exists()


def test_a_store_whose_truth_lost_its_bodies_is_refused(store: Path, chain: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(store, tmp_path / "store"))
    for name in ("poses", "betas", "transl"):
        (bare / f"train/truth/{name}.npy").unlink()
    with pytest.raises(StoreError, match=r"train/truth/poses\.npy: missing"):
        run("mesh_supervised", twin_arguments(bare, chain, tmp_path / "run"))


def test_the_pipeline_refuses_the_twins_data_and_its_artifact(
    supervised: Path, store: Path, chain: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="training must be unsupervised"):
        run("mesh", twin_arguments(store, chain, tmp_path / "mesh"))
    with pytest.raises(ArtifactError, match="field stage: expected mesh, found mesh_supervised"):
        load_mesh_model(supervised, load_body(None))
    with pytest.raises(ArtifactError, match="field stage: expected mesh, found mesh_supervised"):
        run("mesh", stage_arguments("mesh", store, chain, "--model.warm_start", str(supervised)))


def test_it_is_measured_like_the_mesh_stage_on_the_same_splits(supervised: Path, chain: Path) -> None:
    ours, theirs = (
        json.loads(p.read_text()) for p in (supervised.parent / "metrics.json", chain / "mesh/metrics.json")
    )
    evaluated = {name for name in theirs if not name.startswith("train/")}
    assert evaluated == {name for name in ours if not name.startswith("train/")}
    assert {"test/pve_mm", "test/n_pve_mm", "test/mean_betas_and_pr/pve_mm", "test_noisy/pa_mpjpe_mm"} <= evaluated
    # What does not learn is the same: the same frames were measured, with the same lifter.
    for name in ("test/lifter/mpjpe_mm", "test/dik_mean_shape/pve_mm"):
        assert ours[name] == pytest.approx(theirs[name], rel=1e-6)
    one, other = load(supervised, "mesh_supervised"), load(chain / "mesh/mesh.pt", "mesh")
    assert one.state.keys() == other.state.keys()
    assert one.spec == other.spec
    assert one.parents == other.parents


def test_help_lists_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        StageCLI(SupervisedMeshStage, ["--help"])
    assert stop.value.code == 0
    assert "--model.pretrained_regressor" in capsys.readouterr().out
