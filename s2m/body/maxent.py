"""Softmax weights with a given mean: how a convex regressor starts."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

# Keeps the softmax soft where the target lies outside the convex hull of the points (metres^2 per nat).
_RIDGE = 1e-5


def tilted_logits(points: Tensor, target: Tensor) -> Tensor:
    """Logits whose softmax over points has a wanted mean, as nearly as a soft one can.

    The result is the distribution closest (in relative entropy) to a Gaussian around the target among those with that
    mean: an exponential tilt, found through its smooth three-dimensional dual.

    Args:
        points: (K, 3) any unit.
        target: (3,) the mean, same unit and frame.

    Returns:
        (K,) logits.
    """
    offsets = (points - target).double().cpu().numpy()
    squared = (offsets**2).sum(axis=1)
    prior = -squared / (2 * max(float(np.median(squared)), 1e-12))

    def dual(tilt: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = prior + offsets @ tilt
        peak = scores.max()
        mass = np.exp(scores - peak)
        value = peak + np.log(mass.sum()) + _RIDGE / 2 * float(tilt @ tilt)
        return value, mass @ offsets / mass.sum() + _RIDGE * tilt

    tilt = minimize(dual, np.zeros(3), jac=True, method="BFGS", options={"gtol": 1e-7}).x
    logits = prior + offsets @ tilt
    return torch.as_tensor(logits - logits.mean(), dtype=points.dtype, device=points.device)
