"""``s2m ik``: a file of 3D joints in, a motion file for SMPL tools out."""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from s2m.clip_options import add_fill, add_reading, check_fill, check_fps, check_reading, how_many, of_person
from s2m.errors import UserError
from s2m.export.known import SUFFIXES, add_export, chosen_format
from s2m.formats.layouts import ANY_SIZE, PRESETS, Layout
from s2m.formats.own import OwnFields, own_fields
from s2m.options import (
    AUTO,
    add_joint_set,
    add_output,
    add_voice,
    check_free,
    check_outputs,
    chosen_joint_set,
    folder_of,
    metres_of_noise,
    readable,
    say,
    set_file,
    warn_once,
)

if TYPE_CHECKING:
    from s2m.formats.clips import FrameSource
    from s2m.formats.tracks import Labels, Track
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
        help=".npy, .npz, .json, .csv, .pkl with (frames, joints, 3) or of a program that is known (docs/formats.md), "
        ".skeleton, .trc, .c3d, .bvh, or a folder with a file per frame; - reads a file from standard input",
    )
    add_output(
        parser,
        "the motion to write: AMASS-style .npz, .glb, .bvh, .fbx, .usd, .csv, .trc; - is an npz on standard output",
    )
    add_export(parser)
    add_joint_set(
        parser,
        "joints of the file: auto (the default) takes those that it names, else tells them by their number and the "
        "person's proportions, and says so",
    )
    parser.add_argument(
        "--preset",
        choices=sorted(PRESETS),
        metavar="PROGRAM",
        help=f"what wrote the file, which tells joints, unit and axes: {', '.join(sorted(PRESETS))}",
    )
    parser.add_argument("--key", help="field of an npz or json file that holds the joints")
    parser.add_argument(
        "--markers", type=Path, metavar="FILE", help="yaml that says which markers of a .trc or .c3d file make a joint"
    )
    add_reading(parser)
    parser.add_argument(
        "--unit",
        choices=("m", "cm", "mm", ANY_SIZE),
        help="unit of the file (default: what its kind tells, else m); 'any': the person is as large as the body",
    )
    parser.add_argument(
        "--up",
        choices=("y", "z", "y-down", "z-down"),
        help="up axis of the file (default: what its kind tells, else y); y-down for camera frames",
    )
    parser.add_argument("--fps", type=float, help="frames per second (default: the file's, else 30)")
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

    with readable(arguments.file) as file, contextlib.ExitStack() as stack:
        if _is_motion_already(file, arguments):
            return 0
        own = own_fields(file, arguments.key)
        people = _people(file, own, arguments, stack)
        for person in people:
            check_free("--output", person.output, arguments.overwrite)
        for person in people:
            options = _options(arguments, own, person)
            if person.why:
                say(
                    arguments,
                    f"{arguments.file}: joints of {person.joint_set.name} ({person.why}), in {options.unit}, "
                    f"{options.up} up, {options.fps:g} frames per second",
                )
            write_motion(person.source, person.joint_set, person.output, options, arguments, labels=person.labels)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    given = (arguments.file, arguments.body, arguments.markers, set_file(arguments.joint_set))
    inputs = [path for path in given if path is not None]
    check_outputs({"--output": (arguments.output, SUFFIXES)}, inputs, arguments.overwrite)
    chosen_format(arguments.output, arguments)
    if arguments.fps is not None:
        check_fps(arguments.fps)
    if arguments.noise is not None:
        metres_of_noise(arguments.noise)
    check_reading(arguments)
    check_fill(arguments.fill)


def _is_motion_already(file: Path, arguments: argparse.Namespace) -> bool:
    """Write the motion of a file that holds rotations instead of joints; whether it was one."""
    from s2m.formats.body_motion import is_body_motion

    if file.suffix.lower() == ".bvh":
        from s2m.ik.body_files import write_bvh_motion

        write_bvh_motion(file, arguments)
        return True
    if arguments.key is None and is_body_motion(file):
        from s2m.ik.body_files import write_body_motion

        write_body_motion(file, arguments)
        return True
    return False


@dataclass(frozen=True)
class _Person:
    """Someone who is to be solved."""

    source: FrameSource
    joint_set: JointSet
    output: Path
    layout: Layout | None = None
    why: str = ""
    labels: Labels | None = None


def _options(arguments: argparse.Namespace, own: OwnFields, person: _Person) -> MotionOptions:
    """What was given on the command line, else what the file says, else what its kind tells."""
    from s2m.formats.joints3d import UNITS, UP_AXES
    from s2m.ik.motion import MotionOptions

    told = PRESETS[arguments.preset].layout if arguments.preset else person.layout or Layout("")
    unit = arguments.unit or own.unit or told.unit or "m"
    up = arguments.up or own.up or told.up or "y"
    if unit not in (*UNITS, ANY_SIZE) or up not in UP_AXES:
        raise UserError(f"{arguments.file}: fields unit, up: expected those that `s2m lift` writes, found {unit}, {up}")
    return MotionOptions(
        fps=check_fps(_given(arguments.fps, own.fps, told.fps, 30.0)),
        noise=metres_of_noise(_given(arguments.noise, own.noise_mm, 0.0)),
        fill=arguments.fill,
        smooth=arguments.smooth,
        fit_shape=arguments.fit_shape,
        # A lifter tells the size of a person as well as it can be told.
        keep_scale=arguments.keep_scale or own.joint_set is not None,
        unit=unit,
        up=up,
    )


def _given(*values: float | None) -> float:
    """The first that is there."""
    return next(value for value in values if value is not None)


def _people(file: Path, own: OwnFields, arguments: argparse.Namespace, stack: contextlib.ExitStack) -> list[_Person]:
    """Everyone who is to be solved: joints, their names, and the file to write; what they are read from stays open as
    long as the stack."""
    from s2m.formats.clips import TrackFrames
    from s2m.formats.large import Asked, opened

    joint_set = _wanted(own, arguments)
    asked = Asked(3, joint_set, arguments.key, arguments.min_confidence)
    large = stack.enter_context(opened(file, asked, folder_of(arguments.output)))
    if large is not None:  # else all in memory, whatever the format
        warn_once(large.notes)
        output = _output(arguments, large.labels)
        return [_Person(large, large.joint_set, output, large.layout, "" if joint_set else large.why, large.labels)]
    return [
        _Person(
            TrackFrames(track),
            track.joint_set,
            _output(arguments, track.labels),
            track.layout,
            track.why if joint_set is None else "",
            track.labels,
        )
        for track in _tracks(file, joint_set, arguments)
    ]


def _output(arguments: argparse.Namespace, labels: Labels) -> Path:
    output: Path = arguments.output
    return output if arguments.people is None else of_person(output, labels.person or 0)


def _wanted(own: OwnFields, arguments: argparse.Namespace) -> JointSet | None:
    """The joint set that the user or the file names; ``None``: it is to be told."""
    name = None if arguments.joint_set == AUTO else arguments.joint_set
    name = name or own.joint_set or (PRESETS[arguments.preset].joint_set if arguments.preset else None)
    return None if name is None else chosen_joint_set(name)


def _tracks(file: Path, joint_set: JointSet | None, arguments: argparse.Namespace) -> list[Track]:
    from s2m.formats.joints3d import read_all_joints, read_joints
    from s2m.formats.markers import read_label_map

    people, low, key = how_many(arguments), arguments.min_confidence, arguments.key
    labels = None if arguments.markers is None else read_label_map(arguments.markers)
    if people is None:
        tracks = [read_joints(file, joint_set, key, min_confidence=low, person=arguments.person, labels=labels)]
    else:
        tracks = read_all_joints(file, joint_set, key, people=people, min_confidence=low, labels=labels)
    warn_once(note for track in tracks for note in track.notes)
    return tracks
