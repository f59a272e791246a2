"""Whatever file holds motion, as the motion of bodies: the one place that knows which reader a file needs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.body import Body, load_body
from s2m.errors import FormatError, UserError
from s2m.export.motion import BodyMotion
from s2m.formats.amass import OPEN_BODY, BodyLabel
from s2m.formats.motion_npz import MotionFile, read_motion_npz
from s2m.formats.npz import array_names


@dataclass(frozen=True)
class Source:
    """What a file of motion holds.

    Attributes:
        people: Everyone in it.
        notes: What the reader could not take over, in words.
    """

    people: tuple[BodyMotion, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class BodyChoice:
    """The body that motion is shown on.

    Attributes:
        body: Loaded.
        path: Its file; ``None`` for the open body.
    """

    body: Body
    path: Path | None

    @staticmethod
    def of(path: Path | None) -> BodyChoice:
        """Load it.

        Args:
            path: An official SMPL file; ``None`` for the open body.

        Raises:
            UserError: For a file that is none.
        """
        try:
            return BodyChoice(load_body(path), path)
        except FileNotFoundError as error:
            raise UserError(str(error)) from error

    @property
    def label(self) -> BodyLabel:
        """How files name it."""
        return BodyLabel.of(self.path, self.body.hash)


@contextlib.contextmanager
def read_motion(path: Path, choice: BodyChoice, folder: Path) -> Iterator[Source]:
    """Read a file of motion, whatever its format.

    Args:
        path: The file.
        choice: The body to show it on.
        folder: Where what is too long for the memory waits.

    Yields:
        The people in it, readable within the block.

    Raises:
        UserError: No reader knows the file, or it is damaged.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(sorted(READERS))
        raise UserError(f"{path}: expected a file of motion, one of {known}, found '{path.suffix}'")
    if not path.is_file():
        raise FormatError(f"{path}: expected a file, found {'a folder' if path.is_dir() else 'nothing'}")
    with reader(path, choice, folder) as source:
        yield source


def is_motion(path: Path) -> bool:
    """Whether a file that a folder holds looks like motion of bodies; of npz, those with AMASS's fields.

    Args:
        path: A file with a suffix of :data:`READERS`.
    """
    if path.suffix.lower() != ".npz":
        return True
    try:
        return {"poses", "trans"} <= set(array_names(path))
    except FormatError:
        return False


@contextlib.contextmanager
def _amass(path: Path, choice: BodyChoice, folder: Path) -> Iterator[Source]:
    found = read_motion_npz(path, folder)
    with found.poses:
        betas, notes = _shape(found, choice, path)
        label = choice.label
        if choice.path is None and found.gender in ("female", "male"):
            label = BodyLabel(found.gender, label.body)
        motion = BodyMotion(
            choice.body, found.poses, found.trans, betas, found.fps, label, found.valid, path.stem, found.hands
        )
        yield Source((motion,), notes)


def _shape(found: MotionFile, choice: BodyChoice, path: Path) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """The betas where they belong to the body, else the mean shape; and what was done."""
    count = choice.body.num_betas
    if _belongs(found.body, choice) or not found.betas.any():
        shape = np.zeros(count, np.float32)
        shape[: len(found.betas)] = found.betas[:count]
        return shape, ()
    whose = found.body or f"a {found.gender} body of {found.model.upper()}"
    way = "" if found.body else "; --body FILE takes the official one"
    note = f"{path}: the betas belong to {whose}, not to this body: its mean shape is shown{way}"
    return np.zeros(count, np.float32), (note,)


def _belongs(body: str, choice: BodyChoice) -> bool:
    """Whether betas are those of the chosen body: by its hash, or because the user says so with ``--body``."""
    name, _, digest = body.partition("/")
    if digest:
        return choice.body.hash.startswith(digest)
    return choice.path is None if name == OPEN_BODY else choice.path is not None


Reader = Callable[[Path, BodyChoice, Path], contextlib.AbstractContextManager[Source]]

READERS: dict[str, Reader] = {".npz": _amass}
"""Suffix -> what reads such files."""
