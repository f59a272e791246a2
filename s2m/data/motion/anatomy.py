"""How far joints bend: one table for the left side and the middle; the right side is its mirror image.

Angles are degrees about the axes of SMPL's rest pose (+x left, +y up, +z front; T-pose, palms down), composed in the
order of ``axes`` (intrinsic). Signs on the left side: a knee bends about +x, an elbow about -y, a hip flexes about -x,
a wrist flexes about -z and deviates to the thumb about -y, toes extend about -x, a chin drops about +x.
Ranges are those of clinical goniometry, rounded; spreads are chosen, not measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Angle:
    """A bell around ``mean`` with standard deviation ``spread`` that never leaves (low, high); degrees.

    Args:
        mean: Middle of the bell, degrees.
        spread: Standard deviation, degrees.
        low: Lower limit, degrees.
        high: Upper limit, degrees.
    """

    mean: float
    spread: float
    low: float
    high: float

    def from_unit(self, unit: FloatArray) -> FloatArray:
        """Map standard normal values to degrees; smooth in ``unit``, so that smooth noise stays smooth.

        Args:
            unit: Standard normal values.
        """
        raw = self.spread * unit
        room = np.where(raw > 0, self.high - self.mean, self.mean - self.low)
        return self.mean + room * np.tanh(raw / room)

    def draw(self, rng: np.random.Generator, count: int) -> FloatArray:
        """Independent values (count,), degrees.

        Args:
            rng: Source of random numbers.
            count: How many values.
        """
        return self.from_unit(rng.standard_normal(count))


@dataclass(frozen=True)
class Hinge:
    """A one-sided bend: ``maximum`` (degrees, signed) times a Beta(a, b) variable.

    Args:
        a: First parameter of the Beta distribution.
        b: Second parameter of the Beta distribution.
        maximum: Largest bend, degrees, signed.
    """

    a: float
    b: float
    maximum: float

    def draw(self, rng: np.random.Generator, count: int) -> FloatArray:
        """Independent values (count,), degrees.

        Args:
            rng: Source of random numbers.
            count: How many values.
        """
        return self.maximum * rng.beta(self.a, self.b, count)


@dataclass(frozen=True)
class JointLimits:
    """One joint: the axes, in order, and the angle about each.

    Args:
        axes: Axes in order, such as XZY (intrinsic).
        angles: The angle about each axis.
    """

    axes: str
    angles: tuple[Angle | Hinge, ...]


@dataclass(frozen=True)
class EndpointLimits:
    """A joint at the end of a limb. ``share`` scales the spread where the motion already moves the joint.

    Args:
        axes: Axes in order, such as XZY (intrinsic).
        angles: The angle about each axis.
        share: Factor on the spread where the motion already moves the joint.
    """

    axes: str
    angles: tuple[Angle, ...]
    share: float = 1.0


LIMBS: dict[str, JointLimits] = {
    "left_hip": JointLimits("XZY", (Angle(-28, 32, -120, 25), Angle(8, 12, -20, 50), Angle(5, 15, -40, 40))),
    "left_knee": JointLimits("YZX", (Angle(0, 5, -15, 15), Angle(0, 3, -8, 8), Hinge(0.8, 2.6, 140))),
    "left_collar": JointLimits("XYZ", (Angle(0, 3, -10, 10), Angle(0, 5, -20, 20), Angle(2, 6, -15, 30))),
    "left_shoulder": JointLimits("YZX", (Angle(-25, 35, -115, 45), Angle(-45, 38, -95, 85), Angle(0, 35, -85, 85))),
    "left_elbow": JointLimits("YXZ", (Hinge(1.1, 2.0, -145), Angle(0, 12, -40, 40), Angle(0, 4, -10, 10))),
    "neck": JointLimits("XYZ", (Angle(3, 14, -35, 40), Angle(0, 16, -45, 45), Angle(0, 8, -25, 25))),
}


@dataclass(frozen=True)
class Seat:
    """A way of not standing.

    Args:
        share: How often it is drawn.
        limbs: Limits that take the place of those of :data:`LIMBS`.
        root: Turn of the whole body about its +x, degrees: 90 lies on the belly, -90 on the back.
    """

    share: float
    limbs: dict[str, JointLimits]
    root: Angle = Angle(0, 8, -30, 30)


def _legs(hip: Angle, knee: Angle, apart: Angle = Angle(10, 12, -15, 50)) -> dict[str, JointLimits]:
    return {
        "left_hip": JointLimits("XZY", (hip, apart, Angle(5, 15, -40, 40))),
        "left_knee": JointLimits("YZX", (Angle(0, 5, -15, 15), Angle(0, 3, -8, 8), knee)),
    }


# On a chair, on the floor with straight legs, kneeling, crouching, lying on the back or on the belly.
SEATED = (
    Seat(0.45, _legs(Angle(-80, 14, -120, -40), Angle(82, 20, 15, 135))),
    Seat(0.12, _legs(Angle(-80, 12, -110, -45), Angle(15, 15, 0, 80), Angle(12, 14, -10, 55))),
    Seat(0.13, _legs(Angle(-30, 25, -95, 15), Angle(118, 14, 80, 145))),
    Seat(0.18, _legs(Angle(-98, 14, -125, -55), Angle(115, 18, 70, 145), Angle(18, 14, -10, 55))),
    Seat(0.06, _legs(Angle(-20, 25, -100, 20), Angle(30, 30, 0, 130)), Angle(-88, 12, -120, -60)),
    Seat(0.06, _legs(Angle(-5, 12, -40, 20), Angle(20, 25, 0, 120)), Angle(88, 12, 60, 120)),
)

# The whole torso's bend; each of the three spine joints takes a third and a little of its own.
TORSO = (Angle(10, 14, -25, 70), Angle(0, 11, -40, 40), Angle(0, 8, -30, 30))
SPINE_JOINT = (Angle(0, 4, -10, 10), Angle(0, 4, -10, 10), Angle(0, 3, -8, 8))

ENDPOINT_LIMITS: dict[str, EndpointLimits] = {
    "head": EndpointLimits("YXZ", (Angle(0, 13, -35, 35), Angle(0, 9, -25, 25), Angle(0, 6, -15, 15))),
    # about x: the forearm's pronation, which SMPL's elbow and wrist share
    "left_wrist": EndpointLimits("XYZ", (Angle(0, 25, -70, 70), Angle(4, 9, -20, 30), Angle(4, 20, -60, 60))),
    "left_hand": EndpointLimits("Z", (Angle(-15, 10, -50, 5),)),
    # the clips move the ankles already
    "left_ankle": EndpointLimits("XYZ", (Angle(3, 14, -20, 45), Angle(0, 6, -15, 15), Angle(0, 6, -15, 15)), share=0.4),
    "left_foot": EndpointLimits("X", (Angle(-4, 9, -35, 20),)),
}

# A mirror image across the sagittal plane keeps angles about x and turns those about y and z around.
MIRROR_SIGN = {"X": 1.0, "Y": -1.0, "Z": -1.0}
