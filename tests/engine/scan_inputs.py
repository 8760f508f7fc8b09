"""Scans made of the shipped body: posed, blown up as by clothes, with noise and holes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.formats.ply import PlyMesh, write_ply
from layfigure.engine.formats.skeleton import JOINT_NAMES
from layfigure.engine.geometry.mesh_clean import drop_vertices, vertex_normals

ARMS_UP = {"left_shoulder": (0, 0, 0.7), "right_shoulder": (0, 0, -0.5), "left_hip": (0, 0, 0.3)}
STRIDE = {
    **{"left_shoulder": (0.4, 0, -1.2), "right_shoulder": (-0.4, 0, 1.2)},
    **{"left_hip": (-0.5, 0, 0), "right_hip": (0.3, 0, 0), "right_knee": (0.5, 0, 0)},
}
CLOTHES = 0.008  # metres, but not over head, hands and feet


def pose_of(turns: dict[str, tuple[float, float, float]], heading: float = 0.0) -> np.ndarray:
    """(55, 3) axis-angles of the joints by name."""
    pose = np.zeros((55, 3), np.float32)
    for name, turn in turns.items():
        pose[JOINT_NAMES.index(name)] = turn
    pose[0, 1] = heading
    return pose


def make_scan(
    pose: np.ndarray, transl: tuple[float, float, float] = (0.0, 0.9, 0.0), betas: float = 0.0
) -> tuple[PlyMesh, np.ndarray]:
    """A scan in metres, y up, and the true joints (55, 3). betas: the first coefficient."""
    data = load_shipped()
    shape = torch.zeros(1, 20)
    shape[0, 0] = betas
    place = torch.tensor([transl])
    vertices, joints = Body(data)(shape, torch.as_tensor(pose)[None], place)
    points = vertices[0].numpy()
    bare = [k for k, name in enumerate(JOINT_NAMES) if k > 21 or name.endswith(_BARE)]
    thick = CLOTHES * (1 - data.weights[:, bare].sum(1, keepdims=True))
    rng = np.random.default_rng(3)
    points = points + vertex_normals(points, data.faces) * thick
    points = points + rng.normal(0, 0.0007, points.shape)
    keep = np.ones(len(points), bool)
    for _ in range(6):  # holes as big as a hand
        keep &= np.linalg.norm(points - points[rng.integers(len(points))], axis=1) > 0.05
    colors = np.full((len(points), 3), 150, np.uint8)
    vertices, faces, colors = drop_vertices(keep, points.astype(np.float32), data.faces, colors)
    return PlyMesh(vertices, faces, colors), joints[0].numpy()


def write_scan(path: Path, mesh: PlyMesh, to_file: np.ndarray | None = None) -> Path:
    """Write a scan, its points moved by `to_file` (4, 4)."""
    if to_file is not None:
        moved = mesh.vertices @ to_file[:3, :3].T + to_file[:3, 3]
        mesh = PlyMesh(moved.astype(np.float32), mesh.faces, mesh.colors)
    write_ply(path, mesh)
    return path


_BARE = ("head", "wrist", "ankle", "foot", "neck")
