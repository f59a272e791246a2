"""Tables of numbers in text files: one frame a row, with or without a header that names the columns."""

from __future__ import annotations

import codecs
import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError
from s2m.formats.long_tables import is_long, widened
from s2m.formats.names import known_name
from s2m.formats.stacked_headers import flattened, is_stacked
from s2m.formats.times import frames_of_times, rate_of_times

Floats = NDArray[np.float64]

_MISSING = {"", "na", "n/a", "#n/a", "nan", "none", "null", "-", "missing"}
_FRAMES = (
    "frame",
    "frame_id",
    "frame_number",
    "frame_num",
    "frameno",
    "frame_no",
    "frame_idx",
    "frame_index",
    "image_id",
)
_PEOPLE = ("person", "person_id", "track_id", "track", "subject_id")
_SURE = ("c", "conf", "confidence", "visibility", "vis", "v", "score", "likelihood", "probability", "prob", "s")
_COLUMN = re.compile(rf"(?i)^(.*?)[ _.:/|-]*(?:pos(?:ition)?[ _.-]*)?(x|y|z|{'|'.join(_SURE)})$")
_NUMBERED = re.compile(rf"(?i)^(x|y|z|{'|'.join(_SURE)})[ _.-]?(\d+)$")
_LARGEST = 128 * 10**6  # bytes; read, they take three times as much memory, and a gigabyte is to be enough
_BLOCK = 4096  # rows
_START = 1 << 16  # bytes that tell the encoding
_MOST_COMMENTS = 10_000
_NAMED_ROWS = 8  # of them that may be names or units of columns
_TIME = re.compile(r"time|sec|msec")
_NUMBER_AT_END = re.compile(r"(?<!\d)(\d{1,9})\s*$")


@dataclass(frozen=True)
class Table:
    """A table of numbers.

    Attributes:
        values: (T, C) numbers; NaN where a cell says that there is none.
        joints: Joint -> its columns x, y, z and confidence (``None`` where there is none); empty without a header
            that names joints. A joint is called by name, or by its number.
        frames: (T,) numbers of the frames, where a column has them.
        people: (T,) numbers of the people, where a column has them.
        unread: Columns that the header names and nobody here knows.
        rate: Frames per second, where a column has times.
    """

    values: Floats
    joints: dict[str | int, tuple[int | None, ...]]
    frames: Floats | None = None
    people: Floats | None = None
    unread: tuple[str, ...] = ()
    rate: float | None = None


def read_table(path: Path) -> Table:
    """A CSV file: separated by commas, semicolons, tabs or blanks, with or without a byte-order mark and a header.

    A header is a first row without a number (``NA`` and blanks are missing numbers, not names), or one that counts
    the columns, as pandas writes it. It names columns such as ``left_knee_x``, ``x3`` or ``nose_visibility``, in any
    order; columns with frames, times or people may stand among them. A row of separators alone is a frame in which
    nothing was seen. A table with one landmark a row (:mod:`s2m.formats.long_tables`), and one with names in several
    rows (:mod:`s2m.formats.stacked_headers`), is read as one with one frame a row.

    Args:
        path: The file.

    Returns:
        The table.

    Raises:
        FormatError: For a cell that is no number; the message names row and column.
        OSError, ValueError, csv.Error: For what is no text.
    """
    if path.stat().st_size > _LARGEST:
        raise ValueError(
            f"expected at most {_LARGEST} bytes, found {path.stat().st_size}; convert it to an .npy of the joints, "
            "(frames, joints, 3), which may have any size"
        )
    with path.open(newline="", encoding=_encoding(path)) as file:
        text, above = _without_comments(file)
        start = text[0][:4096]
        mark = _mark(start)
        lines = csv.reader(itertools.chain(text, file), delimiter=mark, skipinitialspace=mark == " ")
        # A row of separators alone is a frame in which nothing was seen.
        rows = (row for row in lines if _is_filled(row) or (len(row) > 1 and mark != " "))
        blank, first = _start(rows)
        if not first:
            raise FormatError(f"{path}: expected rows of numbers, found none")
        header, skip, index = _header(first[0], first)
        before: list[Sequence[str]] = [] if skip else [[""] * len(first[0])] * blank
        body: Iterator[Sequence[str]] = itertools.chain(before, first[skip:], rows)
        shown: Sequence[Sequence[str]] = first[skip:]
        wide = _one_frame_a_row(header, first, skip, body, path)
        if wide is not None:
            header, shown = wide
            body, index = iter(shown), False
        comma = mark != "," and not any("." in cell for row in shown[:3] for cell in row)
        values = _numbers(body, header, path, skip + above, comma)
    if index:
        return _named(values[:, 1:], header[1:], path, _counted(values[:, 0]))
    return _named(values, header, path)


def table_of_records(content: Any, path: Path) -> Table | None:
    """A table whose rows are objects of JSON, as pandas writes it with ``orient="records"``.

    Args:
        content: What stands in the file.
        path: The file, for messages.

    Returns:
        The table; ``None`` for what is none.

    Raises:
        FormatError: See :func:`read_table`.
    """
    if not isinstance(content, list) or not content or not all(isinstance(row, dict) for row in content):
        return None
    if any(isinstance(cell, (list, dict)) for row in content for cell in row.values()):
        return None
    header = [str(name) for name in dict.fromkeys(name for row in content for name in row)]
    if not is_long(header) and not any(map(_is_joint_column, header)):
        return None
    rows = [["" if row.get(name) is None else str(row[name]) for name in header] for row in content]
    header, rows = (widened(header, rows, path) if is_long(header) else None) or (header, rows)
    return _named(_numbers(iter(rows), header, path, 0, False), header, path)


def _is_filled(row: Sequence[str]) -> bool:
    return any(cell.strip() for cell in row)


def _start(rows: Iterator[Sequence[str]]) -> tuple[int, list[Sequence[str]]]:
    """How many rows without anything stand above the first others, and a few of these."""
    blank = 0
    for row in rows:
        if _is_filled(row):
            return blank, [row, *itertools.islice(rows, _NAMED_ROWS - 1)]
        blank += 1
    return blank, []


def _one_frame_a_row(
    header: Sequence[str], first: Sequence[Sequence[str]], skip: int, body: Iterator[Sequence[str]], path: Path
) -> tuple[list[str], list[list[str]]] | None:
    """Header and rows of a table that is laid out otherwise; ``None`` for one that is not."""
    if is_stacked(first):
        return flattened([*first[:skip], *body], path)
    if is_long(header):
        return widened(header, [row for row in body if _is_filled(row)], path)
    return None


def _counted(index: Floats) -> Floats | None:
    """The rows' own numbers as those of frames, where rows were left out; ``None`` where they only count."""
    if not np.isfinite(index).all() or (index != np.round(index)).any() or (np.diff(index) <= 0).any():
        return None
    return None if (index == np.arange(len(index))).all() else index


def _encoding(path: Path) -> str:
    """UTF-16 and UTF-8 as they say; what is neither (spreadsheets of old) has names that any byte may be in."""
    with path.open("rb") as file:
        start = file.read(_START)
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _without_comments(file: TextIO) -> tuple[list[str], int]:
    """The first lines behind those that begin with #, and how many rows stand above them.

    NumPy's ``savetxt`` writes the names of columns so: as the last comment, with as many cells as the row below.
    """
    comments = []
    for line in file:
        if not line.lstrip().startswith("#"):
            break
        comments.append(line)
        if len(comments) > _MOST_COMMENTS:
            raise FormatError(f"expected a table, found more than {_MOST_COMMENTS} lines that begin with #")
    else:
        line = ""
    names = comments[-1].lstrip()[1:].lstrip() if comments else ""
    mark = _mark(line)
    if names and len(names.split(mark)) == len(line.split(mark)) > 1:
        return [names, line], len(comments) - 1
    return [line], len(comments)


def _mark(start: str) -> str:
    """What separates the cells of a line; where it is semicolons, tabs or blanks, commas may be decimal ones."""
    found = next((mark for mark in ";\t" if mark in start), ",")
    return " " if found not in start and len(start.split()) > 1 else found


def _header(first: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], int, bool]:
    """Names of the columns, how many rows they take, and whether the first column counts rows."""
    cells = [cell.strip() for cell in first]
    if not any(_is_number(cell) for cell in cells) and any(cell.lower() not in _MISSING for cell in cells):
        wide = max(len(row) for row in rows[1:2]) if len(rows) > 1 else len(cells)
        return cells if len(cells) == wide else [], 1, cells[0] in ("", "Unnamed: 0") and len(cells) == wide
    if len(cells) > 5 and cells == [str(i) for i in range(len(cells))]:
        return [], 1, False
    if len(cells) > 6 and cells == ["", *map(str, range(len(cells) - 1))]:
        return cells, 1, True
    return [], 0, False


def _is_number(cell: str) -> bool:
    if cell.strip().lower() in _MISSING:
        return False
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _numbers(rows: Iterator[Sequence[str]], header: Sequence[str], path: Path, skip: int, comma: bool) -> Floats:
    """All rows; as text never more than a few of them at a time."""
    parts: list[Floats] = []
    while block := list(itertools.islice(rows, _BLOCK)):
        wide = parts[0].shape[1] if parts else len(block[0])
        parts.append(_block(block, wide, header, path, skip + _BLOCK * len(parts), comma))
    if not parts:
        raise FormatError(f"{path}: expected rows of numbers below the header, found none")
    return np.concatenate(parts)


def _block(
    rows: Sequence[Sequence[str]], wide: int, header: Sequence[str], path: Path, skip: int, comma: bool
) -> Floats:
    values = np.full((len(rows), wide), np.nan)
    for number, row in enumerate(rows[:_NAMED_ROWS]):
        if header and all(cell.strip() and not _is_number(cell) for cell in row):
            where = f"{path}: row {number + skip + 1}"
            raise FormatError(f"{where}: expected numbers below one row of names, found {', '.join(row[:4])[:80]}")
    texts = [i for i, name in enumerate(header) if not _is_joint_column(name)]
    for number, row in enumerate(rows):
        if len(row) != wide:
            where = f"{path}: cannot be read: row {number + skip + 1}"
            raise FormatError(f"{where}: expected {wide} cells like the first, found {len(row)}")
        for column, cell in enumerate(row):
            try:
                values[number, column] = (
                    np.nan if cell.strip().lower() in _MISSING else float(cell.replace(",", ".") if comma else cell)
                )
            except ValueError:
                if column in texts and not _is_frame(header[column]):
                    continue
                who = _NUMBER_AT_END.search(cell) if column in texts and _is_person(header[column]) else None
                if who is not None:  # track_0
                    values[number, column] = int(who.group(1))
                    continue
                name = f" ({header[column]})" if column < len(header) else ""
                where = f"{path}: row {number + skip + 1}, column {column + 1}{name}"
                raise FormatError(f"{where}: expected a number, found {cell[:40]!r}") from None
    return values


def _is_frame(name: str) -> bool:
    return re.sub(r"[ .-]+", "_", name.lower()) in (*_FRAMES, *_PEOPLE)


def _is_person(name: str) -> bool:
    return re.sub(r"[ .-]+", "_", name.lower()) in _PEOPLE


def _is_joint_column(name: str) -> bool:
    return _place(name) is not None


def _place(name: str) -> tuple[str | int, int] | None:
    """Joint and axis (0 to 2; 3 is confidence) of a column, or ``None``."""
    text = name.strip()
    numbered = _NUMBERED.match(text)
    if numbered is not None:
        return int(numbered.group(2)[:6]), _axis(numbered.group(1))
    found = _COLUMN.match(text)
    if found is None or not found.group(1):
        return None
    joint, axis = found.group(1).strip(" _.:/|-"), _axis(found.group(2))
    number = re.fullmatch(r"(?i)(?:joint|kp|keypoint|point|landmark|j|p)?[ _.-]*(\d{1,6})", joint)
    if number is not None:
        return int(number.group(1)), axis
    known = known_name(joint)
    return None if known is None else (known, axis)


def _left_out(frames: Floats | None, people: Floats | None) -> Floats | None:
    """Frames by their times, where the order of the rows does not tell them."""
    if frames is None or (people is None and len(np.unique(frames)) < len(frames)):
        return None
    return None if people is None and (np.diff(frames) == 1).all() else frames


def _axis(letter: str) -> int:
    return {"x": 0, "y": 1, "z": 2}.get(letter.lower(), 3)


def _named(values: Floats, header: Sequence[str], path: Path, index: Floats | None = None) -> Table:
    joints: dict[str | int, list[int | None]] = {}
    others: dict[str, int] = {}
    for column, name in enumerate(header):
        place = _place(name)
        if place is None:
            others[re.sub(r"[ .-]+", "_", name.lower())] = column
            continue
        columns = joints.setdefault(place[0], [None] * 4)
        if columns[place[1]] is not None:
            if place[1] == 3:
                continue
            raise FormatError(
                f"{path}: column {column + 1} ({name[:40]}): names a coordinate that another column names, too"
            )
        columns[place[1]] = column
    whole = {joint: tuple(columns) for joint, columns in joints.items() if None not in columns[:2]}
    people = next((values[:, others[name]] for name in _PEOPLE if name in others), None)
    people = None if people is None or np.isnan(people).all() else people
    known = (*_FRAMES, *_PEOPLE)
    clock = next((name for name in others if _TIME.match(name)), None)
    times = None if clock is None else values[:, others[clock]]
    rate = None if clock is None or times is None else rate_of_times(times, clock)
    frames = next((values[:, others[name]] for name in _FRAMES if name in others), index)
    if frames is None and times is not None and rate is not None:
        frames = _left_out(frames_of_times(times), people)
    if not whole:
        no_joints = [c for n, c in others.items() if n in known or re.match(r"time|sec|msec|date|index|unnamed", n)]
        return Table(np.delete(values, no_joints, axis=1), {}, frames, people, (), rate)
    unread = tuple(n[:40] for n in others if n not in known and not re.match(r"time|sec|msec|date|index|unnamed|$", n))
    return Table(values, whole, frames, people, unread, rate)
