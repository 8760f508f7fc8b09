"""In what units a scan is and which way is up in it, when nobody has told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...formats.errors import InputError
from ...geometry.mesh_clean import enclosed_volume
from .solve import Solver
from .starts import upright_cost
from .target import Target

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}  # metres
# Which way a person faces by the customs of files with this axis up; only the turn's other half.
_AHEAD = {
    **{"y": (0, 0, 1), "z": (0, -1, 0), "x": (0, 0, 1)},
    **{"-y": (0, 0, -1), "-z": (0, 1, 0), "-x": (0, 0, 1)},
}
UPS = tuple(_AHEAD)
# The cube root of a person's volume does not depend on the pose, and little on the clothes.
_SIZE = 0.42
_SIZES = (0.25, 0.75)
_USUAL = 0.97  # y is up in most files: another axis must fit better than that
Mesh = tuple[np.ndarray, np.ndarray]  # vertices (V, 3), faces (F, 3)


def find_unit(meshes: Sequence[Mesh]) -> str:
    """The unit of all scans, by their volume. Raises InputError where no unit makes a person."""
    sizes = [max(enclosed_volume(*mesh), 0.0) ** (1 / 3) for mesh in meshes]
    size = float(np.median(sizes))
    if size <= 0:
        raise InputError("The scans enclose no volume.", "Give scans of a person from all sides.")
    unit = min(UNITS, key=lambda name: abs(np.log(size * UNITS[name] / _SIZE)))
    if not _SIZES[0] < size * UNITS[unit] < _SIZES[1]:
        raise InputError(
            "The scans have the size of a person in no unit (m, cm, mm, in).",
            "Say --unit, or scale the scans to metres; leave floor and walls out of them.",
        )
    return unit


def find_up(solver: Solver, meshes: Sequence[Mesh], tick: Callable[[], None]) -> str:
    """Which axis of the scans (already in metres) is up: the one along which a person fits best."""
    asked = [meshes[k] for k in {0, len(meshes) // 2}]  # two, of different postures, if there are
    costs = {}
    for up in UPS:
        turn = upright(up)
        targets = [Target.of(v @ turn.T, f) for v, f in asked]
        costs[up] = sum(upright_cost(solver, target, tick) for target in targets)
    costs["y"] *= _USUAL
    return min(costs, key=lambda up: costs[up])


def upright(up: str) -> np.ndarray:
    """(3, 3) the turn that brings the axis `up` of a scan to y."""
    axis = np.zeros(3)
    axis["xyz".index(up[-1])] = -1.0 if up[0] == "-" else 1.0
    ahead = np.array(_AHEAD[up], float)
    return np.stack([np.cross(axis, ahead), axis, ahead])
