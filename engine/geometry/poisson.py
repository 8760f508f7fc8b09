"""A surface through oriented points by screened Poisson reconstruction (Kazhdan and Hoppe, 2013),
as MeshLab has it, opened again where there are no points."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ..formats.errors import InputError
from .mesh_clean import drop_vertices

_REACH = 3.0  # mean distances between points that a face may be away from one
_NEAR = 8  # neighbours that tell that distance; those of two patches may coincide


def poisson_mesh(
    points: np.ndarray, normals: np.ndarray, colors: np.ndarray | None = None, depth: int = 8
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Vertices (V, 3) float32, faces (F, 3) int32 and colours (V, 3) uint8 of a triangle mesh.

    points: (N, 3), any unit. normals: (N, 3), outward. colors: (N, 3) uint8 or None, of the nearest
    point. depth: the octree has 2^depth cells along the longest side of the points' box. The faces
    that close what the points leave open, as under a skirt, are taken away. Raises InputError where
    pymeshlab is missing or the points give no surface.
    """
    vertices, faces = _closed(points, normals, depth)
    tree = cKDTree(points)
    distance, nearest = tree.query(vertices)
    limit = _REACH * _spacing(tree)
    colored = None if colors is None else colors[nearest]
    vertices, faces, colored = drop_vertices(distance < limit, vertices, faces, colored)
    if not len(faces):
        raise InputError(
            f"{len(points)} points give no surface.", "Take a higher density, or a smaller depth."
        )
    return vertices, faces, colored


def _closed(points: np.ndarray, normals: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        from pymeshlab import Mesh, MeshSet, PyMeshLabException
    except ImportError as error:  # not there, or it lacks a library of the system
        raise InputError(
            f"Meshes from points need pymeshlab, which does not import ({error}).",
            "pip install pymeshlab; on Debian also apt-get install libgl1.",
        ) from error
    meshes = MeshSet(verbose=False)
    meshes.add_mesh(Mesh(vertex_matrix=points, v_normals_matrix=normals))
    try:
        meshes.generate_surface_reconstruction_screened_poisson(depth=depth, preclean=True)
    except PyMeshLabException as error:
        raise InputError(
            f"{len(points)} points give no surface ({error}).", "Take a higher density."
        ) from error
    mesh = meshes.current_mesh()
    return mesh.vertex_matrix().astype(np.float32), mesh.face_matrix().astype(np.int32)


def _spacing(tree: cKDTree) -> float:
    """The distance between neighbours, were the points spread evenly on their surface."""
    near = min(_NEAR, tree.n - 1)
    reach = tree.query(tree.data[:: max(1, tree.n // 2000)], [near + 1])[0]
    # a disc of that radius holds `near` + 1/2 points, each on a square
    return float(np.sqrt(np.mean(reach**2) * np.pi / (near + 0.5)))
