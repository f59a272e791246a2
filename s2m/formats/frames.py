"""Numbers of frames, from whatever a file calls its pictures; the only place that reads them."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from s2m.errors import FormatError

_SPARSE = 20  # a video in which one frame of so many has a person is none
_FREE = 1000  # unless it is this short
_LARGEST = 10**15


@dataclass(frozen=True)
class Numbering:
    """The frames of a file.

    Attributes:
        of: Picture, as the file calls it -> number of its frame.
        video: Whether the numbers are those of a video; else they only count the pictures.
        notes: What the user should know of them.
    """

    of: dict[str, int]
    video: bool
    notes: tuple[str, ...] = ()


def number_frames(images: Sequence[Any], where: str) -> Numbering:
    """The frame number of every picture.

    Numbers may be integers or texts, padded with zeros or not, with other text around them
    (``frame_000123.png``, ``clip_12_keypoints.json``): of the numbers in a name the one counts that changes from
    picture to picture. Names without numbers keep the order of the file and are single pictures.

    Args:
        images: What the file calls its pictures, in its order; repeated ones count once.
        where: The file, for messages.

    Returns:
        The numbers.

    Raises:
        FormatError: For names of which the number is ambiguous: one file name in two folders, or one number twice.
    """
    names = list(dict.fromkeys(str(image) for image in images))
    _one_folder(names, where)
    parts = {name: _split(name) for name in names}
    texts = {tuple(text for text, _ in pieces) for pieces in parts.values()}
    digits = [[number for _, number in pieces if number is not None] for pieces in parts.values()]
    if len(texts) > 1 or not digits or not digits[0]:
        return _unnumbered(names)
    changing = [place for place in range(len(digits[0])) if len({numbers[place] for numbers in digits}) > 1]
    if len(changing) > 1:
        return _several(names, digits, where)
    place = changing[0] if changing else -1
    numbers = {name: found[place] for name, found in zip(names, digits, strict=True)}
    _distinct(numbers, where)
    return _spread(numbers)


def _split(name: str) -> list[tuple[str, int | None]]:
    """Text and number in turn; a name that is a number alone is one number."""
    if re.fullmatch(r"-?\d+(\.0+)?", name):
        return [("", int(float(name)) if len(name) < 16 else int(name.split(".")[0][:18]))]
    stem = PurePosixPath(name.replace("\\", "/")).name
    stem = re.sub(r"(\.[A-Za-z][A-Za-z0-9]{0,4})+$", "", stem)
    pieces = re.findall(r"(\D*)(\d+)?", stem[:400])
    return [(text, int(number[:18]) if number else None) for text, number in pieces if text or number]


def _one_folder(names: Sequence[str], where: str) -> None:
    seen: dict[str, str] = {}
    for name in names:
        short = PurePosixPath(name.replace("\\", "/")).name
        if seen.setdefault(short, name) != name:
            raise FormatError(
                f"{where}: expected the pictures of one recording, found one file name in two folders: {seen[short]} "
                f"and {name}"
            )


def _distinct(numbers: dict[str, int], where: str) -> None:
    seen: dict[int, str] = {}
    for name, number in numbers.items():
        if seen.setdefault(number, name) != name:
            raise FormatError(
                f"{where}: expected one picture per frame, found two of number {number}: {seen[number]} and {name}"
            )


def _unnumbered(names: list[str]) -> Numbering:
    """Names that tell no number: the order of the file is all there is."""
    note = "the pictures' names tell no frame numbers: taken as single pictures, in the order of the file"
    return Numbering({name: i for i, name in enumerate(names)}, False, (note,) if len(names) > 1 else ())


def _several(names: list[str], digits: list[list[int]], where: str) -> Numbering:
    """Names in which several numbers change, such as a date and a time: their order is known, gaps are not."""
    seen: dict[int, str] = {}
    for name, numbers in zip(names, digits, strict=True):
        if seen.setdefault(numbers[-1], name) != name:
            raise FormatError(
                f"{where}: expected the pictures of one recording, found several numbers in their names that change: "
                f"{seen[numbers[-1]]} and {name}"
            )
    order = sorted(range(len(names)), key=lambda i: digits[i])
    note = "several numbers change in the pictures' names: taken in their order, without gaps"
    return Numbering({names[i]: place for place, i in enumerate(order)}, True, (note,))


def _spread(numbers: dict[str, int]) -> Numbering:
    """Whether numbers are a video's: not where they lie far apart."""
    ordered = sorted(numbers.values())
    if ordered[-1] - ordered[0] <= _SPARSE * len(ordered) + _FREE and abs(ordered[-1]) < _LARGEST:
        return Numbering(numbers, True)
    note = (
        f"the pictures' numbers lie far apart ({len(ordered)} from {ordered[0]} to {ordered[-1]}): taken as single "
        "pictures, in the order of their numbers"
    )
    place = {number: i for i, number in enumerate(ordered)}
    return Numbering({name: place[number] for name, number in numbers.items()}, False, (note,))


def all_frames(numbers: Sequence[int]) -> tuple[range, tuple[str, ...]]:
    """Every frame from the first to the last, also those that are not in the file.

    Args:
        numbers: Those in the file.

    Returns:
        The frames, evenly spaced, and notes about what was missing.
    """
    there = sorted(set(numbers))
    steps = [after - before for before, after in itertools.pairwise(there)]
    step = math.gcd(*steps) if len(steps) > 1 else 1
    frames = range(there[0], there[-1] + 1, max(step, 1))
    notes = []
    if step > 1:
        notes.append(f"only every {step}th frame is in the file: --fps is the rate of these")
    gaps = [(before + step, after - step) for before, after in itertools.pairwise(there) if after - before > step]
    if gaps:
        shown = ", ".join(f"{first} to {last}" if last > first else str(first) for first, last in gaps[:8])
        more = f" and {len(gaps) - 8} more gaps" if len(gaps) > 8 else ""
        notes.append(
            f"{len(frames) - len(there)} of {len(frames)} frames are not in the file ({shown}{more}): taken as frames "
            "without a person"
        )
    return frames, tuple(notes)
