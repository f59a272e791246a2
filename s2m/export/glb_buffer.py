"""The binary part of a GLB: laid out first, then filled piece by piece."""

from __future__ import annotations

import json
import struct
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import ArgumentError

# Component types of glTF.
UINT8, UINT32, FLOAT = 5121, 5125, 5126
_DTYPES: dict[int, Any] = {UINT8: np.uint8, UINT32: np.uint32, FLOAT: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_VERTICES, _INDICES = 34962, 34963  # what a buffer view is for
_ALIGNED = 4
_LARGEST = (4 << 30) - (64 << 20)  # bytes, with room for the JSON part

Bounds = tuple[list[float], list[float]]


class Buffer:
    """Arrays in a row, each with an accessor and a buffer view of its own."""

    def __init__(self) -> None:
        self._accessors: list[dict[str, Any]] = []
        self._views: list[dict[str, Any]] = []
        self._content: dict[int, NDArray[Any]] = {}
        self._size = 0
        self._start = 0

    def add(
        self,
        array: NDArray[Any],
        kind: str,
        component: int = FLOAT,
        *,
        indices: bool = False,
        bounds: Bounds | None = None,
    ) -> int:
        """Add an array that is known.

        Args:
            array: (N,) or (N, width) numbers.
            kind: glTF's type of an element, such as ``VEC3``.
            component: glTF's type of a number.
            indices: Whether these are the corners of triangles.
            bounds: The smallest and the largest of every column, where glTF asks for them.

        Returns:
            Number of its accessor.
        """
        accessor = self.reserve(len(array), kind, component, bounds=bounds)
        self._content[accessor] = np.ascontiguousarray(array, _DTYPES[component])
        if kind != "MAT4":
            self._views[accessor]["target"] = _INDICES if indices else _VERTICES
        return accessor

    def reserve(self, count: int, kind: str, component: int = FLOAT, *, bounds: Bounds | None = None) -> int:
        """Make room for an array that :meth:`put` writes.

        Args:
            count: Number of elements.
            kind: glTF's type of an element.
            component: glTF's type of a number.
            bounds: The smallest and the largest of every column, where glTF asks for them.

        Returns:
            Number of its accessor.
        """
        length = count * _WIDTHS[kind] * np.dtype(_DTYPES[component]).itemsize
        self._views.append({"buffer": 0, "byteOffset": self._size, "byteLength": length})
        self._size += -(-length // _ALIGNED) * _ALIGNED
        limits = {} if bounds is None else {"min": bounds[0], "max": bounds[1]}
        accessor = {"bufferView": len(self._views) - 1, "componentType": component, "count": count, "type": kind}
        self._accessors.append(accessor | limits)
        return len(self._accessors) - 1

    def write_head(self, file: IO[bytes], document: dict[str, Any]) -> None:
        """Write the file with the arrays that are known, and room for the others.

        Args:
            file: Open for writing, at its start.
            document: The JSON part without buffers, views and accessors.

        Raises:
            ArgumentError: The arrays are larger than a GLB, whose lengths have 32 bits, can be.
        """
        if self._size > _LARGEST:
            raise ArgumentError(f"people: expected at most 4 GB of motion in a GLB, found {self._size >> 30}")
        whole = document | {
            "accessors": self._accessors,
            "bufferViews": self._views,
            "buffers": [{"byteLength": self._size}],
        }
        text = json.dumps(whole, separators=(",", ":")).encode()
        text += b" " * (-len(text) % _ALIGNED)
        self._start = 12 + 8 + len(text) + 8
        file.write(struct.pack("<4sII", b"glTF", 2, self._start + self._size))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        file.write(struct.pack("<I4s", self._size, b"BIN\0"))
        for accessor, array in self._content.items():
            self._at(file, accessor, 0)
            file.write(array.data)
        file.truncate(self._start + self._size)

    def put(self, file: IO[bytes], accessor: int, first: int, rows: NDArray[Any]) -> None:
        """Write some elements of an array.

        Args:
            file: As :meth:`write_head` left it.
            accessor: Number of the array's accessor.
            first: Number of the first element.
            rows: The elements.
        """
        entry = self._accessors[accessor]
        self._at(file, accessor, first * _WIDTHS[entry["type"]] * np.dtype(_DTYPES[entry["componentType"]]).itemsize)
        file.write(np.ascontiguousarray(rows, _DTYPES[entry["componentType"]]).data)

    def _at(self, file: IO[bytes], accessor: int, offset: int) -> None:
        file.seek(self._start + self._views[accessor]["byteOffset"] + offset)
