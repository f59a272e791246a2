"""How a body moves where its joints do not tell: hinge axes, and how spine and neck share a bend.

Two people with the same 3D joints may have different rotations: an elbow axis that is turned about the upper arm and
a shoulder that is twisted the other way give the same joints, and a back bends the same way whichever vertebra does
it. So a solver has to know what is usual. These few numbers say it; they are measured on motion
(``python -m studies.ik.calibrate``) and belong to the body, not to any joint set.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from s2m.errors import UserError
from s2m.ik.units import Axis, Unit

_ASSET = Path(__file__).parent / "assets" / "body_motion.json"
_SPINE_ROWS = 3


@dataclass(frozen=True)
class BodyMotion:
    """Constants of a body's motion; the right side is the left one's mirror image.

    Args:
        elbow: Axis (3,) about which the left elbow bends, body frame at rest, unit length.
        knee: The same of the left knee.
        spine: Share of the back's whole bend about x, y, z that spine1, spine2 and spine3 take: (3, 3), columns sum
            to one.
        neck: Share (3,) of the head's turn against the chest, about x, y, z, that the neck takes; the head has the
            rest.
    """

    elbow: Axis
    knee: Axis
    spine: tuple[Axis, Axis, Axis]
    neck: Axis

    def axis(self, joint: str) -> Axis:
        """The axis about which a limb bends.

        Args:
            joint: ``left_elbow``, ``right_knee`` and so on, or the ball above it (``left_shoulder``, ``right_hip``).

        Returns:
            (3,) unit length, body frame at rest.
        """
        side, _, part = joint.partition("_")
        x, y, z = self.elbow if part in ("elbow", "shoulder") else self.knee
        # A turn is mirrored like a quaternion's vector: x stays, y and z change their signs.
        return (x, y, z) if side == "left" else (x, -y, -z)

    def hinged(self, unit: Unit) -> Unit:
        """The unit with this body's axis, if it has one.

        Args:
            unit: A row of the table.

        Returns:
            A copy with this body's axis; the same unit where it has no hinge axis.
        """
        return unit if unit.hinge is None else replace(unit, hinge=self.axis(unit.name))


# What the random sampler and the shipped clips (converted from DeepMimic's skeleton) do by construction.
SYNTHETIC = BodyMotion(
    elbow=(0.0, -1.0, 0.0),
    knee=(1.0, 0.0, 0.0),
    spine=((1 / 3, 1 / 3, 1 / 3),) * 3,
    neck=(0.5, 0.5, 0.5),
)


@lru_cache(maxsize=1)
def genuine() -> BodyMotion:
    """The shipped constants, measured on genuine motion (the file says on which)."""
    return read_body_motion(_ASSET)


def chosen(motion: BodyMotion | str) -> BodyMotion:
    """Constants by name, as configurations give them.

    Args:
        motion: ``genuine``, ``synthetic``, or constants, which are returned as they are.

    Raises:
        ValueError: For another name.
    """
    if isinstance(motion, BodyMotion):
        return motion
    if motion not in ("genuine", "synthetic"):
        raise ValueError(f"motion: expected genuine or synthetic, found {motion!r}")
    return genuine() if motion == "genuine" else SYNTHETIC


def read_body_motion(path: str | Path) -> BodyMotion:
    """Read constants from JSON, as ``python -m studies.ik.calibrate`` writes them.

    Args:
        path: File with the fields of :class:`BodyMotion`; others (where the numbers are from) are passed over.

    Returns:
        The constants, axes at unit length.

    Raises:
        UserError: The file cannot be read, or a field does not hold what it should.
    """
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable JSON file: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected an object with elbow, knee, spine and neck, found {content!r:.60}")
    rows = content.get("spine")
    if not isinstance(rows, list) or len(rows) != _SPINE_ROWS:
        raise UserError(f"{path}: spine: expected three rows of three numbers, found {rows!r:.60}")
    first, second, third = (_three(path, "spine", row) for row in rows)
    if any(abs(sum(column) - 1) > 1e-3 for column in zip(first, second, third, strict=True)):
        raise UserError(f"{path}: spine: expected columns that sum to one, found {rows}")
    elbow, knee = (_unit(path, field, content.get(field)) for field in ("elbow", "knee"))
    return BodyMotion(elbow, knee, (first, second, third), _three(path, "neck", content.get("neck")))


def _three(path: str | Path, field: str, value: object) -> Axis:
    if isinstance(value, list) and len(value) == 3 and all(isinstance(x, int | float) and abs(x) < 10 for x in value):
        x, y, z = (float(number) for number in value)
        return x, y, z
    raise UserError(f"{path}: {field}: expected three numbers, found {value!r:.60}")


def _unit(path: str | Path, field: str, value: object) -> Axis:
    x, y, z = _three(path, field, value)
    length = (x * x + y * y + z * z) ** 0.5
    if length < 1e-3:
        raise UserError(f"{path}: {field}: expected an axis, found {value!r:.60}")
    return x / length, y / length, z / length
