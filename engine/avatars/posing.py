"""An avatar in motion: each frame moves the vertices of the one canonical mesh."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix

from ..formats.body_file import BodyData
from ..geometry.isosurface import extract
from ..geometry.mesh_clean import vertex_normals
from ..motion.filters import PoseRange, clamp, scanimate_filter, training_range
from .avatar import Avatar
from .canonical_mesh import half_smoothing
from .rig import rig_body

_ROUNDS = 3  # of smoothing of the offsets over the mesh
FILTERS = ("auto", "none", "scanimate")


class Poser:
    """Poses `avatar`. `pose_filter`: what keeps clothes sane in poses that were never learned.

    auto: the joints that shape the clothes are held near the range of the learned poses, the
    skeleton moves freely; none; scanimate: the original's, which also holds hands and feet.
    """

    def __init__(self, avatar: Avatar, pose_filter: str = "auto") -> None:
        self.avatar, self.surface = avatar, avatar.surface
        self.pose_filter = pose_filter
        self.limits: PoseRange | None = None
        if pose_filter == "auto" and len(avatar.poses):
            self.limits = training_range(avatar.poses)
        mesh = avatar.mesh
        self.vertices = torch.from_numpy(mesh.vertices).float()
        self.normals = torch.from_numpy(vertex_normals(mesh.vertices, mesh.faces))
        self.weights = torch.from_numpy(mesh.weights).float()
        self.offsets = self.surface.offsets(self.vertices, self.normals, self.weights)
        self.smooth = _smoother(mesh.faces, len(mesh.vertices))

    @torch.no_grad()
    def __call__(self, pose: np.ndarray, transl: np.ndarray) -> np.ndarray:
        """World vertices (V, 3) float32, metres, in `pose` (J, 3) and place `transl` (3,)."""
        shown, known = self._filtered(pose)
        canonical = self.canonical(known)
        posed = self.surface.skin(canonical, self.weights, torch.from_numpy(shown).float())
        return (posed.numpy() + transl).astype(np.float32)

    @torch.no_grad()
    def canonical(self, known: np.ndarray) -> torch.Tensor:
        """Canonical vertices (V, 3) as the pose `known` (J, 3) shapes them."""
        code = self.surface.pose_code(torch.from_numpy(known).float())
        along = self.smooth @ self.offsets(code).numpy()
        return self.vertices + torch.from_numpy(along.astype(np.float32))[:, None] * self.normals

    @torch.no_grad()
    def remeshed(
        self, pose: np.ndarray, transl: np.ndarray, resolution: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A mesh of its own for one pose: vertices (V, 3), faces (F, 3), colours (V, 3) uint8."""
        shown, known = self._filtered(pose)
        surface = self.surface
        code = surface.pose_code(torch.from_numpy(known).float())
        vertices, faces = extract(
            lambda points: surface.distance(points, code),
            surface.box_min,
            surface.box_max,
            resolution,
        )
        points = torch.from_numpy(vertices)
        posed = surface.skin(points, surface.weights(points), torch.from_numpy(shown).float())
        colors = (surface.color(points, code).clamp(0, 1) * 255).round().byte().numpy()
        return (posed.numpy() + transl).astype(np.float32), faces, colors

    def _filtered(self, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pose (J, 3) that is shown, and the one that shapes the clothes."""
        if self.pose_filter == "scanimate":
            calm = scanimate_filter(pose[None], self.avatar.person.joint_names)[0]
            return calm, calm
        return pose, pose if self.limits is None else clamp(pose[None], self.limits)[0]


def rig_of(avatar: Avatar) -> BodyData:
    """The avatar as a body of its own: the canonical mesh brought to the T-pose."""
    mesh, joints = avatar.mesh, len(avatar.person.parents)
    with torch.no_grad():
        rest = avatar.surface.skin(
            torch.from_numpy(mesh.vertices).float(),
            torch.from_numpy(mesh.weights).float(),
            torch.zeros(joints, 3),
        ).numpy()
    return rig_body(avatar.person, rest, mesh.faces, mesh.vt, mesh.ft, mesh.weights)


def _smoother(faces: np.ndarray, count: int) -> csr_matrix:
    """(V, V): some rounds of the mean of a vertex and its neighbours."""
    once = half_smoothing(faces, count)
    result = once
    for _ in range(_ROUNDS - 1):
        result = result @ once
    return result.tocsr().astype(np.float32)
