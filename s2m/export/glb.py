"""GLB: a skinned, animated body for Blender, Unity, Unreal, browsers.

glTF 2.0 (ISO/IEC 12113): metres, +y up, +z front. One mesh, skin and skeleton of 24 joints for every person; one
animation for all. The first four influences of a vertex are its largest (``JOINTS_0``), the next four follow
(``JOINTS_1``): where a program reads both, as Blender does, the skin is exact; where it reads four, as three.js does,
it is close (docs/formats_out.md says how close). Pose blend shapes, which official SMPL files have and the open body
has not, are no part of the format's skinning and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import ArgumentError
from s2m.export.glb_buffer import FLOAT, UINT8, UINT32, Buffer
from s2m.export.glb_points import COLOUR, PointTracks, ball
from s2m.export.motion import BodyMotion, Continuous, Points, Rest
from s2m.files import replacing
from s2m.skeletons import SMPL24

_SETS = 2  # of four influences
# Linear colours of people, one after the other.
_COLOURS = ((0.55, 0.62, 0.72), (0.76, 0.49, 0.36), (0.46, 0.62, 0.42), (0.60, 0.48, 0.68), (0.72, 0.64, 0.38))


def write_glb(
    path: str | Path,
    people: Sequence[BodyMotion],
    names: tuple[str, ...] = SMPL24.joints,
    points: Sequence[Points | None] = (),
) -> None:
    """Write people as one GLB, whole or not at all, in little memory.

    Args:
        path: The file to write.
        people: Their motions, which may differ in length and rate.
        names: Of SMPL's 24 joints, in their order.
        points: The joints that people were found from, to be shown beside them; none by default.

    Raises:
        WriteError: It cannot be written.
        ArgumentError: There is nobody, or more than the 4 GB that a GLB can hold.
    """
    if not people:
        raise ArgumentError("people: expected at least one motion, found none")
    document = _Document(names)
    for motion in people:
        document.add(motion)
    for motion, seen in zip(people, points, strict=False):
        if seen is not None:
            document.add_points(motion.name, seen)
    with replacing(path) as temporary, temporary.open("r+b") as file:
        document.buffer.write_head(file, document.content())
        for motion, tracks in zip(people, document.tracks, strict=True):
            tracks.write(file, motion)
        for seen_tracks in document.points:
            seen_tracks.write(file)


class _Tracks:
    """Where the numbers of one person's animation stand in the file."""

    def __init__(self, buffer: Buffer, motion: BodyMotion) -> None:
        count = len(motion)
        self.buffer = buffer
        last = np.float32((count - 1) / motion.fps)
        self.times = buffer.reserve(count, "SCALAR", bounds=([0.0], [float(last)]))
        self.places = buffer.reserve(count, "VEC3")
        self.rotations = [buffer.reserve(count, "VEC4") for _ in SMPL24.joints]

    def write(self, file: Any, motion: BodyMotion) -> None:
        continuous = Continuous()
        for start, stop in motion.pieces():
            frames = motion.y_up(start, stop)
            rotations = continuous(frames.rotations).astype(np.float32)
            rotations /= np.linalg.norm(rotations, axis=-1, keepdims=True)
            self.buffer.put(file, self.times, start, np.arange(start, stop) / motion.fps)
            self.buffer.put(file, self.places, start, frames.pelvis)
            for joint, accessor in enumerate(self.rotations):
                self.buffer.put(file, accessor, start, rotations[:, joint])


class _Document:
    """The JSON part, and what it points to."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.buffer, self.tracks, self.points = Buffer(), list[_Tracks](), list[PointTracks]()
        self._names, self._ball = names, 0
        self._nodes: list[dict[str, Any]] = []
        self._roots: list[int] = []
        self._meshes: list[dict[str, Any]] = []
        self._skins: list[dict[str, Any]] = []
        self._materials: list[dict[str, Any]] = []
        self._samplers: list[dict[str, Any]] = []
        self._channels: list[dict[str, Any]] = []

    def add(self, motion: BodyMotion) -> None:
        """Take in the next person."""
        number, first = len(self._skins), len(self._nodes)
        rest = motion.rest
        self._add_joints(rest, first)
        inverse = np.tile(np.eye(4, dtype=np.float32), (len(SMPL24), 1, 1))
        inverse[:, 3, :3] = -rest.joints  # column-major: the last column
        joints = list(range(first, first + len(SMPL24)))
        matrices = self.buffer.add(inverse.reshape(-1, 16), "MAT4")
        self._skins.append({"joints": joints, "skeleton": first, "inverseBindMatrices": matrices, "name": motion.name})
        colour = [*_COLOURS[number % len(_COLOURS)], 1.0]
        surface = {"baseColorFactor": colour, "metallicFactor": 0.0, "roughnessFactor": 0.75}
        self._materials.append({"name": motion.name, "pbrMetallicRoughness": surface})
        self._meshes.append({"name": motion.name, "primitives": [self._skin_of(rest, number)]})
        self._roots += [first, len(self._nodes)]
        self._nodes.append({"name": f"{motion.name}_mesh", "mesh": number, "skin": number})
        self._animate(motion, first)

    def add_points(self, name: str, points: Points) -> None:
        """Take in the joints that a person was found from: balls, in a node that says whose they are."""
        if not self.points:
            surface = {"baseColorFactor": list(COLOUR), "metallicFactor": 0.0, "roughnessFactor": 1.0}
            self._materials.append({"name": "joints", "pbrMetallicRoughness": surface})
            self._meshes.append(ball(self.buffer, len(self._materials) - 1))
            self._ball = len(self._meshes) - 1
        tracks = PointTracks(self.buffer, points)
        self.points.append(tracks)
        first = len(self._nodes) + 1
        children = list(range(first, first + len(points.names)))
        self._roots.append(len(self._nodes))
        self._nodes.append({"name": f"{name}_seen", "children": children, "extras": {"seen": name}})
        self._nodes += [{"name": f"{name}_seen_{joint}", "mesh": self._ball} for joint in points.names]
        for node, places, sizes in zip(children, tracks.places, tracks.sizes, strict=True):
            self._channel(tracks.times, places, node, "translation")
            if sizes is not None:
                self._channel(tracks.times, sizes, node, "scale", "STEP")

    def content(self) -> dict[str, Any]:
        """The document."""
        return {
            "asset": {"version": "2.0", "generator": "Skeleton2Mesh"},
            "scene": 0,
            "scenes": [{"name": "scene", "nodes": self._roots}],
            "nodes": self._nodes,
            "meshes": self._meshes,
            "skins": self._skins,
            "materials": self._materials,
            "animations": [{"name": "motion", "samplers": self._samplers, "channels": self._channels}],
        }

    def _add_joints(self, rest: Rest, first: int) -> None:
        for joint, offset in enumerate(rest.offsets):
            node: dict[str, Any] = {"name": self._names[joint], "translation": offset.tolist()}
            children = [first + child for child, parent in enumerate(SMPL24.parents) if parent == joint]
            self._nodes.append(node | ({"children": children} if children else {}))

    def _skin_of(self, rest: Rest, material: int) -> dict[str, Any]:
        vertices = rest.vertices.astype(np.float32)
        add = self.buffer.add
        attributes = {
            "POSITION": add(vertices, "VEC3", bounds=(vertices.min(0).tolist(), vertices.max(0).tolist())),
            "NORMAL": add(normals(rest), "VEC3"),
        }
        for number, (joints, weights) in enumerate(influences(rest.weights)):
            attributes[f"JOINTS_{number}"] = add(joints, "VEC4", UINT8)
            attributes[f"WEIGHTS_{number}"] = add(weights, "VEC4", FLOAT)
        faces = add(rest.faces.reshape(-1), "SCALAR", UINT32, indices=True)
        return {"attributes": attributes, "indices": faces, "material": material}

    def _animate(self, motion: BodyMotion, first: int) -> None:
        tracks = _Tracks(self.buffer, motion)
        self.tracks.append(tracks)
        self._channel(tracks.times, tracks.places, first, "translation")
        for joint, accessor in enumerate(tracks.rotations):
            self._channel(tracks.times, accessor, first + joint, "rotation")

    def _channel(self, times: int, values: int, node: int, path: str, between: str = "LINEAR") -> None:
        self._channels.append({"sampler": len(self._samplers), "target": {"node": node, "path": path}})
        self._samplers.append({"input": times, "output": values, "interpolation": between})


def influences(weights: NDArray[np.float64]) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """Skinning weights in sets of four, largest first: at most eight, which sum to one.

    Args:
        weights: (V, J), rows sum to one.

    Returns:
        Pairs of joints (V, 4) and weights (V, 4); the second only where some vertex has more than four.
    """
    order = np.argsort(-weights, axis=1, kind="stable")[:, : 4 * _SETS]
    kept = np.take_along_axis(weights, order, axis=1).astype(np.float32)
    kept /= kept.sum(1, keepdims=True)
    joints = np.where(kept > 0, order, 0).astype(np.uint8)  # a joint without weight is written as the first
    sets = [(joints[:, i : i + 4], kept[:, i : i + 4]) for i in range(0, 4 * _SETS, 4)]
    return [pair for number, pair in enumerate(sets) if number == 0 or pair[1].any()]


def normals(rest: Rest) -> NDArray[np.float32]:
    """Directions of the skin: those of the triangles around a vertex, by area.

    Args:
        rest: The body.

    Returns:
        (V, 3) unit vectors.
    """
    corners = rest.vertices[rest.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(rest.vertices)
    for corner in range(3):
        np.add.at(total, rest.faces[:, corner], across)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    up = np.array([0.0, 1.0, 0.0])  # a vertex that no triangle with an area touches
    return np.where(length > 0, total / np.where(length > 0, length, 1), up).astype(np.float32)
