"""The open body's mesh: the outer skin, thinned out symmetrically. Only the builder needs it."""

from __future__ import annotations

import fast_simplification
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from s2m.body.decimate import AGGRESSIVENESS

_MIDLINE = 1e-3

Faces = NDArray[np.int64]
Vertices = NDArray[np.float64]


def outer_skin(faces: Faces, vertex_count: int) -> NDArray[np.int64]:
    """Vertices of the largest connected part of a mesh: without eyes, teeth and tongue.

    Args:
        faces: (F, 3) triangles.
        vertex_count: V, the number of vertices.
    """
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(vertex_count, vertex_count))
    _, label = connected_components(graph, directed=False)
    return np.flatnonzero(label == np.bincount(label).argmax())


def restrict(faces: Faces, kept: NDArray[np.int64], vertex_count: int) -> Faces:
    """The faces whose three vertices are kept, renumbered to positions in ``kept``.

    Args:
        faces: (F, 3) triangles.
        kept: (V',) vertices, ascending.
        vertex_count: V, the number of vertices before.
    """
    position = np.full(vertex_count, -1)
    position[kept] = np.arange(len(kept))
    renumbered = position[faces]
    return renumbered[(renumbered >= 0).all(axis=1)]


def mirror_map(vertices: Vertices) -> NDArray[np.int64]:
    """For every vertex the one at its mirror image in x.

    Args:
        vertices: (V, 3) metres.

    Returns:
        (V,) positions.

    Raises:
        ValueError: When the mesh is not symmetric to a millimetre.
    """
    distance, mirror = (np.asarray(found) for found in cKDTree(vertices).query(vertices * [-1, 1, 1]))
    if distance.max() > _MIDLINE or len(np.unique(mirror)) != len(mirror):
        raise ValueError(f"the mesh is not mirror symmetric (worst vertex {distance.max() * 1e3:.2f} mm off)")
    return mirror.astype(np.int64)


def decimate_symmetrically(vertices: Vertices, faces: Faces, target_faces: int) -> Faces:
    """A coarser symmetric mesh on a subset of the vertices: the left half is thinned out and mirrored.

    Args:
        vertices: (V, 3), symmetric in x with vertices on the plane x = 0.
        faces: (F, 3).
        target_faces: About how many triangles to keep.

    Returns:
        Faces (F', 3) into the same vertices, about ``target_faces`` of them.
    """
    mirror = mirror_map(vertices)
    middle = mirror == np.arange(len(mirror))
    left = np.flatnonzero(middle | (vertices[:, 0] > 0))
    half = restrict(faces, left, len(vertices))
    points, triangles = fast_simplification.simplify(
        vertices[left].astype(np.float32), half.astype(np.int32), target_count=target_faces // 2, agg=AGGRESSIVENESS
    )
    border = _border(triangles)
    snapped = np.empty(len(points), dtype=np.int64)
    for chosen, among in ((border, middle[left]), (~border, ~middle[left])):
        candidates = left[among]
        snapped[chosen] = candidates[cKDTree(vertices[candidates]).query(points[chosen])[1]]
    coarse = snapped[triangles]
    a, b, c = coarse.T
    coarse = coarse[(a != b) & (b != c) & (c != a)]
    return np.concatenate([coarse, mirror[coarse][:, ::-1]])


def _border(triangles: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which vertices lie on an edge that only one triangle has."""
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges, times = np.unique(edges, axis=0, return_counts=True)
    on_border = np.zeros(triangles.max() + 1, dtype=bool)
    on_border[edges[times == 1]] = True
    return on_border
