"""The container of glTF 2.0 (ISO/IEC 12113): a document and its data, in one GLB, or ``.gltf`` with files beside it."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from s2m.errors import FormatError

Floats = NDArray[np.float64]

_LARGEST, _MOST = 1 << 31, 10**8  # bytes of a file; numbers of an array
_MOST_NODES = 10_000
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_FLOAT = 5126
# Whole numbers that stand for -1 to 1 where an accessor is normalised, and what they are divided by.
_SHARES = {5120: ("<i1", 127.0), 5121: ("<u1", 255.0), 5122: ("<i2", 32767.0), 5123: ("<u2", 65535.0)}
_DATA = ";base64,"


class GltfFile:
    """A document and its numbers.

    Args:
        path: The file.

    Attributes:
        nodes: Of the document.
        skins: Of the document.
        animations: Of the document.
        extensions: Of the document, by name.
        above: Node -> its parent.

    Raises:
        FormatError: The message names the file, what was expected and what was found.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        document, self._binary = _parts(_bytes_of(path, path), path)
        self._accessors, self._views = document.get("accessors", []), document.get("bufferViews", [])
        self._buffers = document.get("buffers", [])
        self._read: dict[int, bytes] = {}
        self.nodes: list[dict[str, Any]] = document.get("nodes", [])
        self.skins: list[dict[str, Any]] = document.get("skins", [])
        self.animations: list[dict[str, Any]] = document.get("animations", [])
        self.extensions: dict[str, Any] = document.get("extensions", {})
        if len(self.nodes) > _MOST_NODES:
            raise FormatError(f"{path}: nodes: expected at most {_MOST_NODES}, found {len(self.nodes)}")
        self.above = {child: number for number, node in enumerate(self.nodes) for child in node.get("children", [])}

    def array(self, number: int) -> Floats:
        """The rows of an accessor.

        Args:
            number: Of the accessor.
        """
        accessor, where = self._accessors[number], f"{self.path}: accessors[{number}]"
        width, count, kind = _WIDTHS[accessor["type"]], int(accessor["count"]), accessor["componentType"]
        shared = kind in _SHARES and accessor.get("normalized", False)
        if not (kind == _FLOAT or shared) or "sparse" in accessor:
            raise FormatError(f"{where}: expected plain 32-bit numbers or normalised ones, found others")
        dtype, unit = _SHARES[kind] if shared else ("<f4", 1.0)
        size = np.dtype(dtype).itemsize
        view = self._views[accessor["bufferView"]]
        packed = [name for name in view.get("extensions", {}) if "compression" in name]
        if packed:
            raise FormatError(f"{where}: expected numbers as they are, found them packed by {packed[0]}")
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        step = view.get("byteStride", size * width)
        if start < 0 or step < size * width or not 0 < count * width <= _MOST:
            raise FormatError(f"{where}: expected numbers, found {count} entries")
        data = self._buffer(view.get("buffer", 0))
        rows = np.ndarray((count, width), dtype, data, start, (step, size)).astype(np.float64) / unit
        if not np.isfinite(rows).all():
            raise FormatError(f"{where}: expected finite numbers")
        return rows

    def with_ancestors(self, nodes: Iterable[int]) -> list[int]:
        """Nodes and all that are above them, parents first.

        Args:
            nodes: By number.

        Raises:
            FormatError: The nodes are no tree.
        """
        order: dict[int, None] = {}
        for start in nodes:
            chain: dict[int, None] = {}
            node: int | None = start
            while node is not None and node not in order:
                if node in chain:
                    raise FormatError(f"{self.path}: nodes: expected a tree, found a circle")
                chain[node] = None
                node = self.above.get(node)
            order |= dict.fromkeys(reversed(chain))
        return list(order)

    def next_above(self, node: int, among: Container[int]) -> int | None:
        """The nearest of some nodes that a node hangs on.

        Args:
            node: By number.
            among: Those that count; ``node`` itself does not.
        """
        found = self.above.get(node)
        while found is not None and found not in among:
            found = self.above.get(found)
        return found

    def _buffer(self, number: int) -> bytes:
        if number not in self._read:
            address = self._buffers[number].get("uri")
            self._read[number] = self._binary if address is None else self._fetched(str(address))
        return self._read[number]

    def _fetched(self, address: str) -> bytes:
        """Data within the document, or in a file beside it."""
        if address.startswith("data:"):
            return base64.b64decode(address.partition(_DATA)[2], validate=True)
        name = unquote(address)
        if ":" in name or "\\" in name or Path(name).is_absolute() or ".." in Path(name).parts:
            raise FormatError(f"{self.path}: buffers: expected a file beside it, found {address[:80]!r}")
        return _bytes_of(self.path.parent / name, self.path)


def has_meshes(content: bytes) -> bool:
    """Whether there is anything to look at in a GLB; motion may be all that is in it.

    Args:
        content: The file's.
    """
    try:
        return bool(_parts(content, Path())[0].get("meshes"))
    except (struct.error, ValueError, AttributeError):
        return True  # damaged: whoever shows it will say so


def _bytes_of(file: Path, path: Path) -> bytes:
    try:
        if file.stat().st_size > _LARGEST:
            raise FormatError(f"{file}: expected at most {_LARGEST >> 30} GB, found {file.stat().st_size} bytes")
        return file.read_bytes()
    except OSError as error:
        whose = f"{path}: " if file != path else ""
        raise FormatError(f"{whose}{file}: cannot be read: {error.strerror or error}") from error


def _parts(content: bytes, path: Path) -> tuple[dict[str, Any], bytes]:
    """The document, and the data that follows it in a GLB."""
    if content[:4] == b"glTF":
        (size,) = struct.unpack_from("<I", content, 12)
        document, data = json.loads(content[20 : 20 + size]), content[20 + size + 8 :]
    elif content.lstrip()[:1] == b"{":
        document, data = json.loads(content), b""
    else:
        raise FormatError(f"{path}: expected a GLB or .gltf (glTF 2.0), found something else")
    return document, data
