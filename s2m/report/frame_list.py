"""A user's list of test frames, for comparing with those who measured on a list of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.data.store import FrameStore
from s2m.report.results import ReportError

_SHOWN = 3


@dataclass(frozen=True)
class FrameList:
    """A list of frames to measure on.

    A recording is named as in the store (``run0/01_01/01_01_c0001``), or by the end of that name or of a path, with or
    without an ending (``01_01_c0001.mp4``, ``/data/cmu/val/run0/01_01/01_01_c0001_info.mat``).

    Attributes:
        file: That it was read from.
        wanted: A recording, and a frame number (from 0) where not all of its frames count, for each line.
    """

    file: Path
    wanted: tuple[tuple[str, int | None], ...]

    @property
    def text(self) -> str:
        """The list in words."""
        return f"only the {len(self.wanted)} entries of {self.file.name}"

    def rows(self, store: FrameStore, split: str) -> NDArray[np.int64]:
        """Rows of a split, in the list's order, each once.

        Args:
            store: A frame store.
            split: Name of a split.

        Raises:
            ReportError: Names the entries that the store lacks: a shorter test set is another test set.
        """
        arrays = store.open(split, truth=False).observation
        sequence, numbers = np.asarray(arrays["sequence"]), np.asarray(arrays["frame"])
        names = [str(recording["name"]) for recording in store.recordings(split)]
        found: dict[int, None] = {}
        absent = []
        for entry, number in self.wanted:
            hits = [i for i, name in enumerate(names) if _same(entry, name)]
            if len(hits) > 1:
                raise ReportError(
                    f"{self.file}: '{entry}': expected one recording, found {names[hits[0]]}, {names[hits[1]]}"
                )
            rows = np.flatnonzero((sequence == hits[0]) if hits else np.zeros(len(sequence), bool))
            rows = rows if number is None else rows[numbers[rows] == number]
            if not len(rows):
                absent.append(entry if number is None else f"{entry} {number}")
            found.update(dict.fromkeys(rows.tolist()))
        if absent:
            shown = ", ".join(absent[:_SHOWN]) + (", ..." if len(absent) > _SHOWN else "")
            raise ReportError(
                f"{self.file}: expected frames of split {split} of {store.path}, found {len(absent)} of "
                f"{len(self.wanted)} entries that it lacks: {shown}"
            )
        return np.array(list(found), np.int64)


def read_frame_list(file: Path) -> FrameList:
    """Read a list; empty lines and lines that begin with # are passed over.

    Args:
        file: A text file.

    Raises:
        ReportError: Names file and line.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"{file}: expected a list of frames, found none ({error})") from error
    wanted: list[tuple[str, int | None]] = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 2 or (len(words) == 2 and not words[1].isdecimal()):
            raise ReportError(f"{file}: line {number}: expected a recording and at most a frame number, found '{line}'")
        wanted.append((words[0], int(words[1]) if len(words) == 2 else None))
    if not wanted:
        raise ReportError(f"{file}: expected a recording per line, found none")
    return FrameList(file, tuple(wanted))


def _same(entry: str, name: str) -> bool:
    """Whether the shorter of two names is the end of the other, folder by folder."""
    folders, last = entry.rstrip("/").rpartition("/")[::2]
    stem = last
    for ending in (".mp4", ".mat", ".jpg", ".png"):
        stem = stem.removesuffix(ending)
    for part in ("_info", "_segm", "_depth", "_normal"):
        stem = stem.removesuffix(part)
    entry_parts = [part for part in folders.split("/") if part] + [stem]
    name_parts = name.split("/")
    shared = min(len(entry_parts), len(name_parts))
    return entry_parts[-shared:] == name_parts[-shared:]
