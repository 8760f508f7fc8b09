"""Results with surface elements without a training: points on the walking coat of make_avatar."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from layfigure.engine.formats.pc2 import read_pc2, write_pc2
from layfigure.engine.formats.points import PointCloud, patch_colors, save_points
from layfigure.engine.formats.result import read_result, write_index
from make_avatar import coat_colors, make_avatar

POINTS, CELLS = 12768, 32  # points in all; patches are the cells of the UV map


def make_points(folder: Path, kind: str = "avatar", frames: int = 8) -> PointCloud:
    """Write a result of `kind` whose person also has points to `folder`; what stays the same."""
    body, _ = make_avatar(folder, kind, frames)
    vertices = read_pc2(folder / "person_00" / "vertices.pc2").astype(np.float64)
    random = np.random.default_rng(5)
    a, b, c = (vertices[:, body.faces[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    area = np.linalg.norm(normals, axis=2)
    face = random.choice(len(body.faces), POINTS, p=area[0] / area[0].sum())
    places = random.dirichlet((1, 1, 1), POINTS)  # barycentric
    u, v = (np.einsum("nk,nkc->cn", places, body.vt[body.ft[face]]) * CELLS).astype(int)
    patch = np.unique(v * CELLS + u, return_inverse=True)[1].astype(np.int32)
    cloud = PointCloud(coat_colors(body)[body.faces[face, 0]], patch, patch_colors(patch))
    result = read_result(folder)
    person = result.people[0]
    person.points, person.point_positions, person.point_normals = (
        folder / "person_00" / name for name in ("points.npz", "points.pc2", "normals.pc2")
    )
    save_points(person.points, cloud)
    corners = np.stack([a, b, c])[:, :, face]
    write_pc2(person.point_positions, np.einsum("nk,ktnc->tnc", places, corners))
    write_pc2(person.point_normals, (normals / area[:, :, None])[:, face])
    write_index(folder, result)
    return cloud
