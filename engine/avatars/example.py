"""The example scans that ship: a dressed lay figure in eight poses, made by simulate_scans.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..bodies.registry import load_shipped
from ..formats.npz import read_npz
from ..formats.ply import PlyMesh
from ..formats.scan_folder import PosedScan, write_scan_folder

_DATA = Path(__file__).parent / "data" / "example_scans.npz"
NAME = "example"


def write_example(folder: str | os.PathLike) -> None:
    """Unpack the example into `folder` in SCANimate's layout: minimal.ply and example/*.ply, *.npz.

    Metres, y up, floor at y = 0; the poses are those of the shipped body.
    """
    packed = read_npz(_DATA)
    body = load_shipped()
    minimal = PlyMesh(body.shaped(packed["betas"]).astype(np.float32), body.faces)
    write_scan_folder(folder, NAME, minimal, _scans(packed))


def _scans(packed: dict[str, np.ndarray]) -> Iterator[PosedScan]:
    step = np.float32(packed["step"])
    vertex_ends, face_ends = np.cumsum(packed["vertex_counts"]), np.cumsum(packed["face_counts"])
    vertices = np.split(packed["vertices"], vertex_ends[:-1])
    colors = np.split(packed["colors"], vertex_ends[:-1])
    faces = np.split(packed["faces"], face_ends[:-1])
    for k, name in enumerate(packed["names"]):
        place = packed["transl"][k]
        mesh = PlyMesh(vertices[k] * step + place, faces[k].astype(np.int32), colors[k])
        yield PosedScan(str(name), mesh, packed["poses"][k], place)
