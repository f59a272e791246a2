"""The joints of one person over time, as every reader gives them: what was not seen is missing, decided once.

Files say "not seen" in many ways; :func:`masked` turns all of them into NaN and confidence 0, by the rule of
:mod:`s2m.missing`, and says so; nothing behind the readers looks at anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.arrays import short_repr
from s2m.errors import UserError
from s2m.formats.layouts import Layout
from s2m.missing import Origin, mask_with, reasons
from s2m.skeletons import JointSet

_SHOWN = 8
_SHARES = 0.9  # of the points lie in the picture when coordinates are shares of its size


@dataclass(frozen=True)
class Labels:
    """What a file calls the frames and the person of a clip; what is not known is empty.

    Attributes:
        frames: (T,) numbers of the frames.
        images: (T,) names of the pictures.
        person: The person's number.
    """

    frames: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    images: tuple[str, ...] = ()
    person: int | str | None = None

    def fields(self) -> dict[str, NDArray[Any]]:
        """What is known, as fields of an npz."""
        told: dict[str, NDArray[Any]] = {"frames": self.frames} if len(self.frames) else {}
        told |= {"images": np.array(self.images)} if self.images else {}
        return told | ({} if self.person is None else {"person": np.array(self.person)})


@dataclass(frozen=True)
class Track:
    """Joints of one person over time.

    Attributes:
        points: (T, K, 2) in any unit, +x right, +y down; or (T, K, 3) in the file's unit and frame. float64 from the
            readers; NaN where a joint is missing.
        confidence: (T, K) in [0, 1]; 0 where a joint is missing.
        joint_set: Names of the joints.
        images: (T,) names of the pictures, "" where there is none; empty where the file names none.
        frames: (T,) numbers of the frames, evenly spaced.
        person: The person's number in the file, or ``None``.
        notes: Sentences for the user: what was taken for missing, which gaps were filled, who was chosen.
        why: What the joint set was told by, for the user; empty where the user named it.
        layout: What the file's kind says about unit, axes and rate.
    """

    points: NDArray[Any]
    confidence: NDArray[np.float32]
    joint_set: JointSet
    images: tuple[str, ...] = ()
    frames: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    person: int | str | None = None
    notes: tuple[str, ...] = ()
    why: str = ""
    layout: Layout | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        if len(self.frames) != len(self.points):
            object.__setattr__(self, "frames", np.arange(len(self.points)))

    @property
    def labels(self) -> Labels:
        """What the file calls the frames and the person."""
        return Labels(self.frames, self.images, self.person)

    def above(self, confidence: float) -> Track:
        """The same joints; those of which the detector is less sure are missing, and a note names them.

        Args:
            confidence: The least that counts, in [0, 1].

        Returns:
            A track; this one where nothing changes.
        """
        low = (self.confidence > 0) & (self.confidence < confidence)
        if not low.any():
            return self
        points = np.where(low[..., None], np.nan, self.points)
        note = _counts(low, self.joint_set, f"confidence below {confidence:g}")
        sure = np.where(low, 0, self.confidence).astype(np.float32)
        return replace(self, points=points, confidence=sure, notes=(*self.notes, f"taken as missing: {note}"))


def masked(
    points: NDArray[Any],
    confidence: NDArray[Any] | None,
    joint_set: JointSet,
    *,
    images: tuple[str, ...] = (),
    frames: NDArray[np.int64] | None = None,
    person: int | str | None = None,
    notes: tuple[str, ...] = (),
    why: str = "",
    layout: Layout | None = None,
) -> Track:
    """A track of raw numbers: what says "not seen", in whatever way, becomes missing.

    What is missing :mod:`s2m.missing` decides; of the joints, the root alone may be the origin of the coordinates,
    and a note says so.

    Args:
        points: (T, K, D) as the file has them.
        confidence: (T, K), or ``None`` where the file has none (all seen joints are certain).
        joint_set: Names of the joints.
        images: See :class:`Track`.
        frames: See :class:`Track`.
        person: See :class:`Track`.
        notes: What is already known.
        why: See :class:`Track`.
        layout: See :class:`Track`.

    Returns:
        The track; its notes name the joints that were taken as missing, and how often.
    """
    values = np.asarray(points, np.float64)
    origin = Origin(joint_set.root_index)
    origin.look(values, confidence)
    places, sure = mask_with(values, confidence, origin.found)
    once: NDArray[np.bool_] = np.asarray((sure > 0).any(1))[:, None]  # a frame without anybody is said elsewhere
    unseen = {reason: chosen & once for reason, chosen in reasons(values, confidence, sure).items()}
    said = [_counts(chosen, joint_set, reason) for reason, chosen in unseen.items() if chosen.any()]
    found = [f"taken as missing: {'; '.join(said)}"] if said else []
    if values.shape[-1] == 3 and origin.found is not None:
        found.append(f"{joint_set.root} is at exactly zero in every frame: read as positions relative to it")
    return Track(
        places,
        sure,
        joint_set,
        images,
        np.arange(len(values)) if frames is None else np.asarray(frames, np.int64),
        person,
        (*notes, *found),
        why,
        layout,
    )


def _counts(chosen: NDArray[np.bool_], joint_set: JointSet, reason: str) -> str:
    """ "left_ankle in 25, nose in 3 of 38 frames (exact zeros)"."""
    often = chosen.sum(0)
    joints = [(name, int(count)) for name, count in zip(joint_set.joints, often, strict=True) if count]
    text = ", ".join(f"{name} in {count}" for name, count in joints[:_SHOWN])
    more = f" and {len(joints) - _SHOWN} further joints" if len(joints) > _SHOWN else ""
    return f"{text}{more} of {len(chosen)} frames ({reason})"


def in_pixels(track: Track, size: tuple[int, int] | None, path: Path) -> Track:
    """2D joints in pixels, or in another unit in which both axes have one scale.

    Args:
        track: 2D joints.
        size: Width and height of the picture, pixels, where the user gave them.
        path: The file, for messages.

    Returns:
        The track with shares turned into pixels.

    Raises:
        UserError: For joints that are shares of the picture's width and height without a size, which would squeeze
            the person, and for a size of another picture than that of the joints.
    """
    seen = track.points[track.confidence > 0]
    inside = ((seen >= 0) & (seen <= 1)).all(-1)
    shares = len(seen) > 0 and inside.mean() >= _SHARES and bool(((seen > -1) & (seen < 2)).all())
    if size is None:
        if shares:
            raise UserError(
                f"{path}: expected pixels, found coordinates from 0 to 1: shares of the picture's width and height, "
                "as MediaPipe gives them? Give the picture's size: --image-size WIDTHxHEIGHT"
            )
        return track
    if len(seen) and not shares:
        low, high = np.quantile(seen, 0.05, axis=0), np.quantile(seen, 0.95, axis=0)
        if (high < 0).any() or (low > size).any():
            raise UserError(
                f"{path}: --image-size: expected joints in a picture of {size[0]}x{size[1]} pixels, "
                f"found most of them from {low.round().tolist()} to {high.round().tolist()}"
            )
        return track
    return replace(track, points=track.points * np.array(size, np.float64))
