"""What stage 3 has beyond the other stages: augmentation, warm starts, means in place of outputs, schedules."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.callbacks import Callback

import stages.cli
from s2m.artifact import ArtifactError, load
from s2m.errors import UserError
from s2m.evaluation.methods import MEANS_REPLACED
from s2m.synthetic.objective import SyntheticSupervision
from stages.base import training_observation
from stages.cli import StageCLI
from stages.mesh import MeshStage
from stages.schedules import CosineTail, EpochDecay, Warmup
from studies.mesh import synthetic_bodies as synthetic_bodies
from studies.mesh.pictures import PANEL
from tests.stages.fixtures import BRIEFLY, Train, stage_arguments


@pytest.fixture
def linked(chain: Path, tmp_path: Path) -> Path:
    for stage in ("lifter", "regressor"):
        (tmp_path / stage).symlink_to(chain / stage)
    return tmp_path


def test_a_frame_is_shown_in_another_way_in_each_epoch_and_compared_as_it_is(
    store: Path, linked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    cli = StageCLI(MeshStage, stage_arguments("mesh", store, linked))
    observation = training_observation(next(iter(cli.datamodule.train_dataloader())))
    views = []
    for epoch in (0, 0, 1):
        monkeypatch.setattr(cli.model, "_seeds", lambda epoch=epoch: (0, epoch))
        views.append(cli.model.view(observation))
    first, again, later = (view.seen.joints2d for view in views)
    assert torch.equal(first, again)
    assert not torch.equal(first, later)
    assert all(torch.equal(view.target.joints2d, observation.joints2d) for view in views)


def test_means_in_place_of_outputs_and_correlations_are_reported(chain: Path) -> None:
    metrics = json.loads((chain / "mesh/metrics.json").read_text())
    for split in ("test", "test_noisy", "acrobatic", "acrobatic_noisy"):
        for method in MEANS_REPLACED:
            assert metrics[f"{split}/{method}/pve_mm"] > 0
            assert metrics[f"{split}/{method}/iou"] > 0
    # Not on every small split: where all frames are of one person, nothing correlates.
    assert -1 <= metrics["test/betas/beta_1_correlation"] <= 1


def test_a_warm_start_begins_where_another_run_ended(train: Train, chain: Path, linked: Path) -> None:
    source = chain / "mesh/mesh.pt"
    still = ("--model.learning_rate", "1e-12", "--model.synthetic_supervision.init_args.learning_rate", "1e-12")
    path = train("mesh", linked, "--model.warm_start", str(source), *still)
    before, after = load(source, "mesh").state, load(path, "mesh").state
    for name, value in before.items():
        if value.is_floating_point() and "running" not in name:
            torch.testing.assert_close(after[name], value, atol=1e-7, rtol=0)
    assert "mesh" in load(path, "mesh").parents
    # What the model is compared with has stage 2's W, not the one that the other run went on with.
    one, other = (json.loads(p.with_name("metrics.json").read_text()) for p in (source, path))
    base = {name: value for name, value in one.items() if name.startswith("test/dik_mean_shape/")}
    assert {name: other[name] for name in base} == pytest.approx(base, rel=1e-5)


def test_a_warm_start_from_other_parts_is_refused(train: Train, chain: Path, linked: Path) -> None:
    all_joints = ("--model.pose", "s2m.heads.RefinedPoseAll", "--model.warm_start", str(chain / "mesh/mesh.pt"))
    with pytest.raises(ArtifactError, match=r"mesh\.pt: pose: expected the part that this run trains"):
        train("mesh", linked, *all_joints)


def test_synthetic_supervision_comes_first_and_then_beside_equation_7(
    train: Train, linked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that the synthetic supervision does not reach rest in its epochs; the schedule of the others starts after
    them.

    Each epoch makes bodies of its own.
    """
    before, rates, seeds, counted = {}, [], [], []

    class Watch(Callback):
        def on_train_start(self, trainer: pl.Trainer, stage: MeshStage) -> None:
            before.update(copy.deepcopy(stage.model.state_dict()))

        def on_train_batch_start(self, trainer: pl.Trainer, stage: MeshStage, *_: Any) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

        def on_train_batch_end(self, trainer: pl.Trainer, stage: MeshStage, *_: Any) -> None:
            parts = (stage.model.regressor, stage.model.shape)
            states = [trainer.optimizers[0].state[next(part.parameters())] for part in parts]
            counted.append(tuple(int(state["step"]) for state in states))

        def on_train_epoch_end(self, trainer: pl.Trainer, stage: MeshStage) -> None:
            now, parts = stage.model.state_dict(), ("encoder", "shape", "pose", "regressor", "camera")
            moved = {part: any(not torch.equal(now[n], before[n]) for n in now if n.startswith(part)) for part in parts}
            first = trainer.current_epoch == 0
            assert moved == {"encoder": True, "shape": True, "pose": True, "regressor": not first, "camera": not first}
            shown = {name.removeprefix("train/") for name in trainer.callback_metrics if name.startswith("train/")}
            assert {"loss", "synthetic_betas", "synthetic_extremities"} <= shown
            assert ("mask" in shown) != first

    made, teach = stages.cli.stage_callbacks, SyntheticSupervision.forward
    monkeypatch.setattr(stages.cli, "stage_callbacks", lambda *args: [*made(*args), Watch()])
    monkeypatch.setattr(SyntheticSupervision, "forward", lambda *args: (seeds.append(args[4:]), teach(*args))[1])
    taught = {"learning_rate": 2e-4, "warmup_steps": 2, "then": 0.2}
    synthetic_supervision = [
        part
        for name, value in taught.items()
        for part in (f"--model.synthetic_supervision.init_args.{name}", str(value))
    ]
    after = ("--model.learning_rate", "5e-4", "--model.schedule", "stages.schedules.EpochDecay")
    train(
        "mesh",
        linked,
        *synthetic_supervision,
        *after,
        *BRIEFLY,
        "--model.schedule.init_args.factor",
        "0.5",
        "--trainer.max_epochs",
        "3",
    )
    assert rates == pytest.approx([1e-4, 2e-4, 1e-4, 1e-4, 5e-5, 5e-5])
    # Adam corrects its moments by the steps that W has moved in, not those in which it has rested.
    assert counted == [(1, 1), (2, 2), (1, 3), (2, 4), (3, 5), (4, 6)]
    assert seeds == [(0, 0), (0, 0), (0, 1), (0, 1), (0, 2), (0, 2)]


def test_a_training_that_would_only_teach_is_refused(train: Train, linked: Path) -> None:
    wanted = r"trainer\.max_epochs: expected more than model\.synthetic_supervision\.init_args\.epochs \(1\).*found 1"
    with pytest.raises(UserError, match=wanted):
        train("mesh", linked, "--trainer.max_epochs", "1")


def test_synthetic_bodies_can_be_looked_at(
    chain: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new/bodies.png"
    synthetic_bodies.main(
        ["--model", str(chain / "mesh/mesh.pt"), "--store", str(store), "--count", "2", "--output", str(output)]
    )
    with Image.open(output) as picture:
        assert picture.size == (2 * PANEL, 7 * PANEL)
        assert len(picture.getcolors(1 << 20) or []) > 100  # shaded bodies, not blank panels
        for row in (5, 6):  # what the encoder is given along bones and around ends: mostly no difference, some of each
            panel = picture.convert("L").crop((0, row * PANEL + 24, PANEL, (row + 1) * PANEL))
            assert {0, 127, 255} <= {level for _, level in panel.getcolors() or []}
    assert str(output) in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"error: .*no such file"):
        synthetic_bodies.main(["--model", str(tmp_path / "no.pt"), "--store", str(store), "--output", str(output)])


def test_schedules_of_the_learning_rate() -> None:
    """The decay per epoch is the power of the epoch, as torch's ExponentialLR steps it; a warm-up scales any other."""
    decay = EpochDecay(0.85)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    exponential = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.85)
    for epoch in range(14):
        for step in range(100):
            share = decay.share(100 * epoch + step, 1400, 14)
            assert math.isclose(share, exponential.get_last_lr()[0], rel_tol=1e-12)
        optimiser.step()
        exponential.step()
    warm = Warmup(CosineTail(1), steps=10)
    assert [round(warm.share(step, 100, 1), 3) for step in (0, 4, 9, 30)] == [0.1, 0.5, 1.0, 1.0]
    assert warm.share(100, 100, 1) == pytest.approx(0)
