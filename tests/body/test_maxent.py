from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from s2m.body.maxent import tilted_logits


def test_mean_is_the_target(generator: torch.Generator) -> None:
    points = 0.1 * torch.randn(60, 3, generator=generator)
    target = torch.tensor([0.02, -0.03, 0.01])
    weights = tilted_logits(points, target).softmax(dim=0)
    assert (weights @ points - target).norm() < 2e-4


def test_closest_to_the_gaussian_in_relative_entropy(generator: torch.Generator) -> None:
    """Against a direct constrained minimisation over the simplex."""
    points = 0.1 * torch.randn(8, 3, generator=generator).double()
    target = points.mean(dim=0) * 0.5
    weights = tilted_logits(points, target).softmax(dim=0)
    squared = (points - target).square().sum(dim=1)
    prior = np.exp(-squared.numpy() / (2 * np.median(squared.numpy())))
    prior /= prior.sum()
    offsets = (points - target).numpy()
    found = minimize(
        lambda w: float((w * np.log(w / prior)).sum()),
        prior,
        bounds=[(1e-9, 1)] * 8,
        constraints=[{"type": "eq", "fun": lambda w: w.sum() - 1}, {"type": "eq", "fun": lambda w: w @ offsets * 10}],
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert found.success
    assert weights.numpy() == pytest.approx(found.x, abs=0.01)


def test_unreachable_target_stays_soft() -> None:
    """A surface landmark at the edge of its neighbours: no weight may vanish, or its vertex could never come back."""
    points = torch.tensor([[0.0, 0.0, 0.0], [0.01, 0.0, 0.0], [0.02, 0.0, 0.0]])
    weights = tilted_logits(points, torch.tensor([0.021, 0.0, 0.0])).softmax(dim=0)
    assert weights.argmax() == 2
    assert weights.min() > 1e-5
    far = tilted_logits(points, torch.tensor([0.5, 0.0, 0.0]))
    assert torch.isfinite(far).all()
