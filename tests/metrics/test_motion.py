"""Acceleration errors against closed forms and a plain loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from s2m.metrics.motion import AccelerationError, acceleration_error, acceleration_errors, consecutive
from s2m.skeletons import H36M17, S2M27


def still(frames: int, joints: int = 17, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, joints, 3, generator=generator).expand(frames, joints, 3).clone()


def one_recording(frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(frames, dtype=torch.long), torch.arange(frames)


def test_a_parabola_has_its_constant_acceleration() -> None:
    true = still(6)
    pred = true.clone()
    time = torch.arange(6.0)
    # 16 of the 17 joints move by t^2 metres along z: second difference 2 m per frame squared.
    pred[:, 1:, 2] += (time**2)[:, None]
    assert float(acceleration_error(pred, true, *one_recording(6))) == pytest.approx(2 * 16 / 17, rel=1e-5)


def test_uniform_motion_and_a_moving_root_cost_nothing() -> None:
    true = still(5)
    moved = true + torch.arange(5.0)[:, None, None] * torch.tensor([0.1, -0.2, 0.3])
    moved = moved + torch.randn(5, 1, 3, generator=torch.Generator().manual_seed(1))
    assert float(acceleration_error(moved, true, *one_recording(5))) == pytest.approx(0, abs=1e-5)


def test_a_plain_loop_agrees_and_recordings_do_not_mix() -> None:
    generator = torch.Generator().manual_seed(2)
    pred, true = torch.randn(2, 11, 27, 3, generator=generator).double()
    sequence = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 2, -1, -1])
    frame = torch.tensor([0, 1, 2, 4, 0, 1, 5, 6, 7, 0, 1])
    chosen, root = S2M27.indices(H36M17.joints), S2M27.root_index
    expected = []
    for i in (0, 6):
        total = 0.0
        for joint in chosen:
            relative = [(p[:, joint] - p[:, root]).numpy() for p in (pred, true)]
            a, b = (x[i + 2] - 2 * x[i + 1] + x[i] for x in relative)
            total += float(np.linalg.norm(a - b))
        expected.append(total / 17)
    found = acceleration_errors(pred, true, sequence, frame, S2M27)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)
    assert consecutive(sequence, frame).nonzero().flatten().tolist() == [0, 6]


def test_the_metric_averages_over_triples_not_recordings() -> None:
    metric = AccelerationError(unit=1000.0)
    bent = still(7)
    bent[:, 1:, 0] += (torch.arange(7.0) ** 2)[:, None] * 0.5  # 1 m per frame squared in 16 joints, 5 triples
    metric.update(bent, still(7))
    metric.update(still(3), still(3))  # one triple without error
    metric.update(still(2), still(2))  # too short to say anything
    assert float(metric.compute()) == pytest.approx(1000 * 5 / 6 * 16 / 17, rel=1e-5)


def test_nothing_to_measure_is_not_perfect() -> None:
    assert math.isnan(float(acceleration_error(still(2), still(2), *one_recording(2))))
    assert math.isnan(float(AccelerationError().compute()))


def test_bad_input_is_refused() -> None:
    broken = still(4)
    broken[2, 3, 1] = torch.nan
    with pytest.raises(ValueError, match="pred is not finite in 1 of 4"):
        acceleration_error(broken, still(4), *one_recording(4))
    with pytest.raises(ValueError, match="same number of rows, found 4, 4, 3 and 3"):
        acceleration_error(still(4), still(4), *one_recording(3))
