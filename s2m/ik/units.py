"""The units of DIK in one table: which joints a unit reads, at which rest frame, by which rule.

The paper (section 3.2) names ten local rotations and spells out one, the right elbow. The ten here are torso, neck,
shoulders, elbows, hips and knees. Joint sets that see heels, toes, ears or knuckles get the endpoints too (head,
wrists, ankles), which the paper has to guess from silhouettes. A new unit is a new row; a new skeleton is a map in
:mod:`s2m.ik.joint_maps`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Rule = Literal["torso", "neck", "collar", "ball", "hinge", "points"]

ROOT = "root"
Axis = tuple[float, float, float]

# Hinge axes of a T-pose in the body frame: a positive turn bends the joint the way people bend. Roughly so: a solver
# takes the axes of its :class:`~s2m.ik.body_motion.BodyMotion`.
_LEFT_ARM: Axis = (0.0, -1.0, 0.0)
_RIGHT_ARM: Axis = (0.0, 1.0, 0.0)
_LEG: Axis = (1.0, 0.0, 0.0)
# Amid the directions that left upper arms and thighs take: forwards and down, arms outwards, too. A thigh goes from 20
# degrees behind the body to straight up, an arm from behind to across the chest: none comes close to the opposite.
_AMID_ARM: Axis = (0.6, -0.4, 0.7)
_AMID_LEG: Axis = (0.0, -0.77, 0.64)


@dataclass(frozen=True)
class Fade:
    """How the twist of a limb fades when the limb is nearly straight, where no continuous map can know it.

    Wider is steadier, narrower more exact.

    Attributes:
        straight: The sine of bend below which the twist fades into the shortest swing.
        plane: The sine below which the carrying angle no longer turns it.
        side: The sine within which a bend to the wrong side is rounded off.
        fold: How much of such a bend is read as twist noise and folded back.
    """

    straight: float
    plane: float
    side: float
    fold: float = 0.0


# Chosen on the tuning poses (docs/ik.md) as the most exact with at most 25 rad of output per metre of input. Arms
# are shorter than legs and turn more for the same millimetre.
ARM_FADE = Fade(straight=0.20, plane=0.14, side=0.10, fold=0.6)
LEG_FADE = Fade(straight=0.11, plane=0.14, side=0.10)


@dataclass(frozen=True)
class Unit:
    """One row: how a rotation is found.

    Attributes:
        name: Unit and, unless ``rotates`` says otherwise, the body joint that it turns.
        rule: How the joints determine the rotation.
        parts: What the rule reads, in the rule's order; ``needs`` of them must be present in a joint set.
        parent: The unit in whose frame the rotation is expressed.
        hinge: For balls and hinges: the bending axis at rest, body frame.
        rotates: Body joints that share the rotation.
        pivot: For ``points``: the part that the points turn about; ``None``: their own centroid.
        fade: For ``ball``: what happens to the twist near a straight limb.
        spread: For ``points`` and ``collar``: standard deviation (radians) about the parent, the prior's width.
        amid: For ``ball``: amid the directions that the upper bone takes, body frame, any length. A straight limb has
            the twist of the shortest swing from here; a limb in the opposite direction would turn over.
        minimum: How many of ``parts`` are enough; 0: all of them are needed.
    """

    name: str
    rule: Rule
    parts: tuple[str, ...]
    parent: str
    hinge: Axis | None = None
    rotates: tuple[str, ...] = ()
    pivot: str | None = None
    fade: Fade = LEG_FADE
    spread: float = 0.3
    amid: Axis = (0.0, 0.0, 0.0)
    minimum: int = 0

    @property
    def body_joints(self) -> tuple[str, ...]:
        """The body joints whose rotations this unit gives."""
        return self.rotates or (self.name,)

    @property
    def needs(self) -> int:
        """How many of ``parts`` must be there for the unit to be solved."""
        return self.minimum or len(self.parts)


def _sided(direction: Axis, side: str) -> Axis:
    x, y, z = direction
    return (x if side == "left" else -x), y, z


def _arm(side: str, axis: Axis) -> tuple[Unit, ...]:
    chain = (f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")
    return (
        Unit(
            f"{side}_shoulder",
            "ball",
            chain,
            parent=f"{side}_collar",
            hinge=axis,
            amid=_sided(_AMID_ARM, side),
            fade=ARM_FADE,
        ),
        Unit(f"{side}_elbow", "hinge", chain, parent=f"{side}_shoulder", hinge=axis),
    )


def _leg(side: str) -> tuple[Unit, ...]:
    chain = (f"{side}_hip", f"{side}_knee", f"{side}_ankle")
    return (
        Unit(f"{side}_hip", "ball", chain, parent=ROOT, hinge=_LEG, amid=_sided(_AMID_LEG, side)),
        Unit(f"{side}_knee", "hinge", chain, parent=f"{side}_hip", hinge=_LEG),
    )


def _ends(side: str) -> tuple[Unit, ...]:
    return (
        Unit(
            f"{side}_wrist",
            "points",
            (f"{side}_index", f"{side}_pinky"),
            parent=f"{side}_elbow",
            pivot=f"{side}_wrist",
            minimum=1,
            spread=0.5,  # of the forearm's own twist, too
        ),
        Unit(
            f"{side}_ankle",
            "points",
            (f"{side}_heel", f"{side}_toe"),
            parent=f"{side}_knee",
            pivot=f"{side}_ankle",
            minimum=1,
        ),
    )


# The parts of the trunk, which fix the root orientation.
ROOT_PARTS = ("pelvis", "left_hip", "right_hip", "spine")

TEN: tuple[Unit, ...] = (
    Unit(
        "torso",
        "torso",
        ("spine", "thorax", "left_shoulder", "right_shoulder"),
        parent=ROOT,
        rotates=("spine1", "spine2", "spine3"),
    ),
    Unit("neck", "neck", ("thorax", "head", "nose", "neck_nose"), parent="torso", minimum=2, rotates=("neck", "head")),
    *_arm("left", _LEFT_ARM),
    *_arm("right", _RIGHT_ARM),
    *_leg("left"),
    *_leg("right"),
)

# Collars follow the shoulder joint. Not among the ten, whose errors they would otherwise be part of.
COLLARS: tuple[Unit, ...] = tuple(
    Unit(f"{side}_collar", "collar", ("thorax", f"{side}_shoulder"), parent="torso", spread=0.1)
    for side in ("left", "right")
)

EXTREMITY_UNITS: tuple[Unit, ...] = (
    Unit("head", "points", ("nose", "left_ear", "right_ear", "head"), parent="neck", minimum=3, spread=0.2),
    *_ends("left"),
    *_ends("right"),
)

UNITS: tuple[Unit, ...] = TEN + COLLARS + EXTREMITY_UNITS

# Body joints whose rotations the ten units give, one for each unit (the torso's is spine1).
TEN_BODY_JOINTS: tuple[str, ...] = tuple(unit.body_joints[0] for unit in TEN)
