"""Stage 3 at another scale is the same training: accumulated gradients, two processes, an epoch that was cut short."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from s2m.artifact import load
from s2m.batch import Observation
from s2m.data import OpenData
from stages.base import Stage
from stages.cli import StageCLI, quieten, run
from stages.mesh import MeshStage
from tests.stages.fixtures import BRIEFLY, ROOT, in_subprocess, stage_arguments

RATE = "1e-3"
# Share of the way by which two trainings may end apart that differ in the order of their sums alone. In float32 it is
# several per cent after six steps: where a gradient is little more than rounding, Adam makes a whole step of it.
ROUNDING = 1e-9
DOUBLE = ("--trainer.precision", "64-true")
ANOTHER = 0.2
TEACHING = (
    "--model.synthetic_supervision.init_args.learning_rate",
    RATE,
    "--model.synthetic_supervision.init_args.warmup_steps",
    "0",
)
UNTOUCHED = ("--trainer.limit_val_batches", "0", "--model.learning_rate", RATE, *TEACHING, *DOUBLE, *BRIEFLY)
BATCH_OF_8 = ("--data.init_args.batch_size", "8", "--data.init_args.steps_per_epoch", "3")
TWICE_4 = ("--data.init_args.batch_size", "4", "--data.init_args.steps_per_epoch", "6")
PAPERS_ENCODER = ("--config", str(ROOT / "configs/ablation/silhouette_encoder.yaml"))
SMALL = ("--model.encoder.init_args.size", "32")


def linked(chain: Path, folder: Path) -> Path:
    """A run folder that shares the first two stages with ``chain``."""
    folder.mkdir()
    for stage in ("lifter", "regressor"):
        (folder / stage).symlink_to(chain / stage)
    return folder


def trained_weights(store: Path, run_dir: Path, *extra: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Weights before and after a short fit, configured as a user would."""
    torch.set_num_threads(1)
    os.environ["WANDB_MODE"] = "disabled"
    quieten()
    cli = StageCLI(MeshStage, stage_arguments("mesh", store, run_dir, *UNTOUCHED, *extra))
    before = weights(cli.model)
    cli.trainer.fit(cli.model, datamodule=cli.datamodule)
    assert cli.trainer.global_step == 6  # an epoch of synthetic supervision alone, and one beside Eqn. 7
    return before, weights(cli.model)


def weights(stage: Stage) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in stage.export().named_parameters() if v.requires_grad}


def difference(before: dict[str, Tensor], one: dict[str, Tensor], two: dict[str, Tensor]) -> float:
    """How far two trainings from the same start ended apart, as a share of the way that the first one went."""
    apart, way = (torch.cat([(a[k] - b[k]).flatten() for k in before]).norm() for a, b in ((two, one), (one, before)))
    assert way > 0
    return float(apart / way)


def test_accumulated_gradients_train_like_the_larger_batch(chain: Path, store: Path, tmp_path: Path) -> None:
    before, whole = trained_weights(store, linked(chain, tmp_path / "whole"), *BATCH_OF_8)
    run_dir = linked(chain, tmp_path / "parts")
    again, parts = trained_weights(store, run_dir, *TWICE_4, "--trainer.accumulate_grad_batches", "2")
    assert all(torch.equal(again[name], value) for name, value in before.items())
    assert difference(before, whole, parts) < ROUNDING
    # The measure can fail: the small batches without accumulation end elsewhere.
    _, alone = trained_weights(store, linked(chain, tmp_path / "alone"), *TWICE_4[:2], *BATCH_OF_8[2:])
    assert difference(before, whole, alone) > ANOTHER


def test_the_papers_encoder_normalises_by_the_batch_so_accumulation_is_another_training(
    chain: Path, store: Path, tmp_path: Path
) -> None:
    """BatchNorm sees four frames instead of eight; documented, and the reason why the default has none."""
    paper = (*PAPERS_ENCODER, *SMALL)
    before, whole = trained_weights(store, linked(chain, tmp_path / "whole"), *paper, *BATCH_OF_8)
    parts = trained_weights(
        store, linked(chain, tmp_path / "parts"), *paper, *TWICE_4, "--trainer.accumulate_grad_batches", "2"
    )[1]
    assert difference(before, whole, parts) > ANOTHER


def test_two_processes_end_at_the_weights_of_one(chain: Path, store: Path, tmp_path: Path) -> None:
    """Six steps of the same global batch, each process with half of it, against the fit in one process."""
    before, one = trained_weights(store, linked(chain, tmp_path / "one"), *BATCH_OF_8)
    run_dir = linked(chain, tmp_path / "two")
    arguments = stage_arguments("mesh", store, run_dir, *UNTOUCHED, *BATCH_OF_8)
    result = in_subprocess("mesh", [*arguments, "--trainer.devices", "2", "--trainer.strategy", "ddp"])
    assert result.returncode == 0, result.stderr
    state = load(run_dir / "mesh/mesh.pt", "mesh").state
    assert difference(before, one, {name: state[name] for name in before}) < ROUNDING


class Stopped(Exception):
    """Raised in the middle of an epoch."""


def test_an_epoch_that_was_cut_short_is_done_again_with_the_same_frames_in_the_same_order(
    chain: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[int, list[list[int]]] = {}
    guard, stop_at = Stage.guard, (1, 2)

    def watching(self: Stage, loss: Tensor, observation: Observation) -> Tensor:
        assert observation.index is not None
        steps = seen.setdefault(self.trainer.current_epoch, [])
        steps.append(observation.index.tolist())
        if (self.trainer.current_epoch, len(steps)) == stop_at:
            raise Stopped
        return guard(self, loss, observation)

    monkeypatch.setattr(Stage, "guard", watching)
    run_dir = linked(chain, tmp_path / "run")
    extra = ("--trainer.max_epochs", "3", "--trainer.limit_val_batches", "0", "--data.init_args.steps_per_epoch", "4")
    extra += BRIEFLY
    arguments = stage_arguments("mesh", store, run_dir, *extra)
    os.environ["WANDB_MODE"] = "disabled"
    with pytest.raises(Stopped):
        run("mesh", arguments)
    first = dict(seen)
    seen.clear()
    stop_at = (-1, -1)
    run("mesh", arguments)
    assert sorted(seen) == [1, 2]  # the whole second epoch again, then the third
    expected = orders(store, epochs=3)
    assert first == {0: expected[0], 1: expected[1][:2]}
    assert seen == {1: expected[1], 2: expected[2]}


def orders(store: Path, epochs: int) -> list[list[Sequence[int]]]:
    """Rows of every step as the loader alone brings them."""
    loader = OpenData(str(store), batch_size=4, steps_per_epoch=4).train_dataloader()
    found = []
    for epoch in range(epochs):
        loader.batch_sampler.sampler.set_epoch(epoch)  # type: ignore[union-attr]
        found.append([frame.observation.index.tolist() for frame in loader])  # type: ignore[union-attr]
    return found
