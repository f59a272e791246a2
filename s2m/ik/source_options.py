"""Options of the commands that read whatever file holds motion: joints of any kind, BVH, bodies."""

from __future__ import annotations

import argparse
from pathlib import Path

from s2m.clip_options import add_fill, add_reading, check_fill, check_fps, check_reading
from s2m.formats.layouts import ANY_SIZE, PRESETS
from s2m.options import AUTO, add_joint_set, metres_of_noise, set_file

FILES = (
    ".npy, .npz, .json, .jsonl, .csv, .pkl with (frames, joints, 3) or of a program that is known (docs/formats.md), "
    ".pt, .skeleton, .trc, .c3d, .bvh, .glb, .gltf, .vrma, .fbx, .usd, or a folder with a file per frame"
)
"""What can be read, in words."""
_TOGETHER = "so many people of a file, or 'all', instead of one"


def add_sources(parser: argparse._ActionsContainer, people: str = _TOGETHER) -> None:
    """Add what can be said of a file of motion, and how its joints are solved.

    Args:
        parser: The command's, or a group of it.
        people: What ``--people`` does; by default everybody is taken together.
    """
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
    parser.add_argument("--key", help="field of an npz or json file that holds the joints, or animation of a .glb")
    parser.add_argument(
        "--markers", type=Path, metavar="FILE", help="yaml that says which markers of a .trc or .c3d file make a joint"
    )
    add_reading(parser, people)
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


def check_sources(arguments: argparse.Namespace) -> None:
    """Refuse values of :func:`add_sources`'s options that mean nothing.

    Args:
        arguments: Parsed options.

    Raises:
        UserError: The message names the option.
    """
    if arguments.fps is not None:
        check_fps(arguments.fps)
    if arguments.noise is not None:
        metres_of_noise(arguments.noise)
    check_reading(arguments)
    check_fill(arguments.fill)


def files_named(arguments: argparse.Namespace) -> list[Path]:
    """The files that :func:`add_sources`'s options name, which must not be written.

    Args:
        arguments: Parsed options.
    """
    named = (arguments.body, arguments.markers, set_file(arguments.joint_set))
    return [path for path in named if path is not None]


def said_of_joints(arguments: argparse.Namespace) -> list[str]:
    """The given options that mean something for joints alone.

    Args:
        arguments: Parsed options.

    Returns:
        Their names, without dashes before them.
    """
    values = ("joint_set", "preset", "key", "markers", "unit", "noise", "person", "people")
    given = [name for name in values if getattr(arguments, name) not in (None, AUTO)]
    given += [name for name in ("fit_shape", "smooth") if getattr(arguments, name)]
    return [name.replace("_", "-") for name in given]
