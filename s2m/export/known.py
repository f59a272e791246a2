"""The formats of motion that are written, by the suffix of the file's name, and the options that choose among them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from s2m.errors import UserError
from s2m.export.names import NAMES
from s2m.options import PIPE


@dataclass(frozen=True)
class MotionFormat:
    """A format.

    Attributes:
        name: What ``--format`` calls it.
        suffixes: Of its files; a suffix stands for the first format that has it.
        several: Whether a file holds several people.
        named: Whether joints have names in it.
        lost: What of a motion it does not hold, in words.
        parameters: Whether it holds betas, which need not be those of the body that is posed, instead of a shape.
    """

    name: str
    suffixes: tuple[str, ...]
    several: bool = False
    named: bool = False
    lost: tuple[str, ...] = ()
    parameters: bool = False


# Words of ``lost``. All but the first two are lost only where the motion has them: see BodyMotion.has.
SHAPE, _ROTATIONS = "shape", "rotations"
FINGERS, HAND_JOINTS, CORRECTIVES = "fingers", "rotations of SMPL's hand joints", "pose blend shapes"
SMPLX_BETAS = "shape (the betas are SMPL-X's, which mean nothing to SMPL: zeros are written)"
OTHER_BETAS = "shape (betas of other bodies mean nothing to SMPL-X: zeros are written, its mean body)"

FORMATS = (
    MotionFormat("amass", (".npz",), lost=(SMPLX_BETAS, HAND_JOINTS), parameters=True),
    MotionFormat("smplx", (".npz",), lost=(OTHER_BETAS, HAND_JOINTS), parameters=True),
    MotionFormat("gmr", (".npz",), lost=(OTHER_BETAS, HAND_JOINTS), parameters=True),
    MotionFormat("holosmpl", (".npz",), lost=(SMPLX_BETAS, FINGERS), parameters=True),
    MotionFormat("anny", (".npz",), lost=(FINGERS,)),
    MotionFormat("holosoma", (".npz",), lost=(_ROTATIONS, SHAPE, FINGERS)),
    MotionFormat("glb", (".glb",), several=True, named=True, lost=(FINGERS, CORRECTIVES)),
    MotionFormat("bvh", (".bvh",), named=True, lost=(SHAPE, FINGERS)),
    MotionFormat("usd", (".usd", ".usda", ".usdc"), several=True, named=True, lost=(FINGERS, CORRECTIVES)),
    MotionFormat("fbx", (".fbx",), several=True, named=True, lost=(FINGERS, CORRECTIVES)),
    MotionFormat("csv", (".csv",), named=True, lost=(SHAPE, FINGERS)),
    MotionFormat("trc", (".trc",), named=True, lost=(_ROTATIONS, SHAPE, FINGERS)),
)
BY_NAME = {known.name: known for known in FORMATS}
OPTIONAL = frozenset({FINGERS, HAND_JOINTS, CORRECTIVES, SMPLX_BETAS, OTHER_BETAS})
"""What only some motion has."""
SUFFIXES = tuple(dict.fromkeys(suffix for known in FORMATS for suffix in known.suffixes))
"""Suffixes of the files that can be written."""


def add_export(parser: argparse._ActionsContainer) -> None:
    """Add ``--format`` and ``--names``: how motion is written.

    Args:
        parser: The command's, or a group of it.
    """
    open_ones = ", ".join(known.name for known in FORMATS if known.suffixes == (".npz",))
    parser.add_argument(
        "--format",
        choices=[known.name for known in FORMATS],
        metavar="NAME",
        help=f"format of the motion, where the suffix leaves it open: of .npz {open_ones} (default: amass)",
    )
    parser.add_argument(
        "--names", choices=list(NAMES), default="smpl", help="what joints are called in the file (default: smpl)"
    )


def chosen_format(path: Path, arguments: argparse.Namespace) -> MotionFormat:
    """The format of a file to write.

    Args:
        path: The file; ``-`` is an npz.
        arguments: Parsed options of :func:`add_export`.

    Raises:
        UserError: The suffix is of no format, or of another than ``--format`` says; or ``--names`` means nothing.
    """
    suffix = ".npz" if path == PIPE else path.suffix.lower()
    fitting = [known for known in FORMATS if suffix in known.suffixes]
    if not fitting:
        raise UserError(f"{path}: expected a name that ends in one of {', '.join(SUFFIXES)}, found '{path.suffix}'")
    wanted = [known for known in fitting if arguments.format in (None, known.name)]
    if not wanted:
        names = " or ".join(known.name for known in fitting)
        raise UserError(f"--format {arguments.format}: expected {names} for {path}")
    if arguments.names != "smpl" and not wanted[0].named:
        raise UserError(f"--names {arguments.names}: expected a format that names joints, found {wanted[0].name}")
    return wanted[0]
