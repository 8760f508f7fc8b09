"""Which point of the body's surface each pixel of a crop shows, to learn from: parts with u and v
as DensePose cuts SMPL, or after the joints of any other body."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ....bodies.model import Body
from ....bodies.smpl24 import SMPL24_NAMES
from ....formats.body_file import BodyData
from ....formats.errors import InputError
from ....geometry.rasteriser import rasterise
from ....geometry.rotations import axis_angle_to_matrix
from ..body_joints import BodyJoints
from ..camera import FOCAL, SIZE, translation_to
from ..dense_maps import PARTS
from ..joints import OPENPOSE, VERTICES
from ..samples import Samples
from .mat_file import read_mat
from .pictures import DENSE

_LEAST = 6  # joints in the picture by which a body is placed in it
_HINT = "Give DensePose's UV_Processed.mat."
# DensePose's parts of what moves with a joint: behind and before; of the head right and left.
_BY_NAME = {
    **dict.fromkeys(("pelvis", "spine1", "spine2", "spine3"), (1, 2)),
    **dict.fromkeys(("left_collar", "right_collar"), (1, 2)),
    **dict.fromkeys(("neck", "head"), (23, 24)),
    **{"right_hand": (3, 3), "left_hand": (4, 4), "left_foot": (5, 5), "right_foot": (6, 6)},
    **{"right_wrist": (3, 3), "left_wrist": (4, 4), "left_ankle": (5, 5), "right_ankle": (6, 6)},
    **{"right_hip": (7, 9), "left_hip": (8, 10), "right_knee": (11, 13), "left_knee": (12, 14)},
    **{"left_shoulder": (15, 17), "right_shoulder": (16, 18)},
    **{"left_elbow": (19, 21), "right_elbow": (20, 22)},
}


@dataclass
class Surface:
    """A body's mesh, cut into parts."""

    vertices: np.ndarray  # (P,) rows of the body's vertices
    faces: np.ndarray  # (F, 3) rows of `vertices`
    part: np.ndarray  # (F,) 1..24
    uv: np.ndarray  # (P, 2) 0..1, each part's own


def read_densepose(path: str | os.PathLike) -> Surface:
    """SMPL's surface, of DensePose's UV_Processed.mat.

    Raises InputError for a file that is missing, damaged or of another mesh.
    """
    path = Path(path)
    names = ["All_FaceIndices", "All_Faces", "All_U_norm", "All_V_norm", "All_vertices"]
    found = read_mat(path, names, _HINT)
    part, faces, u, v, vertices = (found[name] for name in names)
    points = vertices.size
    sizes = faces.shape == (part.size, 3) and u.size == v.size == points and points and part.size
    if not sizes:
        raise InputError(f"{path}: its arrays do not belong together.", _HINT)
    inside = (
        (vertices.min() >= 1 and vertices.max() <= VERTICES)
        and (faces.min() >= 1 and faces.max() <= points)
        and (part.min() >= 1 and part.max() <= PARTS)
    )
    if not inside:
        raise InputError(f"{path}: it is not of SMPL's mesh of {VERTICES} vertices.", _HINT)
    uv = np.stack([u.ravel(), v.ravel()], axis=-1).clip(0, 1)
    rows = vertices.ravel().astype(np.int64) - 1
    return Surface(
        rows, faces.astype(np.int64) - 1, part.ravel().astype(np.int64), uv.astype(np.float32)
    )


def cut_by_joints(data: BodyData) -> Surface:
    """The surface of a body of 24 joints, in the parts that DensePose has.

    A part is what moves with a bone, cut in the rest pose into behind and before its middle (the
    head into right and left); u runs along x and v along y of the part's box at rest.
    """
    home = data.weights.argmax(axis=1)
    middle = data.joints(data.v_template)[home]
    x, _, z = (data.v_template - middle).T
    names = [SMPL24_NAMES[joint] for joint in home]
    pairs = np.array([_BY_NAME[name] for name in names])
    second = np.where(pairs[:, 0] == 23, x > 0, z > 0)
    of_vertex = np.where(second, pairs[:, 1], pairs[:, 0])
    corners = of_vertex[data.faces]
    part = np.median(corners, axis=1).astype(np.int64)  # of a face across a seam, one of its own
    # A vertex of faces of several parts stands once for each of them.
    keys, rows = np.unique(
        np.stack([np.repeat(part, 3), data.faces.ravel()], axis=1), axis=0, return_inverse=True
    )
    vertices = keys[:, 1]
    uv = np.zeros((len(keys), 2), np.float32)
    for number in range(1, PARTS + 1):
        own = keys[:, 0] == number
        if own.any():
            places = data.v_template[vertices[own], :2]
            low, high = places.min(axis=0), places.max(axis=0)
            uv[own] = (places - low) / np.maximum(high - low, 1e-6)
    return Surface(vertices, rows.reshape(-1, 3), part, uv)


class DensePainter:
    """Draws the surface of known bodies into their crops."""

    def __init__(self, data: BodyData, surface: Surface, extra: Tensor | None = None) -> None:
        """data: a body of 24 joints; extra: SPIN's joint regressor, for SMPL."""
        self.surface = surface
        self.joints = BodyJoints(data, extra)
        self.body = Body(data)

    @torch.no_grad()
    def painted(self, samples: Samples) -> Samples:
        """The same people with dense targets, where pose and shape are known, and enough joints in
        the picture to place the body by."""
        targets = samples.targets
        rows = targets.known.nonzero()[:, 0]
        if not len(rows):
            return samples
        pose = axis_angle_to_matrix(targets.pose[rows].unflatten(1, (-1, 3)))
        vertices, smpl = self.body.turned(targets.betas[rows], pose)
        joints = self.joints(vertices[:, self.joints.rows], smpl)[:, OPENPOSE:]
        seen = targets.joints_2d[rows, OPENPOSE:]
        sure = seen[..., 2] * self.joints.known[OPENPOSE:]
        places = translation_to(joints, (seen[..., :2] + 1) * SIZE / 2, sure)
        enough = ((sure > 0).sum(dim=1) >= _LEAST) & (places[:, 2] > 1)
        dense, known = targets.dense.clone(), targets.dense_known.clone()
        for row, body in zip(rows[enough], (vertices + places[:, None])[enough], strict=True):
            dense[row] = torch.from_numpy(draw_surface(self.surface, body.numpy()))
            known[row] = True
        return replace(samples, targets=replace(targets, dense=dense, dense_known=known))


def draw_surface(surface: Surface, vertices: np.ndarray) -> np.ndarray:
    """The picture (3, 56, 56) uint8 of parts, 255 u and 255 v; zero where there is no body.

    vertices (V, 3): the body's, camera space of the crop's camera, metres.
    """
    focal, middle = FOCAL * DENSE / SIZE, DENSE / 2
    own = vertices[surface.vertices]
    lens = (focal, focal, middle, middle, DENSE, DENSE)
    raster = rasterise(own, surface.faces, *lens, cull_back=True)
    shown = raster.face_index >= 0
    faces = raster.face_index[shown]
    uv = np.einsum("nc,ncd->nd", raster.barycentric[shown], surface.uv[surface.faces[faces]])
    picture = np.zeros((3, DENSE, DENSE), np.uint8)
    picture[0, shown] = surface.part[faces]
    picture[1:, shown] = np.round(255 * uv.T.clip(0, 1))
    return picture
