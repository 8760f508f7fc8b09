"""Triangle meshes between numpy and Blender: nearest points, neighbours, modifiers' results."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils.bvhtree import BVHTree


class Shell:
    """A surface that answers how far a point is outside of it."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        self.tree = BVHTree.FromPolygons(vertices.tolist(), faces.tolist())

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The nearest places (N, 3), their outward normals (N, 3) and faces (N,)."""
        found = [self.tree.find_nearest(point) for point in points.tolist()]
        return (
            np.array([hit[0] for hit in found]).reshape(-1, 3),
            np.array([hit[1] for hit in found]).reshape(-1, 3),
            np.array([hit[2] for hit in found], int),
        )

    def push_out(self, points: np.ndarray, gap: float, deepest: float = 0.05) -> np.ndarray:
        """`points` (N, 3) with those inside, or nearer than `gap` metres, moved outside."""
        places, normals, _ = self.nearest(points)
        height = ((points - places) * normals).sum(1)
        near = np.linalg.norm(points - places, axis=1)
        wrong = (height < gap) & (near < deepest)
        moved = points.copy()
        moved[wrong] += normals[wrong] * (gap - height[wrong])[:, None]
        return moved


def neighbour_mean(faces: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(V, k) the mean of each vertex's neighbours; itself where it has none."""
    pairs = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    codes = np.concatenate([pairs, pairs[:, ::-1]]).astype(np.int64) @ [len(values), 1]
    pairs = np.stack(np.divmod(np.unique(codes), len(values)), 1)  # sorts far faster than rows
    total = np.stack(
        [np.bincount(pairs[:, 0], column[pairs[:, 1]], len(values)) for column in values.T], 1
    )
    count = np.bincount(pairs[:, 0], minlength=len(values))[:, None]
    return np.where(count > 0, total / np.maximum(count, 1), values)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3) unit normals, weighted by area."""
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.stack(
        [np.bincount(faces.ravel(), np.repeat(c, 3), len(vertices)) for c in across.T], 1
    )
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def temporary_mesh(name: str, vertices: np.ndarray, faces: np.ndarray) -> bpy.types.Object:
    """An object in the scene with exactly these vertices; `remove` ends it."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces.tolist())
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def remove(thing: bpy.types.Object) -> None:
    """End an object and its mesh."""
    bpy.data.meshes.remove(thing.data)


def evaluated(thing: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and triangles (F, 3) of `thing` after its modifiers."""
    shaped = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = shaped.to_mesh()
    mesh.calc_loop_triangles()
    vertices = np.empty(len(mesh.vertices) * 3, np.float32)
    faces = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.vertices.foreach_get("co", vertices)
    mesh.loop_triangles.foreach_get("vertices", faces)
    shaped.to_mesh_clear()
    return vertices.reshape(-1, 3).astype(np.float64), faces.reshape(-1, 3)


def compact(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same faces without the vertices that none of them uses."""
    used, index = np.unique(faces, return_inverse=True)
    return vertices[used], index.reshape(-1, 3).astype(np.int32)
