"""The one rule of what "not seen" looks like in other people's files.

A joint that was not seen comes as exact zeros, as -1 or another code such as -999, as NaN or infinity, or as anything
at all with a confidence of zero, below zero or NaN. Here it becomes NaN with confidence 0, once, after reading; what
comes behind sees nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LARGEST = 1e12  # beyond it a number is damage, in any unit
CODES = (-1.0, -999.0, -9999.0, -99999.0, 9999.0, 99999.0)  # in all coordinates: no place, but a mark
_MARGIN = 0.1  # of the person's extent: how far outside of the others' box an origin may lie
_INSIDE_SHARE = 0.9  # of the frames


def every(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where all of a few flags hold; much faster than NumPy's ``all(-1)``, which goes along the last axis.

    Args:
        flags: (..., D) of at least one flag, such as one a coordinate.

    Returns:
        (...).

    Example:
        >>> every(np.array([[True, True], [True, False]])).tolist()
        [True, False]
    """
    found = flags[..., 0].copy()
    for number in range(1, flags.shape[-1]):
        found &= flags[..., number]
    return found


def mask_missing(
    points: Any, confidence: Any | None = None, root: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Joints with NaN, and confidences with 0, where nothing was seen.

    Coordinates relative to a joint have exact zeros at that joint in every frame; such a joint is seen (wherever any
    other joint is), if the others lie around it.

    Args:
        points: (..., K, D) coordinates in any unit; all leading axes are frames.
        confidence: (..., K); ``None`` where nothing is known about it.
        root: The joint that coordinates may be relative to; by default it may be any.

    Returns:
        (..., K, D) float64, a copy, and (..., K) float32, 1 where ``confidence`` was not given.

    Example:
        >>> points, confidence = mask_missing([[[0.0, 0.0], [3.0, 4.0], [-1.0, -1.0]]])
        >>> points[0, 1].tolist(), confidence[0].tolist()
        ([3.0, 4.0], [0.0, 1.0, 0.0])
    """
    origin = Origin(root)
    origin.look(points, confidence)
    return mask_with(points, confidence, origin.found)


def mask_with(
    points: Any, confidence: Any | None, origin: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """:func:`mask_missing` where it is known which joint (``None``: none) is the origin of the coordinates.

    Args:
        points: (..., K, D).
        confidence: (..., K) or ``None``.
        origin: Number of the joint whose zeros are meant.

    Returns:
        See :func:`mask_missing`.
    """
    found = np.array(points, np.float64)
    sure = np.ones(found.shape[:-1], np.float32) if confidence is None else np.array(confidence, np.float32)
    seen = _told(found, sure)
    zero = every(found == 0)
    shown = seen & ~zero
    if origin is not None:
        shown[..., origin] |= seen[..., origin] & zero[..., origin] & shown.any(-1)
    found[~shown] = np.nan
    sure[~shown] = 0
    return found, sure


class Origin:
    """Finds the joint that the coordinates of a clip are relative to, block after block.

    Args:
        root: The only joint that it may be; by default any.
    """

    def __init__(self, root: int | None = None) -> None:
        self._root = root
        self._always: NDArray[np.bool_] | None = None
        self._inside: NDArray[np.int64] | None = None
        self._frames: NDArray[np.int64] | None = None

    def look(self, points: Any, confidence: Any | None = None) -> None:
        """Take in the next frames.

        Args:
            points: (..., K, D).
            confidence: (..., K) or ``None``.
        """
        points = np.asarray(points, np.float64)
        points = points.reshape(-1, *points.shape[-2:])
        sure = np.ones(points.shape[:2]) if confidence is None else np.asarray(confidence).reshape(points.shape[:2])
        told, zero = _told(points, sure), every(points == 0)
        if self._always is None or self._inside is None or self._frames is None:
            self._always = np.ones(points.shape[1], bool)
            self._inside, self._frames = np.zeros((2, points.shape[1]), np.int64)
        self._always &= (zero | ~told).all(0)
        others = told & ~zero
        if not self._always.any() or not others.any():
            return
        frames = others.any(1)
        shown = np.where(others[frames, :, None], points[frames], np.nan)
        inside = around_zero(np.nanmin(shown, 1), np.nanmax(shown, 1))
        at_zero = (told & zero)[frames]
        self._frames += at_zero.sum(0)
        self._inside += (at_zero & inside[:, None]).sum(0)

    @property
    def found(self) -> int | None:
        """Number of the joint; ``None`` where no joint, or more than one, looks like it."""
        if self._always is None or self._inside is None or self._frames is None:
            return None
        fitting = self._always & (self._frames > 0) & (self._inside >= _INSIDE_SHARE * self._frames)
        candidates = np.flatnonzero(fitting).tolist()
        if self._root is not None:
            return self._root if self._root in candidates else None
        # A clip has one origin: two joints at zero all the time are two that were never seen.
        return candidates[0] if len(candidates) == 1 and (self._always & (self._frames > 0)).sum() == 1 else None


def around_zero(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether boxes hold the origin, up to a margin.

    Args:
        low: (T, D) smallest coordinates of the joints of a frame.
        high: (T, D) largest ones.

    Returns:
        (T,) bool.
    """
    margin = _MARGIN * (high - low).max(-1, keepdims=True)
    inside: NDArray[np.bool_] = ((low - margin <= 0) & (high + margin >= 0)).all(-1)
    return inside


def reasons(points: Any, confidence: Any | None, masked: NDArray[np.float32]) -> dict[str, NDArray[np.bool_]]:
    """Why joints were taken for missing, for messages; plain numbers that nobody would read as a place need none.

    Args:
        points: (T, K, D) as :func:`mask_missing` was given them.
        confidence: (T, K) likewise, or ``None``.
        masked: (T, K) the confidences that it returned.

    Returns:
        In words -> (T, K) bool; no joint has two reasons.
    """
    found = np.asarray(points, np.float64)
    sure = np.ones(found.shape[:-1]) if confidence is None else np.asarray(confidence, np.float64)
    missing = masked == 0
    zero, coded = missing & (found == 0).all(-1), {code: missing & (found == code).all(-1) for code in CODES}
    with np.errstate(invalid="ignore"):
        unsure = missing & ~(sure > 0) & (np.abs(found) < _LARGEST).all(-1)
    plain = ~zero & ~np.any(list(coded.values()), axis=0)
    marks = {f"exactly {code:g}": where for code, where in coded.items()}
    return {"exact zeros": zero, **marks, "confidence not above 0": unsure & plain}


def names_and_counts(missing: Sequence[int], names: Sequence[str], frames: int, shown: int = 12) -> str:
    """Which joints are missing how often, in words.

    Args:
        missing: Number of frames without the joint, for each.
        names: The joints.
        frames: Number of frames in all.
        shown: How many joints are named at the most.

    Returns:
        For example ``left_ankle (25), nose (all)``; empty where nothing is missing.
    """
    parts = [f"{name} ({'all' if n == frames else n})" for name, n in zip(names, missing, strict=True) if n]
    more = f" and {len(parts) - shown} more" if len(parts) > shown else ""
    return ", ".join(parts[:shown]) + more


def _told(points: NDArray[np.float64], sure: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a joint has usable numbers, zeros included."""
    with np.errstate(invalid="ignore"):
        usable = every(np.abs(points) < _LARGEST) & ~_coded(points)
        told: NDArray[np.bool_] = usable & (sure > 0) & np.isfinite(sure)
    return told


def _coded(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where all coordinates are one of the codes."""
    first = points[..., 0]
    coded: NDArray[np.bool_] = np.isin(first, CODES)
    if coded.any():
        coded &= every(points == first[..., None])
    return coded
