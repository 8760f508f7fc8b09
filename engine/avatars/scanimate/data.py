"""Scans and poses as the stages of the training see them: points drawn at random, and the body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ...bodies.smpl24 import pose_to_smpl24, smpl24_body
from ...formats.errors import InputError
from ...geometry.mesh_file import Scan
from ...geometry.rotations import axis_angle_to_matrix
from ..scans import Scans
from .body import CanonicalBody

_ROOM = 0.2  # of the posed body's size, added to its box on each side
_ASTRAY = 0.5  # of a scan's vertices outside that box: it is not this body's
_CURVED = -0.2  # curvature below which an edge is a sharp fold
_CURVATURE_UNIT = 20.0  # 1/m


@dataclass
class Frame:
    """One scan, its root's turn and place taken away."""

    name: str
    pose: Tensor  # (J, 3), the root at rest
    vertices: Tensor  # (V, 3)
    faces: Tensor  # (F, 3)
    normals: Tensor  # (V, 3)
    colors: Tensor | None  # (V, 3) 0..1
    convex: Tensor  # (F,) bool: not in a sharp fold
    valid: Tensor  # (F,) bool: not torn or bridging, see stages.mark_valid
    box: tuple[Tensor, Tensor]  # of the posed body, each (3,)
    nearest: cKDTree  # of the posed body's vertices

    def draw(self, count: int, generator: torch.Generator) -> Sample:
        """`count` points, uniform over the area of the valid faces."""
        corners = self.vertices[self.faces]
        edges = corners[:, 1:] - corners[:, :1]
        area = torch.linalg.cross(edges[:, 0], edges[:, 1]).norm(dim=-1) * self.valid
        total = area.double().cumsum(0)
        where = torch.rand(count, generator=generator, dtype=torch.float64) * total[-1]
        face = torch.searchsorted(total, where).clamp_max(len(self.faces) - 1)
        u, v = torch.rand((2, count, 1), generator=generator)
        u = u.sqrt()
        share = torch.cat([1 - u, u * (1 - v), u * v], -1)[..., None]
        corner = self.faces[face]

        def mixed(values: Tensor) -> Tensor:
            return (values[corner] * share).sum(-2)

        colors = None if self.colors is None else mixed(self.colors)
        return Sample(mixed(self.vertices), mixed(self.normals), colors)

    def draw_corners(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Corners (n, 3, 3) of random triangles, and which are not in a fold (n,) 0 or 1."""
        chosen = torch.randint(len(self.faces), (count,), generator=generator)
        return self.vertices[self.faces[chosen]], self.convex[chosen].float()


@dataclass
class Sample:
    """Points on a scan."""

    points: Tensor  # (N, 3)
    normals: Tensor  # (N, 3), not of unit length
    colors: Tensor | None  # (N, 3)


def prepare(scans: Scans, spread: float) -> tuple[CanonicalBody, list[Frame]]:
    """The body with 24 joints, and the scans. Raises InputError for a scan far from its body."""
    body = CanonicalBody(smpl24_body(scans.body), spread)
    flat = np.asarray(scans.poses, np.float32).reshape(len(scans.names), -1)
    poses = flat if flat.shape[1] == 72 else pose_to_smpl24(flat)
    frames = []
    for name, pose, transl, scan in zip(
        scans.names, poses, scans.transl, scans.meshes, strict=True
    ):
        frames.append(_frame(name, torch.from_numpy(pose).view(-1, 3), transl, scan, body))
    return body, frames


def astray(name: str) -> InputError:
    """What to say of a scan that is not where its body is."""
    return InputError(
        f"{name}: the scan does not lie where its pose and translation say.",
        "Check both, or leave the scan out.",
    )


def _frame(name: str, pose: Tensor, transl: np.ndarray, scan: Scan, body: CanonicalBody) -> Frame:
    turn, pivot = axis_angle_to_matrix(pose[0]), body.joints[0]
    rest = pose.clone()
    rest[0] = 0
    move = torch.as_tensor(transl, dtype=torch.float32) + pivot
    vertices = (torch.from_numpy(scan.vertices).float() - move) @ turn + pivot
    posed = body.posed(rest)
    least, most = posed.amin(0), posed.amax(0)
    room = _ROOM * (most - least)
    box = least - room, most + room
    if ((vertices < box[0]) | (vertices > box[1])).any(1).float().mean() > _ASTRAY:
        raise astray(name)
    faces = torch.from_numpy(scan.faces).long()
    normals = torch.from_numpy(scan.normals).float() @ turn
    colors = None if scan.colors is None else torch.from_numpy(scan.colors).float() / 255
    return Frame(
        name,
        rest,
        vertices,
        faces,
        normals,
        colors,
        convex=_convex(vertices, normals, faces),
        valid=torch.ones(len(faces), dtype=torch.bool),
        box=box,
        nearest=cKDTree(posed.numpy()),
    )


def _convex(vertices: Tensor, normals: Tensor, faces: Tensor) -> Tensor:
    """Which faces (F,) have no corner in a sharp fold, by an estimate of mean curvature."""
    start = torch.cat([faces, faces]).flatten()
    end = torch.cat([faces.roll(1, 1), faces.roll(-1, 1)]).flatten()
    edge = vertices[end] - vertices[start]
    bend = (edge * normals[start]).sum(-1) / edge.square().sum(-1).clamp_min(1e-12)
    total = torch.zeros(len(vertices)).index_add_(0, start, bend)
    count = torch.zeros(len(vertices)).index_add_(0, start, torch.ones_like(bend))
    curvature = total / count.clamp_min(1) / _CURVATURE_UNIT + 0.5
    return (curvature > _CURVED)[faces].all(1)


def boundary_faces(faces: Tensor, vertices: int) -> Tensor:
    """Faces (F,) that touch a vertex of an edge that has not two faces."""
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).sort(1).values
    _, which, count = (edges[:, 0] * vertices + edges[:, 1]).unique(
        return_inverse=True, return_counts=True
    )
    edge = torch.zeros(vertices, dtype=torch.bool)
    edge[edges[count[which] != 2].flatten()] = True
    return edge[faces].any(1)


def in_turn(step: int, batch: int, frames: int) -> list[int]:
    """The frames of step `step`, one after the other, unshuffled."""
    batch = min(batch, frames)
    return [(step * batch + i) % frames for i in range(batch)]


def steps_per_epoch(batch: int, frames: int) -> int:
    """Steps in which each frame is seen about once."""
    return -(-frames // batch)
