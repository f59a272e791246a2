"""Variables of MATLAB v5 files, with errors that name the file."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.data.zoo.source import SourceError

# What scipy's reader is known to raise on files that are cut off, damaged, or of another version.
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    NotImplementedError,
    MemoryError,
    zlib.error,
)


def load_variable(path: Path, name: str, numbers: bool = False) -> NDArray[Any]:
    """One variable of a MATLAB v5 file; the others are not kept in memory.

    Args:
        path: File to read.
        name: Name of the variable.
        numbers: Whether it has to be an array of numbers.

    Raises:
        SourceError: For a file that cannot be read (v7.3 files are HDF5, for h5py) or lacks the variable.
    """
    return load_variables(path, [name], numbers)[name]


def load_variables(path: Path, names: Sequence[str], numbers: bool = False) -> dict[str, NDArray[Any]]:
    """Several variables of a MATLAB v5 file, read in one pass. Errors as in :func:`load_variable`.

    Args:
        path: File to read.
        names: Names of the variables.
        numbers: Whether they have to be arrays of numbers.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path, variable_names=list(names))
    except (*_UNREADABLE, MatReadError) as error:
        raise SourceError(f"{path}: field {names[0]}: not a readable MATLAB v5 file ({error})") from error
    missing = [name for name in names if name not in content]
    if missing:
        raise SourceError(f"{path}: field {', '.join(missing)}: missing")
    found = {name: np.asarray(content[name]) for name in names}
    for name, values in found.items() if numbers else ():
        if values.dtype.kind not in "fiub":
            raise SourceError(f"{path}: field {name}: expected numbers, found {str(values.dtype)[:80]}")
    return found
