"""C3D files of motion capture: labelled points over time, of all three kinds of processors.

Read here, not by a library in C++, which a damaged file brings down together with everything around it. Words of the
format: the file consists of blocks of 512 bytes; the first says where parameters (names, units, labels) and data are.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError
from s2m.formats.layouts import Layout
from s2m.formats.markers import Markers
from s2m.reading import reading

Floats = NDArray[np.float64]

_UNITS = {"mm": "mm", "m": "m", "cm": "cm"}
_LARGEST = 1 << 28  # bytes; the numbers take up to twice as much
_BLOCK = 512
_MAGIC = 0x50
_INTEL, _DEC, _MIPS = 84, 85, 86
_COUNTED = 65535  # frames that two bytes can number; longer recordings say it in a parameter
_MOST_RECORDS = 20_000


def read_c3d(path: Path) -> Markers:
    """The markers of a C3D file. Which axis points up no C3D file tells.

    Args:
        path: The file.

    Returns:
        The markers; a marker without a residual, or at exactly zero, is missing.

    Raises:
        FormatError: The file is no C3D file with points.
    """
    with reading(path, "C3D"):
        size = path.stat().st_size
        if size > _LARGEST:
            raise FormatError(f"{path}: expected at most {_LARGEST} bytes, found {size}")
        content = path.read_bytes()
        if len(content) < _BLOCK or content[1] != _MAGIC:
            raise FormatError(f"{path}: expected C3D, whose second byte is 80, found another file")
        file = _File.of(content)
        labels, values, unit = file.labels, file.points(), file.unit
    if not values.size or len(labels) < values.shape[1]:
        raise FormatError(f"{path}: expected labelled points, found {values.shape} and {len(labels)} labels")
    if unit not in _UNITS:
        raise FormatError(f"{path}: POINT:UNITS: expected one of {', '.join(_UNITS)}, found {unit[:20]!r}")
    fps = file.rate if 0 < file.rate < 1e5 else None
    return Markers(labels[: values.shape[1]], values, Layout("C3D", _UNITS[unit], None, fps))


@dataclass(frozen=True)
class _Processor:
    """How numbers are written: bytes least significant first, but for MIPS; DEC has floats of its own."""

    order: str
    dec: bool = False

    def whole(self, content: bytes, at: int) -> int:
        return int(struct.unpack_from(f"{self.order}H", content, at)[0])

    def floats(self, content: bytes) -> Floats:
        if not self.dec:
            return np.frombuffer(content, f"{self.order}f4").astype(np.float64)
        # VAX: the two halves are exchanged, and the exponent counts from another number.
        halves = np.frombuffer(content, "<u2").reshape(-1, 2)[:, ::-1]
        return np.ascontiguousarray(halves).view("<f4")[:, 0].astype(np.float64) / 4

    def integers(self, content: bytes) -> NDArray[np.int16]:
        return np.frombuffer(content, f"{self.order}i2")


_PROCESSORS: Mapping[int, _Processor] = {_INTEL: _Processor("<"), _DEC: _Processor("<", True), _MIPS: _Processor(">")}


@dataclass(frozen=True)
class _File:
    """A C3D file: its bytes, and what its parameters say, by group and name."""

    content: bytes
    processor: _Processor
    parameters: Mapping[tuple[str, str], Any]

    @classmethod
    def of(cls, content: bytes) -> _File:
        start = (content[0] - 1) * _BLOCK
        if not _BLOCK <= start <= len(content) - 4:
            raise ValueError(f"its parameters would begin at byte {start} of {len(content)}")
        processor = _PROCESSORS.get(content[start + 3])
        if processor is None:
            raise ValueError(f"expected a processor of 84, 85 or 86, found {content[start + 3]}")
        return cls(content, processor, _parameters(content, start + 4, processor))

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the points; what is beyond 255 stands in further parameters."""
        found: list[str] = []
        for more in ("", *map(str, range(2, 100))):
            part = self.parameters.get(("POINT", f"LABELS{more}"))
            if not isinstance(part, list):
                break
            found += part
        return tuple(found)

    @property
    def unit(self) -> str:
        units = self.parameters.get(("POINT", "UNITS"))
        return str(units[0] if isinstance(units, list) and units else units or "mm").strip().lower() or "mm"

    @property
    def rate(self) -> float:
        """Frames per second, as the header says."""
        return float(self.processor.floats(self.content[20:24])[0])

    def points(self) -> Floats:
        """(T, M, 3) in the file's unit; NaN where the residual says that there is none."""
        whole = lambda at: self.processor.whole(self.content, at)  # noqa: E731
        count, analog = whole(2), whole(4)
        scale = float(self.processor.floats(self.content[12:16])[0])
        wide, size = 4 * count + analog, 4 if scale < 0 else 2
        start = (whole(16) - 1) * _BLOCK
        frames = self._frames(whole(6), whole(8), max(len(self.content) - start, 0) // max(wide * size, 1))
        if start < _BLOCK or not count:
            raise ValueError(f"found {count} points, at byte {start}")
        part = self.content[start : start + frames * wide * size]
        if len(part) < frames * wide * size:
            raise ValueError(f"it is cut short: expected {frames} frames of {wide * size} bytes, found {len(part)}")
        read: Callable[[bytes], Any] = self.processor.floats if scale < 0 else self.processor.integers
        rows = read(part).reshape(frames, wide)[:, : 4 * count].reshape(frames, count, 4)
        points = rows[..., :3] * (1.0 if scale < 0 else scale)
        points[rows[..., 3] < 0] = np.nan
        return points

    def _frames(self, first: int, last: int, room: int) -> int:
        """As the header numbers them; where that does not reach, as the parameters do, or as many as there are."""
        if last < _COUNTED:
            return max(last - first + 1, 0)
        ends = [self.parameters.get(("TRIAL", f"ACTUAL_{end}_FIELD")) for end in ("START", "END")]
        if all(isinstance(end, np.ndarray) and end.size == 2 for end in ends):
            start, stop = (int(end[0]) % (1 << 16) + (int(end[1]) % (1 << 16) << 16) for end in ends)  # type: ignore
            return max(stop - start + 1, 0)
        return room


def _parameters(content: bytes, at: int, processor: _Processor) -> dict[tuple[str, str], Any]:
    """Text as a list of lines, numbers as an array."""
    groups: dict[int, str] = {}
    found: dict[tuple[int, str], Any] = {}
    for _ in range(_MOST_RECORDS):
        length, group = struct.unpack_from("bb", content, at)
        name = content[at + 2 : at + 2 + abs(length)].decode("latin1").strip().upper()
        here = at + 2 + abs(length)
        step = processor.whole(content, here)
        if not length:
            break
        if group < 0:
            groups[-group] = name
        else:
            found[group, name] = _value(content, here + 2, processor)
        if not step:
            break
        at = here + step
    return {(groups.get(group, ""), name): value for (group, name), value in found.items()}


def _value(content: bytes, at: int, processor: _Processor) -> Any:
    kind, axes = struct.unpack_from("bB", content, at)
    shape = tuple(content[at + 2 : at + 2 + axes])
    start, count = at + 2 + axes, int(np.prod(shape, dtype=np.int64))
    data = content[start : start + count * abs(kind)]
    if kind == -1:
        wide = shape[0] if shape else 1
        return [data[i : i + wide].decode("latin1").strip(" \0") for i in range(0, len(data), max(wide, 1))]
    if kind == 4:
        return processor.floats(data[: len(data) // 4 * 4])
    return processor.integers(data[: len(data) // 2 * 2]) if kind == 2 else np.frombuffer(data, np.uint8)
