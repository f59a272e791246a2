"""npz files whose arrays hold pickled Python objects, read without running any code of theirs."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from s2m.data.zoo.source import SourceError


def read_npz(path: Path, name: str) -> Any:
    """One array of an npz file; an array of objects comes as nested dicts and lists of arrays.

    numpy would unpickle such an array with whatever it names; here the unpickler of :mod:`s2m.formats.safe_pickle`
    does.

    Args:
        path: The npz file.
        name: Name of the array.

    Raises:
        SourceError: The message names file and field.
    """
    # Brings torch, which workers that read other files should not wait for.
    from s2m.formats.safe_pickle import UnsafePickleError, load_plain

    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as stream:
            shape, fortran, dtype = _header(stream)
            if dtype.hasobject:
                return load_plain(stream)
            raw = stream.read()
        return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")
    except KeyError:
        raise SourceError(f"{path}: {name}: missing; the file has {', '.join(npz_names(path)) or 'nothing'}") from None
    except UnsafePickleError as error:
        raise SourceError(f"{path}: {name}: expected arrays in dictionaries, found {error} ({error.field})") from error
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise SourceError(
            f"{path}: {name}: expected a readable npz file, found {type(error).__name__}: {error}"
        ) from error


def npz_names(path: Path) -> list[str]:
    """Names of the arrays in an npz file.

    Args:
        path: The npz file.

    Raises:
        SourceError: When it is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [entry.removesuffix(".npy") for entry in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path}: expected a readable npz file, found {type(error).__name__}: {error}") from error


def _header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    return shape, fortran, dtype
