"""The one mesh of an avatar: extracted once, with UVs, weights and a baked texture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import Tensor

from ..geometry.bake import bake, colours_at
from ..geometry.band_grid import extract_band
from ..geometry.mesh_clean import half_smoothing, smooth_borders, vertex_normals
from ..geometry.unwrap import unwrap
from .rig import trim_weights
from .surface import Surface

VOXEL = 0.011  # m: about 20 000 vertices for a grown person
TEXTURE = 1024  # px
_SEEN = 0.02  # m within which a scan shows a place
_FACING = 0.2  # least cosine between the normals of the two
_LEAST_SHARE = 0.15  # of the scans, and at least two
_AT_BODY = 0.03  # m; a surface so near the body may stay though no scan shows it
_HEM_ROUNDS = 10  # of smoothing of the border between what stays and what goes
_BORDER_ROUNDS = 12  # of smoothing of open borders, which were cut between voxels
_SMALL = 0.02  # of the mesh; smaller loose pieces are dropped, smaller openings closed


@dataclass
class CanonicalMesh:
    """V vertices, F faces, U texture corners."""

    vertices: np.ndarray  # (V, 3) canonical, metres
    faces: np.ndarray  # (F, 3) int32
    vt: np.ndarray  # (U, 2)
    ft: np.ndarray  # (F, 3) int32
    weights: np.ndarray  # (V, J), at most eight of a row not zero
    colors: np.ndarray  # (V, 3) uint8


def extract_mesh(
    surface: Surface, code: Tensor, shown: list[tuple[np.ndarray, np.ndarray]], body: np.ndarray
) -> tuple[CanonicalMesh, np.ndarray]:
    """The mesh of `surface` in the pose of `code`, and its texture (size, size, 3) uint8.

    `shown`: points and normals (N, 3) of each scan in canonical space. The mesh is closed except
    where nothing shows a surface, neither two scans nor the bare body (V, 3), as below a skirt:
    there it is open. Raises InputError for a surface that is nowhere.
    """
    low, high = surface.box_min.cpu().numpy(), surface.box_max.cpu().numpy()
    vertices, faces = extract_band(lambda p: surface.distance(p, code), low, high, VOXEL)
    if shown:
        there = _supported(vertices, faces, shown, body)
        faces = faces[there[faces].all(1)]
    vertices, faces = _main_pieces(vertices, faces)
    vertices = smooth_borders(vertices, faces, _BORDER_ROUNDS)
    vt, ft = unwrap(vertices, faces, TEXTURE)
    weights = trim_weights(surface.weights(torch.from_numpy(vertices)).numpy())

    def colour(points: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return surface.color(torch.from_numpy(points), code).numpy()

    texture = bake(vertices, faces, vt, ft, colour, TEXTURE)
    mesh = CanonicalMesh(vertices, faces, vt, ft, weights, colours_at(vertices, colour))
    return mesh, texture


def _supported(
    vertices: np.ndarray,
    faces: np.ndarray,
    shown: list[tuple[np.ndarray, np.ndarray]],
    body: np.ndarray,
) -> np.ndarray:
    """(V,) bool: near the body, or shown by scans."""
    normals = vertex_normals(vertices, faces)
    count = np.zeros(len(vertices), int)
    for points, directions in shown:
        distance, near = cKDTree(points).query(vertices)
        count += (distance < _SEEN) & ((directions[near] * normals).sum(1) > _FACING)
    away, _ = cKDTree(body).query(vertices)
    least = min(max(2, _LEAST_SHARE * len(shown)), len(shown))
    stays = ((count >= least) | (away < _AT_BODY)).astype(float)
    half_way = half_smoothing(faces, len(vertices))
    for _ in range(_HEM_ROUNDS):
        stays = half_way @ stays
    return (stays > 0.5) | ~_large(faces, stays <= 0.5)


def _large(faces: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(V,) bool: the chosen vertices that hang together in pieces of some size."""
    edges = np.concatenate([faces[:, :2], faces[:, 1:]])
    edges = edges[chosen[edges].all(1)]
    count = len(chosen)
    graph = coo_matrix((np.ones(len(edges)), edges.T), (count, count))
    _, piece = connected_components(graph, directed=False)
    size = np.bincount(piece)
    return chosen & (size[piece] >= _SMALL * count)


def _main_pieces(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without small loose pieces and unused vertices."""
    count = len(vertices)
    edges = np.concatenate([faces[:, :2], faces[:, 1:]])
    graph = coo_matrix((np.ones(len(edges)), edges.T), (count, count))
    _, piece = connected_components(graph, directed=False)
    size = np.bincount(piece[faces[:, 0]], minlength=piece.max() + 1)
    faces = faces[size[piece[faces[:, 0]]] >= _SMALL * len(faces)]
    used, renamed = np.unique(faces, return_inverse=True)
    return vertices[used], renamed.reshape(-1, 3).astype(np.int32)
