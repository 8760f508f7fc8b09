"""Meshes as they come from scanners, put right: lost numbers, loose ends, sides, too many faces."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags, identity

MOST_FACES = 150_000


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3) float32 unit normals, weighted by the areas of the faces around; 0 without any."""
    corners = vertices.astype(np.float64)[faces]
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.stack(
        [
            np.bincount(faces.ravel(), np.repeat(crossed[:, c], 3), minlength=len(vertices))
            for c in range(3)
        ],
        axis=1,
    )
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.divide(total, length, out=np.zeros_like(total), where=length > 0).astype(np.float32)


def half_smoothing(faces: np.ndarray, count: int) -> csr_matrix:
    """(V, V): each vertex half way to the mean of its neighbours."""
    return _half_way(_sides(faces), count)


def edges_of(faces: np.ndarray) -> np.ndarray:
    """(E, 2) the edges of faces (F, 3), each once."""
    return np.unique(np.sort(_sides(faces), 1), axis=0)


def smooth_borders(vertices: np.ndarray, faces: np.ndarray, rounds: int) -> np.ndarray:
    """Vertices (V, 3) with those on open borders moved along these; all others stay."""
    sides = np.sort(_sides(faces), 1)
    each, uses = np.unique(sides, axis=0, return_counts=True)
    border = each[uses == 1]
    once, moved = _half_way(border, len(vertices)), vertices.astype(np.float64)
    on = np.unique(border)
    for _ in range(rounds):
        moved[on] = (once @ moved)[on]
    return moved.astype(vertices.dtype)


def _sides(faces: np.ndarray) -> np.ndarray:
    """(3 F, 2) the edges of all faces."""
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def _half_way(edges: np.ndarray, count: int) -> csr_matrix:
    pairs = coo_matrix((np.ones(len(edges)), edges.T), (count, count)).tocsr()
    pairs = ((pairs + pairs.T) > 0).astype(np.float64)
    neighbours = np.maximum(np.asarray(pairs.sum(1)).ravel(), 1)
    return ((identity(count) + diags(1 / neighbours) @ pairs) / 2).tocsr()


def drop_vertices(
    keep: np.ndarray, vertices: np.ndarray, faces: np.ndarray, colors: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The mesh without the vertices that `keep` (V,) denies and without their faces."""
    place = np.cumsum(keep) - 1
    faces = place[faces[keep[faces].all(1)]].astype(np.int32)
    return vertices[keep], faces, None if colors is None else colors[keep]


def merge_vertices(
    vertices: np.ndarray, faces: np.ndarray, colors: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Vertices at the very same place become one, with the colour of the first of them."""
    _, first, place = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
    faces = _whole(place.reshape(-1)[faces])
    return vertices[first], faces, None if colors is None else colors[first]


def enclosed_volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Volume within the faces, as seen from their middle; negative where they are inside out.

    Holes cost little of it, so that the sign also tells the sides of an open scan.
    """
    points = vertices.astype(np.float64)
    corners = (points - points.mean(0))[faces]
    return float(np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)


def reduce_faces(
    vertices: np.ndarray, faces: np.ndarray, colors: np.ndarray | None, most: int = MOST_FACES
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """At most `most` faces: all vertices in a cell of a grid become one, at their mean."""
    corners = vertices.astype(np.float64)[faces]
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    # A surface passes through about 1.5 cells for each cell's face of area, two triangles each.
    cell = np.sqrt(1.5 * np.linalg.norm(crossed, axis=1).sum() / most)
    while True:
        smaller = _cluster(vertices, faces, colors, cell)
        if len(smaller[1]) <= most:
            return smaller
        cell *= 1.1


def _cluster(
    vertices: np.ndarray, faces: np.ndarray, colors: np.ndarray | None, cell: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    grid = np.floor((vertices - vertices.min(0)) / cell).astype(np.int64)
    size = grid.max(0) + 1
    key = (grid[:, 0] * size[1] + grid[:, 1]) * size[2] + grid[:, 2]
    _, place, count = np.unique(key, return_inverse=True, return_counts=True)

    def mean(values: np.ndarray) -> np.ndarray:
        sums = [np.bincount(place, values[:, c]) for c in range(values.shape[1])]
        return np.stack(sums, axis=1) / count[:, None]

    faces = _whole(place[faces])
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    fewer = None if colors is None else np.rint(mean(colors)).astype(np.uint8)
    return mean(vertices).astype(np.float32), faces[np.sort(first)], fewer


def _whole(faces: np.ndarray) -> np.ndarray:
    """The faces that have three corners."""
    a, b, c = faces.T
    return faces[(a != b) & (b != c) & (c != a)].astype(np.int32)
