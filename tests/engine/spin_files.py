"""Small data sets of people in SPIN's layout: the shipped body drawn into pictures, all known."""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy import sparse

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import smpl24_body
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.geometry.rasteriser import rasterise
from layfigure.engine.geometry.rotations import axis_angle_to_matrix
from layfigure.engine.regression.pymaf.body_joints import BodyJoints
from layfigure.engine.regression.pymaf.data.picture_set import PictureSet, blank_set
from layfigure.engine.regression.pymaf.data.spin_npz import write_spin_npz
from layfigure.engine.regression.pymaf.joints import OPENPOSE

SIZE = (80, 60)  # px of a picture
FOCAL = 90.0


@functools.cache
def shipped24() -> BodyData:
    return smpl24_body(load_shipped())


def people(folder: Path, count: int = 4, seed: int = 0, name: str = "made") -> PictureSet:
    """People who stand about, with their pictures in `folder` and their masks beside them."""
    data, draw = shipped24(), np.random.default_rng(seed)
    joints = BodyJoints(data)
    pose = draw.normal(0, 0.25, (count, 24, 3)).astype(np.float32)
    pose[:, 0] = [np.pi, 0, 0]  # upright before a camera whose y is down
    betas = draw.normal(0, 1, (count, 10)).astype(np.float32)
    rotations = axis_angle_to_matrix(torch.from_numpy(pose))
    vertices, smpl = Body(data).turned(torch.from_numpy(betas), rotations)
    known = joints(vertices[:, joints.rows], smpl).numpy()
    place = np.stack([draw.uniform(-0.3, 0.3, count), draw.uniform(-0.1, 0.1, count)], -1)
    away = np.concatenate([place, np.full((count, 1), 4.0)], 1).astype(np.float32)[:, None]
    middle = np.array(SIZE) / 2
    seen = known + away
    pixels = FOCAL * seen[..., :2] / seen[..., 2:] + middle
    low, high = pixels.min(1), pixels.max(1)
    names = np.array([f"clip/{row:05d}.png" for row in range(count)])
    for row, path in enumerate(names):
        _draw(folder / path, vertices[row].numpy() + away[row], data)
    made = blank_set(name, folder, names, (low + high) / 2, 1.2 * (high - low).max(1))
    made.joints_2d[..., :2], made.joints_2d[..., 2] = pixels, 1
    made.joints_3d[..., :3], made.joints_3d[..., 3] = seen[:, OPENPOSE:], 1
    made.pose, made.betas = pose.reshape(count, 72), betas
    made.known[:] = True
    made.masks = np.array([f"masks/{row:05d}.png" for row in range(count)])
    return made


def write_set(folder: Path, count: int = 4, seed: int = 0, name: str = "made") -> Path:
    """The npz of `people`, beside their pictures."""
    path = folder / f"{name}.npz"
    write_spin_npz(path, people(folder, count, seed, name))
    return path


def selection(rows: int, columns: int, seed: int) -> sparse.csc_matrix:
    """One of GraphCMR's matrices: some of the columns."""
    chosen = np.sort(np.random.default_rng(seed).choice(columns, rows, replace=False))
    ones = (np.ones(rows), (np.arange(rows), chosen))
    return sparse.csc_matrix(ones, shape=(rows, columns))


def objects(*things: object) -> np.ndarray:
    """An array that numpy pickles."""
    array = np.empty(len(things), dtype=object)
    array[:] = things
    return array


def _draw(path: Path, vertices: np.ndarray, data: BodyData) -> None:
    lens = (FOCAL, FOCAL, SIZE[0] / 2, SIZE[1] / 2, *SIZE)
    shown = rasterise(vertices, data.faces, *lens).face_index >= 0
    picture = np.where(shown[..., None], [60, 120, 200], [40, 40, 40]).astype(np.uint8)
    mask = path.parents[1] / "masks" / path.name
    for file, pixels in ((path, picture), (mask, 255 * shown.astype(np.uint8))):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
