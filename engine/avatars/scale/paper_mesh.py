"""A mesh of constant topology for elements that sit on the bare body: made once, then carried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree
from torch import Tensor

from ...geometry.bake import bake, colours_at
from ...geometry.mesh_clean import half_smoothing
from ...geometry.unwrap import unwrap
from ..canonical_mesh import TEXTURE, VOXEL, CanonicalMesh
from ..rig import trim_weights
from .elements import even_places

if TYPE_CHECKING:
    from .paper import PaperElements

_CARRIERS = 8  # places that carry a vertex
_WIDTH = 0.01  # m about a vertex within which they do
_ROUNDS = 4  # of smoothing of what they do
_PAINTED = 40  # places of an element that paint the mesh


class CarriedMesh:
    """A canonical mesh (V vertices) that goes where the elements near it go.

    It is skinned as any mesh; what the elements do beyond skinning is added to it, smoothly, so
    that it does not tear where they do.
    """

    def __init__(self, elements: PaperElements, mesh: CanonicalMesh) -> None:
        self.elements, self.places = elements, elements.grid()
        self.vertices = torch.from_numpy(mesh.vertices).float()
        self.weights = torch.from_numpy(mesh.weights).float()
        rest = elements.body.spread_pose
        self.canonical, _ = elements.posed(rest, rest, self.places)
        self.place_weights = elements.skin_weights()[self.places.element]
        smooth = half_smoothing(mesh.faces, len(mesh.vertices))
        carry = _carriers(self.canonical.numpy(), mesh.vertices)
        for _ in range(_ROUNDS):
            carry = smooth @ carry
        self.carry = carry.astype(np.float32)

    def __call__(self, shown: Tensor, known: Tensor) -> Tensor:
        """Vertices (V, 3) in the pose `shown` (J, 3), shaped by `known` (J, 3)."""
        skin, posed = self.elements.skin, self.elements.posed(shown, known, self.places)[0]
        beyond = posed - skin(self.canonical, self.place_weights, shown)
        return skin(self.vertices, self.weights, shown) + torch.from_numpy(
            self.carry @ beyond.numpy()
        )


def elements_mesh(elements: PaperElements) -> tuple[CanonicalMesh, np.ndarray]:
    """The mesh of `elements` in canonical space, and its texture (size, size, 3) uint8."""
    rest = elements.body.spread_pose
    height = float(np.ptp(elements.body.vertices.numpy(), axis=0).max())
    vertices, faces, _ = elements.remeshed(rest, rest, round(height / VOXEL))
    vt, ft = unwrap(vertices, faces, TEXTURE)
    places = even_places(torch.full((len(elements.patch),), _PAINTED))
    points, _ = elements.posed(rest, rest, places)
    near, colors = cKDTree(points.numpy()), elements.color(places).numpy()

    def colour(where: np.ndarray) -> np.ndarray:
        return colors[near.query(where)[1]]

    weights = elements.skin_weights()[places.element].numpy()
    mesh = CanonicalMesh(
        vertices,
        faces,
        vt,
        ft,
        trim_weights(_carriers(points.numpy(), vertices) @ weights),
        colours_at(vertices, colour),
    )
    return mesh, bake(vertices, faces, vt, ft, colour, TEXTURE)


def _carriers(points: np.ndarray, vertices: np.ndarray) -> csr_matrix:
    """(V, M): shares of points (M, 3) in what vertices (V, 3) do; the nearer, the more."""
    distance, near = cKDTree(points).query(vertices, _CARRIERS)
    width = np.maximum(distance[:, :1], _WIDTH)
    share = np.exp(-((distance / width) ** 2))
    share /= share.sum(1, keepdims=True)
    rows = np.arange(len(vertices)).repeat(_CARRIERS)
    shape = len(vertices), len(points)
    return csr_matrix((share.ravel(), (rows, near.ravel())), shape)
