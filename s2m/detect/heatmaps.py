"""Landmarks put where their heatmaps say, which is nearer than where the network says in numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.detect.models import sigmoid

_REACH = 3  # cells about a landmark
_SURE = 0.5


def refined(places: NDArray[np.float64], logits: NDArray[Any]) -> NDArray[np.float64]:
    """Move landmarks to the centre of their heat nearby, as MediaPipe's RefineLandmarksFromHeatmapCalculator does.

    A landmark without heat above one half within three cells stays.

    Args:
        places: (K, 2) x, y in shares of the square's side.
        logits: (side, side, K) of the heat.

    Returns:
        (K, 2) likewise.
    """
    side = logits.shape[0]
    steps = np.arange(-_REACH, _REACH + 1)
    cells = np.floor(places * side).astype(np.int64)[:, :, None] + steps  # (K, 2, 7)
    there = (cells >= 0) & (cells < side)
    columns, rows = np.clip(cells, 0, side - 1).transpose(1, 0, 2)
    heat = sigmoid(logits[rows[:, :, None], columns[:, None, :], np.arange(len(places))[:, None, None]])
    heat = heat * (there[:, 1, :, None] & there[:, 0, None, :])
    total = heat.sum((1, 2)).clip(1e-9)
    # A cell counts at its corner, not at its centre: so the network was trained.
    centre = np.stack([(heat.sum(1) * columns).sum(1), (heat.sum(2) * rows).sum(1)], -1) / total[:, None]
    sure = heat.max((1, 2)) >= _SURE
    return np.where(sure[:, None], centre / side, places)
