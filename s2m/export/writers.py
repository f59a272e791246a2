"""What writes each format of :mod:`s2m.export.known`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from s2m.errors import UserError
from s2m.export.anny import write_anny
from s2m.export.bvh import write_bvh
from s2m.export.csv_table import write_csv
from s2m.export.fbx import write_fbx
from s2m.export.glb import write_glb
from s2m.export.known import OPTIONAL, MotionFormat
from s2m.export.motion import BodyMotion
from s2m.export.names import NAMES
from s2m.export.npz import write_amass_npz, write_holosmpl, write_holosoma, write_smplx_npz
from s2m.export.trc import write_trc
from s2m.export.usd import write_usd

_SEVERAL: dict[str, Callable[[Path, Sequence[BodyMotion], tuple[str, ...]], None]] = {
    "glb": write_glb,
    "usd": write_usd,
    "fbx": write_fbx,
}
_NAMED: dict[str, Callable[[Path, BodyMotion, tuple[str, ...]], None]] = {
    "bvh": write_bvh,
    "csv": write_csv,
    "trc": write_trc,
}
_PLAIN: dict[str, Callable[[Path, BodyMotion], None]] = {
    "amass": write_amass_npz,
    "smplx": write_smplx_npz,
    "gmr": write_smplx_npz,
    "anny": write_anny,
    "holosmpl": write_holosmpl,
    "holosoma": write_holosoma,
}


def write_people(path: Path, people: Sequence[BodyMotion], known: MotionFormat, names: str = "smpl") -> str:
    """Write motion, whole or not at all.

    Args:
        path: The file to write.
        people: Whose.
        known: The format.
        names: Key of :data:`s2m.export.names.NAMES`.

    Returns:
        What the file does not hold of the motion, in words; "" for nothing.

    Raises:
        UserError: Several people in a format for one, or a program or package that the format needs is missing.
        WriteError: The file cannot be written.
    """
    if len(people) != 1 and not known.several:
        raise UserError(f"{path}: expected one person for a file of format {known.name}, found {len(people)}")
    if known.name in _SEVERAL:
        _SEVERAL[known.name](path, people, NAMES[names])
    elif known.name in _NAMED:
        _NAMED[known.name](path, people[0], NAMES[names])
    else:
        _PLAIN[known.name](path, people[0])
    had = frozenset().union(*(person.has for person in people))
    lost = [word for word in known.lost if word not in OPTIONAL or word in had]
    return f"; {known.name} does not hold {', '.join(lost)}" if lost else ""
