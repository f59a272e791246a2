"""Adam (Kingma and Ba, 2015) with a step that shrinks along a cosine.

torch's own optimisers load its compiler, which takes longer than everything else that a photo needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_FIRST, _SECOND, _SMALL = 0.9, 0.999, 1e-8


def descend(cost: Callable[[], Tensor], unknowns: Sequence[Tensor], steps: int, rate: float, last_rate: float) -> None:
    """Lower a cost by changing its unknowns in place.

    Args:
        cost: Gives the scalar cost of what the unknowns are now.
        unknowns: Leaves of the graph; a gradient that is not finite counts as none.
        steps: How many.
        rate: Largest change of a number by the first step.
        last_rate: The same by the last one.
    """
    moments = [(torch.zeros_like(unknown), torch.zeros_like(unknown)) for unknown in unknowns]
    for step in range(steps):
        with torch.enable_grad():
            slopes = torch.autograd.grad(cost(), list(unknowns))
        size = last_rate + (rate - last_rate) * (1 + math.cos(math.pi * step / steps)) / 2
        size *= math.sqrt(1 - _SECOND ** (step + 1)) / (1 - _FIRST ** (step + 1))
        for unknown, slope, (mean, square) in zip(unknowns, slopes, moments, strict=True):
            slope = torch.nan_to_num(slope)
            mean.lerp_(slope, 1 - _FIRST)
            square.mul_(_SECOND).addcmul_(slope, slope, value=1 - _SECOND)
            with torch.no_grad():
                unknown.sub_(size * mean / (square.sqrt() + _SMALL))
