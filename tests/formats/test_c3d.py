"""C3D files of every kind of processor, as an independent writer makes them, and as the library ezc3d does."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from s2m.errors import UserError
from s2m.formats.c3d import read_c3d
from tests.formats.fabricated import FILES, markers

BLOCK, FRAMES, LABELS = 512, 5, ("LASI", "RASI", "C7")
INTEL, DEC, MIPS = 84, 85, 86
POINTS = np.random.default_rng(0).normal(0, 800, (FRAMES, len(LABELS), 3)).astype(np.float32)


def number(value: float, processor: int) -> bytes:
    """A float of four bytes. VAX: an exponent that is two larger, and the halves exchanged."""
    if processor == MIPS:
        return struct.pack(">f", value)
    if processor == INTEL:
        return struct.pack("<f", value)
    low, high = struct.unpack("<HH", struct.pack("<f", value * 4))
    return struct.pack("<HH", high, low)


def whole(value: int, processor: int) -> bytes:
    return struct.pack(">h" if processor == MIPS else "<h", value)


def parameter(group: int, name: str, kind: int, shape: tuple[int, ...], data: bytes, processor: int) -> bytes:
    body = struct.pack("bB", kind, len(shape)) + bytes(shape) + data + b"\0"
    return struct.pack("bb", len(name), group) + name.encode() + whole(2 + len(body), processor) + body


def c3d(
    processor: int, scale: float, lost: tuple[int, int] | None = (2, 1), unit: str = "mm", analog: int = 2
) -> bytes:
    """A file with analog measurements beside the points; scale: below zero for floats."""
    labels = b"".join(label.encode().ljust(4) for label in LABELS)
    records = struct.pack("bb", 5, -1) + b"POINT" + whole(3, processor) + b"\0"
    records += parameter(1, "UNITS", -1, (len(unit),), unit.encode(), processor)
    records += parameter(1, "SCALE", 4, (), number(scale, processor), processor)
    for name, value in (("USED", len(LABELS)), ("FRAMES", FRAMES), ("DATA_START", 3)):
        records += parameter(1, name, 2, (), whole(value, processor), processor)
    records += parameter(1, "RATE", 4, (), number(120.0, processor), processor)
    records += parameter(1, "LABELS", -1, (4, len(LABELS)), labels, processor)
    parameters = (struct.pack("4B", 1, 0x50, 1, processor) + records + b"\0\0").ljust(BLOCK, b"\0")
    header = struct.pack("2B", 2, 0x50) + b"".join(whole(n, processor) for n in (len(LABELS), analog, 1, FRAMES, 10))
    header += number(scale, processor) + whole(3, processor) + whole(2, processor) + number(120.0, processor)
    data = b""
    for frame in range(FRAMES):
        for label in range(len(LABELS)):
            values = [*POINTS[frame, label].tolist(), -1.0 if lost == (frame, label) else 0.0]
            if scale < 0:
                data += b"".join(number(value, processor) for value in values)
            else:
                steps = [round(value / scale) for value in values[:3]] + [int(values[3])]
                data += b"".join(whole(step, processor) for step in steps)
        data += b"".join(number(7.0, processor) if scale < 0 else whole(7, processor) for _ in range(analog))
    return header.ljust(BLOCK, b"\0") + parameters + data


@pytest.mark.parametrize("processor", [INTEL, DEC, MIPS])
@pytest.mark.parametrize("scale", [-1.0, 0.1])
def test_points_of_every_processor(tmp_path: Path, processor: int, scale: float) -> None:
    path = tmp_path / "a.c3d"
    path.write_bytes(c3d(processor, scale))
    found = read_c3d(path)
    assert found.labels == LABELS
    assert (found.layout.unit, found.layout.fps) == ("mm", 120.0)
    expected = POINTS.astype(np.float64)
    expected[2, 1] = np.nan
    np.testing.assert_allclose(found.points, expected, atol=max(0.5001 * scale, 1e-4))


def test_the_librarys_files_and_ours_say_the_same(tmp_path: Path) -> None:
    """Both ways: what ezc3d writes is read here, and what is written here ezc3d reads as it is meant."""
    ezc3d = pytest.importorskip("ezc3d")
    FILES["gait.c3d"](tmp_path / "a.c3d")
    labels, points = markers()
    found = read_c3d(tmp_path / "a.c3d")
    assert list(found.labels) == labels
    turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    np.testing.assert_allclose(found.points, points @ turn.T * 1000, atol=1e-3)
    (tmp_path / "b.c3d").write_bytes(c3d(INTEL, -1.0, lost=None, analog=0))
    theirs = ezc3d.c3d(str(tmp_path / "b.c3d"))["data"]["points"][:3].transpose(2, 1, 0)
    np.testing.assert_allclose(theirs, POINTS, atol=1e-3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (c3d(INTEL, -1.0)[:-9], "cut short: expected 5 frames of 56 bytes"),
        (c3d(INTEL, -1.0)[:600], "expected C3D"),
        (c3d(INTEL, -1.0, unit="furlong"), "POINT:UNITS: expected one of mm, m, cm, found 'furlong'"),
        (b"\xff" + c3d(INTEL, -1.0)[1:], "its parameters would begin at byte 130048"),
        (c3d(INTEL, -1.0)[: BLOCK + 3] + b"\x09" + c3d(INTEL, -1.0)[BLOCK + 4 :], "a processor of 84, 85 or 86"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.c3d").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_c3d(tmp_path / "a.c3d")


def test_more_frames_than_two_bytes_number(tmp_path: Path) -> None:
    """The header says 65535; the parameters of TRIAL say how many there are."""
    content = bytearray(c3d(INTEL, -1.0))
    content[8:10] = b"\xff\xff"
    end = content.index(b"\0\0\0\0\0\0", BLOCK)  # behind the last record
    more = struct.pack("bb", 5, -2) + b"TRIAL" + whole(3, INTEL) + b"\0"
    for name, value in (("ACTUAL_START_FIELD", 1), ("ACTUAL_END_FIELD", 3)):
        more += parameter(2, name, 2, (2,), struct.pack("<HH", value, 0), INTEL)
    content[end + 1 : end + 1 + len(more)] = more
    (tmp_path / "a.c3d").write_bytes(content)
    assert len(read_c3d(tmp_path / "a.c3d").points) == 3
