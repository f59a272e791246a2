from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2m.data.samplers import EvalBatches, TrainBatches


def epoch(batches: TrainBatches, number: int) -> list[tuple[list[int], list[bool]]]:
    batches.sampler.set_epoch(number)
    return [(batch.positions.tolist(), batch.flip.tolist()) for batch in batches]


def test_order_is_a_function_of_seed_and_epoch() -> None:
    one, two = (TrainBatches(50, 8, 4, 0.5, seed=3) for _ in range(2))
    first = epoch(one, 0)
    assert epoch(one, 5) == epoch(two, 5)
    assert epoch(one, 0) == first
    assert epoch(one, 1) != first
    assert epoch(TrainBatches(50, 8, 4, 0.5, seed=4), 0) != first


def test_every_frame_comes_equally_often_whatever_the_epoch_length() -> None:
    batches = TrainBatches(20, 4, 3, 0.5, seed=0)
    seen = [p for number in range(5) for positions, _ in epoch(batches, number) for p in positions]
    assert np.bincount(seen).tolist() == [3] * 20


@pytest.mark.parametrize("world", [2, 4])
def test_processes_together_see_what_one_sees(world: int) -> None:
    whole = epoch(TrainBatches(30, 8, 5, 0.5, seed=1), 2)
    shares = [epoch(TrainBatches(30, 8, 5, 0.5, 1, rank, world), 2) for rank in range(world)]
    for step, (positions, flips) in enumerate(whole):
        assert all(len(share[step][0]) == 8 // world for share in shares)
        for rank, share in enumerate(shares):
            assert share[step] == (positions[rank::world], flips[rank::world])


def test_lengths_and_probabilities() -> None:
    assert len(TrainBatches(30, 8, None, 0.5, 0)) == 3
    assert len(TrainBatches(3, 8, None, 0.5, 0)) == 1
    assert [len(p) for p, _ in epoch(TrainBatches(3, 8, None, 0.5, 0), 0)] == [8]
    flips = np.concatenate([f for _, f in epoch(TrainBatches(100, 100, 50, 0.25, 0), 0)])
    assert flips.mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 8, None, 0.5, 0), "no usable frame"),
        ((9, 9, None, 0.5, 0, 0, 2), "multiple of the 2 processes, found 9"),
        ((9, 8, None, 1.5, 0), "flip: expected a probability, found 1.5"),
        ((9, 8, 0, 0.5, 0), "steps_per_epoch"),
    ],
)
def test_impossible_settings_are_refused(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainBatches(*arguments)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 60), size=st.integers(1, 9), world=st.integers(1, 5))
def test_evaluation_shares_have_every_frame_once_and_in_order(rows: int, size: int, world: int) -> None:
    shares = []
    for rank in range(world):
        batches = EvalBatches(rows, size, rank, world)
        found = [batch.positions for batch in batches]
        assert len(found) == len(batches)
        assert not any(batch.flip.any() for batch in batches)
        shares.append(np.concatenate([np.zeros(0, int), *found]))
    assert np.concatenate(shares).tolist() == list(range(rows))
    lengths = [len(share) for share in shares]
    assert max(lengths) - min(lengths) <= 1
