"""What every metric here shares: a mean over frames kept as two sums, and the refusal of values that mean nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

MILLIMETRES = 1000.0


class FrameMean(Metric):
    """Mean over frames of one value per frame.

    The states are a sum and a count in float64, so that any split of the frames over processes gives the same mean.
    ``compute`` gives NaN without frames. A subclass defines ``update`` with the names of the values that it needs;
    where one of them is ``None`` (a dataset without it) the batch is passed over.

    Args:
        unit: Factor on the result, e.g. :data:`MILLIMETRES` for a metric fed with metres.
        **kwargs: Passed to :class:`torchmetrics.Metric`.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = False
    total: Tensor
    count: Tensor

    def __init__(self, unit: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unit = unit
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def compute(self) -> Tensor:
        """The mean over all frames, times ``unit``; NaN without frames."""
        return self.total / self.count * self.unit

    def _record(self, function: Callable[..., Tensor], **values: Tensor | None) -> None:
        """Add ``function(*values)``, one number per frame, after checking that the values are finite numbers.

        Raises:
            ValueError: Names the metric and the value for a non-finite entry: an error of NaN compared with a
                threshold, or left out of a mean, would otherwise count as perfect.
        """
        present = {name: value for name, value in values.items() if value is not None}
        if len(present) < len(values):
            return
        for name, value in present.items():
            check_finite(type(self).__name__, name, value)
        frames = {len(value) for value in present.values()}
        if len(frames) > 1:
            sizes = ", ".join(f"{name} {len(value)}" for name, value in present.items())
            raise ValueError(f"{type(self).__name__}: expected the same number of frames, found {sizes}")
        if frames == {0}:
            return
        per_frame = function(*present.values()).to(self.total.dtype)
        self.total += per_frame.sum()
        self.count += per_frame.numel()


def check_finite(metric: str, name: str, value: Tensor) -> None:
    """Refuse values that are not finite.

    Args:
        metric: The metric's name.
        name: The value's name.
        value: The values, by frame.

    Raises:
        ValueError: If a value is NaN or infinite; the message names the metric, the value and the first such rows.
    """
    if value.is_floating_point() and not bool(value.isfinite().all()):
        bad = (~value.isfinite()).flatten(1).any(1).nonzero()[:, 0].tolist()
        raise ValueError(
            f"{metric}: {name} is not finite in {len(bad)} of {len(value)} frames (rows {bad[:8]} of the batch)"
        )


def check_points(name: str, points: Tensor, count: int | None = None) -> None:
    """Refuse points of another shape than (B, count, 3).

    Args:
        name: The value's name.
        points: The points.
        count: How many points; any number if not given.

    Raises:
        ValueError: For another shape; the message has both.
    """
    if points.dim() != 3 or points.shape[-1] != 3 or (count is not None and points.shape[1] != count):
        expected = f"(B, {'N' if count is None else count}, 3)"
        raise ValueError(f"{name}: expected {expected}, found {tuple(points.shape)}")
