"""Options of the commands that read clips of joints: whom, which joints count, how long a gap may be."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path

from s2m.errors import UserError
from s2m.options import PIPE

_LONGEST_FILL = 60
_STEEPEST = 90  # degrees
SLOWEST, FASTEST = 0.1, 1000.0  # frames per second


ONE_FILE_EACH = (
    "write so many people, or 'all', one file each: out.npz becomes out-0.npz, out-1.npz ... by their numbers"
)
"""What ``--people`` does where a file holds one person."""


def add_reading(parser: argparse._ActionsContainer, people: str = ONE_FILE_EACH) -> None:
    """Add what every reader of joints takes: ``--min-confidence``, ``--person`` and ``--people``.

    Args:
        parser: The command's, or a group of it.
        people: What ``--people`` does.
    """
    add_min_confidence(parser)
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--person",
        metavar="ID",
        help="which of several people: a number, or 'largest' (default: who is seen in most frames)",
    )
    who.add_argument("--people", metavar="N", help=people)


def check_reading(arguments: argparse.Namespace) -> None:
    """Refuse values of :func:`add_reading`'s options that mean nothing.

    Args:
        arguments: Parsed options, and the command's ``output`` where it has one.

    Raises:
        UserError: The message names the option.
    """
    check_least_confidence(arguments.min_confidence)
    if arguments.person not in (None, "largest") and not arguments.person.isdecimal():
        raise UserError(f"--person: expected a person's number or 'largest', found {arguments.person}")
    if arguments.people not in (None, "all") and not (arguments.people.isdecimal() and int(arguments.people) > 0):
        raise UserError(f"--people: expected how many people, or 'all', found {arguments.people}")
    if arguments.people is not None and getattr(arguments, "output", None) == PIPE:
        raise UserError("--people: expected a file to write, found standard output, which holds one person")


def add_detector(parser: argparse.ArgumentParser) -> None:
    """Add ``--landmarks`` and ``--detector``: who finds the joints in pictures.

    Args:
        parser: Of a command that takes pictures.
    """
    parser.add_argument(
        "--landmarks",
        metavar="full|both|FILE",
        help="BlazePose's networks of landmarks (default: both for photos; full, which is faster, for videos)",
    )
    parser.add_argument("--detector", metavar="MODULE:CLASS", help="a detector of your own instead (docs/detect.md)")


def how_many(arguments: argparse.Namespace) -> float | None:
    """What ``--people`` asks for.

    Args:
        arguments: Parsed options.

    Returns:
        The number of people, infinite for "all"; ``None`` without the option.
    """
    return None if arguments.people is None else float(arguments.people.replace("all", "inf"))


def image_size(text: str | None) -> tuple[int, int] | None:
    """Width and height that ``--image-size`` gives.

    Args:
        text: ``WxH``, such as 1920x1080; ``None`` without the option.

    Returns:
        Pixels; ``None`` for ``None``.

    Raises:
        UserError: For anything else.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6})[xX](\d{1,6})", text)
    if found is None or "0" in found.groups():
        raise UserError(f"--image-size: expected WIDTHxHEIGHT in pixels, as 1920x1080, found {text}")
    return int(found.group(1)), int(found.group(2))


def of_person(path: Path, person: object) -> Path:
    """The file of one of several people: ``out.npz`` of person 3 is ``out-3.npz``.

    Args:
        path: What ``--output`` names.
        person: The person's number, or whatever else names the person in a file's name.
    """
    return path.with_name(f"{path.stem}-{person}{path.suffix}")


def check_fps(fps: float) -> float:
    """Frames per second that a video can have.

    Args:
        fps: What was given.

    Returns:
        The same.

    Raises:
        UserError: Not between 0.1 and 1000.
    """
    if not SLOWEST <= fps <= FASTEST:
        raise UserError(f"--fps: expected a positive number, {SLOWEST} to {FASTEST:g} frames per second, found {fps}")
    return fps


def check_least_confidence(confidence: float) -> float:
    """A value of ``--min-confidence``, if it can be meant.

    Args:
        confidence: What was given.

    Returns:
        The same.

    Raises:
        UserError: Unless it lies from 0 to below 1.
    """
    if not 0 <= confidence < 1:
        raise UserError(f"--min-confidence: expected a number from 0 to below 1, found {confidence}")
    return confidence


def add_min_confidence(parser: argparse._ActionsContainer, elsewhere: str = "") -> None:
    """Add ``--min-confidence``.

    Args:
        parser: The command's, or a group of it.
        elsewhere: What the default is for input of another kind.
    """
    parser.add_argument(
        "--min-confidence",
        type=float,
        default=0.0,
        metavar="C",
        help=f"joints below count as missing (default: 0{elsewhere})",
    )


def add_fill(parser: argparse._ActionsContainer, what: str = "") -> None:
    """Add ``--fill``: how long a gap without a body may be to be filled in.

    Args:
        parser: The command's, or a group of it.
        what: What the help begins with, such as the option that this one belongs to.
    """
    parser.add_argument(
        "--fill",
        type=float,
        default=0.5,
        metavar="SECONDS",
        help=f"{what}frames without a body are filled in over gaps up to this long; in longer ones the nearest pose is "
        "held and marked in `valid` (default: 0.5)",
    )


def check_fill(seconds: float) -> float:
    """A value of ``--fill``, if it can be meant.

    Args:
        seconds: What was given.

    Returns:
        The same.

    Raises:
        UserError: When it is negative or longer than any gap that should be filled.
    """
    if not 0 <= seconds <= _LONGEST_FILL:
        raise UserError(f"--fill: expected seconds from 0 to {_LONGEST_FILL}, found {seconds}")
    return seconds


def add_tilt(parser: argparse._ActionsContainer, prefix: str = "") -> None:
    """Add ``--pitch`` and ``--roll``: how the camera is held.

    Args:
        parser: The command's.
        prefix: What comes before their helps.
    """
    parser.add_argument(
        "--pitch",
        type=float,
        metavar="DEGREES",
        help=f"{prefix}how far the camera looks down (default: told by people who stand, where they can, else level)",
    )
    parser.add_argument(
        "--roll",
        type=float,
        metavar="DEGREES",
        help=f"{prefix}how far upright people lean to the right in the picture (default: likewise)",
    )


def check_tilt(arguments: argparse.Namespace) -> None:
    """Refuse angles that no camera is held at.

    Args:
        arguments: Parsed options.

    Raises:
        UserError: The message names the option.
    """
    for option, degrees in (("--pitch", arguments.pitch), ("--roll", arguments.roll)):
        if degrees is not None and not abs(degrees) <= _STEEPEST:
            raise UserError(f"{option}: expected degrees from -{_STEEPEST} to {_STEEPEST}, found {degrees:g}")


def tilt_options(arguments: argparse.Namespace) -> tuple[float | None, float | None]:
    """What ``--pitch`` and ``--roll`` say, radians; ``None`` where they are left out.

    Args:
        arguments: Parsed options.
    """
    pitch, roll = (None if degrees is None else math.radians(degrees) for degrees in (arguments.pitch, arguments.roll))
    return pitch, roll
