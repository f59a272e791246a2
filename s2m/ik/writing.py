"""Solving a clip and writing its motion file: the part that ``s2m ik`` and ``s2m lift --ik`` share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.body import Body, load_body
from s2m.errors import UserError
from s2m.export.known import SHAPE, MotionFormat, chosen_format
from s2m.export.motion import BodyMotion
from s2m.export.writers import write_people
from s2m.formats.amass import BodyLabel
from s2m.formats.clips import FrameSource
from s2m.formats.joints3d import UNITS, UP_AXES
from s2m.formats.tracks import Labels
from s2m.ik.motion import Motion, MotionOptions, solve_clip
from s2m.options import say, warn, writable
from s2m.skeletons import JointSet

# SMPL's world (+y up) to AMASS's (+z up).
_AMASS = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def write_motion(
    source: FrameSource,
    joint_set: JointSet,
    output: Path,
    options: MotionOptions,
    arguments: argparse.Namespace,
    remark: str = "",
    labels: Labels | None = None,
) -> None:
    """Solve a clip and write its motion, in the format that the file's suffix stands for; say what was found and done.

    Args:
        source: The joints, in ``options.unit`` with ``options.up`` up.
        joint_set: Their names.
        output: The file to write; ``-`` is standard output.
        options: How to solve.
        arguments: Of the command: ``body``, ``format`` and ``names``, and how much it says.
        remark: What else to say of the file.
        labels: What the input calls frames and person.

    Raises:
        UserError: For input that cannot be solved, and a file that cannot be written.
    """
    known = chosen_format(output, arguments)
    try:
        body = load_body(arguments.body)
        with writable(output) as file:
            motion = _solved(source, joint_set, body, options, file.resolve().parent, arguments.quiet)
            with motion.poses:
                _say(motion, options, arguments)
                label = BodyLabel.of(arguments.body, body.hash)
                person = BodyMotion(
                    body,
                    motion.poses,
                    motion.places,
                    motion.betas,
                    options.fps,
                    label,
                    motion.valid,
                    output.stem,
                    labels=labels,
                )
                lost = write_people(file, [person], known, arguments.names)
    except UserError:
        raise
    except (ValueError, KeyError, OSError) as error:
        raise UserError(str(error.args[0] if error.args else error)) from error
    held = int((~motion.valid).sum())
    say(arguments, f"{output}: {len(motion)} frames" + (f", {held} of them held" if held else "") + remark + lost)
    if options.fit_shape and arguments.body is None and _tells_shape(known):
        say(
            arguments,
            "the betas are those of the open body; they mean nothing to SMPL, which has a shape space of its own",
        )


def _tells_shape(known: MotionFormat) -> bool:
    """Whether a file of the format has betas that somebody could take for SMPL's."""
    return known.suffixes == (".npz",) and SHAPE not in known.lost


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


def _solved(
    source: FrameSource, joint_set: JointSet, body: Body, options: MotionOptions, folder: Path, quiet: bool
) -> Motion:
    from tqdm import tqdm

    with tqdm(total=len(source), unit="frame", disable=quiet or None, leave=False) as bar:
        return solve_clip(source, joint_set, body, axes_of(options.unit, options.up), options, folder, bar.update)


def _say(motion: Motion, options: MotionOptions, arguments: argparse.Namespace) -> None:
    for message in motion.warnings:
        warn(message)
    if arguments.quiet:
        return
    for message in motion.notes:
        print(f"note: {message}", file=sys.stderr)
    if options.smooth:
        print(f"corrected {int(motion.corrected.sum())} of {len(motion)} frames", file=sys.stderr)
