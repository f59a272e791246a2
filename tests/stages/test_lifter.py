"""Stage 1 on fabricated frames: no store, no body of a dataset, just 2D points."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
import yaml
from torch.utils.data import DataLoader

from s2m.batch import FrameBatch, Observation, Truth
from s2m.errors import UserError
from s2m.lifter import Lifter, mean_bone_length, planar_skeleton
from s2m.lifter.game import GameWatch
from s2m.lifter.normalise import normalise
from s2m.lifter.objective import RandomTurn, Weights
from s2m.lifter.objective.adversarial import BaseDiscriminator
from s2m.lifter.sign import MirroredError
from s2m.skeletons import get_joint_set
from s2m.spec import build
from stages.lifter import LifterStage
from stages.schedules import CosineTail, EpochDecay
from tests.lifter.people import person, seen_from

ROOT = Path(__file__).parents[2]
TINY = {"width": 16, "blocks": 1, "discriminator_blocks": 1, "schedule": CosineTail(1)}


class People(pl.LightningDataModule):
    """The same hand-made person from many sides, 5 m away."""

    test_names = ["test", "test_noisy"]

    def __init__(self, joint_set: str = "h36m17", missing: str | None = None, batches: int = 2, views: int = 8) -> None:
        super().__init__()
        joints = get_joint_set(joint_set)
        people = seen_from(person(joints), torch.linspace(0, 2 * math.pi, views + 1)[:-1])
        people = people + torch.tensor([0.0, 0.0, 5.0])
        confidence = torch.ones(people.shape[:2])
        joints2d = 5 * people[..., :2] / people[..., 2:]
        if missing:
            confidence[:, joints.index(missing)] = 0
            joints2d[:, joints.index(missing)] = 1e4
        self.observation = Observation(joints2d, confidence)
        self.truth = Truth(people)
        self.batches = batches

    def loader(self, truth: Truth | None) -> DataLoader[FrameBatch]:
        frames = [FrameBatch(self.observation, truth)] * self.batches
        return DataLoader(frames, batch_size=None)  # type: ignore[arg-type]

    def train_dataloader(self) -> DataLoader[FrameBatch]:
        return self.loader(None)

    def val_dataloader(self) -> DataLoader[FrameBatch]:
        return self.loader(self.truth)

    def test_dataloader(self) -> list[DataLoader[FrameBatch]]:
        return [self.loader(self.truth)] * len(self.test_names)


def trainer(**arguments: object) -> pl.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    settings = {"max_epochs": 1, "accelerator": "cpu", "enable_model_summary": False, "log_every_n_steps": 1}
    return pl.Trainer(**{**quiet, **settings, **arguments})


@pytest.mark.parametrize(("joint_set", "count"), [("h36m17", 1), ("s2m27", 2)])
def test_more_joints_than_the_shared_ones_are_judged_by_two(joint_set: str, count: int) -> None:
    critics = LifterStage(joint_set, **TINY).objective.terms["adversarial"].discriminators
    assert len(critics) == count
    assert (
        len(LifterStage(joint_set, **TINY, discriminator_parts=[]).objective.terms["adversarial"].discriminators) == 1
    )


@pytest.mark.parametrize("joint_set", ["h36m17", "s2m27"])
def test_two_steps_move_both_players_and_everything_is_reported(joint_set: str) -> None:
    stage = LifterStage(joint_set, **TINY)
    before = copy.deepcopy(stage.state_dict())
    run, data = trainer(), People(joint_set)
    run.fit(stage, datamodule=data)
    after = stage.state_dict()
    for term in ("lifter.", "objective.terms.adversarial.", "objective.terms.bone_ratios."):
        names = [name for name in after if name.startswith(term)]
        assert names
        assert all(not torch.equal(before[name], after[name]) for name in names)
    terms = {"adversarial", "cycle_2d", "cycle_3d", "bone_ratios", "chirality", "denoising"}
    figures = terms | {"loss", "adversarial_player", "mirrored_by_labels"}
    assert {f"train/{name}" for name in figures} <= set(run.callback_metrics)
    results = run.test(stage, datamodule=data, verbose=False)
    merged = {name: value for result in results for name, value in result.items()}
    for split in data.test_names:
        for method in ("", "planar/"):
            for metric in ("mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "reversed_depth"):
                assert math.isfinite(merged[f"{split}/{method}{metric}"])


def test_temporal_discriminator_wants_pairs_of_frames() -> None:
    stage = LifterStage("h36m17", weights=Weights(temporal=1.0), **TINY)
    with pytest.raises(UserError, match=r"weights.temporal: expected data of .*VideoFrames with window: 2"):
        trainer().fit(stage, datamodule=People())
    data = People()
    data.window = 2  # type: ignore[attr-defined]
    run = trainer()
    run.fit(stage, datamodule=data)
    assert {"train/temporal", "train/temporal_player"} <= set(run.callback_metrics)


def test_planar_figure_is_that_of_the_flat_skeleton() -> None:
    stage, data = LifterStage("h36m17", **TINY), People()
    run = trainer()
    run.validate(stage, datamodule=data, verbose=False)
    flat = planar_skeleton(stage.lifter, data.observation.joints2d, data.observation.confidence)
    true = data.truth.joints3d - data.truth.joints3d[:, :1]
    best = (flat * true).sum((1, 2)) / (flat * flat).sum((1, 2))
    expected = 1000 * (best[:, None, None] * flat - true).norm(dim=-1).mean()
    assert float(run.callback_metrics["val/planar/n_mpjpe_mm"]) == pytest.approx(float(expected), rel=1e-4)


def test_missing_joints_do_not_move_the_weights() -> None:
    states = []
    for place in (0.0, 1e4):
        pl.seed_everything(0, verbose=False)
        stage, data = LifterStage("h36m17", **TINY), People(missing="left_wrist")
        data.observation.joints2d[data.observation.confidence == 0] = place
        trainer().fit(stage, datamodule=data)
        states.append(stage.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_truth_in_training_is_refused() -> None:
    data = People()
    data.train_dataloader = data.val_dataloader  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="training must be unsupervised"):
        trainer().fit(LifterStage("h36m17", **TINY), datamodule=data)


def test_exported_lifter_is_rebuilt_by_its_spec() -> None:
    stage = LifterStage("s2m27", **TINY)
    rebuilt = build(stage.spec({}))
    assert isinstance(rebuilt, Lifter)
    rebuilt.load_state_dict(stage.exported_state())
    observation = People("s2m27").observation
    inputs = observation.joints2d, observation.confidence
    assert torch.equal(rebuilt(*inputs).joints3d, stage.lifter(*inputs).joints3d)


def test_scale_comes_from_the_mean_body_unless_given() -> None:
    stage = LifterStage("h36m17", **TINY)
    own = stage.body.joint_regressor @ stage.body.v_template
    # Thighs and shins, which the coarse skeleton shares with SMPL's tree, bracket the mean of all bones.
    assert 0.5 < stage.lifter.rest_bone_length / float((own[4] - own[1]).norm()) < 0.9
    assert LifterStage("h36m17", rest_bone_length=0.3, **TINY).lifter.rest_bone_length == 0.3
    assert mean_bone_length(person(stage.joint_set), stage.joint_set) == pytest.approx(0.25, abs=0.03)


def test_cosine_tail() -> None:
    schedule = CosineTail(200)
    shares = [schedule.share(step, 1000, 7) for step in (0, 99, 400, 750, 1000)]
    assert shares == pytest.approx([1 / 200, 0.5, 1.0, 0.5, 0.0], abs=1e-9)
    assert CosineTail(0).share(0, 1, 1) == 1.0


def test_epoch_decay_may_be_squeezed_into_a_shorter_training() -> None:
    plain, squeezed = EpochDecay(0.9), EpochDecay(0.9, reference_epochs=40)
    assert [plain.share(step, 100, 10) for step in (0, 9, 10, 99)] == pytest.approx([1, 1, 0.9, 0.9**9])
    assert [squeezed.share(step, 100, 10) for step in (0, 2, 3, 99)] == pytest.approx([1, 1, 0.9, 0.9**39])


def test_products_are_exact_outside_of_training() -> None:
    seen = {}

    class Watching(LifterStage):
        def training_step(self, frame: FrameBatch, batch_idx: int) -> torch.Tensor:
            seen["train"] = torch.get_float32_matmul_precision()
            return super().training_step(frame, batch_idx)

        def evaluate(self, frame: FrameBatch, split: str) -> None:
            seen[split] = torch.get_float32_matmul_precision()
            super().evaluate(frame, split)

    stage, data, run = Watching("h36m17", **TINY), People(), trainer(max_epochs=2)
    run.fit(stage, datamodule=data)
    run.test(stage, datamodule=data, verbose=False)
    assert seen == {"train": "medium", "val": "highest", "test": "highest", "test_noisy": "highest"}
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.parametrize("error", [RuntimeError("lost"), KeyboardInterrupt()])
def test_a_training_that_fails_leaves_products_exact(error: BaseException) -> None:
    class Failing(LifterStage):
        def training_step(self, frame: FrameBatch, batch_idx: int) -> torch.Tensor:
            assert torch.get_float32_matmul_precision() == "medium"
            raise error

    with pytest.raises((RuntimeError, KeyboardInterrupt, SystemExit)):
        trainer().fit(Failing("h36m17", **TINY), datamodule=People())
    assert torch.get_float32_matmul_precision() == "highest"


def test_hopeless_run_is_stopped() -> None:
    stage = LifterStage("h36m17", **TINY)
    stage.sign.patience = 1
    stage.objective.chirality.suspicious = lambda skeleton: torch.ones(len(skeleton), dtype=torch.bool)
    with pytest.raises(MirroredError, match="wrong sign"):
        trainer().fit(stage, datamodule=People(batches=4))


def test_only_the_lifter_is_clipped() -> None:
    stage = LifterStage("h36m17", gradient_clip=0.1, **TINY)
    for parameter in stage.parameters():
        parameter.grad = torch.ones_like(parameter)
    stage.configure_gradient_clipping(torch.optim.SGD(stage.lifter.parameters()))
    norm = torch.stack([p.grad.norm() for p in stage.lifter.parameters()]).norm()
    assert float(norm) == pytest.approx(0.1, rel=1e-3)
    assert all(torch.equal(p.grad, torch.ones_like(p)) for p in stage.objective.terms["adversarial"].parameters())


def test_small_gradients_of_the_lifter_stay_as_they_are() -> None:
    stage = LifterStage("h36m17", gradient_clip=100.0, **TINY)
    weights = list(stage.lifter.parameters())[:-1]  # the last one got no gradient
    for number, weight in enumerate(weights):
        weight.grad = torch.full_like(weight, 1e-3 * (number + 1))
    before = [weight.grad.clone() for weight in weights]
    stage.configure_gradient_clipping(torch.optim.SGD(stage.lifter.parameters()))
    assert all(torch.equal(weight.grad, grad) for weight, grad in zip(weights, before, strict=True))


def test_clipping_takes_place_in_training() -> None:
    stage = LifterStage("h36m17", gradient_clip=0.0, **TINY)
    before = copy.deepcopy(stage.state_dict())
    trainer(limit_val_batches=0).fit(stage, datamodule=People())
    moved = {name for name, value in stage.state_dict().items() if not torch.equal(before[name], value)}
    assert moved
    assert all(name.startswith("objective.terms.") for name in moved)


def test_training_finds_depth_and_its_sign_for_one_person() -> None:
    """A few hundred steps on one rigid person, seen by level cameras, must beat the planar baseline clearly."""
    level = {"turn": RandomTurn(0.0, 0.0), "noise": 0.0, "missing": 0.0}
    stage = LifterStage("h36m17", width=64, blocks=1, schedule=CosineTail(20), **level)
    trainer(limit_val_batches=0).fit(stage, datamodule=People(batches=300, views=64))
    check = trainer()
    check.validate(stage, datamodule=People(views=60), verbose=False)
    figures = {name: float(value) for name, value in check.callback_metrics.items()}
    assert figures["val/n_mpjpe_mm"] < 0.6 * figures["val/planar/n_mpjpe_mm"]
    assert figures["val/reversed_depth"] == 0.0


@pytest.mark.parametrize("preset", [None, "smoke", "quick", "full"])
def test_configs_name_only_arguments_that_exist(preset: str | None) -> None:
    path = ROOT / "configs" / "lifter.yaml" if preset is None else ROOT / "configs/preset" / preset / "lifter.yaml"
    config = yaml.safe_load(path.read_text())
    assert set(config) <= {"trainer", "model", "data"}
    known = LifterStage.__init__.__code__.co_varnames
    assert set(config.get("model", {})) <= set(known)


class Rote(BaseDiscriminator):
    """Calls real what it was shown once, and nothing else: the poses whose nose it knows."""

    def __init__(self, known: torch.Tensor, everybody: bool) -> None:
        super().__init__()
        self.known, self.everybody = known, everybody
        self.unused = torch.nn.Parameter(torch.zeros(()))

    def forward(self, joints2d: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        met = torch.cdist(joints2d.flatten(1), self.known.flatten(1)).amin(1) < 1e-4
        return torch.where(met | self.everybody, 3.0, -3.0) + 0 * self.unused


@pytest.mark.parametrize("everybody", [False, True])
def test_a_lost_game_is_noticed_and_a_good_one_is_not(everybody: bool, caplog: pytest.LogCaptureFixture) -> None:
    data, joints = People(), get_joint_set("h36m17")
    known = normalise(data.observation.joints2d, data.observation.confidence, joints).joints2d
    unseen = People(views=7)
    data.val_dataloader = unseen.val_dataloader  # type: ignore[method-assign]
    stage = LifterStage("h36m17", **TINY)
    stage.objective.terms["adversarial"].discriminators = torch.nn.ModuleList([Rote(known, everybody)])
    stage.game = GameWatch(patience=0)
    fit = trainer()
    fit.fit(stage, datamodule=data)
    seen, made, others = (
        float(fit.callback_metrics[name])
        for name in ("train/real_called_real", "train/reprojections_called_real", "val/real_called_real")
    )
    # Of seven and of eight views around a person the first is the same.
    assert (seen, made) == (1.0, float(everybody))
    assert others == pytest.approx(1.0 if everybody else 1 / 7)
    said = [record.message for record in caplog.records if "discriminators" in record.message]
    assert len(said) == (0 if everybody else 1)
    assert everybody or "by heart" in said[0]
