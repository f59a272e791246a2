"""npz files whose arrays hold pickled Python objects, read without running any code of theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from s2m.data.zoo.source import SourceError
from s2m.errors import FormatError
from s2m.formats.npz import array_names, open_array, values_of


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
        with open_array(path, name) as entry:
            return load_plain(entry.stream) if entry.dtype.hasobject else values_of(entry)
    except UnsafePickleError as error:
        raise SourceError(f"{path}: {name}: expected arrays in dictionaries, found {error} ({error.field})") from error
    except FormatError as error:
        raise SourceError(str(error)) from error


def npz_names(path: Path) -> list[str]:
    """Names of the arrays in an npz file.

    Args:
        path: The npz file.

    Raises:
        SourceError: When it is none.
    """
    try:
        return array_names(path)
    except FormatError as error:
        raise SourceError(str(error)) from error
