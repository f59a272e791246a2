"""Joints as they were seen, as small balls that move in a GLB: beside the body that was found from them."""

from __future__ import annotations

from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from s2m.export.glb_buffer import UINT32, Buffer
from s2m.export.motion import ROWS, Points
from s2m.formats.clips import blocks

_RADIUS = 0.016  # metres
COLOUR = (0.95, 0.45, 0.05, 1.0)
_Y_UP = Rotation.from_euler("x", -90, degrees=True).as_matrix()  # from AMASS's world (+z up)


def ball(buffer: Buffer, material: int) -> dict[str, Any]:
    """A mesh for all balls: an octahedron.

    Args:
        buffer: Where its arrays go.
        material: Number of its material.
    """
    normals = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)  # +x, +y, +z, -x, -y, -z
    faces = np.array([[x, y, z] for x in (0, 3) for y in (1, 4) for z in (2, 5)])
    inside_out = np.linalg.det(normals[faces]) < 0
    faces[inside_out] = faces[inside_out][:, ::-1]
    places = normals * np.float32(_RADIUS)
    bounds = (places.min(0).tolist(), places.max(0).tolist())
    attributes = {"POSITION": buffer.add(places, "VEC3", bounds=bounds), "NORMAL": buffer.add(normals, "VEC3")}
    indices = buffer.add(faces.reshape(-1), "SCALAR", UINT32, indices=True)
    return {"name": "joint", "primitives": [{"attributes": attributes, "indices": indices, "material": material}]}


class PointTracks:
    """Where the numbers of one person's joints stand in the file.

    Args:
        buffer: The file's arrays.
        points: The joints.
    """

    def __init__(self, buffer: Buffer, points: Points) -> None:
        count = len(points.rows)
        self._buffer, self._points = buffer, points
        missing = np.zeros(len(points.names), bool)
        for start, stop in blocks(points.rows, ROWS):
            missing |= ~np.isfinite(points.rows.read(start, stop)).all((0, 2))
        self.times = buffer.reserve(count, "SCALAR", bounds=([0.0], [float(np.float32((count - 1) / points.fps))]))
        self.places = [buffer.reserve(count, "VEC3") for _ in points.names]
        self.sizes = [buffer.reserve(count, "VEC3") if some else None for some in missing]
        """Of joints that are not always seen: then the ball has no size."""

    def write(self, file: IO[bytes]) -> None:
        """Fill in the arrays.

        Args:
            file: The GLB.
        """
        put, held = self._buffer.put, np.zeros((len(self._points.names), 3))
        for start, stop in blocks(self._points.rows, ROWS):
            places = self._points.rows.read(start, stop) @ _Y_UP.T
            seen = np.isfinite(places).all(-1)
            put(file, self.times, start, np.arange(start, stop) / self._points.fps)
            for joint, (accessor, size) in enumerate(zip(self.places, self.sizes, strict=True)):
                own = _held(places[:, joint], seen[:, joint], held[joint])
                put(file, accessor, start, own)
                held[joint] = own[-1]
                if size is not None:
                    put(file, size, start, np.repeat(seen[:, joint, None], 3, axis=1))


def _held(places: NDArray[np.float64], seen: NDArray[np.bool_], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places (T, 3) where a joint that is not seen stays where it was."""
    last = np.maximum.accumulate(np.where(seen, np.arange(len(seen)), -1))
    return np.where((last >= 0)[:, None], places[last], before)
