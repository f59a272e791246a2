from __future__ import annotations

import numpy as np
import pytest
import torch

from s2m.metrics.shape import BetaCorrelation


def test_correlations_are_numpys_whatever_the_batches() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(2, 1, (60, 10))
    pred = 0.5 * true * np.linspace(-1, 1, 10) + rng.normal(0, 1, (60, 10))
    pred[:, 3] = 0.7
    metric = BetaCorrelation()
    for rows in (slice(0, 7), slice(7, 60)):
        metric.update(torch.tensor(pred[rows]).float(), torch.tensor(true[rows]).float())
    metric.update(torch.full((4, 10), 5.0), None)
    found = metric.compute()
    for k in range(10):
        expected = np.nan if k == 3 else np.corrcoef(pred[:, k], true[:, k])[0, 1]
        np.testing.assert_allclose(float(found[f"beta_{k}_correlation"]), expected, atol=1e-5)


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="BetaCorrelation: pred_betas"):
        BetaCorrelation().update(torch.full((1, 10), torch.nan), torch.zeros(1, 10))
