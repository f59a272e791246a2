"""``s2m ik``: a file of 3D joints in, a motion file for SMPL tools out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from s2m.clip_options import add_fill, add_reading, check_fill, check_fps, check_reading, how_many, of_person
from s2m.errors import UserError
from s2m.export.known import SUFFIXES, add_export, chosen_format
from s2m.formats.own import OwnFields, own_fields
from s2m.options import (
    add_joint_set,
    add_output,
    add_voice,
    check_free,
    check_outputs,
    chosen_joint_set,
    detail,
    metres_of_noise,
    readable,
    set_file,
    warn,
)
from s2m.skeletons import H36M17

if TYPE_CHECKING:
    from s2m.formats.clips import FrameSource
    from s2m.formats.tracks import Track
    from s2m.ik.motion import MotionOptions
    from s2m.skeletons import JointSet


def add_ik_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount ``s2m ik``. Nothing heavy is imported before the command runs.

    Args:
        subparsers: Those of the command line.
    """
    parser = subparsers.add_parser(
        "ik",
        help="3D joints to SMPL parameters",
        description="Turn 3D joints into SMPL rotations with DIK: no training, no GPU, no licence.",
    )
    parser.add_argument(
        "file",
        type=Path,
        help=".npy, .npz, .json or .csv with (frames, joints, 3); EasyMocap, MMPose, Panoptic or MediaPipe json, or a "
        "folder of such files; MDM's .npy, AIST++'s .pkl; - reads a file from standard input",
    )
    add_output(
        parser,
        "the motion to write: AMASS-style .npz, .glb, .bvh, .fbx, .usd, .csv, .trc; - is an npz on standard output",
    )
    add_export(parser)
    add_joint_set(parser, "joints of the file (default: those that it names, else h36m17)")
    parser.add_argument("--key", help="field of an npz or json file that holds the joints")
    add_reading(parser)
    parser.add_argument("--unit", choices=("m", "cm", "mm"), help="unit of the file (default: m)")
    parser.add_argument(
        "--up",
        choices=("y", "z", "y-down", "z-down"),
        help="up axis of the file (default: y); y-down for camera frames",
    )
    parser.add_argument("--fps", type=float, help="frames per second (default: 30)")
    parser.add_argument(
        "--noise",
        type=float,
        metavar="MM",
        help="noise of the joints in millimetres (default: 0; for what `s2m lift` wrote: 15)",
    )
    add_fill(parser)
    parser.add_argument("--fit-shape", action="store_true", help="estimate betas from the bone lengths")
    parser.add_argument("--smooth", action="store_true", help="correct frames that jump against their neighbours")
    parser.add_argument(
        "--keep-scale", action="store_true", help="keep the size of people much smaller or larger than the body"
    )
    parser.add_argument("--body", type=Path, metavar="FILE", help="an official SMPL file; the open body by default")
    add_voice(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Args:
        arguments: Parsed options of ``s2m ik``.

    Returns:
        Exit code 0.

    Raises:
        UserError: For bad input.
    """
    _check(arguments)

    from s2m.ik.writing import write_motion

    with readable(arguments.file) as file:
        own = own_fields(file, arguments.key)
        options = _options(arguments, own)
        people = _people(file, own, arguments)
        for _, _, output in people:
            check_free("--output", output, arguments.overwrite)
        for source, joint_set, output in people:
            detail(arguments, f"{arguments.file}: {len(source)} frames of {joint_set.name}, read as {options.unit}")
            write_motion(source, joint_set, output, options, arguments)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    inputs = [path for path in (arguments.file, arguments.body, set_file(arguments.joint_set)) if path is not None]
    check_outputs({"--output": (arguments.output, SUFFIXES)}, inputs, arguments.overwrite)
    chosen_format(arguments.output, arguments)
    if arguments.fps is not None:
        check_fps(arguments.fps)
    if arguments.noise is not None:
        metres_of_noise(arguments.noise)
    check_reading(arguments)
    check_fill(arguments.fill)


def _axes(arguments: argparse.Namespace, own: OwnFields) -> tuple[str, str]:
    """Unit and up axis: those that were given, else the file's own, else metres and +y."""
    from s2m.formats.joints3d import UNITS, UP_AXES

    unit, up = arguments.unit or own.unit or "m", arguments.up or own.up or "y"
    if unit not in UNITS or up not in UP_AXES:
        raise UserError(f"{arguments.file}: fields unit, up: expected those that `s2m lift` writes, found {unit}, {up}")
    return unit, up


def _given(*values: float | None) -> float:
    """The first that is there."""
    return next(value for value in values if value is not None)


def _options(arguments: argparse.Namespace, own: OwnFields) -> MotionOptions:
    from s2m.ik.motion import MotionOptions

    unit, up = _axes(arguments, own)
    return MotionOptions(
        fps=check_fps(_given(arguments.fps, own.fps, 30.0)),
        noise=metres_of_noise(_given(arguments.noise, own.noise_mm, 0.0)),
        fill=arguments.fill,
        smooth=arguments.smooth,
        fit_shape=arguments.fit_shape,
        # A lifter tells the size of a person as well as it can be told.
        keep_scale=arguments.keep_scale or own.joint_set is not None,
        unit=unit,
        up=up,
    )


def _people(file: Path, own: OwnFields, arguments: argparse.Namespace) -> list[tuple[FrameSource, JointSet, Path]]:
    """Everyone who is to be solved: joints, their names, and the file to write."""
    from s2m.formats.clips import NpyFrames, TrackFrames, is_large

    name = arguments.joint_set or own.joint_set
    joint_set = None if name is None else chosen_joint_set(name)
    if is_large(file):  # else all in memory, whatever the format
        joint_set = joint_set or H36M17
        source = NpyFrames(file, len(joint_set), 3, arguments.min_confidence, joint_set.root_index)
        return [(source, joint_set, arguments.output)]
    return [
        (
            TrackFrames(track),
            track.joint_set,
            arguments.output if arguments.people is None else of_person(arguments.output, track.person or 0),
        )
        for track in _tracks(file, joint_set, arguments)
    ]


def _tracks(file: Path, joint_set: JointSet | None, arguments: argparse.Namespace) -> list[Track]:
    from s2m.formats.joints3d import read_all_joints, read_joints

    people, low, key = how_many(arguments), arguments.min_confidence, arguments.key
    if people is None:
        tracks = [read_joints(file, joint_set, key, min_confidence=low, person=arguments.person)]
    else:
        tracks = read_all_joints(file, joint_set, key, people=people, min_confidence=low)
    for note in dict.fromkeys(note for track in tracks for note in track.notes):
        warn(note)
    return tracks
