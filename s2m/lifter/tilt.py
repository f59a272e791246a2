"""How the camera is held, told by the people who stand before it: on average they stand upright.

A single picture of one person does not tell (docs/lifter.md). But a lifter, which has learned from cameras of all
heights, sees from above what is taken from above, and whoever stands or walks for a while leans to no side on average
(docs/recover.md has figures).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from s2m.skeletons import JointSet

# Degrees: what all people of a picture share of the error, and what each has alone. What is read is believed where it
# is so many standard deviations from level. To lean to a side is seen, to lean forward is read off depth; but cameras
# are rolled rarely, and people who dance lean to a side for long.
_PITCH, _ROLL, _SURE = (3.5, 5.0), (1.5, 10.0), 1.5
_STANDS = 0.5  # seconds of a person's standing that count
# Degrees: who stands has knees bent by less than the first, the trunk above the legs to the second, and is tilted by
# less than the third.
_BENT, _LEANING, _TILTED = 50.0, 25.0, 45.0
_BLOCKS, _ROWS = 4, 64  # stretches of a clip that are looked at, and their frames
_SEEN = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "hip", "knee", "ankle"))
_LEVEL = 0.5  # degrees: what is said to be level


@dataclass(frozen=True)
class Told:
    """An angle that is known from somewhere.

    Attributes:
        radians: The angle.
        source: Who says so, in words.
    """

    radians: float = 0.0
    source: str = "for want of people who tell"

    @property
    def degrees(self) -> float:
        """The same in degrees."""
        return math.degrees(self.radians)


@dataclass(frozen=True)
class Tilt:
    """How a camera is held.

    Attributes:
        pitch: How far it looks down; negative where it looks up.
        roll: How far upright people lean to the right in its picture; negative to the left.
    """

    pitch: Told = field(default_factory=Told)
    roll: Told = field(default_factory=Told)

    @property
    def levelled(self) -> Tensor:
        """(3, 3) from the camera's frame to that of a level camera in the same place, +y down in both."""
        cosine, sine = math.cos(self.pitch.radians), math.sin(self.pitch.radians)
        looks_ahead = torch.tensor([[1.0, 0.0, 0.0], [0.0, cosine, sine], [0.0, -sine, cosine]])
        cosine, sine = math.cos(self.roll.radians), math.sin(self.roll.radians)
        return looks_ahead @ torch.tensor([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])

    def given(self, pitch: float | None, roll: float | None) -> Tilt:
        """The same with what a user says instead.

        Args:
            pitch: Radians; ``None`` where nothing is said.
            roll: Likewise.
        """
        return Tilt(
            self.pitch if pitch is None else Told(pitch, "as given"),
            self.roll if roll is None else Told(roll, "as given"),
        )

    def __str__(self) -> str:
        down, right = self.pitch.degrees, self.roll.degrees
        pitched, rolled = abs(down) >= _LEVEL, abs(right) >= _LEVEL
        words = []
        if pitched or not rolled:
            looks = f"looks {'down' if down > 0 else 'up'} by {abs(down):.0f} degrees" if pitched else "level"
            words.append(f"camera {looks}, {self.pitch.source}")
        if rolled:
            leans = f"picture leans to the {'right' if right > 0 else 'left'} by {abs(right):.0f} degrees"
            words.append(f"{leans}, {self.roll.source}")
        return "; ".join(words)


LEVEL = Tilt()


def looked_at(count: int) -> list[tuple[int, int]]:
    """The frames that are asked: stretches spread over a clip, and all of a short one.

    Args:
        count: Frames of the clip.

    Returns:
        First row and the one after the last of each; no row is in two.
    """
    if count <= _BLOCKS * _ROWS:
        return [(start, min(start + _ROWS, count)) for start in range(0, count, _ROWS)]
    starts = [round((count - _ROWS) * share / (_BLOCKS - 1)) for share in range(_BLOCKS)]
    return [(start, start + _ROWS) for start in starts]


def upward(joints: Tensor, seen: Tensor, joint_set: JointSet) -> Tensor:
    """Where up is for a person who stands.

    Args:
        joints: (T, J, 3) camera frame, any unit.
        seen: (T, J) bool.
        joint_set: Of the joints.

    Returns:
        (N, 3) unit vectors from the ankles to the shoulders, of frames in which the person stands.
    """
    shoulders, hips, knees, ankles = (
        joints[:, joint_set.indices([f"left_{part}", f"right_{part}"])] for part in ("shoulder", "hip", "knee", "ankle")
    )
    thighs, shins = normalize(hips - knees, dim=2), normalize(knees - ankles, dim=2)
    legs, trunk, whole = (
        normalize(high.mean(1) - low.mean(1), dim=1)
        for high, low in ((hips, ankles), (shoulders, hips), (shoulders, ankles))
    )
    stands = seen[:, joint_set.indices(_SEEN)].all(1)
    stands &= ((thighs * shins).sum(2) > _cosine(_BENT)).all(1) & ((legs * trunk).sum(1) > _cosine(_LEANING))
    return whole[stands & (-whole[:, 1] > _cosine(_TILTED))]


def read_tilt(lines: Sequence[Tensor], fps: float | None, fewest: int = 1) -> Tilt:
    """What people tell of how the camera is held.

    Args:
        lines: Of each person, as :func:`upward` gives them.
        fps: Frames per second; ``None`` where there is one moment alone, which is enough then.
        fewest: How many people have to stand.

    Returns:
        What people tell; level where too few stand, or what they tell may be chance.
    """
    needed = 1 if fps is None else max(1, round(_STANDS * fps))
    told = [angles_of(of_person) for of_person in lines if len(of_person) >= needed]
    if len(told) < fewest:
        return LEVEL
    pitches, rolls = zip(*told, strict=True)
    return Tilt(_believed(pitches, *_PITCH), _believed(rolls, *_ROLL))


def angles_of(lines: Tensor) -> tuple[float, float]:
    """The pitch and the roll, degrees, of a camera before which somebody stands upright on average.

    Args:
        lines: (N, 3) as :func:`upward` gives them.
    """
    x, y, z = lines.mean(0).tolist()
    return math.degrees(math.atan2(-z, math.hypot(x, y))), math.degrees(math.atan2(x, -y))


def _believed(told: Sequence[float], shared: float, own: float) -> Told:
    """The median of what people tell, degrees, unless it may be chance."""
    middle = float(np.median(told))
    if abs(middle) < _SURE * math.hypot(shared, own / len(told) ** 0.5):
        return Told()
    who = f"{len(told)} people who stand" if len(told) > 1 else "the person who stands"
    return Told(math.radians(middle), f"told by {who}")


def _cosine(degrees: float) -> float:
    return math.cos(math.radians(degrees))
