"""Coverage and found reversals against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from s2m.metrics.doubt import Coverage, ReversalAUROC, reversal, scaled_errors
from s2m.metrics.joints import reversed_depth
from s2m.skeletons import H36M17


def people(count: int, seed: int = 0) -> torch.Tensor:
    joints = torch.randn(count, 17, 3, generator=torch.Generator().manual_seed(seed))
    return joints - joints[:, H36M17.root_index, None]


def test_errors_are_those_after_the_best_scale() -> None:
    pred, true = people(3), people(3, 1) + 0.7
    found = scaled_errors(pred, true, H36M17)
    for row in range(3):
        centred = (true[row] - true[row, H36M17.root_index]).numpy()
        lost = minimize_scalar(lambda s, r=row, c=centred: ((s * pred[r].numpy() - c) ** 2).sum())
        scale = max(0.0, lost.x)
        np.testing.assert_allclose(found[row], scale * pred[row].numpy() - centred, atol=1e-4)


def test_normal_errors_lie_within_what_scipy_says() -> None:
    """Deviations that are right hold 90 %; one joint that is surer than it may be is the least."""
    true, deviation = 10 * people(4000), torch.linspace(0.01, 0.05, 17)[:, None].expand(17, 3)
    noise = deviation * torch.randn(true.shape, generator=torch.Generator().manual_seed(2))
    noise[:, H36M17.root_index] = 0
    interval = (norm.ppf(0.95) * deviation).repeat(4000, 1, 1).contiguous()
    interval[:, 5] /= 2
    shares = {}
    for of in ("mean", "least", "most"):
        metric = Coverage(H36M17, of)
        for rows in torch.arange(4000).split(1500):
            metric.update(true[rows] + noise[rows], true[rows], interval[rows])
        shares[of] = float(metric.compute())
    halved = 2 * norm.cdf(norm.ppf(0.95) / 2) - 1
    assert shares["least"] == pytest.approx(halved, abs=0.01)
    assert shares["most"] == pytest.approx(0.9, abs=0.012)
    assert shares["mean"] == pytest.approx((15 * 0.9 + halved) / 16, abs=0.005)


def test_nothing_is_said_without_frames_and_unknown_kinds_are_refused() -> None:
    assert Coverage(H36M17).compute().isnan()
    assert ReversalAUROC(H36M17).compute().isnan()
    with pytest.raises(ValueError, match="expected mean, least or most, found some"):
        Coverage(H36M17, "some")


def test_reversed_is_what_mirrored_depth_fits_better() -> None:
    true = people(50)
    pred = true.clone()
    pred[:25, :, 2] *= -1
    flat = pred * torch.tensor([1.0, 1.0, 0.0])
    assert reversal(pred, true, H36M17).tolist() == [1] * 25 + [0] * 25
    assert reversal(flat, true, H36M17).tolist() == [-1] * 50
    random, label = people(50, 3), reversal(people(50, 3), true, H36M17)
    sure = label >= 0
    assert bool(sure.any())
    assert torch.equal(label[sure].float(), reversed_depth(random, true, H36M17)[sure])


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    true, told = people(60), torch.rand(60, generator=torch.Generator().manual_seed(4))
    pred = true.clone()
    pred[::3, :, 2] *= -1
    pred[1::3, :, 2] = 0
    metric = ReversalAUROC(H36M17)
    for rows in torch.arange(60).split(25):
        metric.update(pred[rows], true[rows], told[rows])
    pairs = told[::3, None] > told[None, 2::3]
    assert float(metric.compute()) == pytest.approx(float(pairs.float().mean()), abs=1e-6)
    alone = ReversalAUROC(H36M17)
    alone.update(pred[::3], true[::3], told[::3])
    assert alone.compute().isnan()
