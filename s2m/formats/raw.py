"""What stands in a file, read without running anything of it and without taking more memory than it is worth."""

from __future__ import annotations

import json
import math
import pickle
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError

_LARGEST = 2 * 10**9  # bytes of an array
_LARGEST_JSON = 64 * 10**6  # bytes; read, it takes six times as much memory, and a gigabyte is to be enough
_BOMB, _SMALL = 100, 64 * 10**6  # so much smaller when packed is no recording of anybody, above this size
_Content = TypeVar("_Content")


@dataclass(frozen=True)
class Header:
    """What an array in npy's format says of itself.

    Attributes:
        shape: Its shape.
        fortran: Whether its first index runs fastest.
        dtype: The type of its entries.
    """

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes of its numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def load(path: Path) -> Any:
    """The content of an ``.npy``, ``.npz``, ``.json``, ``.jsonl``, ``.pkl`` or ``.pt`` file: arrays, dictionaries.

    An npz is a dictionary of its fields that reads each when it is asked for. Pickled objects, also those within npy
    and npz files, are read as plain data (:mod:`s2m.formats.safe_pickle`); no code of theirs is run.

    Args:
        path: The file; its suffix tells its kind.

    Returns:
        The content.

    Raises:
        UserError: The message names the file, what was expected and what was found.
    """
    readers = {".npy": _npy, ".npz": Archive, ".json": load_json, ".jsonl": load_json}
    readers |= {".pkl": _pickle, ".pk": _pickle, ".pt": _torch}
    return readable(path, lambda: readers[path.suffix.lower()](path))


def load_json(path: Path) -> Any:
    """The content of a JSON file.

    Args:
        path: The file; of a ``.jsonl`` every line holds one value.

    Returns:
        Dictionaries, lists, text and numbers; a list of the values where several stand one after the other.

    Raises:
        UserError: The file is not there, too large, or no JSON.
    """

    def read() -> Any:
        if path.stat().st_size > _LARGEST_JSON:
            raise ValueError(
                f"expected at most {_LARGEST_JSON} bytes of JSON, found {path.stat().st_size}; convert it to an .npy "
                "file of the joints, (frames, joints, 3), which may have any size, or to one JSON file per frame"
            )
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return _values(text)

    return readable(path, read)


def _values(text: str) -> Any:
    """What a text of JSON holds; programs that append to a file write one value after the other."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data"):
            raise
    decoder, blanks, found = json.JSONDecoder(), re.compile(r"\s*"), []
    start = _end(blanks.match(text))
    while start < len(text):
        value, end = decoder.raw_decode(text, start)
        found.append(value)
        start = _end(blanks.match(text, end))
    return found


def _end(match: re.Match[str] | None) -> int:
    return 0 if match is None else match.end()


def readable(path: Path, read: Callable[[], _Content]) -> _Content:
    """What a reader returns; whatever a damaged file makes it raise becomes an error of one line.

    Args:
        path: The file, for messages.
        read: Reads it.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return read()
    except UserError as error:
        if str(path) in str(error):
            raise
        raise UserError(
            f"{path}: cannot be read: it holds pickled objects that are no plain numbers ({_short(error)}); save the "
            "joints alone, as numpy.save('joints.npy', joints)"
        ) from error
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: expected a file, found a folder") from None
    except RecursionError:
        raise UserError(f"{path}: cannot be read: lists within lists, too deep") from None
    except (MemoryError, OverflowError) as error:
        raise UserError(f"{path}: cannot be read: too large ({type(error).__name__})") from error
    # A damaged file makes parsers raise nearly anything: tokenize.TokenError of an npy header, zlib.error, ...
    except Exception as error:
        raise UserError(f"{path}: cannot be read: {_short(error)}") from error


def _short(error: BaseException) -> str:
    text = " ".join((str(error) or type(error).__name__).split())
    return text if len(text) <= 200 else text[:200] + " ..."


class Archive(dict[str, Any]):
    """The fields of an npz file, read when they are asked for.

    Args:
        path: The file.
    """

    def __init__(self, path: Path):
        self._path = path
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        super().__init__({name.removesuffix(".npy"): name for name in names[:10_000] if name.endswith(".npy")})

    def __getitem__(self, field: str) -> Any:
        return readable(self._path, lambda: self._read(super(Archive, self).__getitem__(field)))

    def get(self, field: str, default: Any = None) -> Any:
        """A field, or the default.

        Args:
            field: Name of the field, without ``.npy``.
            default: What to return where there is none.

        Raises:
            UserError: The field cannot be read.
        """
        return self[field] if super().__contains__(field) else default

    def _read(self, name: str) -> Any:
        with zipfile.ZipFile(self._path) as archive:
            info = member(archive, name)
            with archive.open(info) as stream:
                return _array(stream, info.file_size)


def member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """An entry of an archive.

    Args:
        archive: An npz file.
        name: The entry, with its suffix.

    Raises:
        ValueError: It is packed as no measured numbers are.
    """
    info = archive.getinfo(name)
    if info.file_size > _SMALL and info.file_size > _BOMB * max(info.compress_size, 1):
        raise ValueError(f"{name}: {info.file_size} bytes packed into {info.compress_size}")
    return info


def _npy(path: Path) -> Any:
    with path.open("rb") as stream:
        return _array(stream, path.stat().st_size)


def read_header(stream: IO[bytes], size: int) -> Header:
    """The header of an array in npy's format.

    Args:
        stream: Where it begins; afterwards, where the numbers do.
        size: Bytes of the whole.

    Raises:
        ValueError: There is none, or it promises more numbers than there are.
    """
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    header = Header(*read(stream))
    if header.dtype.hasobject:
        return header
    if any(n < 0 for n in header.shape) or header.size > size:
        raise ValueError(f"its header promises an array of shape {header.shape}, {header.size} bytes; there are {size}")
    return header


def _array(stream: IO[bytes], size: int) -> Any:
    """One array of npy's format, checked before memory is taken for it; pickled objects come as plain data."""
    header = read_header(stream, size)
    if header.dtype.hasobject:
        # Brings scipy.sparse, which plain arrays should not wait for.
        from s2m.formats.safe_pickle import load_plain

        return load_plain(stream, size)
    if header.size > _LARGEST:
        raise ValueError(f"expected an array of at most {_LARGEST} bytes, found {header.size}, shape {header.shape}")
    raw = stream.read(header.size)
    if len(raw) != header.size:
        raise ValueError(f"expected {header.size} bytes of an array, found {len(raw)}: the file is cut short")
    count = math.prod(header.shape)
    array: NDArray[Any] = np.frombuffer(raw, header.dtype, count) if header.size else np.zeros(count, header.dtype)
    return array.reshape(header.shape, order="F" if header.fortran else "C")


def _pickle(path: Path) -> Any:
    from s2m.formats.joblib_pickle import load_joblib

    with path.open("rb") as stream:
        return load_joblib(stream, path.stat().st_size)


def _torch(path: Path) -> Any:
    """What ``torch.save`` wrote, if it is tensors in dictionaries and lists; torch runs nothing of the file."""
    import torch

    from s2m.torch_files import damage

    broken = damage(path)
    if broken:
        raise ValueError(broken)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            "it holds other objects than tensors, which are not run; save the arrays with numpy.savez"
        ) from error
    return _as_arrays(content)


def _as_arrays(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _as_arrays(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_as_arrays(value) for value in content]
    return content.float().numpy() if hasattr(content, "is_floating_point") else content


def described(content: Any) -> str:
    """What something is, in a few words: the fields of a dictionary, the first entry of a list.

    Args:
        content: What stands in a file.

    Returns:
        Words for a message, after "found".
    """
    if isinstance(content, dict):
        names = [str(name)[:40] for name in list(content)[:8]]
        more = f" and {len(content) - 8} more" if len(content) > 8 else ""
        return f"an object with {', '.join(names)}{more}" if names else "an empty object"
    if isinstance(content, (list, tuple)):
        return f"a list of {len(content)}, the first {described(content[0])}" if content else "an empty list"
    if isinstance(content, np.ndarray):
        return f"an array of shape {content.shape}"
    return f"{type(content).__name__} {content!r:.40}"
