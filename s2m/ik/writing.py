"""Solving a clip, and writing its motion: the part that all commands share which take joints."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.body import Body
from s2m.errors import UserError
from s2m.export.known import MotionFormat, chosen_format
from s2m.export.motion import BodyMotion, Points
from s2m.export.writers import write_people
from s2m.formats.clips import FrameSource
from s2m.formats.joints3d import UNITS, UP_AXES
from s2m.formats.tracks import Labels
from s2m.ik.chosen_body import BodyChoice
from s2m.ik.motion import Motion, MotionOptions, World, solve_clip
from s2m.options import say, warn, writable
from s2m.skeletons import JointSet

# SMPL's world (+y up) to AMASS's (+z up).
_AMASS = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


@dataclass(frozen=True, eq=False)
class Solved:
    """A person of a file.

    Attributes:
        motion: As the motion of a body.
        joints: The joints that it was solved from, in the same world; ``None`` where the file holds rotations.
        remark: What there is to say of it once it is written, in words; "" for nothing.
        estimated: Whether its betas were estimated.
    """

    motion: BodyMotion
    joints: Points | None = None
    remark: str = ""
    estimated: bool = False


@dataclass(frozen=True)
class Clip:
    """Joints that are to be solved.

    Attributes:
        source: The joints, in ``options.unit`` with ``options.up`` up.
        joint_set: Their names.
        options: How to solve.
        labels: What the input calls frames and person.
    """

    source: FrameSource
    joint_set: JointSet
    options: MotionOptions
    labels: Labels | None = None


@contextlib.contextmanager
def solved(clip: Clip, choice: BodyChoice, name: str, folder: Path, arguments: argparse.Namespace) -> Iterator[Solved]:
    """Solve a clip, and say what was found and done.

    Args:
        clip: The joints.
        choice: The body to pose.
        name: Of the person, for files that name their parts.
        folder: Where what is too long for the memory waits.
        arguments: Of the command: how much it says.

    Yields:
        The person, readable within the block.

    Raises:
        UserError: For input that cannot be solved.
    """
    options = clip.options
    try:
        motion = _motion(clip, choice.body, folder, arguments.quiet)
    except UserError:
        raise
    except (ValueError, KeyError, OSError) as error:
        raise UserError(str(error.args[0] if error.args else error)) from error
    with motion.poses:
        _say(motion, options, arguments)
        held = int((~motion.valid).sum())
        person = BodyMotion(
            choice.body,
            motion.poses,
            motion.places,
            motion.betas,
            options.fps,
            choice.label,
            motion.valid,
            name,
            labels=clip.labels,
        )
        joints = Points(clip.joint_set.joints, WorldRows(motion.world), options.fps)
        yield Solved(person, joints, f", {held} of them held" if held else "", options.fit_shape)


def write_solved(found: Solved, output: Path, file: Path, arguments: argparse.Namespace, remark: str = "") -> None:
    """Write a person, in the format that the file's suffix stands for, and say so.

    Args:
        found: Whom.
        output: The file as the user named it; ``-`` is standard output.
        file: Where to write it.
        arguments: Of the command: ``body``, ``format`` and ``names``, and how much it says.
        remark: What else to say of the file.

    Raises:
        UserError: The file cannot be written.
    """
    known = chosen_format(output, arguments)
    lost = write_people(file, [found.motion], known, arguments.names)
    say(arguments, f"{output}: {len(found.motion)} frames{found.remark}{remark}{lost}")
    say_shapes([found], known, arguments)


def say_shapes(people: list[Solved], known: MotionFormat, arguments: argparse.Namespace) -> None:
    """Say whose shape is written where that may surprise.

    Args:
        people: Who was written.
        known: In which format.
        arguments: Of the command: ``body``, and how much it says.
    """
    if known.parameters and arguments.body is None and any(found.estimated for found in people):
        say(
            arguments,
            "the betas are those of the open body; they mean nothing to SMPL, which has a shape space of its own",
        )
    for foreign in () if known.parameters else [found.motion.foreign for found in people]:
        if foreign is not None and foreign.betas.any():
            whose = foreign.label.body or f"{foreign.label.gender} {foreign.model.upper()}"
            way = "" if foreign.model == "smplx" else "; --body FILE takes the official one"
            warn(f"the betas belong to {whose}, not to this body: its mean shape is shown{way}")


def write_motion(clip: Clip, choice: BodyChoice, output: Path, arguments: argparse.Namespace, remark: str = "") -> None:
    """Solve a clip and write its motion; say what was found and done.

    Args:
        clip: The joints.
        choice: The body to pose.
        output: The file to write; ``-`` is standard output.
        arguments: Of the command: ``body``, ``format`` and ``names``, and how much it says.
        remark: What else to say of the file.

    Raises:
        UserError: For input that cannot be solved, and a file that cannot be written.
    """
    with writable(output) as file, solved(clip, choice, output.stem, file.resolve().parent, arguments) as found:
        write_solved(found, output, file, arguments, remark)


class WorldRows:
    """The joints of a clip in AMASS's world, as rows.

    Args:
        world: The clip.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def __len__(self) -> int:
        return len(self._world)

    def read(self, start: int, stop: int) -> NDArray[np.float64]:
        """See :class:`s2m.export.motion.Rows`."""
        return self._world.read(start, stop)[0]


def axes_of(unit: str, up: str) -> NDArray[np.float64]:
    """From a file's coordinates to AMASS's world.

    Args:
        unit: ``m``, ``cm``, ``mm``, or ``any`` for lengths that are scaled to the body later.
        up: The axis that points up, a key of ``UP_AXES``.

    Returns:
        (3, 3) a rotation times the length of the unit in metres.
    """
    axes: NDArray[np.float64] = _AMASS @ np.array(UP_AXES[up], np.float64) * UNITS.get(unit, 1.0)
    return axes


def _motion(clip: Clip, body: Body, folder: Path, quiet: bool) -> Motion:
    from tqdm import tqdm

    options = clip.options
    with tqdm(total=len(clip.source), unit="frame", disable=quiet or None, leave=False) as bar:
        axes = axes_of(options.unit, options.up)
        return solve_clip(clip.source, clip.joint_set, body, axes, options, folder, bar.update)


def _say(motion: Motion, options: MotionOptions, arguments: argparse.Namespace) -> None:
    for message in motion.warnings:
        warn(message)
    if arguments.quiet:
        return
    for message in motion.notes:
        print(f"note: {message}", file=sys.stderr)
    if options.smooth:
        print(f"corrected {int(motion.corrected.sum())} of {len(motion)} frames", file=sys.stderr)
