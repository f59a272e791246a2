"""glTF 2.0 (ISO/IEC 12113): skeletons and the first animation of each.

What is read is what moves a skeleton: nodes, skins and the animation's translations and rotations. Meshes are not.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from s2m.arrays import short_repr
from s2m.errors import FormatError
from s2m.formats.gltf_file import GltfFile
from s2m.formats.gltf_skeletons import Skeleton, skeletons_of, vrm_names

Floats = NDArray[np.float64]

GLTF = (".glb", ".gltf", ".vrm", ".vrma")
"""Suffixes of glTF and of what VRM makes of it."""
_MOST = 10**8  # numbers of a motion
_KEYS, _FRAME = 0.1, 1 / 30  # seconds: keys farther apart than the one are rarely frames; those are the other then
_MANY = 10  # steps alike: frames nevertheless
_CUBIC = "CUBICSPLINE"
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
        animations: How many of the file's move the skeleton.
        takes: What these are called, or their numbers in the file.
        between_keys: Seconds, where keys that somebody set by hand stood for frames; else 0.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    rest: Floats
    turns: Floats
    places: Floats
    frame_time: float
    animations: int
    between_keys: float = 0.0
    takes: tuple[str, ...] = ()

    __repr__ = short_repr

    def posed(self) -> tuple[Floats, Floats]:
        """Rotations (T, J, 3, 3) and positions (T, J, 3) in the file's world."""
        return self.turns.copy(), self.places.copy()

    def at_rest(self) -> Floats:
        """(J, 3) positions without any rotation."""
        return self.rest.copy()


def read_gltf(path: Path, take: str | None = None) -> list[GltfPerson]:
    """Read the skeletons of a glTF file.

    Args:
        path: The file: ``.glb``, ``.gltf``, or one of their kinds (``.vrm``, ``.vrma``).
        take: Name of the animation, or its number in the file; ``None`` for the first that moves each skeleton.

    Returns:
        One person for every skeleton that skins hang on; without skins, one for every tree that is animated.

    Raises:
        FormatError: The message names the file, what was expected and what was found.
    """
    try:
        return _Reader(GltfFile(path), take).people()
    except FormatError:
        raise
    except _DAMAGE as error:
        raise FormatError(f"{path}: expected glTF 2.0 ({type(error).__name__}: {error!s:.80})") from error


class _Reader:
    def __init__(self, file: GltfFile, take: str | None = None) -> None:
        self._file, self._path, self._take = file, file.path, take
        self._nodes, self._above = file.nodes, file.above
        self._called = vrm_names(file)

    def people(self) -> list[GltfPerson]:
        if not self._file.animations:
            there = "a skeleton without animation" if self._file.skins else "none"
            raise FormatError(f"{self._path}: expected an animated skeleton, found {there}")
        skeletons = skeletons_of(self._file)
        if not skeletons:
            raise FormatError(f"{self._path}: expected an animated skeleton, found none")
        moved = [one for one in skeletons if self._take is None or self._wanted(self._nodes_of(one))]
        if not moved:
            there = ", ".join(map(self._called_take, range(len(self._file.animations))))
            raise FormatError(f"{self._path}: animations: expected '{self._take}', found {there:.200}")
        return [self._person(skeleton) for skeleton in moved]

    def _nodes_of(self, skeleton: Skeleton) -> set[int]:
        """The joints and the nodes above, which move them, too."""
        return set(self._file.with_ancestors(skeleton.joints))

    def _person(self, skeleton: Skeleton) -> GltfPerson:
        order, joints = self._file.with_ancestors(skeleton.joints), set(skeleton.joints)
        tracks = self._tracks(set(order))
        times = self._times(tracks)
        if len(times) * len(order) * 9 > _MOST:
            raise FormatError(f"{self._path}: expected at most {_MOST} numbers, found {len(times)} frames")
        turns, places, shown = self._worlds(order, tracks, times)
        kept = [node for node in order if node in joints]
        bind = self._bind(skeleton.skin, shown, kept)
        own = [order.index(node) for node in kept]
        rest = np.stack([bind[node] for node in kept])
        frames = turns[:, own] @ rotation(rest[:, :3, :3]).transpose(0, 2, 1)
        names = tuple(self._called.get(node) or str(self._nodes[node].get("name", f"joint{node}")) for node in kept)
        place = {node: number for number, node in enumerate(kept)}
        above = [self._file.next_above(node, joints) for node in kept]
        parents = tuple(-1 if node is None else place[node] for node in above)
        step = float(times[1] - times[0]) if len(times) > 1 else 1 / 30
        takes, keyed = self._takes_of(set(order)), _apart(tracks)
        called = tuple(self._called_take(number) for number in takes)
        return GltfPerson(names, parents, rest[:, :3, 3], frames, places[:, own], step, len(takes), keyed, called)

    def _bind(self, skin: dict[str, Any] | None, shown: dict[int, Floats], joints: list[int]) -> dict[int, Floats]:
        """(4, 4) of every joint in the pose of binding: by the skin, else as the nodes stand."""
        if skin is None or "inverseBindMatrices" not in skin:
            return shown
        inverse = self._file.array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        bind = dict(zip(skin["joints"], np.linalg.inv(inverse), strict=True))
        for joint in joints:  # those of other skins: to the one above as the nodes stand
            if joint not in bind:
                known = self._file.next_above(joint, bind)
                known = skin["joints"][0] if known is None else known
                bind[joint] = bind[known] @ np.linalg.inv(shown[known]) @ shown[joint]
        return bind

    def _tracks(self, nodes: set[int]) -> dict[tuple[int, str], tuple[Floats, Floats, str]]:
        """(node, path) -> times, values, interpolation, of the animation that is wanted and moves any of the nodes."""
        for number in self._wanted(nodes):
            return self._tracks_of(self._file.animations[number], nodes, f"{self._path}: animations[{number}]")
        raise FormatError(f"{self._path}: animations: expected one that moves the skeleton, found none")

    def _wanted(self, nodes: set[int]) -> list[int]:
        """The animations that move any of the nodes, and are called as the user says."""
        return [n for n in self._takes_of(nodes) if self._take in (None, str(n), self._called_take(n))]

    def _called_take(self, number: int) -> str:
        return str(self._file.animations[number].get("name") or number)

    def _takes_of(self, nodes: set[int]) -> list[int]:
        """The animations that move any of the nodes."""
        targets = [[channel["target"] for channel in one["channels"]] for one in self._file.animations]
        moving = [any(t.get("node") in nodes and t["path"] in _KINDS for t in one) for one in targets]
        return [number for number, moves in enumerate(moving) if moves]

    def _tracks_of(
        self, animation: dict[str, Any], nodes: set[int], where: str
    ) -> dict[tuple[int, str], tuple[Floats, Floats, str]]:
        found = {}
        for channel in animation["channels"]:
            node, kind = channel["target"].get("node"), channel["target"]["path"]
            if node not in nodes or kind not in _KINDS:
                continue
            sampler = animation["samplers"][channel["sampler"]]
            times, values = self._file.array(sampler["input"])[:, 0], self._file.array(sampler["output"])
            between = sampler.get("interpolation", "LINEAR")
            if between == _CUBIC:  # of each key the tangent before it, its value, the tangent after it
                values = values.reshape(-1, 3 * values.shape[1])
            if len(values) != len(times) or (np.diff(times) <= 0).any():
                raise FormatError(f"{where}: expected a value for every time, times rising")
            found[node, kind] = (times, values, between)
        return found

    def _times(self, tracks: dict[tuple[int, str], tuple[Floats, Floats, str]]) -> Floats:
        """Of the frames: as far apart as the keys of the track that has most, unless those are no frames."""
        first = min(float(times[0]) for times, _, _ in tracks.values())
        last = max(float(times[-1]) for times, _, _ in tracks.values())
        step = _FRAME if _apart(tracks) else _step(_longest(tracks))
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


def _longest(tracks: dict[tuple[int, str], tuple[Floats, Floats, str]]) -> Floats:
    """Times of the track that has most."""
    return max((times for times, _, _ in tracks.values()), key=len)


def _apart(tracks: dict[tuple[int, str], tuple[Floats, Floats, str]]) -> float:
    """Seconds between keys that are no frames but somebody's who set them by hand; else 0."""
    times, splines = _longest(tracks), any(between == _CUBIC for _, _, between in tracks.values())
    steps = np.diff(times)
    even = len(steps) >= _MANY and np.ptp(steps) < 0.01 * steps.mean() and not splines
    return 0.0 if even or _step(times) < _KEYS else _step(times)


def _step(times: Floats) -> float:
    """Seconds between keys."""
    return float(np.median(np.diff(times))) if len(times) > 1 else _FRAME


def _sampled(times: Floats, values: Floats, between: str, wanted: Floats) -> Floats:
    at = np.clip(wanted, times[0], times[-1])
    if len(times) == 1 or between == "STEP":
        values = values[:, values.shape[1] // 3 : -(values.shape[1] // 3)] if between == _CUBIC else values
        return np.asarray(values[np.clip(np.searchsorted(times, at + 1e-6, side="right") - 1, 0, None)])
    if between == _CUBIC:
        return _hermite(times, values, at)
    if values.shape[1] == 4:
        found: Floats = Slerp(times, Rotation.from_quat(values))(at).as_quat()
        return found
    return np.asarray(np.stack([np.interp(at, times, column) for column in values.T], axis=1), np.float64)


def _hermite(times: Floats, values: Floats, at: Floats) -> Floats:
    """Cubic Hermite splines, as "Spline Interpolation" of glTF's appendix C has them."""
    own = np.split(values, 3, axis=1)[1]
    if own.shape[1] == 4:  # the shorter way round: Blender 3.4 writes either quaternion of a rotation
        same = (own[1:] * own[:-1]).sum(1) >= 0
        values = values * np.cumprod([1.0, *np.where(same, 1.0, -1.0)])[:, None]
    before, own, after = np.split(values, 3, axis=1)
    start = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    span = np.diff(times)[start][:, None]
    t = (at - times[start])[:, None] / span
    return np.asarray(
        (2 * t**3 - 3 * t**2 + 1) * own[start]
        + (t**3 - 2 * t**2 + t) * span * after[start]
        + (3 * t**2 - 2 * t**3) * own[start + 1]
        + (t**3 - t**2) * span * before[start + 1]
    )


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
