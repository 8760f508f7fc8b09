"""A dressed person as a mesh: the body, what its clothes add to it, and a skirt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ...geometry.mesh_clean import vertex_normals
from ...geometry.rasteriser import Raster, rasterise
from .body import BodyState, mannequin
from .outfit import Outfit
from .view import View
from .wardrobe import random_outfit

_EYES, _NOSE = slice(15, 17), 0  # of BODY_25
_PELVIS, _HIPS = 0, (1, 2)
_AROUND, _DOWN = 28, 8  # vertices of a skirt
_SKIRTS = 0.12  # of all people


@dataclass
class Figure:
    """One person as drawn, in the world."""

    body: BodyState
    outfit: Outfit
    vertices: np.ndarray  # (V, 3) the body's first
    faces: np.ndarray  # (F, 3)
    at: np.ndarray  # (V, 3) places on the body at rest, by which it is painted
    normals: np.ndarray  # (V, 3)
    skirt: int  # vertices from this one on are the skirt's

    def raster(self, view: View) -> Raster:
        """What a camera sees of it alone."""
        return rasterise(view.seen(self.vertices), self.faces, *view.lens, cull_back=True)

    def surface(
        self, raster: Raster, covered: np.ndarray, view: View
    ) -> tuple[np.ndarray, np.ndarray]:
        """Colours (N, 3) and unit normals (N, 3) of its pixels `covered` (H, W)."""
        corners = self.faces[raster.face_index[covered]]
        weights = raster.barycentric[covered]
        at, normals = (
            np.einsum("nk,nkc->nc", weights, values[corners]) for values in (self.at, self.normals)
        )
        footprint = raster.depth[covered] / view.focal
        return self.outfit.colours(at, normals, footprint, corners[:, 0] >= self.skirt)


def random_figure(body: BodyState, rng: np.random.Generator) -> Figure:
    """A body in any clothes."""
    at = mannequin().data.v_template
    marks = mannequin().keypoints(at, np.zeros((55, 3)))
    outfit = random_outfit(marks[_EYES], marks[_NOSE], rng.random() < _SKIRTS, rng)
    return dressed(body, outfit)


def dressed(body: BodyState, outfit: Outfit) -> Figure:
    """The mesh of a body in an outfit."""
    data = mannequin().data
    normals = vertex_normals(body.vertices, data.faces)
    vertices = body.vertices + outfit.lift(data.v_template)[:, None] * normals
    faces, at = data.faces, data.v_template
    count = len(vertices)
    if outfit.skirt is not None:
        rest, ring_faces = _skirt(body.betas, *outfit.skirt[:2])
        cloth = _hung(body, rest)
        vertices, at = np.concatenate([vertices, cloth]), np.concatenate([at, rest])
        normals = np.concatenate([normals, vertex_normals(cloth, ring_faces)])
        both = np.concatenate([ring_faces, ring_faces[:, ::-1]]) + count  # seen from inside too
        faces = np.concatenate([faces, both])
    return Figure(body, outfit, vertices, faces, at, normals, count)


def _skirt(betas: np.ndarray, hem: float, flare: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (S, 3) of a skirt round a body at rest, and its faces (G, 3)."""
    vertices, joints = mannequin().posed(np.zeros((55, 3)), betas, np.zeros(3))
    trunk = vertices[np.abs(vertices[:, 0]) < 0.35] - joints[_PELVIS]
    turn = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    rings, half = [], np.zeros(2)
    for share in np.linspace(0, 1, _DOWN):
        height = 0.1 + share * (hem - 0.1)
        band = trunk[np.abs(trunk[:, 1] - max(height, -0.1)) < 0.03]
        middle = (band[:, 2].min() + band[:, 2].max()) / 2
        wide = np.array([np.abs(band[:, 0]).max(), np.ptp(band[:, 2]) / 2]) + 0.012
        half = np.maximum(half, wide + flare * share)
        pleats = 1 + 0.04 * share * np.sin(7 * turn)
        x, z = half[0] * np.sin(turn) * pleats, middle + half[1] * np.cos(turn) * pleats
        rings.append(np.stack([x, np.full_like(x, height), z], 1))
    index = np.arange(_DOWN * _AROUND).reshape(_DOWN, _AROUND)
    a, b = index[:-1], index[1:]
    c, d = np.roll(b, -1, 1), np.roll(a, -1, 1)
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    points = np.concatenate(rings) + joints[_PELVIS]
    return points.astype(np.float32), faces.astype(np.int32)


def _hung(body: BodyState, rest: np.ndarray) -> np.ndarray:
    """A skirt's vertices (S, 3) as pelvis and thighs carry them."""
    joints = mannequin().rest_joints(body.betas)
    root = Rotation.from_rotvec(body.pose[_PELVIS]).as_matrix()
    own = rest - joints[_PELVIS]
    thighs = 0.85 * np.clip((0.02 - own[:, 1]) / 0.25, 0, 1)
    left = np.clip(0.5 + 4.0 * own[:, 0], 0, 1)
    placed = (1 - thighs)[:, None] * (own @ root.T + body.joints[_PELVIS])
    for joint, share in zip(_HIPS, (left, 1 - left), strict=True):
        turn = root @ Rotation.from_rotvec(body.pose[joint]).as_matrix()
        moved = (rest - joints[joint]) @ turn.T + body.joints[joint]
        placed = placed + (thighs * share)[:, None] * moved
    return placed.astype(np.float32)
