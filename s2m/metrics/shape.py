"""How well a predicted shape follows the true one from person to person."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from s2m.metrics.base import check_finite

_NAMES = ("count", "pred", "true", "pred_pred", "true_true", "pred_true")


class BetaCorrelation(Metric):
    """Pearson's correlation of each predicted beta with the true one, over all frames.

    ``compute`` gives ``beta_0_correlation`` and so on; NaN where a beta does not vary (the mean shape, say). The states
    are sums in float64, so that any split of the frames over processes gives the same result. Batches without true
    betas are passed over.

    Args:
        count: Of the betas.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True

    def __init__(self, count: int = 10) -> None:
        super().__init__()
        for name in _NAMES:
            self.add_state(name, torch.zeros(count, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, pred_betas: Tensor, true_betas: Tensor | None) -> None:
        """Add a batch of (B, 10) betas.

        Args:
            pred_betas: Predicted shape parameters (B, 10).
            true_betas: True shape parameters (B, 10); None passes the batch over.

        Raises:
            ValueError: For a non-finite value.
        """
        if true_betas is None:
            return
        check_finite(type(self).__name__, "pred_betas", pred_betas)
        check_finite(type(self).__name__, "true_betas", true_betas)
        pred, true = pred_betas.double(), true_betas.double()
        sums = (torch.ones_like(pred), pred, true, pred * pred, true * true, pred * true)
        for name, values in zip(_NAMES, sums, strict=True):
            setattr(self, name, getattr(self, name) + values.sum(0))

    def compute(self) -> dict[str, Tensor]:
        """Correlation by name."""
        n, x, y, xx, yy, xy = (getattr(self, name) for name in _NAMES)
        variances = (xx / n - (x / n) ** 2, yy / n - (y / n) ** 2)
        covariance = xy / n - x * y / n**2
        # Sums of equal numbers leave a variance of rounding errors.
        varies = (variances[0] > 1e-9 * (1 + xx / n)) & (variances[1] > 1e-9 * (1 + yy / n))
        correlation = covariance / (variances[0] * variances[1]).clamp_min(1e-30).sqrt()
        correlation = torch.where(varies, correlation, torch.full_like(correlation, torch.nan))
        return {f"beta_{k}_correlation": value for k, value in enumerate(correlation)}
