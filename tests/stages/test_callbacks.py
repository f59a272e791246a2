"""What runs around every training."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from stages.checkpoints import Randomness


def drawn(seed: int, epoch: int, rank: int = 0) -> float:
    trainer = SimpleNamespace(current_epoch=epoch, global_rank=rank)
    Randomness(seed).on_train_epoch_start(trainer, None)  # type: ignore[arg-type]
    return float(torch.rand(()))


@pytest.mark.parametrize("seed", [0, 1, 2, 12345, 2**32 - 1])
def test_any_seed_gives_a_random_state_of_its_own_to_every_epoch_and_process(seed: int) -> None:
    states = [drawn(seed, epoch, rank) for epoch in range(3) for rank in range(2)]
    assert len(set(states)) == len(states)
    assert states == [drawn(seed, epoch, rank) for epoch in range(3) for rank in range(2)]


def test_seeds_differ() -> None:
    assert len({drawn(seed, 0) for seed in range(50)}) == 50
