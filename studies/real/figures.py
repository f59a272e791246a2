"""Errors of skeletons against the triangulated truth, in millimetres."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2m.geometry.procrustes import scale_align, similarity_align

FIGURES = ("n_mpjpe_mm", "pa_mpjpe_mm", "accel_mm_per_frame2")


def errors(found: NDArray[Any], truth: NDArray[Any]) -> dict[str, float]:
    """N-MPJPE, PA-MPJPE and acceleration error of one camera's skeletons.

    A single view does not tell size: the first scales each frame best, the second turns and moves it, too, and the
    acceleration is that of the recording under one best scale, for a scale per frame would tremble by itself.

    Args:
        found: (T, 13, 3) of any scale, pelvis at the origin, camera axes.
        truth: (T, 13, 3) metres, the same.

    Returns:
        The three figures.
    """
    pred, true = torch.from_numpy(found), torch.from_numpy(truth)
    scaled, aligned = scale_align(pred, true), similarity_align(pred, true)[0]
    whole = scale_align(pred.reshape(1, -1, 3), true.reshape(1, -1, 3)).reshape(pred.shape)
    off = (whole - true).numpy()
    values = (_mean(scaled - true), _mean(aligned - true), _mean(torch.from_numpy(np.diff(off, 2, axis=0))))
    return dict(zip(FIGURES, values, strict=True))


def _mean(difference: Tensor) -> float:
    return 1000 * float(difference.norm(dim=-1).mean())
