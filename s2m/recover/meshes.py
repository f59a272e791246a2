"""Meshes of a frame: Wavefront OBJ and Stanford PLY, in metres, camera frame with +y up (+x right, +z backward)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.files import replacing, write_text

SUFFIXES = (".obj", ".ply")
_Y_UP = np.array([1.0, -1.0, -1.0])


def write_mesh(path: Path, vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> None:
    """Write a mesh, whole or not at all; the suffix says as what.

    Args:
        path: The file to write: .obj or .ply.
        vertices: (V, 3) metres, camera frame (+y down).
        faces: (F, 3).

    Raises:
        UserError: For another suffix.
        WriteError: It cannot be written.
    """
    points = (np.asarray(vertices, np.float64) * _Y_UP).astype(np.float32)
    if path.suffix == ".obj":
        lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in points.tolist()]
        lines += [f"f {a} {b} {c}" for a, b, c in (faces + 1).tolist()]
        write_text(path, "\n".join(lines) + "\n")
    elif path.suffix == ".ply":
        _write_ply(path, points, faces)
    else:
        raise UserError(f"{path}: expected a name that ends in {' or '.join(SUFFIXES)}")


def _write_ply(path: Path, points: NDArray[np.float32], faces: NDArray[np.integer]) -> None:
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(points)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    rows = np.empty(len(faces), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
    rows["count"], rows["corners"] = 3, faces
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(header.encode() + points.astype("<f4").tobytes() + rows.tobytes())
