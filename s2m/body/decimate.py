"""Coarser meshes on a subset of a body's vertices: what the silhouette renderer draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from s2m.optional import require

# Of 0 (careful, stops early) to 10: 7, the package's default, shrinks silhouettes by one per cent more.
AGGRESSIVENESS = 5


@dataclass(frozen=True, eq=False)
class Decimation:
    """A coarse mesh as a selection of a fine one's vertices.

    Attributes:
        index: (V',) which vertices are kept, ascending.
        faces: (F', 3) into that subset, wound as before.
    """

    index: NDArray[np.int64]
    faces: NDArray[np.int64]


def decimate(vertices: NDArray[np.float32], faces: NDArray[np.int64], target_faces: int) -> Decimation:
    """Quadric decimation whose result is snapped to the closest original vertices.

    Snapping keeps the coarse mesh a selection of rows, so a posed body is decimated by indexing.

    Args:
        vertices: (V, 3), any unit.
        faces: (F, 3).
        target_faces: About how many triangles remain (a few fewer where snapping merges vertices).

    Returns:
        The coarse mesh; the mesh itself when it has no more than ``target_faces``.

    Raises:
        ValueError: When ``target_faces`` is below 100.
    """
    if target_faces < 100:
        raise ValueError(f"a body needs at least 100 faces to be rendered, got {target_faces}")
    if target_faces >= len(faces):
        return Decimation(np.arange(len(vertices)), faces)
    coarse, triangles = require("fast_simplification").simplify(
        vertices.astype(np.float32), faces.astype(np.int32), target_count=target_faces, agg=AGGRESSIVENESS
    )
    _, nearest = cKDTree(vertices).query(coarse)
    snapped = np.asarray(nearest, dtype=np.int64)[triangles]
    snapped = _without_doubles(snapped)
    index, renumbered = np.unique(snapped, return_inverse=True)
    return Decimation(index, renumbered.reshape(snapped.shape).astype(np.int64))


def _without_doubles(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Drop triangles that snapping collapsed, and the second of two on the same three vertices."""
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    return faces[np.sort(first)]
