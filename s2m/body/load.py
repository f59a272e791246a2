"""Loading a body: the shipped open one, or a user's own file in SMPL format."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from s2m.body.arrays import FIELDS, BodyArrays, BodyFileError
from s2m.body.model import Body
from s2m.formats.safe_pickle import UnsafePickleError, load_pickle
from s2m.reading import check_archive

OPEN_BODY = "open_body.npz"


def load_body(path: str | Path | None = None) -> Body:
    """Load a body in SMPL format.

    Args:
        path: ``None`` for the open body that ships with the package; otherwise an official ``SMPL_*.pkl``,
            ``basicModel_*.pkl`` or an ``.npz`` with the same field names. Pickles are read by an unpickler that runs no
            code of the file.

    Raises:
        FileNotFoundError: When there is no such file.
        BodyFileError: (a ValueError) Names the file, the field, what was expected and what was found.

    Example:
        >>> body = load_body()
        >>> body.v_template.shape[1], body.shapedirs.shape[2]
        (3, 10)
    """
    if path is None:
        with resources.as_file(resources.files("s2m.body") / "assets" / OPEN_BODY) as asset:
            return _load(asset)
    return _load(Path(path))


def _load(path: Path) -> Body:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise FileNotFoundError(f"body file {path}: expected an SMPL .pkl or .npz file, found {found}")
    readers = {".npz": _read_npz, ".pkl": _read_pickle}
    if path.suffix.lower() not in readers:
        raise BodyFileError(str(path), "(file name)", "suffix .pkl or .npz", f"'{path.suffix}'")
    return Body(BodyArrays.checked(readers[path.suffix.lower()](path), str(path)), name=path.stem)


def _read_npz(path: Path) -> Mapping[str, Any]:
    fields: dict[str, Any] = {}
    name = "(archive)"
    try:
        check_archive(path)
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                fields[name] = archive[name]
    # A damaged archive can raise nearly anything while it is read.
    except Exception as error:
        expected = "a readable npz archive of plain arrays"
        raise BodyFileError(str(path), name, expected, f"{type(error).__name__}: {error}") from error
    return fields


def _read_pickle(path: Path) -> Mapping[str, Any]:
    try:
        return load_pickle(path, FIELDS)
    except UnsafePickleError as error:
        expected = "a pickle of arrays only (nothing in the file was executed)"
        raise BodyFileError(str(path), error.field, expected, str(error)) from error
