"""Which of SMPL's vertices the official programs look at: GraphCMR's mesh_downsampling.npz."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ....bodies.object_npz import read_members
from ....formats.errors import InputError
from ..joints import VERTICES
from ..network import MARKERS

_HINT = "Give GraphCMR's mesh_downsampling.npz."


def read_markers(path: str | os.PathLike) -> np.ndarray:
    """The rows (431,) int64 of SMPL's vertices that are left of it after two steps.

    Only the matrices D are read. Raises InputError for a file that is missing, damaged or another.
    """
    path = Path(path)
    steps = read_members(path, ["D"]).get("D")
    if not isinstance(steps, list) or len(steps) != 2:
        raise InputError(f"{path}: it has not two matrices D.", _HINT)
    rows = np.arange(VERTICES)
    for step in steps:
        matrix = np.asarray(step)
        if matrix.ndim != 2 or matrix.shape[1] != len(rows):
            raise InputError(f"{path}: D are not steps down from {VERTICES} vertices.", _HINT)
        if not ((matrix == 1).sum(axis=1) == 1).all() or (matrix != 0).sum() != len(matrix):
            raise InputError(f"{path}: D is more than a choice of vertices.", _HINT)
        rows = rows[matrix.argmax(axis=1)]
    if len(rows) != MARKERS:
        raise InputError(f"{path}: D leaves {len(rows)} vertices, not {MARKERS}.", _HINT)
    return rows
