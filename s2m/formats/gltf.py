"""GLB files (glTF 2.0, ISO/IEC 12113): skinned skeletons and their first animation.

What is read is what moves a skeleton: nodes, skins and the animation's translations and rotations. Meshes are not.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from s2m.arrays import short_repr
from s2m.errors import FormatError

Floats = NDArray[np.float64]

_LARGEST, _MOST = 1 << 31, 10**8  # bytes of a file; numbers of a motion
_MOST_NODES = 10_000
_FLOAT, _WIDTHS = 5126, {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
# What damaged JSON makes the lines below raise.
_DAMAGE = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, struct.error)


@dataclass(frozen=True)
class GltfPerson:
    """A skeleton and its motion.

    Attributes:
        names: (J,) of its joints, parents before children.
        parents: (J,) position of each joint's parent; -1 for the root.
        rest: (J, 3) positions in the pose that the skin was bound in.
        turns: (T, J, 3, 3) from the axes of that pose to the file's world.
        places: (T, J, 3) in the file's world.
        frame_time: Seconds.
        animations: How many the file has.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    rest: Floats
    turns: Floats
    places: Floats
    frame_time: float
    animations: int

    __repr__ = short_repr

    def posed(self) -> tuple[Floats, Floats]:
        """Rotations (T, J, 3, 3) and positions (T, J, 3) in the file's world."""
        return self.turns.copy(), self.places.copy()

    def at_rest(self) -> Floats:
        """(J, 3) positions without any rotation."""
        return self.rest.copy()


def read_glb(path: Path) -> list[GltfPerson]:
    """Read the skeletons of a GLB.

    Args:
        path: The file.

    Returns:
        One person for every skeleton that a skin hangs on.

    Raises:
        FormatError: The message names the file, what was expected and what was found.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise FormatError(f"{path}: expected at most {_LARGEST >> 30} GB, found {path.stat().st_size} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror or error}") from error
    if content[:4] != b"glTF":
        raise FormatError(f"{path}: expected a GLB (glTF, binary), found something else")
    try:
        return _File(content, path).people()
    except FormatError:
        raise
    except _DAMAGE as error:
        raise FormatError(f"{path}: expected glTF 2.0 ({type(error).__name__}: {error!s:.80})") from error


class _File:
    def __init__(self, content: bytes, path: Path) -> None:
        self._path = path
        (size,) = struct.unpack_from("<I", content, 12)
        document = json.loads(content[20 : 20 + size])
        self._blob = content[20 + size + 8 :]
        self._accessors, self._views = document.get("accessors", []), document.get("bufferViews", [])
        self._nodes, self._skins = document.get("nodes", []), document.get("skins", [])
        self._animations = document.get("animations", [])
        if len(self._nodes) > _MOST_NODES:
            raise FormatError(f"{path}: nodes: expected at most {_MOST_NODES}, found {len(self._nodes)}")
        self._above = {child: number for number, node in enumerate(self._nodes) for child in node.get("children", [])}

    def people(self) -> list[GltfPerson]:
        if not self._skins or not self._animations:
            raise FormatError(f"{self._path}: expected a skinned, animated skeleton, found none")
        skins = {tuple(sorted(skin["joints"])): skin for skin in self._skins}  # meshes of one person share a skeleton
        return [self._person(skin) for skin in skins.values()]

    def _array(self, number: int) -> Floats:
        accessor = self._accessors[number]
        width, count = _WIDTHS[accessor["type"]], int(accessor["count"])
        if accessor["componentType"] != _FLOAT or "sparse" in accessor:
            raise FormatError(f"{self._path}: accessors[{number}]: expected plain 32-bit numbers, found others")
        view = self._views[accessor["bufferView"]]
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        step = view.get("byteStride", 4 * width)
        if start < 0 or step < 4 * width or not 0 < count * width <= _MOST:
            raise FormatError(f"{self._path}: accessors[{number}]: expected numbers, found {count} entries")
        rows = np.ndarray((count, width), "<f4", self._blob, start, (step, 4)).astype(np.float64)
        if not np.isfinite(rows).all():
            raise FormatError(f"{self._path}: accessors[{number}]: expected finite numbers")
        return rows

    def _order(self, joints: list[int]) -> list[int]:
        """The joints and all nodes above them, parents first."""
        order: list[int] = []
        for joint in joints:
            chain: list[int] = []
            while joint not in order and joint not in chain:
                chain.append(joint)
                if joint not in self._above:
                    break
                joint = self._above[joint]
            else:
                if joint in chain:
                    raise FormatError(f"{self._path}: nodes: expected a tree, found a circle")
            order += reversed(chain)
        return order

    def _person(self, skin: dict[str, Any]) -> GltfPerson:
        order, joints = self._order(skin["joints"]), set(skin["joints"])
        tracks = self._tracks(set(order))
        times = self._times(tracks)
        if len(times) * len(order) * 9 > _MOST:
            raise FormatError(f"{self._path}: expected at most {_MOST} numbers, found {len(times)} frames")
        turns, places, shown = self._worlds(order, tracks, times)
        bind = self._bind(skin, shown)
        kept = [node for node in order if node in joints]
        own = [order.index(node) for node in kept]
        rest = np.stack([bind[node] for node in kept])
        frames = turns[:, own] @ rotation(rest[:, :3, :3]).transpose(0, 2, 1)
        names = tuple(str(self._nodes[node].get("name", f"joint{node}")) for node in kept)
        parents = tuple(kept.index(self._above[node]) if self._above.get(node) in joints else -1 for node in kept)
        step = float(times[1] - times[0]) if len(times) > 1 else 1 / 30
        return GltfPerson(names, parents, rest[:, :3, 3], frames, places[:, own], step, len(self._animations))

    def _bind(self, skin: dict[str, Any], shown: dict[int, Floats]) -> dict[int, Floats]:
        """(4, 4) of every joint in the pose of binding: by the skin, else as the nodes stand."""
        if "inverseBindMatrices" not in skin:
            return shown
        inverse = self._array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        return dict(zip(skin["joints"], np.linalg.inv(inverse), strict=True))

    def _tracks(self, nodes: set[int]) -> dict[tuple[int, str], tuple[Floats, Floats, str]]:
        """(node, path) -> times, values, interpolation."""
        animation, found = self._animations[0], {}
        for channel in animation["channels"]:
            node, kind = channel["target"].get("node"), channel["target"]["path"]
            if node not in nodes or kind not in ("translation", "rotation", "scale"):
                continue
            sampler = animation["samplers"][channel["sampler"]]
            times, values = self._array(sampler["input"])[:, 0], self._array(sampler["output"])
            between = sampler.get("interpolation", "LINEAR")
            if between == "CUBICSPLINE":
                values = values[1::3]
            if len(values) != len(times) or (np.diff(times) <= 0).any():
                raise FormatError(f"{self._path}: animations[0]: expected a value for every time, times rising")
            found[node, kind] = (times, values, between)
        if not found:
            raise FormatError(f"{self._path}: animations[0]: expected one that moves the skeleton, found none")
        return found

    def _times(self, tracks: dict[tuple[int, str], tuple[Floats, Floats, str]]) -> Floats:
        """Of the frames: those of the track that has most."""
        longest = max((times for times, _, _ in tracks.values()), key=len)
        first = min(float(times[0]) for times, _, _ in tracks.values())
        last = max(float(times[-1]) for times, _, _ in tracks.values())
        step = float(np.median(np.diff(longest))) if len(longest) > 1 else 1.0
        count = (last - first) / step
        if count > _MOST:
            raise FormatError(f"{self._path}: animations[0]: expected frames, found {count:.0f}")
        return np.asarray(first + step * np.arange(round(count) + 1), np.float64)

    def _worlds(
        self, order: list[int], tracks: dict[tuple[int, str], tuple[Floats, Floats, str]], times: Floats
    ) -> tuple[Floats, Floats, dict[int, Floats]]:
        """Rotations (T, N, 3, 3), positions (T, N, 3) of the nodes in the world, and their (4, 4) without animation."""
        moved: dict[int, Floats] = {}
        shown: dict[int, Floats] = {}
        for node in order:
            still = _matrix(self._nodes[node], {})
            own = {kind: _sampled(*tracks[node, kind], times) for kind in _KINDS if (node, kind) in tracks}
            local = _matrix(self._nodes[node], own) if own else np.broadcast_to(still, (len(times), 4, 4))
            above = self._above.get(node)
            moved[node] = local if above is None else moved[above] @ local
            shown[node] = still if above is None else shown[above] @ still
        whole = np.stack([moved[node] for node in order], axis=1)
        return rotation(whole[..., :3, :3]), whole[..., :3, 3], shown


_KINDS = ("translation", "rotation", "scale")


def _sampled(times: Floats, values: Floats, between: str, wanted: Floats) -> Floats:
    at = np.clip(wanted, times[0], times[-1])
    if len(times) == 1 or between == "STEP":
        return np.asarray(values[np.clip(np.searchsorted(times, at + 1e-6, side="right") - 1, 0, None)])
    if values.shape[1] == 4:
        found: Floats = Slerp(times, Rotation.from_quat(values))(at).as_quat()
        return found
    return np.asarray(np.stack([np.interp(at, times, column) for column in values.T], axis=1), np.float64)


def _matrix(node: dict[str, Any], moved: dict[str, Floats]) -> Floats:
    """(4, 4) or, where something moves, (T, 4, 4) from a node to its parent."""
    if "matrix" in node and not moved:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    place, turn, size = (
        moved.get(kind, np.array(node.get(kind, default), np.float64))
        for kind, default in zip(_KINDS, ((0, 0, 0), (0, 0, 0, 1), (1, 1, 1)), strict=True)
    )
    frames = max((len(value) for value in moved.values()), default=0)
    found = np.tile(np.eye(4), (frames, 1, 1)) if moved else np.eye(4)
    found[..., :3, :3] = Rotation.from_quat(turn).as_matrix() * size[..., None, :]
    found[..., :3, 3] = place
    return found


def rotation(matrices: Floats) -> Floats:
    """The rotations in matrices that also scale.

    Args:
        matrices: (..., 3, 3).

    Returns:
        (..., 3, 3) the nearest rotations.
    """
    left, _, right = np.linalg.svd(matrices)
    sign = np.sign(np.linalg.det(left @ right))
    left[..., -1] *= sign[..., None]
    found: Floats = left @ right
    return found
