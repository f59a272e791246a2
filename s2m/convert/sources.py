"""Files of motion as the people in them, for commands that take several files, and folders of them."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from s2m.errors import FormatError, UserError
from s2m.formats.anny import is_anny
from s2m.formats.body_motion import is_body_motion
from s2m.formats.joints3d import JOINT_FIELDS
from s2m.formats.npz import array_names
from s2m.ik.chosen_body import BodyChoice
from s2m.ik.people import people_of
from s2m.ik.writing import Solved

# Of these a name tells that they hold motion; tables, json and pickles may be anything.
_TOLD_BY_NAME = frozenset({".bvh", ".trc", ".c3d", ".skeleton", ".vrma"})


def read_people(
    path: Path, choice: BodyChoice, folder: Path, arguments: argparse.Namespace, stack: ExitStack
) -> list[Solved]:
    """Everyone in a file of motion, whatever its format, as the motion of bodies.

    Args:
        path: A file, or a folder with a file of joints per frame.
        choice: The body to show it on.
        folder: Where what is too long for the memory waits.
        arguments: Options of :func:`s2m.ik.source_options.add_sources`, and how much the command says.
        stack: Holds the people open.

    Returns:
        The people, readable until ``stack`` is closed.

    Raises:
        UserError: No reader knows the file, or it is damaged.
    """
    if not path.exists():
        raise FormatError(f"{path}: expected a file of motion, found nothing")
    people = people_of(path, choice, arguments)
    names = [path.stem if len(people) == 1 else f"{path.stem}_{person.number}" for person in people]
    return [stack.enter_context(person.opened(name, folder)) for person, name in zip(people, names, strict=True)]


def is_motion(path: Path) -> bool:
    """Whether a file that lies in a folder looks like motion, by its name or its fields.

    Args:
        path: Any file.
    """
    suffix = path.suffix.lower()
    if suffix in _TOLD_BY_NAME:
        return True
    try:
        if suffix == ".npy":
            shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
            return len(shape) == 3 and shape[-1] in (3, 4)
        return suffix == ".npz" and (
            is_body_motion(path) or is_anny(path) or bool({*JOINT_FIELDS} & {*array_names(path)})
        )
    except (UserError, OSError, ValueError, EOFError):
        return False
