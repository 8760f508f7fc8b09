"""Smoothing of meshes: of everything, and of open borders alone."""

from __future__ import annotations

import numpy as np

from layfigure.engine.geometry.mesh_clean import half_smoothing, smooth_borders


def sheet(size: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A square grid of vertices (V, 3), 1 apart, and its triangles."""
    rows, columns = np.mgrid[:size, :size]
    vertices = np.stack([columns, rows, 0 * rows], -1).reshape(-1, 3).astype(np.float32)
    first = (rows[:-1, :-1] * size + columns[:-1, :-1]).ravel()
    corners = [[first, first + 1, first + size], [first + 1, first + size + 1, first + size]]
    return vertices, np.concatenate([np.stack(c, 1) for c in corners]).astype(np.int32)


def test_a_ragged_border_becomes_even_and_nothing_else_moves() -> None:
    vertices, faces = sheet()
    ragged = vertices.copy()
    ragged[1:11:2, 1] -= 0.5  # every other vertex of the lowest row
    even = smooth_borders(ragged, faces, 12)
    low = even[3:9, 1]
    before = ragged[3:9, 1]
    assert np.ptp(low) < 0.35 * np.ptp(before) and abs(low.mean() - before.mean()) < 0.1
    inner = (vertices[:, :2] > 0).all(1) & (vertices[:, :2] < 11).all(1)
    np.testing.assert_array_equal(even[inner], ragged[inner])
    assert even.dtype == ragged.dtype


def test_a_closed_mesh_has_no_border() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    np.testing.assert_array_equal(smooth_borders(vertices, faces, 5), vertices)


def test_half_way_to_the_neighbours() -> None:
    vertices, faces = sheet(3)
    once = half_smoothing(faces, len(vertices))
    np.testing.assert_allclose(np.asarray(once.sum(1)).ravel(), 1)
    np.testing.assert_allclose((once @ vertices)[4], vertices[4])
    moved = once @ np.eye(len(vertices))[4]
    assert moved[4] == 0.5 and moved[0] == 0  # no side from the middle to this corner
