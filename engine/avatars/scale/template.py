"""Surface elements of the quick preset: they ride on the clothed surface, not on the bare body.

SCALE's patches sit on the body, so that a skirt is made of pieces of two legs. Here (as SkiRT, Ma
et al. 2022, and FITE, Lin et al. 2022, propose) they sit on a canonical surface of the clothes,
whose offsets follow the pose.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ...geometry.uv_map import bilinear
from ..canonical_mesh import CanonicalMesh
from ..clothes import MovingMesh
from ..quick.influence import influence_of
from ..scanimate.body import CanonicalBody, vertex_normals
from .elements import Elements, Places
from .kernel import pose_features, predict
from .nodes import patches

_LEARNED = ("weights", "near", "share", "mean", "coefficients", "poses")


class TemplateElements(Elements):
    """The faces of a canonical mesh (V vertices), moved by N nodes that S poses taught.

    `learned` holds: weights (N, J) of the nodes; near and share (V, K), the nodes that carry a
    vertex; mean (N, 3) and coefficients (N, S, 3) of their offsets; poses (S, J, 3) axis-angle.
    """

    def __init__(
        self,
        body: CanonicalBody,
        mesh: CanonicalMesh,
        texture: np.ndarray,
        learned: Mapping[str, Tensor],
    ) -> None:
        super().__init__()
        self.body, self.mesh, self.texture = body, mesh, texture
        self.vertices = torch.from_numpy(mesh.vertices).float()
        self.faces = torch.from_numpy(mesh.faces).long()
        self.weights = torch.from_numpy(mesh.weights).float()
        self.patch = torch.from_numpy(patches(mesh.vertices[mesh.faces].mean(1)))
        self.learned = {name: learned[name] for name in _LEARNED}
        self._influence = influence_of(body.data, self.learned["weights"].numpy())
        self._features = torch.stack([pose_features(body, p) for p in self.learned["poses"]])

    def canonical(self, known: Tensor) -> Tensor:
        """Canonical vertices (V, 3) as the pose `known` (J, 3) shapes them."""
        mean, coefficients = self.learned["mean"], self.learned["coefficients"]
        features = pose_features(self.body, known)
        offsets = predict(self._influence, self._features, features, mean, coefficients)
        near, share = self.learned["near"].long(), self.learned["share"]
        return self.vertices + (offsets[near] * share[..., None]).sum(1)

    def moving(self, mesh: CanonicalMesh) -> MovingMesh:
        """The elements' own mesh."""
        assert mesh is self.mesh
        return self.posed_vertices

    def posed_vertices(self, shown: Tensor, known: Tensor) -> Tensor:
        """The mesh (V, 3) in the pose `shown` (J, 3), shaped by `known` (J, 3)."""
        return self.skin(self.canonical(known), self.weights, shown)

    @torch.no_grad()
    def posed(self, pose: Tensor, known: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """On the faces of the posed mesh, normals between those of its vertices."""
        vertices = self.posed_vertices(pose, known)
        shares, corners = _on_faces(places), self.faces[places.element]
        normals = vertex_normals(vertices, self.faces)
        points, normal = ((shares[..., None] * x[corners]).sum(1) for x in (vertices, normals))
        return points, functional.normalize(normal, dim=1)

    @torch.no_grad()
    def areas(self, pose: Tensor) -> Tensor:
        """Of the triangles."""
        a, b, c = self.posed_vertices(pose, pose)[self.faces].unbind(1)
        return torch.linalg.cross(b - a, c - a).norm(dim=1) / 2

    def color(self, places: Places) -> Tensor:
        """Of the mesh's texture."""
        corners = torch.from_numpy(self.mesh.vt[self.mesh.ft])[places.element]
        uv = (_on_faces(places)[..., None] * corners).sum(1).numpy()
        size = len(self.texture)
        pixels = np.stack([uv[:, 0], 1 - uv[:, 1]], 1) * size
        return torch.from_numpy(bilinear(np.ascontiguousarray(self.texture), pixels)) / 255

    def tensors(self) -> dict[str, Tensor]:
        """All that is to be kept besides body, mesh and texture."""
        return dict(self.learned)

    @classmethod
    def from_tensors(
        cls,
        tensors: Mapping[str, Tensor],
        spread: float,
        data: BodyData,
        mesh: CanonicalMesh,
        texture: np.ndarray,
        path: str | os.PathLike = "",
    ) -> TemplateElements:
        """What `tensors` gave; InputError, naming `path`, for those of another mesh or body."""
        wrong = [name for name in _LEARNED if name not in tensors]
        if not wrong:
            joints, vertices = len(data.parents), len(mesh.vertices)
            fits = tensors["weights"].shape[1] == tensors["poses"].shape[1] == joints
            fits &= tensors["near"].shape == tensors["share"].shape
            fits &= len(tensors["near"]) == vertices
            fits &= len(tensors["mean"]) == len(tensors["coefficients"]) == len(tensors["weights"])
        if wrong or not fits:
            raise InputError(
                f"{path}: it does not hold the elements that avatar.json tells of.",
                "Copy the whole avatar folder again, or train it again.",
            )
        return cls(CanonicalBody(data, spread), mesh, texture, tensors)


def _on_faces(places: Places) -> Tensor:
    """Barycentric shares (M, 3): the unit square laid evenly on a triangle."""
    root, v = places.pq[:, 0].sqrt(), places.pq[:, 1]
    return torch.stack([1 - root, root * (1 - v), root * v], 1)
