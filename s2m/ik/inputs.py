"""What DIK reads from the joints: differences of parts, and which units have all of their parts."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from s2m.ik.units import ROOT_PARTS, Unit

# A difference of two parts, end and start; ``None`` where the joint set has no such part.
Difference = tuple[str, str] | None


def differences(parts: tuple[str, ...], wanted: list[Difference]) -> Tensor:
    """Weights that turn parts into differences of parts.

    Args:
        parts: Names of the parts, in the order of the solver's input.
        wanted: Pairs of positions or means; ``None`` gives zeros.

    Returns:
        (V, P) weights.
    """
    weights = torch.zeros(len(wanted), len(parts), dtype=torch.float64)
    for row, pair in enumerate(wanted):
        if pair is not None:
            end, start = pair
            weights[row, parts.index(end)] += 1.0
            weights[row, parts.index(start)] -= 1.0
    return weights


def rows(units: tuple[Unit, ...], rule: str) -> tuple[Unit, ...]:
    """The units with a rule, in the table's order.

    Args:
        units: Rows of the table in ``s2m/ik/units.py``.
        rule: Name of the rule, such as ``hinge``.
    """
    return tuple(unit for unit in units if unit.rule == rule)


def bones(units: tuple[Unit, ...], parts: tuple[str, ...]) -> list[Difference]:
    """What collars, neck and limbs read, in the order in which the solver slices it.

    Shoulders from the thorax; the head from the thorax, where it faces, and the middle of the neck from the thorax;
    upper bones of the arms, then their lower ones; the same of the legs.

    Args:
        units: Rows of the table in ``s2m/ik/units.py``.
        parts: Names of the parts, in the order of the solver's input.
    """
    balls = rows(units, "ball")
    arms, legs = balls[:2], balls[2:]
    wanted: list[Difference] = [(unit.parts[1], unit.parts[0]) for unit in rows(units, "collar")]
    wanted += [("head", "thorax"), facing(parts), ("neck_nose", "thorax") if "neck_nose" in parts else None]
    for limbs in (arms, legs):
        wanted += [(unit.parts[1], unit.parts[0]) for unit in limbs] + [
            (unit.parts[2], unit.parts[1]) for unit in limbs
        ]
    return wanted


def parts_read(units: tuple[Unit, ...], available: Collection[str]) -> tuple[str, ...]:
    """The parts that a solver reads, in the order of its input.

    Args:
        units: Rows of the table in ``s2m/ik/units.py``.
        available: Names of the parts that a joint set has.
    """
    wanted = [*ROOT_PARTS]
    for unit in units:
        wanted += [*unit.parts, *([unit.pivot] if unit.pivot else [])]
    return tuple(part for part in dict.fromkeys(wanted) if part in available)


def facing(parts: Collection[str]) -> Difference:
    """What tells where the head faces: the nose seen from the thorax, else the line between the ears.

    Args:
        parts: Names of the parts that there are.

    Returns:
        Names of end and start; ``None`` where nothing tells.
    """
    if "nose" in parts:
        return ("nose", "thorax")
    return ("left_ear", "right_ear") if {"left_ear", "right_ear"} <= set(parts) else None


def end_points(ends: tuple[Unit, ...], parts: tuple[str, ...]) -> list[Difference]:
    """The points of the end units relative to their pivots, slot by slot, units within; ``None`` for unused slots.

    Args:
        ends: Rows of the table with the rule of extremities.
        parts: Names of the parts, in the order of the solver's input.
    """
    slots = max(len(unit.parts) for unit in ends)

    def point(unit: Unit, slot: int) -> Difference:
        if slot >= len(unit.parts) or unit.parts[slot] not in parts:
            return None
        return unit.parts[slot], unit.pivot or "thorax"

    return [point(unit, slot) for slot in range(slots) for unit in ends]


class Presence:
    """Which rotations the joints determine, from which parts were seen.

    A unit counts when enough of its parts were seen and the units that it builds on count. Rows of the answer:
    ``names``, the units in the table's order after the root.

    Args:
        units: Rows of the table in ``s2m/ik/units.py``.
        parts: Names of the parts, in the order of the solver's input.
    """

    def __init__(self, units: tuple[Unit, ...], parts: tuple[str, ...]) -> None:
        self.names = ("root", *(unit.name for unit in units))
        self._counted = [_slots(ROOT_PARTS, parts), *(_slots(_decisive(unit), parts) for unit in units)]
        self._needed = [
            len(ROOT_PARTS),
            *(unit.needs if unit.rule == "points" else len(_decisive(unit)) for unit in units),
        ]
        self._needs = {unit.name: _builds_on(unit) for unit in units}
        self._pivot = {unit.name: parts.index(unit.pivot) for unit in units if unit.pivot}

    def __call__(self, seen: Tensor) -> dict[str, Tensor]:
        """seen: (P, B) bool. Returns (B,) bool for every unit."""
        known: dict[str, Tensor] = {}
        for name, slots, needed in zip(self.names, self._counted, self._needed, strict=True):
            known[name] = seen[slots].sum(0) >= needed
            if name in self._pivot:
                known[name] = known[name] & seen[self._pivot[name]]
            for other in self._needs.get(name, ()):
                known[name] = known[name] & known[other]
        return known


def _slots(wanted: tuple[str, ...], parts: tuple[str, ...]) -> list[int]:
    return [parts.index(part) for part in wanted if part in parts]


def _decisive(unit: Unit) -> tuple[str, ...]:
    """The parts without which a unit stays at rest: a ball needs no third joint and a neck no nose."""
    return unit.parts[:2] if unit.rule in ("ball", "neck") else unit.parts


def _builds_on(unit: Unit) -> tuple[str, ...]:
    if unit.rule == "collar":
        return ("torso",)
    return (unit.parent,) if unit.rule == "points" else ()
