"""The fully connected layer that every head ends with."""

from __future__ import annotations

from torch import nn


def small_linear(features: int, outputs: int) -> nn.Linear:
    """A linear layer that starts near zero, so that training starts from what DIK and the mean shape give.

    Args:
        features: Number of inputs.
        outputs: Number of outputs.
    """
    layer = nn.Linear(features, outputs)
    nn.init.normal_(layer.weight, std=1e-3)
    nn.init.zeros_(layer.bias)
    return layer
