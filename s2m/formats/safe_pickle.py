"""Reading official SMPL pickles without running any code of the file.

The official files are python-2 pickles of chumpy objects, scipy matrices and numpy arrays. Unpickling normally
means calling whatever the file names; here every global a file may name is a passive record of this module that
only stores its state, and any other global is refused. Arrays are rebuilt from their raw bytes afterwards, so that
neither numpy nor scipy ever interprets a state that the file made up. chumpy itself is not needed.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from s2m.errors import UserError

_NUMBER_KINDS = "biuf"
_LARGEST_MATRIX = 10**8
_MOST_ENTRIES, _DEEPEST = 10**7, 60
_MODULES_OF_ARRAYS = ("numpy.core.multiarray", "numpy._core.multiarray")
_MODULES_OF_BYTES = ("numpy.core.numeric", "numpy._core.numeric")
_SPARSE_MODULES = ("scipy.sparse", "scipy.sparse.{0}", "scipy.sparse._{0}")


class UnsafePickleError(UserError, ValueError):
    """A pickle that names a forbidden global, is damaged, or holds something that is no array."""

    def __init__(self, message: str, field: str = "(pickle)") -> None:
        super().__init__(message)
        self.field = field


class _Record:
    """Stands for an object of the file: keeps constructor arguments and state, does nothing."""

    arguments: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any) -> _Record:
        record = super().__new__(cls)
        record.arguments, record.state = arguments, None
        return record

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def get(self, name: str) -> Any:
        """An attribute of the original object, or ``None``."""
        return self.state.get(name) if isinstance(self.state, dict) else None


class _Chumpy(_Record):
    """chumpy.Ch and its kin."""


class _Select(_Chumpy):
    """chumpy.reordering.Select: some entries of another array."""


class _Array(_Record):
    """A numpy array: shape, dtype and bytes are its state."""


class _ArrayType(_Record):
    """The class numpy.ndarray itself, as an argument of ``_reconstruct``."""


class _DType(_Record):
    """numpy.dtype."""


class _Csc(_Record):
    """scipy.sparse.csc_matrix."""


class _Csr(_Record):
    """scipy.sparse.csr_matrix."""


class _Scalar(_Record):
    """numpy scalar: dtype and bytes."""


class _FromBuffer(_Record):
    """Array of pickle protocol 5: bytes, dtype, shape, order."""


class _Object(_Record):
    """Python's ``object``, the base that old-style reconstruction names."""


class _Bag(_Record):
    """set and frozenset: bookkeeping of chumpy that no array needs (kept unhashed)."""


def _reconstruct_object(cls: Any, base: Any, state: Any) -> _Record:
    if not (isinstance(cls, type) and issubclass(cls, _Record)):
        raise UnsafePickleError(f"refused to make an object of {cls!r}")
    return cls()


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise UnsafePickleError(f"refused to encode {type(text).__name__} as {encoding!r}")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    """Protocol 2 writes empty bytes as a call of ``bytes`` without arguments."""
    return b""


def _allowed_globals() -> dict[tuple[str, str], Callable[..., Any]]:
    allowed: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "ndarray"): _ArrayType,
        ("numpy", "dtype"): _DType,
        ("_codecs", "encode"): _encode,
    }
    for module in ("copy_reg", "copyreg"):
        allowed[module, "_reconstructor"] = _reconstruct_object
    for module in ("__builtin__", "builtins"):
        allowed[module, "object"] = _Object
        allowed[module, "bytes"] = _empty_bytes
        allowed[module, "set"] = allowed[module, "frozenset"] = _Bag
    for module in _MODULES_OF_ARRAYS:
        allowed[module, "_reconstruct"] = _Array
        allowed[module, "scalar"] = _Scalar
    for module in _MODULES_OF_BYTES:
        allowed[module, "_frombuffer"] = _FromBuffer
    for kind, record in (("csc", _Csc), ("csr", _Csr)):
        for module in _SPARSE_MODULES:
            allowed[module.format(kind), f"{kind}_matrix"] = record
            allowed[module.format(kind), f"{kind}_array"] = record
    return allowed


class _PassiveUnpickler(pickle.Unpickler):
    allowed = _allowed_globals()

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "chumpy":
            return _Select if name == "Select" else _Chumpy
        try:
            return self.allowed[module, name]
        except KeyError:
            raise UnsafePickleError(f"forbidden global '{module}.{name}'") from None


def load_pickle(path: Path, fields: Iterable[str]) -> Mapping[str, Any]:
    """Read a pickled dict whose ``fields`` are arrays; other entries are kept as they are, unread.

    Raises UnsafePickleError for a forbidden global, a truncated or damaged file, or anything but a dict; its
    ``field`` names the entry where one is to blame.
    """
    with path.open("rb") as file:
        content = _unpickle(file)
    if not isinstance(content, dict):
        raise UnsafePickleError(f"a {type(content).__name__} instead of a dict")
    wanted = set(fields)
    return {str(name): _evaluate(value, name) if name in wanted else value for name, value in content.items()}


def load_plain(stream: IO[bytes], size: int | None = None) -> Any:
    """Read one pickle of nested dicts, lists and tuples of arrays, numbers and strings.

    Args:
        stream: The pickle.
        size: Bytes of the file that it is in, at most; more entries than that are refused.

    Returns:
        The content. Arrays of objects become nested lists (one without dimensions its only element).

    Raises:
        UnsafePickleError: As :func:`load_pickle`; its ``field`` is the path of the entry, such as "S9/Walking/0".
    """
    return _Plain(_MOST_ENTRIES if size is None else min(size, _MOST_ENTRIES)).value(_unpickle(stream), "", 0)


class _Plain:
    """Turns records into plain data, within bounds: lists may share or hold each other."""

    def __init__(self, entries: int):
        self._left = entries

    def value(self, value: Any, field: str, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            raise UnsafePickleError("more entries than a file of its size can hold, or too deep", field or "(pickle)")
        if isinstance(value, dict):
            below = depth + 1
            return {
                _hashable(self.value(key, field, below), field): self.value(entry, _below(field, key), below)
                for key, entry in value.items()
            }
        if isinstance(value, (list, tuple)):
            return type(value)(self.value(entry, _below(field, i), depth + 1) for i, entry in enumerate(value))
        if isinstance(value, _Array) and _holds_objects(value):
            entries = self.value(value.state[4], field, depth + 1)
            return entries if value.state[1] else entries[0]
        return _evaluate(value, field or "(pickle)")


def _hashable(key: Any, field: str) -> Any:
    try:
        hash(key)
    except TypeError:
        raise UnsafePickleError(f"a {type(key).__name__} as the name of an entry", field or "(pickle)") from None
    return key


def _below(field: str, key: Any) -> str:
    name = str(key) if isinstance(key, (str, int)) else "..."
    return f"{field}/{name:.60}" if field else f"{name:.60}"


def _holds_objects(value: _Array) -> bool:
    state = value.state
    if not (isinstance(state, tuple) and len(state) == 5 and isinstance(state[2], _DType)):
        return False
    return str(state[2].arguments[0]).startswith("O") and isinstance(state[4], list) and len(state[4]) > 0


def _unpickle(stream: IO[bytes]) -> Any:
    try:
        return _PassiveUnpickler(stream, encoding="latin1").load()
    except UnsafePickleError:
        raise
    # A damaged pickle can raise nearly anything while it is read.
    except Exception as error:
        message = f"truncated or damaged pickle ({type(error).__name__}: {error})"
        raise UnsafePickleError(message) from error


def _evaluate(value: Any, field: str) -> Any:
    if not isinstance(value, _Record):
        return value
    try:
        return _to_array(value)
    except UnsafePickleError as error:
        raise UnsafePickleError(str(error), field) from error
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, MemoryError) as error:
        raise UnsafePickleError(f"damaged array ({type(error).__name__}: {error})", field) from error


def _to_array(value: Any) -> NDArray[Any]:
    if isinstance(value, (_Csc, _Csr)):
        return _dense(value)
    if isinstance(value, _Chumpy):
        return _chumpy_value(value)
    if isinstance(value, _Array):
        _, shape, dtype, fortran, raw = value.state
        return _from_bytes(raw, dtype, shape, "F" if fortran else "C")
    if isinstance(value, _FromBuffer):
        raw, dtype, shape, order = value.arguments
        return _from_bytes(raw, dtype, shape, order)
    if isinstance(value, _Scalar):
        dtype, raw = value.arguments
        return _from_bytes(raw, dtype, (), "C")
    if isinstance(value, _Record):
        raise UnsafePickleError(f"cannot read a {type(value).__name__.strip('_').lower()} as an array")
    return np.asarray(value)


def _from_bytes(raw: Any, dtype: Any, shape: Any, order: str) -> NDArray[Any]:
    number = _number_dtype(dtype)
    data = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
    return np.asarray(np.frombuffer(data, dtype=number).reshape(shape, order="F" if order == "F" else "C"))


def _number_dtype(record: Any) -> np.dtype[Any]:
    if not isinstance(record, _DType):
        raise UnsafePickleError("array without a dtype")
    dtype = np.dtype(str(record.arguments[0]))
    if dtype.kind not in _NUMBER_KINDS:
        raise UnsafePickleError(f"dtype '{dtype}' is not a number")
    byte_order = record.state[1] if isinstance(record.state, tuple) else "="
    return dtype.newbyteorder(">" if byte_order == ">" else "<") if byte_order in ("<", ">") else dtype


def _chumpy_value(record: _Chumpy) -> NDArray[Any]:
    if isinstance(record, _Select):
        chosen = _to_array(record.get("a")).ravel()[_to_array(record.get("idxs"))]
        shape = record.get("preferred_shape")
        return np.asarray(chosen if shape is None else chosen.reshape(_to_array(shape)))
    if record.get("x") is not None:
        return _to_array(record.get("x"))
    if record.get("a") is not None and record.get("newshape") is not None:
        return _to_array(record.get("a")).reshape(_to_array(record.get("newshape")))
    names = ", ".join(sorted(record.state)) if isinstance(record.state, dict) else "nothing"
    raise UnsafePickleError(f"cannot evaluate a chumpy expression that holds {names}")


def _dense(record: _Csc | _Csr) -> NDArray[Any]:
    shape = record.get("_shape") if record.get("_shape") is not None else record.get("shape")
    data, indices, indptr = (_to_array(record.get(name)) for name in ("data", "indices", "indptr"))
    make = sparse.csc_matrix if isinstance(record, _Csc) else sparse.csr_matrix
    rows, columns = (int(n) for n in shape)
    if not 0 < rows * columns <= _LARGEST_MATRIX:
        raise UnsafePickleError(f"a sparse matrix of shape ({rows}, {columns})")
    matrix = make((data, indices, indptr), shape=(rows, columns))
    matrix.check_format(full_check=True)
    return np.asarray(matrix.toarray())
