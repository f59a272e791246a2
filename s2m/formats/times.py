"""Columns of times in tables: frames per second, and which frames the rows are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_EVEN = 0.2  # share of steps that may be off, and by how much of one
_WHOLE, _LONG = 0.004, 0.1  # share of a rate that rounded times leave open; the longer they go on, the less
_SLOWEST, _FASTEST = 5.0, 500.0  # frames per second that tell seconds from milliseconds, and both from a count


def rate_of_times(times: Floats, name: str) -> float | None:
    """Frames per second of a column of times in seconds or milliseconds.

    Args:
        times: The column; NaN where a cell is empty.
        name: What the header calls it, in small letters.

    Returns:
        The rate; ``None`` where times are uneven, or neither seconds nor milliseconds.
    """
    steps = np.diff(np.unique(times[np.isfinite(times)]))
    step = _step(steps)
    if step is None:
        return None
    scales = (1000.0,) if "ms" in name or "milli" in name else (1.0, 1000.0)
    rates = [scale / step for scale in scales if _SLOWEST <= scale / step <= _FASTEST]
    if not rates:
        return None
    whole = abs(rates[0] - round(rates[0])) < rates[0] * min(_WHOLE, _LONG / len(steps))
    return float(round(rates[0])) if whole else round(rates[0], 3)


def frames_of_times(times: Floats) -> Floats | None:
    """Numbers of the frames that rows with even times are, counted from the earliest; left out ones are counted, too.

    Args:
        times: See :func:`rate_of_times`.

    Returns:
        (T,) whole numbers, the same for rows of one time; ``None`` where times are missing, or uneven.
    """
    if not np.isfinite(times).all():
        return None
    there, row = np.unique(times, return_inverse=True)
    steps = np.diff(there)
    step = _step(steps)
    if step is None:
        return None
    counted = np.maximum(np.round(steps / step), 1)
    numbers: Floats = np.concatenate([[0.0], np.cumsum(counted)])[row]
    return numbers


def _step(steps: Floats) -> float | None:
    """The time from frame to frame, if most steps are one or several of it; a mean, because times are rounded."""
    step = float(np.median(steps)) if len(steps) else 0.0
    if step <= 0:
        return None
    counted = np.round(steps / step)
    even = (counted >= 1) & (np.abs(steps - counted * step) <= _EVEN * step)
    return None if even.mean() < 1 - _EVEN else float(steps[even].sum() / counted[even].sum())
