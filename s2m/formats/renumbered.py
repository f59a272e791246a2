"""The numbers that a tracker gave, questioned: trackers lose people, find them again as somebody else, and mix them up.

Numbers are trusted, but for what no person does. Whose number is at another place from one frame to the next is
somebody else from there on; and where one number ends, and another begins soon after at the same place, of the same
size and going the same way, it is one person, also where the first number comes back after that. Both are said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from s2m.formats.following import Sighting
from s2m.missing import mask_with

Floats = NDArray[np.float64]

# Distances are those of the median joint, in sizes of the person (the diagonal of the joints' box).
_NEAR = 5  # frames between which people are compared with each other
_MOVED, _CONTRAST = 0.25, 4.0  # mixed up: who is so far from their own place, and nearer to another's by this factor
_HIDDEN = 2.0  # the same for people who were not seen for some frames: by up to this factor farther
_FAR, _FAR_PER_FRAME = 1.0, 0.25  # elsewhere, whoever else is there
_UNUSUAL = 8.0  # times the person's median step
_AGAIN, _AGAIN_PER_SECOND = 0.3, 0.6  # at the same place again, after that time
_SIZES = 1.5  # the factor between sizes of one person
_ENDS = 10  # frames that tell how large somebody is, and half of them how fast, where a number begins or ends
_SHOWN = 8
_NEVER = 1e6


@dataclass(frozen=True)
class Numbered:
    """The people of a file.

    Attributes:
        people: Number -> sightings.
        also: Other numbers of the file -> that of the person who had them, where it is one person's alone.
        notes: Sentences for the user.
    """

    people: dict[int, list[Sighting]]
    also: dict[int, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class _Stretch:
    """Consecutive sightings of one number: frames (N,), places (N, K, D), sizes (N,)."""

    def __init__(self, number: int, seen: Sequence[Sighting]) -> None:
        self.number, self.seen = number, list(seen)
        self.frames = np.array([sighting.frame for sighting in seen])
        raw, sure = (np.stack([getattr(s, name) for s in seen]) for name in ("points", "confidence"))
        self.points: Floats = mask_with(raw.astype(np.float64), sure, None)[0]
        with np.errstate(invalid="ignore"):
            box = np.fmax.reduce(self.points, 1) - np.fmin.reduce(self.points, 1)
        self.sizes = np.nan_to_num(np.linalg.norm(box, axis=-1))

    def __len__(self) -> int:
        return len(self.seen)

    def cut(self, places: Iterable[int]) -> list[_Stretch]:
        edges = [0, *sorted(set(places)), len(self)]
        return [_Stretch(self.number, self.seen[a:b]) for a, b in pairwise(edges)]

    def size(self, end: slice) -> float:
        return max(float(np.median(self.sizes[end])), 1e-9)

    def velocity(self, end: slice) -> Floats:
        """(D,) per frame."""
        points, frames = self.points[end], self.frames[end]
        if len(points) < 2:
            return np.zeros(points.shape[2])
        steps = np.diff(points, axis=0) / np.diff(frames)[:, None, None]
        found = np.nan_to_num(_nanmedian(steps.reshape(-1, steps.shape[2])))
        return found


def questioned(people: Mapping[int, Sequence[Sighting]], rate: float = 30.0) -> Numbered:
    """The people behind a tracker's numbers.

    Args:
        people: Number -> sightings, one in a frame.
        rate: Frames per second.

    Returns:
        The people; who has one number throughout keeps it, who has several is called by the first.
    """
    in_time = {number: sorted(seen, key=lambda sighting: sighting.frame) for number, seen in people.items()}
    whole = [_Stretch(number, seen) for number, seen in in_time.items()]
    cuts = _cuts(whole)
    if not cuts and len(whole) == 1:
        return Numbered({number: list(seen) for number, seen in people.items()})
    parts = _opened([part for stretch in whole for part in stretch.cut(cuts.get(stretch.number, ()))], rate)
    return _named(_joined(sorted(parts, key=lambda part: int(part.frames[0])), rate), set(people))


def _cuts(whole: Sequence[_Stretch]) -> dict[int, set[int]]:
    """Number -> places in its sightings at which it is somebody else's from then on."""
    moved = {}
    cuts: dict[int, set[int]] = {}
    for stretch in whole:
        if len(stretch) < 2:
            continue
        gaps = np.diff(stretch.frames)
        sizes = np.maximum(np.maximum(stretch.sizes[1:], stretch.sizes[:-1]), 1e-9)
        steps = _apart(stretch.points[:-1], stretch.points[1:]) / sizes
        usual = float(np.nan_to_num(_nanmedian((steps / gaps)[:, None])[0]))
        near = gaps <= _NEAR * gaps.min()
        far = (steps > _FAR + _FAR_PER_FRAME * (gaps / gaps.min() - 1)) & (steps > _UNUSUAL * usual * gaps) & near
        cuts[stretch.number] = set((np.flatnonzero(far) + 1).tolist())
        away = steps > _MOVED * np.clip(gaps / gaps.min() / 2, 1, _HIDDEN)
        for row in np.flatnonzero(away).tolist():
            moved[stretch.number, row + 1] = float(steps[row])
    by_number = {stretch.number: stretch for stretch in whole}
    for (number, place), step in moved.items():
        if _is_anothers_place(by_number[number], place, step, whole):
            cuts[number].add(place)
    return {number: places for number, places in cuts.items() if places}


def _is_anothers_place(stretch: _Stretch, place: int, step: float, whole: Sequence[_Stretch]) -> bool:
    """Whether a sighting is where somebody else was a moment before, who is not there any more."""
    frame, here = int(stretch.frames[place]), stretch.points[place]
    for other in whole:
        if other is stretch:
            continue
        after = int(np.searchsorted(other.frames, frame))
        if not after or frame - other.frames[after - 1] > _NEAR:
            continue
        before = other.points[after - 1]
        near = _far(before, here, stretch.sizes[place]) * _CONTRAST < step
        stays = after < len(other) and other.frames[after] == frame
        if near and not (stays and _far(before, other.points[after], stretch.sizes[place]) * _CONTRAST < step):
            return True
    return False


def _opened(parts: Sequence[_Stretch], rate: float) -> list[_Stretch]:
    """The parts, cut at gaps that other numbers fill: the person had these meanwhile."""
    begin, end = (np.array([part.frames[place] for part in parts]) for place in (0, -1))
    found: list[_Stretch] = []
    for part in parts:
        places = []
        for place in (np.flatnonzero(np.diff(part.frames) > 1) + 1).tolist():
            last, next_ = part.frames[place - 1], part.frames[place]
            inside = [parts[row] for row in np.flatnonzero((begin > last) & (end < next_)).tolist()]
            if inside and _is_filled(part.cut([place]), inside, rate):
                places.append(place)
        found += part.cut(places)
    return found


def _is_filled(around: Sequence[_Stretch], inside: Sequence[_Stretch], rate: float) -> bool:
    """Whether others lead from the part before a gap to the part after it, each going on as the next."""
    here, after = around
    filled = False
    while True:
        later = [part for part in inside if 0 < part.frames[0] - here.frames[-1] <= rate]
        costs = [_cost(here, part, rate) for part in later]
        if not costs or min(costs) >= _NEVER:
            return filled and _cost(here, after, rate) < _NEVER
        here, filled = later[int(np.argmin(costs))], True


def _joined(parts: Sequence[_Stretch], rate: float) -> list[list[_Stretch]]:
    """Who goes on as whom: parts of one person each, in the order of time."""
    people: list[list[_Stretch]] = []
    first = 0
    while first < len(parts):
        frame = int(parts[first].frames[0])
        last = next((n for n in range(first, len(parts)) if parts[n].frames[0] != frame), len(parts))
        new = parts[first:last]
        ended = [person for person in people if frame - rate <= person[-1].frames[-1] < frame]
        taken: set[int] = set()
        if ended:
            cost = np.array([[_cost(person[-1], part, rate) for part in new] for person in ended])
            for row, column in zip(*linear_sum_assignment(cost), strict=True):
                if cost[row, column] < _NEVER:
                    ended[row].append(new[column])
                    taken.add(int(column))
        people += [[part] for number, part in enumerate(new) if number not in taken]
        first = last
    return people


def _cost(before: _Stretch, after: _Stretch, rate: float) -> float:
    """How far somebody who was lost is from somebody who is new, or never."""
    gap = float(after.frames[0] - before.frames[-1])
    sizes = before.size(slice(-_ENDS, None)), after.size(slice(None, _ENDS))
    speeds = before.velocity(slice(-_ENDS // 2, None)), after.velocity(slice(None, _ENDS // 2))
    ahead = min(gap, _NEAR)
    expected = before.points[-1] + speeds[0] * ahead
    apart = _far(expected, after.points[0], max(sizes))
    turned = float(np.linalg.norm(speeds[0] - speeds[1])) * min(gap, 2 * _NEAR) / max(sizes)
    fits = max(sizes) < _SIZES * min(sizes) and apart + turned < _AGAIN + _AGAIN_PER_SECOND * gap / rate
    return apart + turned if fits else _NEVER


def _named(people: Sequence[Sequence[_Stretch]], numbers: set[int]) -> Numbered:
    found: dict[int, list[Sighting]] = {}
    had: dict[int, set[int]] = {}
    goes_on, elsewhere = [], []
    free = max(numbers) + 1
    first: dict[int, int] = {}
    for part in sorted((part for parts in people for part in parts), key=lambda part: int(part.frames[0])):
        first.setdefault(part.number, int(part.frames[0]))
    for parts in people:
        number = parts[0].number
        if parts[0].frames[0] != first[number]:  # it was somebody else's before
            elsewhere.append(f"{number} from frame {parts[0].frames[0]} on ({free})")
            number, free = free, free + 1
        found[number] = [sighting for part in parts for sighting in part.seen]
        for part in parts:
            had.setdefault(part.number, set()).add(number)
        pairs = [(a, b) for a, b in pairwise(parts) if a.number != b.number]
        goes_on += [f"{a.number} as {b.number} from frame {b.frames[0]}" for a, b in pairs]
    also = {number: next(iter(who)) for number, who in had.items() if number not in found and len(who) == 1}
    notes: list[str] = []
    if goes_on:
        notes.append(f"people go on under other numbers, {_some(goes_on)}: taken for one person each")
    if elsewhere:
        notes.append(f"numbers jump to other places, {_some(elsewhere)}: taken for other people, numbered in brackets")
    return Numbered(found, also, tuple(notes))


def _some(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more


def _far(first: Floats, second: Floats, size: float) -> float:
    """Between two sightings (K, D), in sizes; infinite where they have no joint in common."""
    return float(np.nan_to_num(_apart(first[None], second[None])[0], nan=np.inf)) / max(float(size), 1e-9)


def _apart(first: Floats, second: Floats) -> Floats:
    """(N,) distance of the median joint of those that both have; NaN where there is none."""
    return _nanmedian(np.linalg.norm(first - second, axis=-1).T)


def _nanmedian(values: Floats) -> Floats:
    """Over the first axis, without a warning where there is nothing."""
    some = np.isfinite(values).any(0)
    found: Floats = np.full(values.shape[1], np.nan)
    if some.any():
        found[some] = np.nanmedian(values[:, some], axis=0)
    return found
