"""Scans of the shipped body in a coat that fits it, whose truth is known, and a small training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import SMPL24_NAMES, pose_from_smpl24
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.formats.ply import PlyMesh
from layfigure.engine.formats.scan_folder import PosedScan, write_scan_folder
from layfigure.engine.geometry.mesh_clean import reduce_faces, vertex_normals
from layfigure.engine.jobs import run_job
from layfigure.engine.progress import Progress

STEPS = 90
THICK = 0.015  # metres of the coat; head, hands and feet are bare
RED, BLUE = (200, 40, 40), (40, 60, 200)  # above and below the root joint
_FACES = 5000
_BARE = ("head", "jaw", "eye", "neck", "wrist", "index", "middle", "ring", "pinky", "thumb")
_FEET = ("ankle", "foot")
_COVERED = ("pelvis", "hip", "knee", "spine1", "spine2", "spine3", "shoulder", "elbow")
_MODULE = "layfigure.engine.avatars."
_SMALLER = {  # the sizes of the product make one avatar in minutes, these in seconds
    "weight_field._VOXEL": 0.045,
    "canonical_mesh.VOXEL": 0.02,
    "canonical_mesh.TEXTURE": 128,
    "quick.samples._PER_SCAN": 6000,
    "quick.samples._FREE": 12000,
    "quick.train._PREVIEW": 32,
    "scale.nodes.MOST_FACES": 6000,
}
_TURNS: tuple[dict[str, tuple[float, float, float]], ...] = (
    {},
    {"left_shoulder": (0, 0, -1.0), "right_shoulder": (0, 0, 1.0)},
    {"left_shoulder": (0, 0, 0.6), "right_shoulder": (0, 0, -0.4), "left_hip": (0, 0, 0.35)},
    {"left_hip": (-0.6, 0, 0), "right_hip": (0.3, 0, 0), "right_knee": (0.6, 0, 0)},
    {"left_hip": (-0.9, 0, 0.2), "left_knee": (1.0, 0, 0), "left_elbow": (0, -0.9, 0)},
    {"spine1": (0.2, 0.2, 0), "spine3": (0, 0.3, 0), "right_elbow": (0, 0.9, 0)},
)


@contextmanager
def small() -> Iterator[None]:
    """Coarser grids and meshes, fewer points, in everything that makes an avatar."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _SMALLER.items():
            patch.setattr(_MODULE + name, value)
        yield


@cache
def person() -> BodyData:
    """Who wears the coat: the shipped body, its shape fixed."""
    data = load_shipped()
    return replace(data, shapedirs=data.shapedirs[..., :0])


@cache
def dressed() -> BodyData:
    """The truth: the coat, and the bare ends, as a body of its own with the person's joints."""
    data = person()
    names = [name.removeprefix("left_").removeprefix("right_") for name in data.joint_names]
    bare = [k for k, name in enumerate(names) if name.startswith((*_BARE, *_FEET))]
    thick = THICK * (1 - data.weights[:, bare].sum(1, keepdims=True))
    normals = vertex_normals(data.v_template, data.faces)
    return replace(data, v_template=(data.v_template + normals * thick).astype(np.float32))


def covered() -> np.ndarray:
    """(V,) bool: the skin of trunk, arms and legs, which the coat covers whole."""
    data = person()
    names = [name.removeprefix("left_").removeprefix("right_") for name in data.joint_names]
    joints = [k for k, name in enumerate(names) if name in _COVERED]
    return np.isin(data.weights.argmax(1), joints)


def colors(rest: np.ndarray) -> np.ndarray:
    """(V, 3) uint8 of places (V, 3) in the T-pose."""
    waist = person().joints(person().v_template)[0, 1]
    return np.where(rest[:, 1:2] > waist, RED, BLUE).astype(np.uint8)


def poses() -> tuple[np.ndarray, np.ndarray]:
    """Poses (6, 72) in SMPL's order, the root turned, and places (6, 3), metres."""
    found = np.zeros((len(_TURNS), 24, 3), np.float32)
    for row, turns in enumerate(_TURNS):
        for name, turn in turns.items():
            found[row, SMPL24_NAMES.index(name)] = turn
        found[row, 0, 1] = 0.5 * row
    place = np.array([[0.3 * row, 0.9, 0.1 * row] for row in range(len(_TURNS))], np.float32)
    return found.reshape(len(found), 72), place


def full(pose: np.ndarray) -> np.ndarray:
    """(N, 55, 3) of SMPL's (N, 72)."""
    return pose_from_smpl24(pose).reshape(len(pose), -1, 3)


def posed(data: BodyData, pose: np.ndarray, transl: np.ndarray) -> np.ndarray:
    """Vertices (N, V, 3), metres, of poses (N, J, 3), in float64 but for the result.

    The joints are the person's, as the coat does not move them.
    """
    model = Body(replace(data, J_regressor=person().J_regressor), torch.float64)
    model.joint_rest = torch.from_numpy(person().joints(person().v_template)).double()
    angles, place = (torch.from_numpy(np.asarray(x, np.float64)) for x in (pose, transl))
    return model(torch.zeros(len(angles), 0).double(), angles, place)[0].float().numpy()


def true_meshes() -> list[PlyMesh]:
    """What a perfect scanner would see in every pose, in the vertices of the body."""
    pose, transl = poses()
    paint = colors(dressed().v_template)
    return [PlyMesh(v, person().faces, paint) for v in posed(dressed(), full(pose), transl)]


def write_scans(folder: Path, count: int | None = None) -> Path:
    """The scans in SCANimate's layout, a few thousand faces each; `count`: only the first."""
    pose, transl = poses()
    scans = []
    for row, mesh in enumerate(true_meshes()[:count]):
        fewer = reduce_faces(mesh.vertices, mesh.faces, mesh.colors, _FACES)
        scans.append(PosedScan(f"coat_{row}", PlyMesh(*fewer), pose[row], transl[row]))
    minimal = PlyMesh(person().v_template, person().faces)
    write_scan_folder(folder, "coat", minimal, scans)
    return folder


def job(name: str, out: Path, stopped: Callable[[], bool] = lambda: False, **params) -> Path:
    """Run a job; paths may be given as such."""
    given = {k: str(v) if isinstance(v, Path) else v for k, v in params.items()}
    return run_job(name, given, out, Progress(lambda *_: None, stopped))


def train(source: Path, out: Path, stopped: Callable[[], bool] = lambda: False, **params) -> Path:
    """A training of seconds on `source`."""
    params = {"source": source, "steps": STEPS, "device": "cpu"} | params
    with small():
        return job("avatar_train", out, stopped, **params)
