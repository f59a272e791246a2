"""The joints of one person over time, as every reader gives them: what was not seen is missing, decided once.

Files say "not seen" in many ways; :func:`masked` turns all of them into NaN and confidence 0, by the rule of
:mod:`s2m.missing`, and says so; nothing behind the readers looks at anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.arrays import short_repr
from s2m.formats.layouts import Layout
from s2m.missing import Origin, mask_with, reasons
from s2m.skeletons import JointSet

_SHOWN = 8


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
class RigMotion:
    """How the joints of a program's own rig turn, beside the joints that a file gives.

    Attributes:
        joints: (J,) their names.
        turns: (T, J, 3, 3) rotations of their own frames, which are the rig's; NaN in frames without the person.
        points: (T, J, 3) their places, in the same axes.
    """

    joints: tuple[str, ...]
    turns: NDArray[np.float32]
    points: NDArray[np.float32]

    __repr__ = short_repr


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
        rig: How the program's own rig moves, where the file has it.
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
    rig: RigMotion | None = None

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
        notes = low_notes(low.sum(0), len(low), self.joint_set, confidence)
        sure = np.where(low, 0, self.confidence).astype(np.float32)
        return replace(self, points=points, confidence=sure, notes=(*self.notes, *notes))


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
    unseen = Unseen(joint_set)
    unseen.look(values, confidence, sure)
    return Track(
        places,
        sure,
        joint_set,
        images,
        np.arange(len(values)) if frames is None else np.asarray(frames, np.int64),
        person,
        (*notes, *unseen.notes, *origin_notes(origin.found, joint_set, values.shape[-1])),
        why,
        layout,
    )


class Unseen:
    """Counts which joints were taken as missing for what reason, block after block.

    Args:
        joint_set: Names of the joints.
    """

    def __init__(self, joint_set: JointSet) -> None:
        self._joint_set, self._frames, self._seen = joint_set, 0, False
        self._often: dict[str, NDArray[np.int64]] = {}
        self._nobody: dict[str, NDArray[np.int64]] = {}

    def look(self, points: NDArray[Any], confidence: NDArray[Any] | None, masked: NDArray[np.float32]) -> None:
        """Take in the next frames.

        Args:
            points: (N, K, D) as the file has them.
            confidence: (N, K) likewise, or ``None``.
            masked: (N, K) the confidences of :func:`s2m.missing.mask_with`.
        """
        self._frames += len(points)
        once: NDArray[np.bool_] = np.asarray((masked > 0).any(1))[:, None]  # without anybody: said elsewhere
        for reason, chosen in reasons(points, confidence, masked).items():
            self._often[reason] = self._often.get(reason, np.int64(0)) + (chosen & once).sum(0)
            self._nobody[reason] = self._nobody.get(reason, np.int64(0)) + (chosen & ~once).sum(0)
        self._seen = self._seen or bool(once.any())

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence, or none where no joint was taken as missing."""
        found = self._often if self._seen else self._nobody
        said = [_counts(often, self._frames, self._joint_set, why) for why, often in found.items() if often.any()]
        return (f"taken as missing: {'; '.join(said)}",) if said else ()


def origin_notes(origin: int | None, joint_set: JointSet, dimensions: int) -> tuple[str, ...]:
    """What to say of the joint that coordinates are relative to.

    Args:
        origin: Its number; ``None`` where there is none.
        joint_set: Names of the joints.
        dimensions: Number of coordinates.
    """
    if dimensions != 3 or origin is None:
        return ()
    return (f"{joint_set.root} is at exactly zero in every frame: read as positions relative to it",)


def low_notes(often: NDArray[np.int64], frames: int, joint_set: JointSet, least: float) -> tuple[str, ...]:
    """What to say of joints of which a detector is not sure enough.

    Args:
        often: (K,) number of frames in which each is taken as missing for it.
        frames: Number of frames.
        joint_set: Names of the joints.
        least: The least confidence that counts.
    """
    if not often.any():
        return ()
    return (f"taken as missing: {_counts(often, frames, joint_set, f'confidence below {least:g}')}",)


def _counts(often: NDArray[np.int64], frames: int, joint_set: JointSet, reason: str) -> str:
    """ "left_ankle in 25, nose in 3 of 38 frames (exact zeros)"."""
    joints = [(name, int(count)) for name, count in zip(joint_set.joints, often, strict=True) if count]
    text = ", ".join(f"{name} in {count}" for name, count in joints[:_SHOWN])
    more = f" and {len(joints) - _SHOWN} further joints" if len(joints) > _SHOWN else ""
    return f"{text}{more} of {frames} frames ({reason})"
