"""The rasteriser sees what a ray through every pixel sees."""

from __future__ import annotations

import time

import numpy as np
import pytest

from layfigure.engine.geometry.rasteriser import NEAR, rasterise

LENS = (20.0, 22.0, 15.3, 11.0)  # fx, fy, cx, cy
SIZE = (32, 24)


def trace(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Möller and Trumbore's test of each pixel ray with each triangle."""
    (fx, fy, cx, cy), (width, height) = LENS, SIZE
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = np.stack([(x - cx) / fx, (y - cy) / fy, np.ones_like(x)], -1)
    index, depth = np.full(x.shape, -1), np.full(x.shape, np.inf)
    weights = np.zeros((*x.shape, 3))
    for f, (i, j, k) in enumerate(faces):
        origin, e1, e2 = vertices[i], vertices[j] - vertices[i], vertices[k] - vertices[i]
        p = np.cross(rays, e2)
        det = p @ e1
        u = p @ -origin / det
        q = np.cross(-origin, e1)
        v, t = rays @ q / det, e2 @ q / det
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t >= NEAR) & (t < depth)
        index[hit], depth[hit] = f, t[hit]
        weights[hit] = np.stack([1 - u - v, u, v], -1)[hit]
    return index, weights, depth


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("distance", [0.8, 3.0])
def test_agrees_with_ray_tracing(seed: int, distance: float) -> None:
    """Triangles cross each other, the picture's edge and, when near, the plane of the camera."""
    rng = np.random.default_rng(seed)
    vertices = rng.normal(size=(36, 3)) + (0, 0, distance)
    faces = np.arange(36).reshape(-1, 3)
    raster = rasterise(vertices, faces, *LENS, *SIZE)
    index, weights, depth = trace(vertices, faces)
    assert (index >= 0).sum() > 50
    assert np.array_equal(raster.face_index, index)
    assert np.allclose(raster.barycentric, weights, atol=1e-6)
    assert np.allclose(raster.depth, depth, atol=1e-5, rtol=1e-5)


def test_back_faces_and_empty_pictures() -> None:
    vertices = np.array([[-1, -1, 2], [1, -1, 2], [0, 1, 2], [0, 0, -3]], np.float32)
    seen = np.array([[0, 2, 1]])  # its normal points to the camera
    normal = np.cross(vertices[2] - vertices[0], vertices[1] - vertices[0])
    assert normal @ vertices[0] < 0
    assert (rasterise(vertices, seen, *LENS, *SIZE, cull_back=True).face_index == 0).any()
    turned = seen[:, ::-1]
    assert (rasterise(vertices, turned, *LENS, *SIZE, cull_back=True).face_index == -1).all()
    assert (rasterise(vertices, turned, *LENS, *SIZE).face_index == 0).any()
    behind = rasterise(vertices - (0, 0, 9), seen, *LENS, *SIZE)
    assert (behind.face_index == -1).all() and np.isinf(behind.depth).all()
    assert (rasterise(vertices, np.zeros((0, 3), int), *LENS, *SIZE).face_index == -1).all()
    flat = np.array([[0, 0, 0], [1, 1, 1]])
    assert (rasterise(vertices, flat, *LENS, *SIZE).face_index == -1).all()


def test_many_large_triangles_stay_in_memory() -> None:
    """More pixel pairs than are tested at once; the nearest of the stack wins everywhere."""
    layers = 40
    corners = np.array([[-9, -9, 1], [9, -9, 1], [0, 19, 1]], float)
    vertices = np.concatenate([corners * (2 + i) for i in range(layers)])[::-1]
    faces = np.arange(3 * layers).reshape(-1, 3)
    raster = rasterise(vertices, faces, 300, 300, 160, 120, 320, 240)
    assert (raster.face_index == layers - 1).all()
    assert np.allclose(raster.depth, 2, atol=1e-6)


def test_body_sized_mesh_is_quick() -> None:
    """27k small triangles at 1280x720: 0.05 s on one core here; the limit is for slow machines."""
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 118), np.linspace(0.01, np.pi - 0.01, 118))
    ball = np.stack([np.sin(v) * np.cos(u), np.cos(v), np.sin(v) * np.sin(u)], -1)
    grid = np.arange(118 * 118).reshape(118, 118)
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([b, d, c], -1)]).reshape(-1, 3)
    vertices = ball.reshape(-1, 3) * (0.4, 0.9, 0.4) + (0, 0, 3.2)
    assert len(faces) > 27_000
    start = time.process_time()
    raster = rasterise(vertices, faces, 1200, 1200, 640, 360, 1280, 720)
    assert time.process_time() - start < 1.0
    assert (raster.face_index >= 0).sum() > 100_000
