"""Reading official SMPL pickles without running any code of the file.

The official files are python-2 pickles of chumpy objects, scipy matrices and numpy arrays. Unpickling normally
means calling whatever the file names; here every global a file may name is a passive record of this module that
only stores its state, and any other global is refused. Arrays are rebuilt from their raw bytes afterwards, so that
neither numpy nor scipy ever interprets a state that the file made up. chumpy itself is not needed.

Nor does a small file take much: what is shared is kept once, what refers to itself is refused, and so is what would
take more than :data:`LARGEST_CONTENT` entries if it were written out (lists of lists that share their parts).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from s2m.errors import UserError
from s2m.formats.pickle_records import (
    Array,
    ArrayType,
    Bag,
    Chumpy,
    Csc,
    Csr,
    DType,
    FromBuffer,
    Object,
    Record,
    Scalar,
    Select,
)

_NUMBER_KINDS = "biuf"
_LARGEST_MATRIX = 10**7
LARGEST_CONTENT = 2 * 10**7
_DEEPEST, _DEEPEST_CHUMPY = 50, 10
_LONGEST_KEY = 32
_MODULES_OF_ARRAYS = ("numpy.core.multiarray", "numpy._core.multiarray")
_MODULES_OF_BYTES = ("numpy.core.numeric", "numpy._core.numeric")
_SPARSE_MODULES = ("scipy.sparse", "scipy.sparse.{0}", "scipy.sparse._{0}")


class UnsafePickleError(UserError, ValueError):
    """A pickle that names a forbidden global, is damaged, or holds something that is no array.

    Args:
        message: What is wrong.
        field: Entry of the pickle that is to blame; "(pickle)": the whole of it.
    """

    def __init__(self, message: str, field: str = "(pickle)") -> None:
        super().__init__(message)
        self.field = field


def _reconstruct_object(cls: Any, base: Any, state: Any) -> Record:
    if not (isinstance(cls, type) and issubclass(cls, Record)):
        raise UnsafePickleError(f"refused to make an object of {cls!r}")
    return cls()


def _empty_bytes() -> bytes:
    """Protocol 2 writes empty bytes as a call of ``bytes`` without arguments."""
    return b""


def _allowed_globals() -> dict[tuple[str, str], Callable[..., Any]]:
    allowed: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "ndarray"): ArrayType,
        ("numpy", "dtype"): DType,
    }
    for module in ("copy_reg", "copyreg"):
        allowed[module, "_reconstructor"] = _reconstruct_object
    for module in ("__builtin__", "builtins"):
        allowed[module, "object"] = Object
        allowed[module, "bytes"] = _empty_bytes
        allowed[module, "set"] = allowed[module, "frozenset"] = Bag
    for module in _MODULES_OF_ARRAYS:
        allowed[module, "_reconstruct"] = Array
        allowed[module, "scalar"] = Scalar
    for module in _MODULES_OF_BYTES:
        allowed[module, "_frombuffer"] = FromBuffer
    for kind, record in (("csc", Csc), ("csr", Csr)):
        for module in _SPARSE_MODULES:
            allowed[module.format(kind), f"{kind}_matrix"] = record
            allowed[module.format(kind), f"{kind}_array"] = record
    return allowed


# The one written in Python: the one in C takes 16 times the number that a file gives to a remembered object, in bytes.
_PythonUnpickler: Any = pickle._Unpickler  # type: ignore[attr-defined]


class PassiveUnpickler(_PythonUnpickler):  # type: ignore[misc]
    """Makes records of what a file names, and refuses every name that stands for no array.

    Args:
        stream: The pickle.
    """

    allowed = _allowed_globals()
    dispatch: ClassVar[dict[int, Any]] = dict(_PythonUnpickler.dispatch)

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream, encoding="latin1")
        self._encoded: dict[int, tuple[str, bytes]] = {}

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name of the file.

        Args:
            module: Where the name is from.
            name: The name.

        Raises:
            UnsafePickleError: It is none of arrays and numbers.
        """
        if (module, name) == ("_codecs", "encode"):
            return self._encode
        if module.split(".")[0] == "chumpy":
            return Select if name == "Select" else Chumpy
        try:
            return self.allowed[module, name]
        except KeyError:
            raise UnsafePickleError(f"forbidden global '{module}.{name}'") from None

    def _encode(self, text: Any, encoding: Any = "latin1") -> bytes:
        """Bytes as protocol 2 writes them; once for each text, however often a file asks."""
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise UnsafePickleError(f"refused to encode {type(text).__name__} as {type(encoding).__name__}")
        if id(text) not in self._encoded:
            self._encoded[id(text)] = text, text.encode("latin1")
        return self._encoded[id(text)][1]

    def _checked(self, load: Any, keys: slice) -> None:
        """Hashing tuples of tuples that share their parts would take for ever."""
        for key in self.stack[keys]:
            if isinstance(key, frozenset) or (isinstance(key, tuple) and not _flat(key)):
                raise UnsafePickleError("a key that is a tuple of tuples")
        load(self)

    def _set_item(self) -> None:
        self._checked(_PythonUnpickler.load_setitem, slice(-2, -1))

    def _set_items(self) -> None:
        self._checked(_PythonUnpickler.load_setitems, slice(0, None, 2))

    def _make_dict(self) -> None:
        self._checked(_PythonUnpickler.load_dict, slice(0, None, 2))

    def _refuse_set(self) -> None:
        raise UnsafePickleError("a set where arrays are expected")

    dispatch[pickle.SETITEM[0]] = _set_item
    dispatch[pickle.SETITEMS[0]] = _set_items
    dispatch[pickle.DICT[0]] = _make_dict
    dispatch[pickle.FROZENSET[0]] = dispatch[pickle.ADDITEMS[0]] = _refuse_set


def _flat(key: tuple[Any, ...]) -> bool:
    return len(key) <= _LONGEST_KEY and not any(isinstance(part, (tuple, frozenset)) for part in key)


def load_pickle(path: Path, fields: Iterable[str]) -> Mapping[str, Any]:
    """Read a pickled dict of arrays; code in it is never run.

    Args:
        path: The file.
        fields: Names of the entries that are arrays; others are kept as they are, unread.

    Returns:
        All entries of the dict, by name.

    Raises:
        UnsafePickleError: For a forbidden global, a truncated or damaged file, or anything but a dict; its ``field``
            names the entry where one is to blame.
    """
    with path.open("rb") as file:
        content = _unpickle(file)
    if not isinstance(content, dict):
        raise UnsafePickleError(f"a {type(content).__name__} instead of a dict")
    wanted = set(fields)
    for name in wanted & content.keys():
        _weigh(content[name])
    return {str(name): _evaluate(value, name) if name in wanted else value for name, value in content.items()}


def load_plain(stream: IO[bytes], size: int | None = None, reader: type[PassiveUnpickler] | None = None) -> Any:
    """Read one pickle of nested dicts, lists and tuples of arrays, numbers and strings.

    Args:
        stream: The pickle.
        size: Bytes of the file that it is in, at most; more entries than that are refused.
        reader: What reads it, where it is no plain pickle.

    Returns:
        The content. Arrays of objects become nested lists (one without dimensions its only element).

    Raises:
        UnsafePickleError: As :func:`load_pickle`; its ``field`` is the path of the entry, such as "S9/Walking/0".
    """
    content = _unpickle(stream, reader or PassiveUnpickler)
    _weigh(content, LARGEST_CONTENT if size is None else min(size, LARGEST_CONTENT))
    return _plain(content, "", {})


def _plain(value: Any, field: str, known: dict[int, Any]) -> Any:
    """known: what became of containers and arrays, by identity: what a file shares stays shared."""
    if not isinstance(value, (dict, list, tuple, Record)):
        return value
    if id(value) not in known:
        known[id(value)] = _written_out(value, field, known)
    return known[id(value)]


def _written_out(value: Any, field: str, known: dict[int, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry, _below(field, key), known) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(entry, _below(field, i), known) for i, entry in enumerate(value))
    if _holds_objects(value):
        entries = _plain(value.state[4], field, known)
        return entries if value.state[1] else entries[0]
    return _evaluate(value, field or "(pickle)")


def _weigh(content: Any, most: int = LARGEST_CONTENT) -> None:
    """Refuse what refers to itself, is too deep, or would be too large if nothing were shared."""
    weights: dict[int, int] = {}
    path: list[tuple[Any, Iterator[Any]]] = [(content, iter(_parts(content)))]
    open_ones = {id(content)}
    while path:
        value, rest = path[-1]
        part = next((p for p in rest if id(p) not in weights and isinstance(p, (dict, list, tuple, Array))), None)
        if part is None:
            path.pop()
            open_ones.discard(id(value))
            weights[id(value)] = 1 + sum(weights.get(id(p), 1) for p in _parts(value))
            if weights[id(value)] > most:
                raise UnsafePickleError(f"lists of more than {most} entries, written out")
            continue
        if id(part) in open_ones:
            raise UnsafePickleError("a list or dictionary that holds itself")
        if len(path) >= _DEEPEST:
            raise UnsafePickleError(f"lists or dictionaries more than {_DEEPEST} deep")
        open_ones.add(id(part))
        path.append((part, iter(_parts(part))))


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, Array):
        return value.state[4] if _holds_objects(value) else ()
    return value if isinstance(value, (list, tuple)) else ()


def _below(field: str, key: Any) -> str:
    name = str(key) if isinstance(key, (str, int)) else "..."
    return f"{field}/{name:.60}" if field else f"{name:.60}"


def _holds_objects(value: Any) -> bool:
    state = value.state if isinstance(value, Array) else None
    if not (isinstance(state, tuple) and len(state) == 5 and isinstance(state[2], DType)):
        return False
    return str(state[2].arguments[0]).startswith("O") and isinstance(state[4], list) and len(state[4]) > 0


def _unpickle(stream: IO[bytes], reader: type[PassiveUnpickler] = PassiveUnpickler) -> Any:
    try:
        return reader(stream).load()
    except UnsafePickleError:
        raise
    # A damaged pickle can raise nearly anything while it is read.
    except Exception as error:
        message = f"truncated or damaged pickle ({type(error).__name__}: {str(error)[:200]})"
        raise UnsafePickleError(message) from error


def _evaluate(value: Any, field: str) -> Any:
    if not isinstance(value, Record):
        return value
    try:
        return _to_array(value)
    except UnsafePickleError as error:
        raise UnsafePickleError(str(error), field) from error
    except (
        TypeError,
        ValueError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
        MemoryError,
        RecursionError,
    ) as error:
        raise UnsafePickleError(f"damaged array ({type(error).__name__}: {str(error)[:200]})", field) from error


def _to_array(value: Any, depth: int = 0) -> NDArray[Any]:
    if depth > _DEEPEST_CHUMPY:
        raise UnsafePickleError(f"chumpy expressions more than {_DEEPEST_CHUMPY} deep")
    if isinstance(value, (Csc, Csr)):
        return _dense(value, depth + 1)
    if isinstance(value, Chumpy):
        return _chumpy_value(value, depth + 1)
    if isinstance(value, Array):
        _, shape, dtype, fortran, raw = value.state
        return _from_bytes(raw, dtype, shape, "F" if fortran else "C")
    if isinstance(value, FromBuffer):
        raw, dtype, shape, order = value.arguments
        return _from_bytes(raw, dtype, shape, order)
    if isinstance(value, Scalar):
        dtype, raw = value.arguments
        return _from_bytes(raw, dtype, (), "C")
    if isinstance(value, Record):
        raise UnsafePickleError(f"cannot read a {type(value).__name__.strip('_').lower()} as an array")
    _weigh(value)
    return np.asarray(value)


def _from_bytes(raw: Any, dtype: Any, shape: Any, order: str) -> NDArray[Any]:
    number = number_dtype(dtype)
    data = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
    return np.asarray(np.frombuffer(data, dtype=number).reshape(shape, order="F" if order == "F" else "C"))


def number_dtype(record: Any) -> np.dtype[Any]:
    """The type of numbers that a record names.

    Args:
        record: As a file has it.

    Raises:
        UnsafePickleError: It is no type of numbers.
    """
    if not isinstance(record, DType):
        raise UnsafePickleError("array without a dtype")
    dtype = np.dtype(str(record.arguments[0]))
    if dtype.kind not in _NUMBER_KINDS:
        raise UnsafePickleError(f"dtype '{dtype}' is not a number")
    byte_order = record.state[1] if isinstance(record.state, tuple) else "="
    return dtype.newbyteorder(">" if byte_order == ">" else "<") if byte_order in ("<", ">") else dtype


def _chumpy_value(record: Chumpy, depth: int) -> NDArray[Any]:
    if isinstance(record, Select):
        chosen = _to_array(record.get("a"), depth).ravel()[_to_array(record.get("idxs"), depth)]
        shape = record.get("preferred_shape")
        return np.asarray(chosen if shape is None else chosen.reshape(_to_array(shape, depth)))
    if record.get("x") is not None:
        return _to_array(record.get("x"), depth)
    if record.get("a") is not None and record.get("newshape") is not None:
        return _to_array(record.get("a"), depth).reshape(_to_array(record.get("newshape"), depth))
    names = ", ".join(sorted(record.state)) if isinstance(record.state, dict) else "nothing"
    raise UnsafePickleError(f"cannot evaluate a chumpy expression that holds {names}")


def _dense(record: Csc | Csr, depth: int) -> NDArray[Any]:
    shape = record.get("_shape") if record.get("_shape") is not None else record.get("shape")
    data, indices, indptr = (_to_array(record.get(name), depth) for name in ("data", "indices", "indptr"))
    make = sparse.csc_matrix if isinstance(record, Csc) else sparse.csr_matrix
    rows, columns = (int(n) for n in shape)
    if not 0 < rows * columns <= _LARGEST_MATRIX:
        raise UnsafePickleError(f"a sparse matrix of shape ({rows}, {columns})")
    matrix = make((data, indices, indptr), shape=(rows, columns))
    matrix.check_format(full_check=True)
    return np.asarray(matrix.toarray())
