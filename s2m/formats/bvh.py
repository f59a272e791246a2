"""BVH files (Biovision hierarchy): a tree of joints, and Euler angles frame by frame.

Source: "Biovision BVH" of the University of Wisconsin's motion capture pages (research.cs.wisc.edu/graphics). Channels
of a joint are applied in the order in which they stand; a position channel, where a joint has one, stands for its
offset, as MotionBuilder and Mixamo write it. Files of SOMA (github.com/NVIDIA/soma-retargeter) have six numbers in an
OFFSET: three angles at rest follow, which its own reader leaves out as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.arrays import short_repr
from s2m.errors import FormatError

Floats = NDArray[np.float64]

_LARGEST = 2 * 10**9  # bytes
_MOST_JOINTS, _DEEPEST = 2000, 200
_CHANNELS = {f"{axis}{kind}": (kind, i) for kind in ("position", "rotation") for i, axis in enumerate("xyz")}


@dataclass
class BvhJoint:
    """One joint of the tree, or the End Site of one, whose name is the joint's with ``_end``.

    Attributes:
        name: As the file spells it.
        parent: Position of its parent; -1 for the root.
        offset: (3,) from the parent, in the file's unit.
        channels: ``xrotation`` and so on, in their order.
    """

    name: str
    parent: int
    offset: Floats
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bvh:
    """A file's content.

    Attributes:
        joints: Parents before children.
        values: (T, C) of all channels.
        frame_time: Seconds.
        told: Frames that the file's head tells.
    """

    joints: tuple[BvhJoint, ...]
    values: Floats
    frame_time: float
    told: int

    __repr__ = short_repr

    @property
    def names(self) -> tuple[str, ...]:
        """(J,) of the joints."""
        return tuple(joint.name for joint in self.joints)

    @property
    def parents(self) -> tuple[int, ...]:
        """(J,) position of each joint's parent; -1 for the root."""
        return tuple(joint.parent for joint in self.joints)

    @property
    def offsets(self) -> Floats:
        """(J, 3) from the parents, in the file's unit."""
        return np.stack([joint.offset for joint in self.joints])

    def local(self, start: int = 0, stop: int | None = None) -> tuple[Floats, Floats]:
        """Rotations (T, J, 3, 3) and translations (T, J, 3) relative to the parents.

        Args:
            start: The first frame.
            stop: One after the last; all by default.
        """
        values = self.values[start:stop]
        rotations = np.tile(np.eye(3), (len(values), len(self.joints), 1, 1))
        places = np.tile(self.offsets, (len(values), 1, 1))
        column = 0
        for number, joint in enumerate(self.joints):
            own = values[:, column : column + len(joint.channels)]
            column += len(joint.channels)
            turning = [i for i, channel in enumerate(joint.channels) if channel.endswith("rotation")]
            for i, channel in enumerate(joint.channels):
                kind, axis = _CHANNELS[channel]
                if kind == "position":
                    places[:, number, axis] = own[:, i]
            if turning:
                rotations[:, number] = _turned(own[:, turning], [joint.channels[i] for i in turning])
        return rotations, places

    def posed(self, start: int = 0, stop: int | None = None) -> tuple[Floats, Floats]:
        """Rotations (T, J, 3, 3) and positions (T, J, 3) in the file's world.

        Args:
            start: The first frame.
            stop: One after the last; all by default.
        """
        turns, places = self.local(start, stop)
        for number, joint in enumerate(self.joints):
            if joint.parent >= 0:
                above = turns[:, joint.parent]
                places[:, number] = places[:, joint.parent] + np.einsum("tij,tj->ti", above, places[:, number])
                turns[:, number] = above @ turns[:, number]
        return turns, places

    def at_rest(self) -> Floats:
        """(J, 3) positions with all rotations at zero, the root at its offset."""
        places = self.offsets.copy()
        for number, joint in enumerate(self.joints):
            if joint.parent >= 0:
                places[number] += places[joint.parent]
        return places


def _turned(angles: Floats, channels: list[str]) -> Floats:
    if len(channels) == 3 and len(set(channels)) == 3:
        order = "".join(channel[0] for channel in channels).upper()
        return np.asarray(Rotation.from_euler(order, angles, degrees=True).as_matrix())
    total = np.tile(np.eye(3), (len(angles), 1, 1))
    for i, channel in enumerate(channels):
        total = total @ Rotation.from_euler(channel[0], angles[:, i], degrees=True).as_matrix()
    return total


def read_bvh(path: Path) -> Bvh:
    """Read a BVH file.

    Args:
        path: The file.

    Returns:
        Its tree and motion.

    Raises:
        FormatError: The message names the line.
    """
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file")
    if path.stat().st_size > _LARGEST:
        raise FormatError(f"{path}: expected at most {_LARGEST} bytes, found {path.stat().st_size}")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: expected a BVH file's text, found other bytes") from error
    return _Reader(lines, path).read()


@dataclass
class _Reader:
    """Reads line by line; ``line`` is the number of the last one."""

    lines: list[str]
    path: Path
    line: int = 0
    joints: list[BvhJoint] = field(default_factory=list)

    def read(self) -> Bvh:
        if self._words() != ["HIERARCHY"]:
            raise self._wrong("expected HIERARCHY")
        self._tree()
        frames, seconds = self._head()
        width = sum(len(joint.channels) for joint in self.joints)
        values = self._values(frames, width)
        return Bvh(tuple(self.joints), values, seconds, frames)

    def _tree(self) -> None:
        above: list[int] = []  # the joints whose braces are open; -1 for an End Site
        named: BvhJoint | None = None
        for words in self._until_motion():
            head, rest = words[0].upper(), words[1:]
            if head in ("ROOT", "JOINT") and rest:
                if head == "ROOT" and self.joints:
                    raise self._wrong("expected one ROOT, found another: several people in a file are not read")
                parent = above[-1] if above else -1
                named = BvhJoint(" ".join(rest)[:200], parent, np.zeros(3))
                self.joints.append(named)
            elif head == "END":
                named = None
            elif head == "{":
                above.append(-1 if named is None else len(self.joints) - 1)
            elif head == "}":
                if not above:
                    raise self._wrong("expected no further }")
                above.pop()
            elif head == "OFFSET":
                self._offset(rest, above)
            elif head == "CHANNELS":
                self._channels(rest, above)
            else:
                raise self._wrong(f"expected JOINT, End Site, OFFSET or CHANNELS, found {words[0][:40]}")
            if len(self.joints) > _MOST_JOINTS or len(above) > _DEEPEST:
                raise self._wrong(f"expected at most {_MOST_JOINTS} joints, {_DEEPEST} deep")
        if above or not self.joints:
            raise self._wrong("expected a complete tree of joints before MOTION")

    def _until_motion(self) -> Iterator[list[str]]:
        while (words := self._words()) and words[0].upper() != "MOTION":
            if words[-1] == "{" and len(words) > 1:
                yield words[:-1]
                words = ["{"]
            yield words
        if not words:
            raise self._wrong("expected MOTION, found the end of the file")

    def _open(self, above: list[int]) -> int:
        if not above:
            raise self._wrong("expected a joint before its OFFSET and CHANNELS")
        return above[-1]

    def _offset(self, cells: list[str], above: list[int]) -> None:
        values = self._numbers(cells, 6 if len(cells) == 6 else 3)
        number = self._open(above)
        if number >= 0:
            self.joints[number].offset = values[:3]
        elif len(above) > 1 and (parent := above[-2]) >= 0:
            self.joints.append(BvhJoint(f"{self.joints[parent].name}_end", parent, values[:3]))

    def _channels(self, cells: list[str], above: list[int]) -> None:
        number, channels = self._open(above), tuple(cell.lower() for cell in cells[1:])
        if number < 0 or not cells or cells[0] != str(len(channels)) or not set(channels) <= set(_CHANNELS):
            raise self._wrong("expected CHANNELS, their number, and names such as Zrotation")
        self.joints[number].channels = channels

    def _head(self) -> tuple[int, float]:
        words = self._words()
        if len(words) != 2 or words[0].lower() != "frames:" or not words[1].isdecimal():
            raise self._wrong("expected 'Frames: N'")
        frames = int(words[1][:12])
        words = self._words()
        if [word.lower() for word in words[:2]] != ["frame", "time:"] or len(words) != 3:
            raise self._wrong("expected 'Frame Time: SECONDS'")
        (seconds,) = self._numbers(words[2:], 1)
        if not 1e-4 <= seconds <= 100:
            raise self._wrong(f"expected a frame time of 0.0001 to 100 seconds, found {seconds:g}")
        return frames, float(seconds)

    def _values(self, frames: int, width: int) -> Floats:
        text = " ".join(self.lines[self.line :])
        try:
            values = np.array(text.split(), np.float64)
        except ValueError as error:
            raise FormatError(f"{self.path}: MOTION: expected numbers ({error!s:.80})") from error
        found = len(values) // max(width, 1)
        if len(values) != frames * width and not self._whole_lines(width):
            found = 0
        if not found:
            raise FormatError(
                f"{self.path}: MOTION: expected {frames} frames of {width} channels ({frames * width} numbers), found "
                f"{len(values)} numbers"
            )
        if not (np.abs(values) < 1e9).all():
            raise FormatError(f"{self.path}: MOTION: expected degrees and lengths, found values that are not finite")
        return values.reshape(found, width)

    def _whole_lines(self, width: int) -> bool:
        """Whether every line is a frame: then the head's number is wrong, as after an interrupted recording."""
        return all(len(words) in (0, width) for words in map(str.split, self.lines[self.line :]))

    def _words(self) -> list[str]:
        """The next line that is not empty; none at the end."""
        while self.line < len(self.lines):
            self.line += 1
            words = self.lines[self.line - 1].split()
            if words:
                return words
        return []

    def _numbers(self, cells: list[str], count: int) -> Floats:
        try:
            values = np.array([float(cell) for cell in cells])
        except ValueError:
            values = np.zeros(0)
        if values.shape != (count,) or not np.isfinite(values).all():
            raise self._wrong(f"expected {count} numbers, found {' '.join(cells)[:60]!r}")
        return values

    def _wrong(self, what: str) -> FormatError:
        return FormatError(f"{self.path}: line {self.line}: {what}")
