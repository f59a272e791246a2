"""People who share a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from s2m.export.motion import BodyMotion


def distinct(people: Sequence[BodyMotion]) -> list[BodyMotion]:
    """People with names of their own, for files that hold several.

    Args:
        people: Whose names may be the same.

    Returns:
        The same people; of those who share a name, the later ones get a number.
    """
    seen: Counter[str] = Counter()
    found = []
    for person in people:
        seen[person.name] += 1
        number = seen[person.name]
        found.append(person if number == 1 else replace(person, name=f"{person.name}_{number}"))
    return found
