"""What the files that ``s2m`` writes say about themselves, so that it reads them back without being told."""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s2m.errors import FormatError, UserError
from s2m.reading import reading

_FIELDS = ("joint_set", "fps", "up", "unit", "noise_mm")
# What Python's and NumPy's readers raise for damaged archives.
_DAMAGE = (
    *(OSError, ValueError, LookupError, ArithmeticError, EOFError, RuntimeError, MemoryError),
    *(struct.error, zipfile.BadZipFile, zlib.error),
)
_LARGEST = 1 << 16  # bytes of a field that holds a word or a number


@dataclass(frozen=True)
class OwnFields:
    """Fields of a file of ours; ``None`` where it does not have them.

    Attributes:
        joint_set: Name of the joint set.
        fps: Frames per second.
        up: The axis that points up.
        unit: Unit of lengths.
        noise_mm: Standard deviation of the joints, millimetres.
    """

    joint_set: str | None = None
    fps: float | None = None
    up: str | None = None
    unit: str | None = None
    noise_mm: float | None = None


def own_fields(path: Path, key: str | None = None) -> OwnFields:
    """What an npz that ``s2m lift`` wrote says about itself.

    Args:
        path: Any file.
        key: The field that the user wants to read.

    Returns:
        Nothing but ``None`` for other files, and for those that cannot be read: their reader says why.

    Raises:
        UserError: The file holds the motion of a body instead of joints, or one of these fields is damaged.
    """
    if path.suffix.lower() != ".npz" or not path.is_file():
        return OwnFields()
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
        if key is None and {"poses", "trans"} <= set(sizes) and not any("joints" in name for name in sizes):
            raise UserError(
                f"{path}: expected joints, found the motion of a body (AMASS: poses, trans), which is what `s2m ik` "
                "writes; give the file of joints that it was made from"
            )
        if "joint_set" not in sizes:
            return OwnFields()
        with np.load(path, allow_pickle=False) as archive:
            small = [name for name in _FIELDS if sizes.get(name, _LARGEST) < _LARGEST]
            found = {name: _value(archive, name, path) for name in small}
    except UserError:
        raise
    except _DAMAGE:
        return OwnFields()
    found = {name: float(value) if isinstance(value, int) else value for name, value in found.items()}
    kinds = dict.fromkeys(("joint_set", "up", "unit"), str) | dict.fromkeys(("fps", "noise_mm"), float)
    return OwnFields(**{name: found[name] for name, kind in kinds.items() if isinstance(found.get(name), kind)})


def _value(archive: Any, name: str, path: Path) -> Any:
    """A word or a number. What is damaged is not left out: joints of an unknown frame or unit would be read wrongly."""
    with reading(path, f"a word or a number in the field {name}"):
        value = archive[name]
        if not isinstance(value, np.ndarray):  # NumPy gives the bytes of what is no array
            raise FormatError(f"{path}: field {name}: expected a word or a number, found no array")
        return value.item()
