"""Tables whose columns have their names in several rows, as pandas writes them and DeepLabCut saves them.

``scorer``, ``individuals`` (of several animals or people), ``bodyparts`` and ``coords`` stand before the rows of names;
below, the first column numbers the frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from s2m.errors import FormatError

_PARTS, _AXES, _PEOPLE = "bodyparts", "coords", "individuals"
_ALONE = "single"  # DeepLabCut's word for points that are nobody's


def is_stacked(first: Sequence[Sequence[str]]) -> bool:
    """Whether a table begins with such rows.

    Args:
        first: Its first rows.
    """
    return {_PARTS, _AXES} <= {row[0].strip().lower() for row in first if row}


def flattened(rows: Sequence[Sequence[str]], path: Path) -> tuple[list[str], list[list[str]]]:
    """The same table with one row of names, and a row for each person in a frame.

    Args:
        rows: All rows.
        path: For messages.

    Returns:
        Header and rows with columns such as ``nose_x``, behind those of the frame and the person.

    Raises:
        FormatError: For rows that are not as long as each other.
    """
    names: dict[str, Sequence[str]] = {}
    start = 0
    while _AXES not in names:
        names[rows[start][0].strip().lower()] = rows[start]
        start += 1
    parts, axes = names[_PARTS], names[_AXES]
    if len(parts) != len(axes):
        raise FormatError(f"{path}: expected as many {_PARTS} as {_AXES}, found {len(parts)} and {len(axes)}")
    people = _people(names, len(axes))
    who_is_there = [who for who in dict.fromkeys(people[1:]) if who != _ALONE] or [_ALONE]
    columns = {who: [i for i in range(1, len(axes)) if people[i] == who] for who in who_is_there}
    places: dict[str, dict[str, int]] = {
        who: {f"{parts[i].strip()}_{axes[i].strip()}": i for i in taken} for who, taken in columns.items()
    }
    header = list(dict.fromkeys(name for taken in places.values() for name in taken))
    found = []
    for number, row in enumerate(rows[start:], start + 1):
        if len(row) != len(axes):
            raise FormatError(f"{path}: row {number}: expected {len(axes)} cells like the first, found {len(row)}")
        for place, taken in enumerate(places.values()):
            found.append([row[0], str(place), *(row[taken[name]] if name in taken else "" for name in header)])
    return ["frame", "person", *header], found


def _people(names: dict[str, Sequence[str]], wide: int) -> list[str]:
    """Whom each column is of."""
    given = names.get(_PEOPLE)
    return [_ALONE] * wide if given is None or len(given) != wide else [who.strip() for who in given]
