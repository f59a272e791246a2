"""How the camera is held, told by the people who stand before it: on average they stand upright.

A single picture of one person does not tell (docs/lifter.md). But a lifter, which has learned from cameras of all
heights, sees from above what is taken from above, and whoever stands or walks for a while leans to no side on average
(docs/recover.md has figures).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from s2m.recover.bodies import Bodies
from s2m.recover.camera import LEVEL, Tilt, Told
from s2m.recover.result import Person
from s2m.skeletons import JointSet

# Degrees: what all people of a picture share of the error, and what each has alone. What is read is believed where it
# is so many standard deviations from level. To lean to a side is seen, to lean forward is read off depth; but cameras
# are rolled rarely, and people who dance lean to a side for long.
_PITCH, _ROLL, _SURE = (3.5, 5.0), (1.5, 10.0), 1.5
_STANDS = 0.5  # seconds of a person's standing that count; photos have one moment, which takes so many people
_FEWEST_IN_PHOTOS = 3
# Degrees: who stands has knees bent by less than the first, the trunk above the legs to the second, and is tilted by
# less than the third.
_BENT, _LEANING, _TILTED = 50.0, 25.0, 45.0
_BLOCKS, _ROWS = 4, 64  # stretches of a clip that are looked at, and their frames
_SEEN = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "hip", "knee", "ankle"))


def read_tilt(people: Sequence[Person], joint_set: JointSet, fps: float | None = None) -> Tilt:
    """How the camera of a photo or video is held.

    Args:
        people: Of the photo or video.
        joint_set: Of their joints.
        fps: Frames per second of a video; ``None`` for a photo.

    Returns:
        What people tell; level where too few stand, or what they tell may be chance.
    """
    needed, fewest = (1, _FEWEST_IN_PHOTOS) if fps is None else (max(1, round(_STANDS * fps)), 1)
    upward = [standing(person, joint_set) for person in people]
    told = [angles_of(lines) for lines in upward if len(lines) >= needed]
    if len(told) < fewest:
        return LEVEL
    pitches, rolls = zip(*told, strict=True)
    return Tilt(_believed(pitches, *_PITCH), _believed(rolls, *_ROLL))


def angles_of(upward: Tensor) -> tuple[float, float]:
    """The pitch and the roll, degrees, of a camera before which somebody stands upright on average.

    Args:
        upward: (N, 3) as :func:`standing` gives it.
    """
    x, y, z = upward.mean(0).tolist()
    return math.degrees(math.atan2(-z, math.hypot(x, y))), math.degrees(math.atan2(x, -y))


def _believed(told: Sequence[float], shared: float, own: float) -> Told:
    """The median of what people tell, degrees, unless it may be chance."""
    middle = float(np.median(told))
    if abs(middle) < _SURE * math.hypot(shared, own / len(told) ** 0.5):
        return Told()
    who = f"{len(told)} people who stand" if len(told) > 1 else "the person who stands"
    return Told(math.radians(middle), f"told by {who}")


def standing(person: Person, joint_set: JointSet) -> Tensor:
    """Where up is for a person who stands.

    Args:
        person: The person.
        joint_set: Of the joints.

    Returns:
        (N, 3) unit vectors from the ankles to the shoulders, camera frame, of frames in which the person stands.
    """
    stretches = [(start, min(start + _ROWS, len(person))) for start in _starts(len(person))]
    return torch.cat([_upward(person.read(*rows), person.valid[slice(*rows)], joint_set) for rows in stretches])


def _starts(count: int) -> list[int]:
    """First rows of stretches that are spread over a clip, and all of it where it is short; no row is in two."""
    stretches = -(-count // _ROWS)
    if stretches <= _BLOCKS:
        return list(range(0, count, _ROWS))
    return [round((count - _ROWS) * share / (_BLOCKS - 1)) for share in range(_BLOCKS)]


def _upward(bodies: Bodies, valid: NDArray[np.bool_], joint_set: JointSet) -> Tensor:
    shoulders, hips, knees, ankles = (
        bodies.joints3d[:, joint_set.indices([f"left_{part}", f"right_{part}"])]
        for part in ("shoulder", "hip", "knee", "ankle")
    )
    thighs, shins = normalize(hips - knees, dim=2), normalize(knees - ankles, dim=2)
    legs, trunk, whole = (
        normalize(high.mean(1) - low.mean(1), dim=1)
        for high, low in ((hips, ankles), (shoulders, hips), (shoulders, ankles))
    )
    stands = torch.from_numpy(valid) & bodies.seen[:, joint_set.indices(_SEEN)].all(1)
    stands &= ((thighs * shins).sum(2) > _cosine(_BENT)).all(1) & ((legs * trunk).sum(1) > _cosine(_LEANING))
    return whole[stands & (-whole[:, 1] > _cosine(_TILTED))]


def _cosine(degrees: float) -> float:
    return math.cos(math.radians(degrees))
