"""What a recording must fulfil: well-formed arrays, usable frames, and 3D truth that projects onto its 2D joints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.data.store import GENDERS
from s2m.data.zoo.source import Array, Recording, SourceError
from s2m.skeletons import get_joint_set

# Distances are given in pixels of an image with this longer side, so that one limit fits every resolution.
REFERENCE_SIZE = 1000.0
# A detector's joints lie a few pixels off; other people, cameras or frames do so by a hundred.
DETECTOR_LIMIT_PX = 50.0
# A crop wider than this many images is the work of a joint that flew away.
_LARGEST_CROP = 4.0
_BLOCK = 20_000


def validate(recording: Recording) -> None:
    """Check that the arrays of a recording fit together.

    Args:
        recording: The recording.

    Raises:
        SourceError: When they do not; the message names files and field.
    """
    frames, joints = len(recording), len(get_joint_set(recording.joint_set))
    shapes: dict[str, tuple[Array | None, tuple[int, ...]]] = {
        "joints2d": (recording.joints2d, (frames, joints, 2)),
        "confidence": (recording.confidence, (frames, joints)),
        "frame": (recording.frame, (frames,)),
        "joints3d": (recording.joints3d, (frames, joints, 3)),
    }
    body = recording.body
    if body is not None:
        if recording.joints3d is None:
            raise SourceError(f"{describe(recording)}: joints3d: expected beside the body's parameters, found none")
        if body.gender not in GENDERS:
            raise SourceError(f"{describe(recording)}: gender: expected {', '.join(GENDERS)}, found '{body.gender}'")
        betas = (10,) if np.ndim(body.betas) == 1 else (frames, 10)
        shapes |= {"poses": (body.poses, (frames, 72)), "betas": (body.betas, betas)}
        shapes["transl"] = (body.transl, (frames, 3))
    for name, (array, expected) in shapes.items():
        if array is not None and np.shape(array) != expected:
            raise SourceError(f"{describe(recording)}: {name}: expected shape {expected}, found {np.shape(array)}")


def describe(recording: Recording) -> str:
    """The files of a recording, or its name where it has none, for messages.

    Args:
        recording: The recording.
    """
    files = ", ".join(str(path) for path in recording.source_files)
    return files or f"recording {recording.name}"


def unusable(recording: Recording, min_joints: int) -> dict[str, NDArray[np.bool_]]:
    """Which frames (T,) cannot be used and why; a frame counts for the first reason only. Masks are judged later.

    Args:
        recording: The recording.
        min_joints: A frame with fewer joints found cannot be used.
    """
    found = np.asarray(recording.confidence) > 0
    few = min(min_joints, found.shape[1])
    finite = np.isfinite(recording.joints2d).all(2) & np.isfinite(recording.confidence)
    pixels = np.where((found & finite)[..., None], recording.joints2d, np.nan)
    width, height = recording.image_size
    with np.errstate(invalid="ignore"):
        inside = ((pixels >= 0) & (pixels <= (width, height))).all(2)
    reasons: dict[str, Array] = {
        "joints2d: not finite": np.asarray(((found | ~np.isfinite(recording.confidence)) & ~finite).any(1)),
        f"confidence: fewer than {few} joints found": found.sum(1) < few,
        f"joints2d: fewer than {few} joints inside the image": inside.sum(1) < few,
        "joints2d: spread over more than the image": _extent(pixels) > _LARGEST_CROP * max(width, height),
        **_unusable_truth(recording),
    }
    taken = np.zeros(len(recording), bool)
    for reason, rows in reasons.items():
        reasons[reason] = rows & ~taken
        taken |= rows
    return reasons


def _unusable_truth(recording: Recording) -> dict[str, Array]:
    reasons: dict[str, Array] = {}
    if recording.joints3d is not None:
        reasons["joints3d: not finite"] = np.asarray(~np.isfinite(recording.joints3d).all((1, 2)))
        if recording.camera is not None:
            reasons["joints3d: behind the camera"] = np.asarray((recording.joints3d[..., 2] <= 0).any(1))
    if recording.body is not None:
        body = recording.body
        finite = np.isfinite(body.poses).all(1) & np.isfinite(body.transl).all(1) & np.isfinite(body.betas).all(-1)
        reasons["body parameters: not finite"] = np.asarray(~finite)
    return reasons


def _extent(pixels: Array) -> Array:
    low = np.where(np.isnan(pixels), np.inf, pixels).min(1)
    high = np.where(np.isnan(pixels), -np.inf, pixels).max(1)
    extent: Array = (high - low).max(1)
    return extent


@dataclass
class Distances:
    """Distribution of distances in pixels, in bins 2 % wide: adds up over recordings, needs no memory.

    Args:
        counts: Number of distances by bin.
        total: Number of distances.
        sum: Their sum, pixels.
        largest: The largest, pixels.
    """

    counts: dict[int, int] = field(default_factory=dict)
    total: int = 0
    sum: float = 0.0
    largest: float = 0.0

    _WIDTH = 0.02
    _SMALLEST = 1e-6

    def add(self, values: Array) -> None:
        """Count finite distances >= 0.

        Args:
            values: Distances, pixels.
        """
        bins = np.round(np.log(np.maximum(values, self._SMALLEST)) / self._WIDTH).astype(int)
        for bin_, count in zip(*np.unique(bins, return_counts=True), strict=True):
            self.counts[int(bin_)] = self.counts.get(int(bin_), 0) + int(count)
        self.total += len(values)
        self.sum += float(values.sum())
        self.largest = max(self.largest, float(values.max(initial=0.0)))

    def merge(self, other: Distances) -> None:
        """Add another distribution.

        Args:
            other: The other distribution.
        """
        for bin_, count in other.counts.items():
            self.counts[bin_] = self.counts.get(bin_, 0) + count
        self.total, self.sum = self.total + other.total, self.sum + other.sum
        self.largest = max(self.largest, other.largest)

    def quantile(self, share: float) -> float:
        """The distance that ``share`` of all do not exceed, within 1 %; NaN when nothing was counted.

        Args:
            share: Share, 0 to 1.
        """
        seen = 0
        for bin_ in sorted(self.counts):
            seen += self.counts[bin_]
            if seen >= share * self.total:
                return float(np.exp(bin_ * self._WIDTH))
        return float("nan")

    def summary(self) -> dict[str, float | int]:
        """Numbers for reports."""
        if not self.total:
            return {"joints": 0}
        return {
            "joints": self.total,
            "median_px": self.quantile(0.5),
            "p95_px": self.quantile(0.95),
            "mean_px": self.sum / self.total,
            "largest_px": self.largest,
        }

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {"counts": self.counts, "total": self.total, "sum": self.sum, "largest": self.largest}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Distances:
        """Inverse of :meth:`to_dict`, also after JSON made strings of the keys.

        Args:
            values: What :meth:`to_dict` gave.
        """
        counts = {int(bin_): int(count) for bin_, count in values["counts"].items()}
        return Distances(counts, int(values["total"]), float(values["sum"]), float(values["largest"]))


def reprojection(recording: Recording, rows: NDArray[np.int64]) -> Distances:
    """Distances of the projected 3D truth from the 2D joints that were found, in pixels of a 1000-pixel image.

    Args:
        recording: The recording.
        rows: Which rows are looked at.
    """
    distances = Distances()
    if recording.joints3d is None or recording.camera is None:
        return distances
    scale = REFERENCE_SIZE / max(recording.image_size)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        projected = recording.camera.project(recording.joints3d[block])
        found = recording.confidence[block] > 0
        distances.add(np.linalg.norm(projected - recording.joints2d[block], axis=2)[found] * scale)
    return distances


def require_projection(recording: Recording, distances: Distances, limit_px: float) -> None:
    """Raise SourceError naming the files when the median distance is beyond the limit.

    The limit of detected joints is DETECTOR_LIMIT_PX where that is larger.

    Args:
        recording: The recording.
        distances: Distances of the projected truth, pixels.
        limit_px: Largest median, pixels.
    """
    limit = max(limit_px, DETECTOR_LIMIT_PX) if recording.detected else limit_px
    median = distances.quantile(0.5)
    if distances.total and median > limit:
        raise SourceError(
            f"{describe(recording)}: joints3d: expected to project onto the 2D joints within {limit:g} px of a "
            f"{REFERENCE_SIZE:.0f}-pixel image in the median, found {median:.1f} px (recording {recording.name}, "
            f"{distances.total} joints): 3D truth, 2D joints and camera do not belong together"
        )
