"""Pickles as Python and as joblib write them, read as plain data.

joblib (joblib/numpy_pickle.py, which describes it) writes a pickle in which a wrapper stands for every array; the
numbers follow the wrapper, from version 1.2 on after padding. The whole may be packed.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import pickle
import zlib
from collections.abc import Callable
from typing import IO, Any, ClassVar

import numpy as np

from s2m.formats.pickle_records import Record
from s2m.formats.safe_pickle import PassiveUnpickler, UnsafePickleError, load_plain, number_dtype

_LARGEST = 2 * 10**9  # bytes of an array
_BOMB, _SMALL = 100, 64 * 10**6  # so much smaller when packed is no recording of anybody, above this size
_BLOCK = 1 << 20


class _Wrapper(Record):
    """joblib's NumpyArrayWrapper: type, shape and order of an array whose numbers come next."""


class JoblibUnpickler(PassiveUnpickler):
    """Reads what joblib wrote, and plain pickles, without running anything of them.

    Args:
        stream: The pickle, unpacked.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(PassiveUnpickler.dispatch)

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self._stream = stream

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name of the file.

        Args:
            module: Where the name is from.
            name: The name.

        Raises:
            UnsafePickleError: It is none of arrays and numbers.
        """
        if (module, name) == ("joblib.numpy_pickle", "NumpyArrayWrapper"):
            return _Wrapper
        return super().find_class(module, name)

    def _build(self) -> None:
        pickle._Unpickler.load_build(self)  # type: ignore[attr-defined]
        if isinstance(self.stack[-1], _Wrapper):
            self.stack[-1] = self._array(self.stack[-1])

    def _array(self, wrapper: _Wrapper) -> Any:
        dtype, shape = wrapper.get("dtype"), wrapper.get("shape")
        if isinstance(dtype, Record) and str(dtype.arguments[0]).startswith("O"):
            return JoblibUnpickler(self._stream).load()
        number = number_dtype(dtype)
        if not isinstance(shape, tuple) or any(not isinstance(n, int) or n < 0 for n in shape):
            raise UnsafePickleError(f"an array of shape {shape!r:.40}")
        if wrapper.get("numpy_array_alignment_bytes") is not None:
            self._exactly(self._exactly(1)[0])
        raw = self._exactly(math.prod(shape) * number.itemsize)
        return np.frombuffer(raw, number).reshape(shape, order="F" if wrapper.get("order") == "F" else "C")

    def _exactly(self, size: int) -> bytes:
        if size > _LARGEST:
            raise UnsafePickleError(f"an array of {size} bytes")
        parts, left = [], size
        while left and (part := self._stream.read(min(left, _BLOCK))):  # what is promised need not be there
            parts.append(part)
            left -= len(part)
        if left:
            raise UnsafePickleError(f"expected {size} bytes of an array, found {size - left}: the file is cut short")
        return b"".join(parts)

    dispatch[pickle.BUILD[0]] = _build


class _Zlib(io.RawIOBase):
    """A zlib stream, unpacked as it is read."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed, self._engine = packed, zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        while not self._engine.eof:
            pending = self._engine.unconsumed_tail or self._packed.read(_BLOCK)
            if not pending:
                raise EOFError("the file is cut short")
            found = self._engine.decompress(pending, len(view))
            if found:
                view[: len(found)] = found
                return len(found)
        return 0


# What a packed file begins with -> what reads it.
_PACKED: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x78", lambda stream: io.BufferedReader(_Zlib(stream))),
    (b"\x1f\x8b", lambda stream: gzip.GzipFile(fileobj=stream)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ", lzma.LZMAFile),
)


class _Limited(io.RawIOBase):
    """A stream that refuses to become larger than memory.

    Args:
        stream: What is read.
        most: Bytes.
    """

    def __init__(self, stream: Any, most: int) -> None:
        self._stream, self._left, self._most = stream, most, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self._stream.read(len(buffer))
        self._left -= len(found)
        if self._left < 0:
            raise UnsafePickleError(f"more than {self._most} bytes, unpacked")
        buffer[: len(found)] = found
        return len(found)


def load_joblib(stream: IO[bytes], size: int) -> Any:
    """Read a pickle of nested dicts, lists and tuples of arrays, numbers and strings; packed or not.

    Args:
        stream: The file.
        size: Its bytes.

    Returns:
        The content, as ``load_plain`` of that module gives it.

    Raises:
        UnsafePickleError: It holds anything else, or is damaged.
    """
    start = stream.read(8)
    stream.seek(0)
    unpack = next((reader for magic, reader in _PACKED if start.startswith(magic)), None)
    if unpack is None:
        return load_plain(stream, size, JoblibUnpickler)
    most = max(_SMALL, min(_LARGEST, _BOMB * size))
    return load_plain(io.BufferedReader(_Limited(unpack(stream), most)), None, JoblibUnpickler)
