from __future__ import annotations

import pytest
import torch

from s2m.batch import BodyParams, FrameBatch, Observation, Truth, concatenate


def observation(frames: int) -> Observation:
    return Observation(torch.rand(frames, 17, 2), torch.ones(frames, 17), index=torch.arange(frames))


def test_records_move_index_and_keep_missing_fields_missing() -> None:
    truth = Truth(torch.rand(4, 17, 3), BodyParams(torch.rand(4, 3, 3), torch.rand(4, 23, 3, 3), torch.rand(4, 10)))
    frame = FrameBatch(observation(4), truth)
    doubled = frame.double()
    assert doubled.truth is not None
    assert doubled.truth.params is not None
    assert doubled.truth.params.betas.dtype == torch.float64
    assert doubled.observation.index is not None
    assert doubled.observation.index.dtype == torch.int64
    assert doubled.observation.silhouette is None
    assert doubled.truth.params.transl is None
    part = frame[torch.tensor([2, 0])]
    torch.testing.assert_close(part.observation.joints2d[0], frame.observation.joints2d[2])
    assert len(part) == 2


def test_concatenate_joins_in_order_and_refuses_a_mixture() -> None:
    a, b = observation(2), observation(3)
    joined = concatenate([a, b])
    torch.testing.assert_close(joined.joints2d[2:], b.joints2d)
    with pytest.raises(ValueError, match=r"Observation\.index is missing in 1 of 2"):
        concatenate([a, Observation(b.joints2d, b.confidence)])


def test_rotations_round_trip() -> None:
    rotations = torch.rand(2, 24, 3, 3)
    torch.testing.assert_close(BodyParams.from_rotations(rotations, torch.zeros(2, 10)).rotations, rotations)
